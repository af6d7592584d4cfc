//! The walk over all jobs, a part per minute.

use model::{
    id::AccountId,
    job::{
        due::Purpose,
        reconcile::OverdueJob,
        rescue::UnfinishedJob,
        scan::{Progress, Scan},
    },
    time::Time,
};
use store::Error;

use crate::{enlist::enlist, jobs::Jobs};

/// Steps per run. A step is a query for each of an account's sixteen partitions, half a read unit
/// each if there is nothing new.
const MAX_STEPS: usize = 16;

/// Number of unfinished jobs that ends a run. Each costs a write unit, so this limits the cost per
/// minute of a huge backlog.
const MAX_JOBS: usize = 1000;

/// Number of accounts read per run.
const ACCOUNT_PAGE: usize = MAX_STEPS;

/// Continues the walk if it is due. Returns the overdue jobs found.
pub async fn walk(jobs: &Jobs, now: Time) -> Result<Vec<OverdueJob>, Error> {
    let stored = jobs.walks.read().await?;
    let Some(mut walk) = Scan::current(stored.walk.clone(), now) else { return Ok(Vec::new()) };
    let accounts = accounts_after(jobs, walk.progress).await?;
    let (is_last, mut accounts) = (accounts.len() < ACCOUNT_PAGE, accounts.into_iter());
    let (mut unfinished, mut steps) = (Vec::new(), 0);
    while walk.progress != Progress::Done && steps < MAX_STEPS && unfinished.len() < MAX_JOBS {
        let (account, from) = match walk.progress {
            Progress::Within(account, until) => (account, until),
            _ => match accounts.next() {
                Some(account) => (account, walk.from),
                None if !is_last => break,
                None => {
                    walk.progress = Progress::Done;
                    continue;
                }
            },
        };
        let part = jobs.store.unfinished_of(account, from, walk.to).await?;
        walk.progress = part
            .until
            .map_or(Progress::After(Some(account)), |until| Progress::Within(account, until));
        unfinished.extend(part.jobs);
        steps += 1;
    }
    let overdue = enlist_walked(jobs, &walk, unfinished, now).await?;
    jobs.walks.save(&stored, &walk).await?;
    Ok(overdue)
}

/// The accounts that follow the walk's position.
async fn accounts_after(jobs: &Jobs, progress: Progress) -> Result<Vec<AccountId>, Error> {
    let after = match progress {
        Progress::After(account) => account,
        Progress::Within(account, _) => Some(account),
        Progress::Done => return Ok(Vec::new()),
    };
    jobs.accounts.ids_after(after, ACCOUNT_PAGE).await
}

/// Adds unfinished jobs to the due list for verification. Jobs due later than SQS's longest
/// delay are on the list already. Earlier releases stored such jobs elsewhere; the first walk
/// adds them.
async fn enlist_walked(
    jobs: &Jobs,
    walk: &Scan,
    unfinished: Vec<UnfinishedJob>,
    now: Time,
) -> Result<Vec<OverdueJob>, Error> {
    let (later, due): (Vec<_>, Vec<_>) =
        unfinished.into_iter().partition(|job| job.attempts == 0 && job.run_at > now);
    if walk.is_first() {
        let entries: Vec<_> =
            later.iter().map(|job| job.entry(job.run_at, Purpose::Release)).collect();
        jobs.due.put_all(&entries).await?;
    }
    enlist(jobs, &due, now).await
}

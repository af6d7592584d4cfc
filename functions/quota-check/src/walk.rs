//! The walk over all jobs, a part of it each minute.

use shared::{
    aws::Error,
    id::AccountId,
    job::{
        audit::Overdue,
        due::Purpose,
        rescue::Unfinished,
        walk::{Progress, Walk},
    },
    time::Time,
};

use crate::Checker;

/// How many steps a run takes. One is a query for each of an account's sixteen partitions, half a read unit each where nothing is new.
const STEPS: usize = 16;

/// After how many unfinished jobs a run ends. Each costs a write unit, so a huge backlog costs no more than these a minute.
const MOST: usize = 1000;

/// How many accounts are looked up at once.
const ACCOUNTS: usize = STEPS;

impl Checker {
    /// Goes on with the walk, if it is time; the overdue jobs that it found.
    pub(crate) async fn walk(&self, now: Time) -> Result<Vec<Overdue>, Error> {
        let known = self.walks.read().await?;
        let Some(mut walk) = Walk::current(known.walk.clone(), now) else { return Ok(Vec::new()) };
        let accounts = self.accounts_after(walk.progress).await?;
        let (is_last, mut accounts) = (accounts.len() < ACCOUNTS, accounts.into_iter());
        let (mut unfinished, mut steps) = (Vec::new(), 0);
        while walk.progress != Progress::Done && steps < STEPS && unfinished.len() < MOST {
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
            let part = self.jobs.unfinished_of(account, from, walk.to).await?;
            walk.progress = part
                .until
                .map_or(Progress::After(Some(account)), |until| Progress::Within(account, until));
            unfinished.extend(part.jobs);
            steps += 1;
        }
        let overdue = self.enlist_walked(&walk, unfinished, now).await?;
        self.walks.save(&known, &walk).await?;
        Ok(overdue)
    }

    /// The next accounts, those after the one that the walk is in or behind.
    async fn accounts_after(&self, progress: Progress) -> Result<Vec<AccountId>, Error> {
        let after = match progress {
            Progress::After(account) => account,
            Progress::Within(account, _) => Some(account),
            Progress::Done => return Ok(Vec::new()),
        };
        self.accounts.ids_after(after, ACCOUNTS).await
    }

    /// A job that is due later than SQS can delay a message is on the due list already, and verified by that entry. Earlier releases had
    /// such jobs elsewhere: the first walk puts them there.
    async fn enlist_walked(
        &self,
        walk: &Walk,
        unfinished: Vec<Unfinished>,
        now: Time,
    ) -> Result<Vec<Overdue>, Error> {
        let (far, near): (Vec<_>, Vec<_>) =
            unfinished.into_iter().partition(|job| job.attempts == 0 && job.run_at > now);
        if walk.is_first() {
            let entries: Vec<_> =
                far.iter().map(|job| job.entry(job.run_at, Purpose::Release)).collect();
            self.due.put_all(&entries).await?;
        }
        self.enlist(&near, now).await
    }
}

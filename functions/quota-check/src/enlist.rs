//! Keeps unfinished jobs on the due list.

use futures::future::try_join_all;
use model::{
    job::{due::Purpose, reconcile::OverdueJob, rescue::UnfinishedJob},
    time::Time,
};
use store::Error;

use crate::jobs::Jobs;

/// Adds unfinished jobs to the due list, to be verified again. Returns the overdue ones.
pub async fn enlist(
    jobs: &Jobs,
    unfinished: &[UnfinishedJob],
    now: Time,
) -> Result<Vec<OverdueJob>, Error> {
    let assessed: Vec<_> = unfinished.iter().map(|job| (job, job.assess(now))).collect();
    let entries: Vec<_> =
        assessed.iter().map(|(job, finding)| job.entry(finding.next, Purpose::Verify)).collect();
    let old = assessed.iter().filter(|(_, finding)| finding.extends_payload);
    let extended = old.map(|(job, _)| jobs.store.extend_payload(job.account, job.id, now));
    tokio::try_join!(jobs.due.put_all(&entries), try_join_all(extended))?;
    let overdue = assessed.iter().filter(|(_, finding)| finding.is_overdue);
    Ok(overdue.map(|(job, _)| job.overdue()).collect())
}

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde_json::value::RawValue;

use super::{Bulk, JobItem, JobStore, ReadyQueueKey};
use crate::{
    Error,
    key::Key,
    table::{Conditional, Update, millis, number, text},
};
use model::{
    id::{AccountId, JobId},
    job::{self, ClaimDenied, Job, Lease, Payload, Status},
    time::Time,
};

/// Tolerance for early claims, in milliseconds. The clocks of the queue, the writer and this worker
/// differ slightly, and a refused claim costs as much as a successful one.
pub(super) const EARLY_MS: i64 = 500;

/// Result of a claim.
#[derive(Debug)]
pub enum ClaimResult {
    /// The caller holds the job until the lease ends.
    Claimed(Box<ClaimedJob>),
    /// The claim was denied.
    Denied(ClaimDenied, Box<Job>, Lease),
    /// No such job, or not yet visible.
    NotFound,
}

/// A claimed job.
#[derive(Debug)]
pub struct ClaimedJob {
    /// The job in state running.
    pub job: Job,
    /// The payload, or the error that prevented reading it. The attempt counts in either case, so
    /// its holder has to end it.
    pub payload: Result<Payload, Error>,
}

impl JobStore {
    /// Claims a due, unleased job for one attempt: increments `attempts` and leases the job to `me`
    /// until `lease_until`. One call, which also returns the job; a separate payload takes another.
    ///
    /// With a `listing` the job stays in the ready queue, due when the lease ends. If its worker
    /// dies, another permit finds it there.
    ///
    /// # Errors
    /// Fails when the table can't be written or read. The job may be claimed nevertheless; it is
    /// free again when the lease ends.
    pub async fn claim(
        &self,
        account: AccountId,
        id: JobId,
        me: &str,
        now: Time,
        lease_until: Time,
        listing: Option<&ReadyQueueKey>,
    ) -> Result<ClaimResult, Error> {
        let update = claim_update(me, now, lease_until, listing);
        let answer = self.table.update(&Key::job(account, id), update).await?;
        let item = match answer {
            Conditional::Done(Some(item)) => JobItem::read(item)?,
            Conditional::Done(None) => {
                return Err(Error::Corrupt("a job", "response has no claimed item".into()));
            }
            Conditional::Refused(None) => return Ok(ClaimResult::NotFound),
            Conditional::Refused(Some(item)) => {
                let item = JobItem::read(item)?;
                let lease = item.lease();
                if !lease.is_held_by(me) {
                    let denied = job::claim_denied(&lease, now);
                    return Ok(ClaimResult::Denied(denied, Box::new(item.job()?), lease));
                }
                item
            }
        };
        let payload = self.payload(account, id, item.payload.as_deref()).await;
        Ok(ClaimResult::Claimed(Box::new(ClaimedJob { job: item.job()?, payload })))
    }

    async fn payload(
        &self,
        account: AccountId,
        id: JobId,
        inline: Option<&str>,
    ) -> Result<Payload, Error> {
        if let Some(json) = inline {
            let json = RawValue::from_string(json.to_owned());
            return json.map(Payload).map_err(|e| Error::Corrupt("a job", e.to_string()));
        }
        let item = self.table.get(&Key::payload(account, id), true).await?;
        let item = item.ok_or_else(|| Error::Corrupt("a job", "payload item missing".into()))?;
        Bulk::read(item).map(Payload)
    }
}

/// The update that claims a job, and adds it to the ready queue or removes it.
fn claim_update(
    me: &str,
    now: Time,
    lease_until: Time,
    listing: Option<&ReadyQueueKey>,
) -> Update<'static> {
    let mut update = Update {
        expression: "SET #status = :running, #owner = :me, lease_until = :lease, \
             attempt_started_at = :now, \
             started_at = if_not_exists(started_at, :now), attempts = attempts + :one"
            .into(),
        condition: Some(
            "attempts < max_attempts AND \
             ((#status = :queued AND (attribute_not_exists(due_at) OR due_at <= :early)) \
             OR (#status = :running AND lease_until <= :now))",
        ),
        names: vec![("#status", "status"), ("#owner", "owner"), ("#rank", "rank")],
        values: vec![
            (":running", text(Status::Running.as_str())),
            (":queued", text(Status::Queued.as_str())),
            (":me", text(me)),
            (":lease", millis(lease_until)),
            (":now", millis(now)),
            (":early", number(now.millis() + EARLY_MS)),
            (":one", AttributeValue::N("1".into())),
        ],
        returns: Some(ReturnValue::AllNew),
    };
    match listing {
        Some(ReadyQueueKey { agenda, rank }) => {
            update.expression += ", agenda = :agenda, #rank = :rank, due_at = :lease";
            update.values.extend([(":agenda", text(agenda)), (":rank", text(rank.as_str()))]);
        }
        None => update.expression += " REMOVE due_at, agenda, #rank",
    }
    // Earlier releases set a TTL on unfinished jobs.
    update.expression += if listing.is_some() {
        " REMOVE expires_at, shown_until"
    } else {
        ", expires_at, shown_until"
    };
    update
}

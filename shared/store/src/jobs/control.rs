use aws_sdk_dynamodb::types::AttributeValue;

use super::{JobItem, JobStore, ReadyQueueKey, finish::Change};
use crate::{
    Error,
    key::Key,
    table::{Conditional, Item, Update, millis, number, seconds, text},
};
use model::{
    id::{AccountId, JobId},
    job::{EndedBy, Job, Lease, Status},
    time::Time,
};

/// Result of a retry.
#[derive(Debug)]
pub enum RetryResult {
    /// The job is queued again.
    Queued(Box<Job>),
    /// The job changed since it was read.
    Changed,
    /// The payload no longer exists.
    NoPayload,
}

impl JobStore {
    /// Cancels a queued job. Returns `None` and changes nothing if the job changed since `seen`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn cancel(
        &self,
        job: &Job,
        seen: &Lease,
        by: EndedBy<'_>,
        expires_at: Time,
        now: Time,
    ) -> Result<Option<Job>, Error> {
        let mut change = Change::new(now);
        change.finish(Status::Cancelled, job, by, expires_at);
        change.set_end_event(by);
        change.set("#owner = :me", ":me", text(by.token));
        let (condition, values) = unchanged_since(seen);
        change.values.extend(values);
        self.change(job, by.token, change.update(condition)).await
    }

    /// Asks the worker that holds a job to stop. Returns `None` and changes nothing if the job
    /// changed since `seen`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn request_cancel(&self, job: &Job, seen: &Lease) -> Result<Option<Job>, Error> {
        let (condition, mut values) = unchanged_since(seen);
        values.push((":true", AttributeValue::Bool(true)));
        let update = Update {
            expression: "SET cancel_requested = :true".into(),
            condition: Some(condition),
            names: vec![("#status", "status"), ("#owner", "owner")],
            values,
            returns: None,
        };
        self.change(job, "", update).await
    }

    /// Whether cancellation of the job was requested. Eventually consistent.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn cancel_requested(&self, account: AccountId, id: JobId) -> Result<bool, Error> {
        let item = self.table.get(&Key::job(account, id), false).await?;
        Ok(item.is_some_and(|item| item.contains_key("cancel_requested")))
    }

    /// Requeues a failed or cancelled job, due immediately, with its attempts reset. With a
    /// `listing` it enters its kind's ready queue.
    ///
    /// `me` is the token of this change. A repeat after a lost response returns the job in its
    /// current state.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn retry(
        &self,
        job: &Job,
        seen: &Lease,
        max_attempts: u32,
        listing: Option<&ReadyQueueKey>,
        me: &str,
        now: Time,
    ) -> Result<RetryResult, Error> {
        if !self.keep_payload(job, now).await? {
            return Ok(RetryResult::NoPayload);
        }
        let mut expression =
            "SET #status = :queued, #owner = :me, reopened_by = :me, attempts = :none, \
             max_attempts = :most, run_at = :now, due_at = :now"
                .to_owned();
        let (condition, mut values) = unchanged_since(seen);
        values.extend([
            (":queued", text(Status::Queued.as_str())),
            (":me", text(me)),
            (":none", number(0)),
            (":most", number(max_attempts)),
            (":now", millis(now)),
        ]);
        let mut names = vec![
            ("#status", "status"),
            ("#owner", "owner"),
            ("#result", "result"),
            ("#error", "error"),
        ];
        if let Some(ReadyQueueKey { agenda, rank }) = listing {
            expression += ", agenda = :agenda, #rank = :rank";
            names.push(("#rank", "rank"));
            values.extend([(":agenda", text(agenda)), (":rank", text(rank.as_str()))]);
        }
        expression += " REMOVE started_at, attempt_started_at, finished_at, expires_at, \
                       shown_until, cancel_requested, history, lease_until, result_apart, \
                       event, #result, #error";
        let update =
            Update { expression, condition: Some(condition), names, values, returns: None };
        let changed = self.change(job, me, update).await?;
        Ok(changed.map_or(RetryResult::Changed, |job| RetryResult::Queued(Box::new(job))))
    }

    /// Extends a separate payload's TTL to match a job due at `due`. Returns `false` if the payload
    /// no longer exists.
    async fn keep_payload(&self, job: &Job, due: Time) -> Result<bool, Error> {
        let Some(item) = self.table.get(&Key::job(job.account, job.id), true).await? else {
            return Ok(false);
        };
        if item.contains_key("payload") {
            return Ok(true);
        }
        self.extend_payload(job.account, job.id, due).await
    }

    /// Extends a separate payload's TTL to match a job due at `due`. Returns `false` if there is no
    /// such item. Costs one write unit per KB of payload.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn extend_payload(
        &self,
        account: AccountId,
        id: JobId,
        due: Time,
    ) -> Result<bool, Error> {
        let update = Update {
            expression: "SET expires_at = :ttl".into(),
            condition: Some("attribute_exists(pk)"),
            values: vec![(":ttl", seconds(super::payload_expiry(due)))],
            ..Update::default()
        };
        self.table.update_without_read(&Key::payload(account, id), update).await
    }

    async fn change(
        &self,
        job: &Job,
        me: &str,
        mut update: Update<'_>,
    ) -> Result<Option<Job>, Error> {
        update.returns = Some(aws_sdk_dynamodb::types::ReturnValue::AllNew);
        let read = |item: Item| JobItem::read(item)?.job();
        match self.table.update(&Key::job(job.account, job.id), update).await? {
            Conditional::Done(item) => item.map(read).transpose(),
            Conditional::Refused(None) => Ok(None),
            // The token shows that this call made the change and its response was lost. A requeued
            // job may have been claimed since.
            Conditional::Refused(Some(item)) => {
                let bears = |name: &str| {
                    item.get(name)
                        .and_then(|token| token.as_s().ok())
                        .is_some_and(|token| token == me)
                };
                let mine = bears("owner") || bears("reopened_by");
                Some(item).filter(|_| mine).map(read).transpose()
            }
        }
    }
}

/// Condition, with its values: the job is unchanged since `seen`. Each claim and command sets a new
/// owner. A job that returned to an earlier state is therefore detected, and a late duplicate of a
/// command changes nothing.
pub(super) fn unchanged_since(seen: &Lease) -> (&'static str, Vec<(&'static str, AttributeValue)>) {
    let mut values =
        vec![(":seen", text(seen.status.as_str())), (":attempts", number(seen.attempts))];
    let Some(owner) = &seen.owner else {
        return (
            "#status = :seen AND attempts = :attempts AND attribute_not_exists(#owner)",
            values,
        );
    };
    values.push((":owner", text(owner)));
    ("#status = :seen AND attempts = :attempts AND #owner = :owner", values)
}

//! One attempt: claim the job, take it to its target, settle what came of it.

use std::{sync::Arc, time::Duration};

use rand::distr::{Alphanumeric, SampleString};
use shared::{
    aws::{self, CachedKind, Claim, Claimed},
    job::{ErrorCode, Job, JobError, Lease, Message, Outcome, Refusal, Timing},
    kind::Target,
    time::Time,
};

use crate::{
    Invocation, Worker,
    record::Delivery,
    report::Report,
    target::{HttpAttempt, NotAllowed},
};

/// When a message is looked at again that couldn't be worked on because the table didn't answer.
const OUTAGE: Duration = Duration::from_secs(10);
/// When one is looked at again whose job isn't in the table: its row may be a moment behind. After the last it is dropped.
const UNKNOWN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// An attempt that was claimed.
#[derive(Debug)]
pub struct Held {
    /// The job and its payload.
    pub claimed: Claimed,
    /// Its kind, if it is still defined.
    pub kind: Option<Arc<CachedKind>>,
    /// The claim's token, fresh each time: nobody else's write can be taken for this attempt's.
    pub owner: String,
    /// When it was claimed.
    pub since: Time,
    /// Until when the claim holds.
    pub lease_until: Time,
}

impl Worker {
    pub(crate) async fn attempt(
        &self,
        message: &Message,
        delivery: &Delivery,
        invocation: Invocation<'_>,
    ) -> Report {
        match self.hold(message, delivery, invocation).await {
            Ok(Ok(held)) => {
                let outcome = self.run(&held, delivery, invocation).await;
                self.settle(held, outcome, invocation).await
            }
            Ok(Err(report)) => report,
            Err(error) => {
                tracing::error!(request.id = invocation.request, account = %message.account, job = %message.id, cause = %error, "job could not be claimed");
                Report::back_in(OUTAGE)
            }
        }
    }

    /// Claims the message's job, or says what becomes of the message instead.
    async fn hold(
        &self,
        message: &Message,
        delivery: &Delivery,
        invocation: Invocation<'_>,
    ) -> Result<Result<Held, Report>, aws::Error> {
        let now = self.clock.now();
        let kind = self.kinds.cached(&message.kind, now).await?;
        let timeout = kind.as_ref().map_or(Duration::ZERO, |kind| kind.kind.spec.timeout(self.timing));
        if !Timing::may_start(now, timeout, invocation.deadline) {
            return Ok(Err(Report::back_in(Duration::ZERO)));
        }
        let owner = Alphanumeric.sample_string(&mut rand::rng(), 20);
        let lease_until = Timing::lease_until(invocation.deadline);
        match self.jobs.claim(message.account, message.id, &owner, now, lease_until).await? {
            Claim::Claimed(claimed) => {
                Ok(Ok(Held { claimed: *claimed, kind, owner, since: now, lease_until }))
            }
            Claim::Refused(refusal, job, lease) => {
                self.refused(refusal, &job, &lease, kind.as_deref(), now).await.map(Err)
            }
            Claim::Unknown => {
                let again = UNKNOWN.get(delivery.count.saturating_sub(1) as usize);
                if again.is_none() {
                    tracing::warn!(request.id = invocation.request, account = %message.account, job = %message.id, "message of an unknown job dropped");
                }
                Ok(Err(again.map_or_else(Report::dropped, |pause| Report::back_in(*pause))))
            }
        }
    }

    async fn refused(
        &self,
        refusal: Refusal,
        job: &Job,
        lease: &Lease,
        kind: Option<&CachedKind>,
        now: Time,
    ) -> Result<Report, aws::Error> {
        match refusal {
            Refusal::Done | Refusal::Mine => Ok(Report::done()),
            Refusal::NotYet(until) => Ok(Report::back_in(until.since(now).max(Duration::from_secs(1)))),
            Refusal::Exhausted => self.give_up(job, lease, kind, now).await,
        }
    }

    /// Takes the job to its kind's target.
    async fn run(&self, held: &Held, delivery: &Delivery, invocation: Invocation<'_>) -> Outcome {
        let Claimed { job, payload } = &held.claimed;
        let Some(CachedKind { kind, .. }) = held.kind.as_deref() else {
            return fail(ErrorCode::KindUnknown, "its kind is not defined any more");
        };
        if kind.disabled {
            return fail(ErrorCode::KindDisabled, "its kind is disabled, since the target answered 410");
        }
        match &kind.spec.target {
            Target::Echo {} => Outcome::Complete(payload.0.clone()),
            Target::Http { url, headers } => {
                let account = match self.accounts.account(job.account, held.since).await {
                    Ok(Some(account)) => account,
                    Ok(None) => {
                        return fail(
                            ErrorCode::TargetForbidden,
                            "its account is gone, and with it the signing secret",
                        );
                    }
                    Err(error) => {
                        tracing::error!(request.id = invocation.request, account = %job.account, job = %job.id, cause = %error, "signing secret could not be read");
                        let error = JobError::new(
                            ErrorCode::TargetUnreachable,
                            "the gateway could not read the signing secret",
                        );
                        return Outcome::Retry { after: None, error, http_status: None };
                    }
                };
                let attempt = HttpAttempt {
                    url,
                    headers,
                    payload,
                    id: job.id,
                    number: job.attempts,
                    secret: &account.webhook_secret,
                    trace: delivery.trace.as_ref(),
                    timeout: kind.spec.timeout(self.timing),
                };
                let outcome = self.targets.post(attempt, self.clock.now()).await;
                self.disable_if_gone(&outcome, kind, invocation).await;
                outcome
            }
        }
    }

    async fn disable_if_gone(
        &self,
        outcome: &Outcome,
        kind: &shared::kind::Kind,
        invocation: Invocation<'_>,
    ) {
        if !matches!(outcome, Outcome::Fail { http_status: Some(410), .. }) {
            return;
        }
        tracing::warn!(request.id = invocation.request, kind = %kind.name, "kind disabled, since its target answered 410");
        if let Err(error) = self.kinds.disable(&kind.name, &kind.version).await {
            tracing::error!(request.id = invocation.request, kind = %kind.name, cause = %error, "kind could not be disabled");
        }
    }
}

/// An outcome that no further attempt would change.
pub fn fail(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Fail { error: JobError::new(code, message), http_status: None }
}

impl From<NotAllowed> for Outcome {
    fn from(NotAllowed: NotAllowed) -> Self {
        fail(
            ErrorCode::TargetForbidden,
            "the target's address is private, and this gateway doesn't allow those",
        )
    }
}

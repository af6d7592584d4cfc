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

/// When a message is looked at again that couldn't be worked on because the table didn't answer: ever later, or a long outage would use
/// up its deliveries.
fn after_outage(delivery: &Delivery) -> Duration {
    Duration::from_secs(10) * 2u32.pow(delivery.count.saturating_sub(1).min(5))
}

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
                Report::back_at(self.clock.now() + after_outage(delivery))
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
        let kind = self.kinds.cached(&message.kind, self.clock.now()).await?;
        let now = self.clock.now();
        let timeout = kind.as_ref().map_or(Duration::ZERO, |kind| kind.kind.spec.timeout(self.timing));
        if !Timing::may_start(now, timeout, invocation.deadline) {
            return Ok(Err(Report::back_at(now)));
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
                Ok(Err(again.map_or_else(Report::dropped, |pause| Report::back_at(now + *pause))))
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
            Refusal::Done => Ok(Report::done()),
            Refusal::NotYet(until) => Ok(Report::back_at(until.max(now + Duration::from_secs(1)))),
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
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => return self.unready(job, error, invocation),
        };
        let Target::Http { url, headers } = &kind.spec.target else {
            return Outcome::Complete(payload.0.clone());
        };
        let account = match self.accounts.account(job.account, held.since).await {
            Ok(Some(account)) => account,
            Ok(None) => {
                return fail(
                    ErrorCode::TargetForbidden,
                    "its account is gone, and with it the signing secret",
                );
            }
            Err(error) => return self.unready(job, &error, invocation),
        };
        let now = self.clock.now();
        let Some(timeout) = Timing::left_for_target(now, kind.spec.timeout(self.timing), invocation.deadline)
        else {
            return retry(ErrorCode::GatewayUnavailable, "the gateway had no time left for the target");
        };
        let attempt = HttpAttempt {
            url,
            headers,
            payload,
            id: job.id,
            number: job.attempts,
            secret: &account.webhook_secret,
            trace: delivery.trace.as_ref(),
            timeout,
        };
        let outcome = self.targets.post(attempt, now).await;
        self.disable_if_gone(&outcome, kind, invocation).await;
        outcome
    }

    /// The target was not asked, because what it takes to ask it could not be read.
    fn unready(&self, job: &Job, error: &aws::Error, invocation: Invocation<'_>) -> Outcome {
        tracing::error!(request.id = invocation.request, account = %job.account, job = %job.id, attempt = job.attempts, cause = %error, "target could not be asked");
        retry(ErrorCode::GatewayUnavailable, "the gateway could not read what the target needs")
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

/// An outcome that another attempt may change.
pub fn retry(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Retry { after: None, error: JobError::new(code, message), http_status: None }
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

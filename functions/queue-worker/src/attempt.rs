//! One attempt: claim the job, call its target, record the outcome.

use std::time::Duration;

use model::{
    id::JobId,
    job::{ClaimDenied, ErrorCode, Job, JobMessage, Outcome, Payload, Timing},
    kind::{Callback, Kind, Target},
};
use store::{CachedKind, ClaimResult, ClaimedJob};

use crate::{
    Worker,
    assignment::{Assignment, Work, idle, requeue, wait_for_slot},
    concurrency::SlotGuard,
    context::{Invocation, JobContext, RunningAttempt, random_token},
    dead_letter::fail_abandoned,
    disposition::Handled,
    finish::finish,
    outcome::{fail, retry},
    ready_queue::ReadyQueue,
    target::{HttpAttempt, event, records},
};

/// Redelivery delays of a message whose job isn't in the table: the item may be written a moment
/// later. After the last one the message is dropped.
const UNKNOWN_JOB_DELAYS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// How often a running attempt checks for a cancel request.
const CANCEL_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Failed claims after which the ready queue is read again.
const FAILED_CLAIMS_BEFORE_REFRESH: u32 = 3;

/// How long a message waits within the invocation for a slot. The wait is billed.
const SLOT_WAIT: Duration = Duration::from_secs(3);

enum AttemptClaim {
    Claimed(Box<RunningAttempt>),
    /// Another worker has the job, or it has ended. A permit can try another job.
    Unavailable {
        /// Whether another worker has it.
        held: bool,
    },
    /// The job can't run; the report says how to dispose of the message.
    Rejected(Handled),
}

impl Worker {
    pub(crate) async fn attempt(&self, task: JobContext<'_>, errand: Assignment) -> Handled {
        let place = match &errand.slot_pool {
            None => None,
            // This invocation owns the pool's slots, so each is free again when an attempt ends.
            Some(crowd) => match tokio::time::timeout(SLOT_WAIT, crowd.acquire()).await {
                Ok(Some(place)) => Some(place),
                // The running jobs are long ones; another invocation may find a free slot sooner.
                Ok(None) | Err(_) => {
                    return wait_for_slot(task.message, task.delivery, self.clock.now());
                }
            },
        };
        let held = match errand.work {
            Work::Skip(report) => return report,
            Work::OwnJob => self.claim(task, task.message.id, None).await,
            Work::NextDue(first, agenda) => self.claim_next(task, first, &agenda).await,
        };
        let held = match held {
            Ok(AttemptClaim::Claimed(held)) => *held,
            Ok(AttemptClaim::Rejected(report)) => return report,
            // Other workers claimed every candidate, and more jobs may have become due since the
            // read.
            Ok(AttemptClaim::Unavailable { .. }) => {
                return idle(task.message, true, task.delivery, self.clock.now());
            }
            Err(error) => {
                let JobMessage { account, id, .. } = task.message;
                tracing::error!(
                    request.id = task.invocation.request_id, %account, job = %id, cause = %error,
                    "claim failed"
                );
                return Handled::after_outage(task.delivery, self.clock.now());
            }
        };
        let _place = match place {
            None => None,
            Some(place) => match self.take_slot(&held, place, task.invocation).await {
                Some(place) => Some(place),
                None => return wait_for_slot(task.message, task.delivery, self.clock.now()),
            },
        };
        let outcome = self.run(&held, task).await;
        finish(self, &held, outcome, task).await
    }

    /// Claims the first job of the ready queue that no other worker has claimed, starting with
    /// `own` if given.
    async fn claim_next(
        &self,
        task: JobContext<'_>,
        own: Option<JobId>,
        agenda: &ReadyQueue,
    ) -> Result<AttemptClaim, store::Error> {
        let mut candidate = own.or_else(|| agenda.next());
        let (mut missed, mut renewals) = (0, agenda.refreshes());
        while let Some(id) = candidate {
            match self.claim(task, id, Some(agenda)).await? {
                AttemptClaim::Unavailable { held } => {
                    if held {
                        agenda.record_lost(self.clock.now());
                    }
                    missed += 1;
                    if missed == FAILED_CLAIMS_BEFORE_REFRESH {
                        if agenda.begin_refresh(renewals) {
                            self.refresh_queue(agenda).await?;
                        }
                        (missed, renewals) = (0, agenda.refreshes());
                    }
                    candidate = agenda.next_after_failure(held);
                }
                hold => {
                    agenda.record_claimed(id);
                    return Ok(hold);
                }
            }
        }
        Ok(AttemptClaim::Unavailable { held: true })
    }

    async fn refresh_queue(&self, agenda: &ReadyQueue) -> Result<(), store::Error> {
        let (account, kind) = agenda.of();
        let now = self.clock.now();
        agenda
            .refresh(self.jobs.ready_queue(account, kind, agenda.look_ahead(now), now).await?, now);
        Ok(())
    }

    /// Claims a job, or returns what becomes of the message instead.
    async fn claim(
        &self,
        task: JobContext<'_>,
        id: JobId,
        agenda: Option<&ReadyQueue>,
    ) -> Result<AttemptClaim, store::Error> {
        let JobContext { message, delivery, invocation } = task;
        let kind = self.kinds.cached(&message.kind, self.clock.now()).await?;
        let now = self.clock.now();
        let timeout =
            kind.as_ref().map_or(Duration::ZERO, |kind| kind.kind.spec.timeout(self.timing));
        if !Timing::may_start(now, timeout, invocation.deadline) {
            return Ok(AttemptClaim::Rejected(Handled::nack_until(now)));
        }
        let owner = random_token();
        let lease_until = Timing::lease_until(invocation.deadline);
        let listing = agenda.and_then(|agenda| agenda.listing(id));
        match self
            .jobs
            .claim(message.account, id, &owner, now, lease_until, listing.as_ref())
            .await?
        {
            ClaimResult::Claimed(claimed) => {
                let listed = listing.is_some();
                Ok(AttemptClaim::Claimed(Box::new(RunningAttempt {
                    claimed: *claimed,
                    kind,
                    owner,
                    claimed_at: now,
                    lease_until,
                    from_ready_queue: listed,
                })))
            }
            ClaimResult::Denied(ClaimDenied::Exhausted, job, lease) => {
                fail_abandoned(self, &job, &lease, kind.as_deref(), now)
                    .await
                    .map(AttemptClaim::Rejected)
            }
            ClaimResult::Denied(ClaimDenied::NotYet(_), ..) if agenda.is_some() => {
                Ok(AttemptClaim::Unavailable { held: true })
            }
            ClaimResult::Denied(..) | ClaimResult::NotFound if agenda.is_some() => {
                Ok(AttemptClaim::Unavailable { held: false })
            }
            ClaimResult::Denied(ClaimDenied::NotYet(until), ..) => {
                let until = until.max(now + Duration::from_secs(1));
                Ok(AttemptClaim::Rejected(requeue(message.clone(), until, delivery)))
            }
            ClaimResult::Denied(ClaimDenied::Done, ..) => {
                Ok(AttemptClaim::Rejected(Handled::ack()))
            }
            ClaimResult::NotFound => {
                let again =
                    UNKNOWN_JOB_DELAYS.get(delivery.receive_count.saturating_sub(1) as usize);
                if again.is_none() {
                    tracing::warn!(
                        request.id = invocation.request_id, account = %message.account,
                        job = %message.id,
                        "unknown job, message dropped"
                    );
                }
                Ok(AttemptClaim::Rejected(
                    again.map_or_else(Handled::discard, |pause| Handled::nack_until(now + *pause)),
                ))
            }
        }
    }

    /// Takes a slot for a claimed job. If another worker took that slot, releases the job again. A
    /// job that could not be released is free when its lease ends.
    async fn take_slot(
        &self,
        held: &RunningAttempt,
        mut place: SlotGuard,
        invocation: Invocation<'_>,
    ) -> Option<SlotGuard> {
        let job = &held.claimed.job;
        let slot = place.slot()?;
        let fault =
            match self.slots.take(job.account, slot, job.id, &held.owner, held.lease_until).await {
                Ok(true) => {
                    place.mark_taken(&held.owner);
                    return Some(place);
                }
                Ok(false) => None,
                Err(error) => Some(error),
            };
        place.discard();
        let returned = self.jobs.release(job, &held.owner, self.clock.now()).await;
        if let Some(error) = fault.or(returned.err()) {
            tracing::error!(
                request.id = invocation.request_id, account = %job.account, job = %job.id,
                cause = %error,
                "slot acquisition failed"
            );
        }
        None
    }

    /// Runs the job on its kind's target.
    async fn run(&self, held: &RunningAttempt, task: JobContext<'_>) -> Outcome {
        let ClaimedJob { job, payload } = &held.claimed;
        if job.cancel_requested {
            return Outcome::Cancel;
        }
        let Some(CachedKind { kind, .. }) = held.kind.as_deref() else {
            return fail(ErrorCode::KindUnknown, "the job's kind is deleted");
        };
        if kind.disabled {
            return fail(
                ErrorCode::KindDisabled,
                "the job's kind is disabled because its target returned 410",
            );
        }
        let payload = match payload {
            Ok(payload) => payload,
            Err(error) => return self.setup_failed(job, error, task.invocation),
        };
        if kind.name == Callback::kind_name() {
            return match serde_json::from_str::<Callback>(payload.as_str()) {
                Ok(Callback { url, job: body }) => {
                    self.post(held, kind, (&url, &Default::default(), &Payload(body)), task).await
                }
                Err(_) => fail(ErrorCode::TargetUnreachable, "invalid callback"),
            };
        }
        match &kind.spec.target {
            Target::Echo {} => Outcome::Complete(payload.0.clone()),
            Target::Event {} => {
                event::publish(&self.events, held, payload, &self.clock, task.invocation).await
            }
            Target::Records {} => {
                let marker_until =
                    Timing::messages_expired_at(held.claimed_at) + kind.spec.retention();
                records::apply(&self.rows, job, payload, marker_until, task.invocation).await
            }
            Target::Http { url, headers } => {
                let outcome = self.post(held, kind, (url, headers, payload), task).await;
                self.disable_if_gone(&outcome, kind, task.invocation).await;
                outcome
            }
        }
    }

    /// Posts the job to an HTTP target, signed with its account's secrets. A cancel request ends
    /// the wait for the response.
    async fn post(
        &self,
        held: &RunningAttempt,
        kind: &Kind,
        (url, headers, payload): (&str, &model::endpoint::Headers, &Payload),
        task: JobContext<'_>,
    ) -> Outcome {
        let job = &held.claimed.job;
        let account = match self.accounts.get_cached(job.account, held.claimed_at).await {
            Ok(Some(account)) => account,
            Ok(None) => {
                return fail(ErrorCode::TargetForbidden, "the job's account is deleted");
            }
            Err(error) => return self.setup_failed(job, &error, task.invocation),
        };
        let now = self.clock.now();
        let longest = kind.spec.timeout(self.timing);
        let Some(timeout) = Timing::target_timeout(now, longest, task.invocation.deadline) else {
            return retry(ErrorCode::GatewayUnavailable, "no time left to call the target");
        };
        let attempt = HttpAttempt {
            url,
            headers,
            payload,
            id: job.id,
            number: job.attempts,
            secrets: account.webhook_secrets.valid(now).map(|issued| &issued.secret).collect(),
            trace: task.trace_of(job.id),
            timeout,
        };
        tokio::select! {
            // A response that has arrived counts, even if a cancel request is read at the same
            // time.
            biased;
            outcome = self.targets.post(attempt, now) => outcome,
            () = self.cancelled(job) => Outcome::Cancel,
        }
    }

    /// Resolves when the job's cancellation is requested. Short attempts end before the first
    /// check; each check costs half a read unit.
    async fn cancelled(&self, job: &Job) {
        loop {
            tokio::time::sleep(CANCEL_CHECK_INTERVAL).await;
            match self.jobs.cancel_requested(job.account, job.id).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(
                        account = %job.account, job = %job.id, cause = %error,
                        "cancellation check failed"
                    )
                }
            }
        }
    }

    /// The outcome when data needed to call the target could not be read.
    fn setup_failed(&self, job: &Job, error: &store::Error, invocation: Invocation<'_>) -> Outcome {
        tracing::error!(
            request.id = invocation.request_id, account = %job.account, job = %job.id,
            attempt = job.attempts, cause = %error,
            "target not called"
        );
        retry(ErrorCode::GatewayUnavailable, "the gateway could not read the target's settings")
    }

    async fn disable_if_gone(&self, outcome: &Outcome, kind: &Kind, invocation: Invocation<'_>) {
        if !matches!(outcome, Outcome::Fail { http_status: Some(410), .. }) {
            return;
        }
        tracing::warn!(
            request.id = invocation.request_id, kind = %kind.name,
            "kind disabled because its target returned 410"
        );
        if let Err(error) = self.kinds.disable(&kind.name, &kind.version).await {
            tracing::error!(
                request.id = invocation.request_id, kind = %kind.name, cause = %error,
                "disabling the kind failed"
            );
        }
    }
}

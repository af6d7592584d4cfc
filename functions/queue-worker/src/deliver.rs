//! Delivers a claimed job to its kind's target.

use std::time::Duration;

use model::{
    endpoint::Headers,
    job::{ErrorCode, Job, Outcome, Payload, Timing},
    kind::{Callback, Kind, Target},
};
use store::{CachedKind, ClaimedJob};

use crate::{
    Worker,
    context::{Invocation, JobContext, RunningAttempt},
    outcome::{fail, retry},
    target::{HttpAttempt, event, records},
};

/// How often a running attempt checks for a cancel request.
const CANCEL_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The part of an HTTP request that depends on the target or callback.
struct Request<'a> {
    url: &'a str,
    headers: &'a Headers,
    payload: &'a Payload,
}

pub async fn deliver(
    worker: &Worker,
    attempt: &RunningAttempt,
    context: JobContext<'_>,
) -> Outcome {
    let ClaimedJob { job, payload } = &attempt.claimed;
    if job.cancel_requested {
        return Outcome::Cancel;
    }
    let Some(CachedKind { kind, .. }) = attempt.kind.as_deref() else {
        return fail(ErrorCode::KindUnknown, "the job's kind is deleted");
    };
    if kind.disabled {
        return fail(
            ErrorCode::KindDisabled,
            "the job's kind is disabled because its target returned 410",
        );
    }
    match payload {
        Ok(payload) if kind.name == Callback::kind_name() => {
            call_back(worker, attempt, kind, payload, context).await
        }
        Ok(payload) => call_target(worker, attempt, kind, payload, context).await,
        Err(error) => setup_failed(job, error, context.invocation),
    }
}

async fn call_back(
    worker: &Worker,
    attempt: &RunningAttempt,
    kind: &Kind,
    payload: &Payload,
    context: JobContext<'_>,
) -> Outcome {
    let Ok(Callback { url, job }) = serde_json::from_str(payload.as_str()) else {
        return fail(ErrorCode::TargetUnreachable, "invalid callback");
    };
    let request = Request { url: &url, headers: &Headers::default(), payload: &Payload(job) };
    post(worker, attempt, kind, request, context).await
}

async fn call_target(
    worker: &Worker,
    attempt: &RunningAttempt,
    kind: &Kind,
    payload: &Payload,
    context: JobContext<'_>,
) -> Outcome {
    match &kind.spec.target {
        Target::Echo {} => Outcome::Complete(payload.0.clone()),
        Target::Event {} => {
            event::publish(&worker.events, attempt, payload, &worker.clock, context.invocation)
                .await
        }
        Target::Records {} => {
            let marker_until =
                Timing::messages_expired_at(attempt.claimed_at) + kind.spec.retention();
            let job = &attempt.claimed.job;
            records::apply(&worker.rows, job, payload, marker_until, context.invocation).await
        }
        Target::Http { url, headers } => {
            let request = Request { url, headers, payload };
            let outcome = post(worker, attempt, kind, request, context).await;
            disable_if_gone(worker, &outcome, kind, context.invocation).await;
            outcome
        }
    }
}

/// Posts the job to an HTTP target, signed with its account's secrets. A cancel request ends the
/// wait for the response.
async fn post(
    worker: &Worker,
    attempt: &RunningAttempt,
    kind: &Kind,
    Request { url, headers, payload }: Request<'_>,
    context: JobContext<'_>,
) -> Outcome {
    let job = &attempt.claimed.job;
    let account = match worker.accounts.get_cached(job.account, attempt.claimed_at).await {
        Ok(Some(account)) => account,
        Ok(None) => return fail(ErrorCode::TargetForbidden, "the job's account is deleted"),
        Err(error) => return setup_failed(job, &error, context.invocation),
    };
    let now = worker.clock.now();
    let limit = kind.spec.timeout(worker.timing);
    let Some(timeout) = Timing::target_timeout(now, limit, context.invocation.deadline) else {
        return retry(ErrorCode::GatewayUnavailable, "no time left to call the target");
    };
    let request = HttpAttempt {
        url,
        headers,
        payload,
        id: job.id,
        number: job.attempts,
        secrets: account.webhook_secrets.valid(now).map(|issued| &issued.secret).collect(),
        trace: context.trace_of(job.id),
        timeout,
    };
    tokio::select! {
        // A response that has arrived counts, even if a cancel request is read at the same time.
        biased;
        outcome = worker.targets.post(request, now) => outcome,
        () = cancelled(worker, job) => Outcome::Cancel,
    }
}

/// Resolves when the job's cancellation is requested. Short attempts end before the first check;
/// each check costs half a read unit.
async fn cancelled(worker: &Worker, job: &Job) {
    loop {
        tokio::time::sleep(CANCEL_CHECK_INTERVAL).await;
        match worker.jobs.cancel_requested(job.account, job.id).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(
                    account = %job.account, job = %job.id, cause = %error,
                    "cancellation check failed"
                );
            }
        }
    }
}

/// The outcome when data needed to call the target could not be read.
fn setup_failed(job: &Job, error: &store::Error, invocation: Invocation<'_>) -> Outcome {
    tracing::error!(
        request.id = invocation.request_id, account = %job.account, job = %job.id,
        attempt = job.attempts, cause = %error,
        "target not called"
    );
    retry(ErrorCode::GatewayUnavailable, "the gateway could not read the target's settings")
}

async fn disable_if_gone(
    worker: &Worker,
    outcome: &Outcome,
    kind: &Kind,
    invocation: Invocation<'_>,
) {
    if !matches!(outcome, Outcome::Fail { http_status: Some(410), .. }) {
        return;
    }
    tracing::warn!(
        request.id = invocation.request_id, kind = %kind.name,
        "kind disabled because its target returned 410"
    );
    if let Err(error) = worker.kinds.disable(&kind.name, &kind.version).await {
        tracing::error!(
            request.id = invocation.request_id, kind = %kind.name, cause = %error,
            "disabling the kind failed"
        );
    }
}

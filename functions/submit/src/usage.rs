//! `POST /v1/usage`.

use std::{collections::HashSet, sync::Arc};

use api::{MAX_USAGE_EVENTS, Problem, UsageAccepted, UsageBatch, UsageEvent, UsageReported};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use model::{
    id::AccountId,
    time::Time,
    usage::{Report, ReportId, Series},
    violation::Violation,
};
use runtime::telemetry::Record;
use serde_json::Value;
use store::PushResult;
use tollgate_http::{ApiError, Caller, Contract, PayloadBody, Query, RequestId};

use crate::App;

/// Report usage.
///
/// Send one `CloudEvent` in structured mode, or up to 100 as `application/cloudevents-batch+json`.
/// Each event of a batch is accepted or refused individually. An event is identified by `source`
/// and `id` and counts once, even if you send it repeatedly within two days. After a 503, repeat
/// the request unchanged.
#[utoipa::path(
    post, path = "/v1/usage", tag = "usage", operation_id = "reportUsage",
    request_body(content(
        (UsageEvent = "application/cloudevents+json"),
        (UsageBatch = "application/cloudevents-batch+json"),
    )),
    responses(
        (
            status = 202,
            description = "Result of each event of a batch",
            body = UsageReported
        ),
    ),
)]
pub async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    query: Query,
    headers: HeaderMap,
    PayloadBody { json, .. }: PayloadBody,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    if let Some(wrong) = media_type_mismatch(&headers, &json) {
        return Err(Problem::InvalidBody(vec![wrong]).into());
    }
    let (is_batch, events) = match json {
        Value::Array(events) => (true, events),
        event => (false, vec![event]),
    };
    if events.is_empty() || events.len() > MAX_USAGE_EVENTS {
        let wrong = Violation::new("", format!("must have 1 to {MAX_USAGE_EVENTS} events"));
        return Err(Problem::InvalidBody(vec![wrong]).into());
    }
    let mut answers = app.count_usage(&caller, &events).await?;
    if !is_batch
        && let Some(problem) = answers.pop_if(|answer| answer.is_err()).and_then(Result::err)
    {
        return Err(problem.into());
    }
    let items = answers.into_iter().map(|answer| item(answer, &request)).collect();
    Ok((StatusCode::ACCEPTED, Json(UsageReported { items })).into_response())
}

/// Checks that the body matches its `CloudEvents` media type, which declares one event or a list.
/// Other JSON may be either.
fn media_type_mismatch(headers: &HeaderMap, json: &Value) -> Option<Violation> {
    let declared = headers
        .get(header::CONTENT_TYPE)?
        .to_str()
        .ok()?
        .split(';')
        .next()?
        .trim()
        .to_ascii_lowercase();
    match declared.as_str() {
        "application/cloudevents+json" if json.is_array() => Some(Violation::new(
            "",
            "must be one event; use application/cloudevents-batch+json for a list",
        )),
        "application/cloudevents-batch+json" if !json.is_array() => {
            Some(Violation::new("", "must be a list of events"))
        }
        _ => None,
    }
}

fn item(answer: Result<PushResult, Problem>, request: &str) -> UsageAccepted {
    match answer {
        Ok(pushed) => UsageAccepted {
            status: 202,
            duplicate: Some(pushed == PushResult::Duplicate),
            problem: None,
        },
        Err(problem) => {
            let problem = problem.body(request);
            UsageAccepted { status: problem.status, duplicate: None, problem: Some(problem) }
        }
    }
}

impl App {
    /// Counts each event on its own. Results are in request order.
    async fn count_usage(
        &self,
        caller: &Caller,
        events: &[Value],
    ) -> Result<Vec<Result<PushResult, Problem>>, ApiError> {
        let now = self.clock.now();
        let read: Vec<_> = events.iter().map(|event| read(event, caller, now)).collect();
        let known = self.accounts_of(caller, &read).await?;
        let read: Vec<_> = read
            .into_iter()
            .map(|report| report.and_then(|report| check_account(report, &known)))
            .collect();
        let reports: Vec<_> =
            read.iter().filter_map(|report| report.as_ref().ok()).cloned().collect();
        let pushed = self.usage.push(&reports, now).await;
        for (report, _) in reports
            .iter()
            .zip(&pushed)
            .filter(|(_, pushed)| matches!(pushed, Ok(PushResult::Counted)))
        {
            self.metrics.emit(&Record::of_usage(&report.series, report.bytes), now);
        }
        let mut pushed = pushed.into_iter();
        let answers = read.into_iter().map(|report| {
            let pushed = report.map(|_| pushed.next());
            match pushed? {
                Some(Ok(PushResult::TooManySeries)) => Err(Problem::TooManySeries),
                Some(Ok(pushed)) => Ok(pushed),
                Some(Err(error)) => {
                    tracing::warn!(cause = %error, "usage report failed");
                    Err(Problem::Unavailable)
                }
                None => Err(Problem::Internal),
            }
        });
        Ok(answers.collect())
    }

    /// The accounts named by the reports that exist.
    async fn accounts_of(
        &self,
        caller: &Caller,
        read: &[Result<Report, Problem>],
    ) -> Result<HashSet<AccountId>, ApiError> {
        let named: HashSet<_> = read.iter().flatten().map(|report| report.id.account).collect();
        let mut known = HashSet::from([caller.account()]);
        for account in named {
            if account != caller.account()
                && self.accounts.get_cached(account, self.clock.now()).await?.is_some()
            {
                known.insert(account);
            }
        }
        Ok(known)
    }
}

fn check_account(report: Report, known: &HashSet<AccountId>) -> Result<Report, Problem> {
    if known.contains(&report.id.account) {
        return Ok(report);
    }
    Err(Problem::InvalidBody(vec![Violation::new("/data/account", "unknown account")]))
}

fn read(event: &Value, caller: &Caller, now: Time) -> Result<Report, Problem> {
    let UsageEvent { source, id, time, data, .. } =
        UsageEvent::read(&event.to_string(), event, "").map_err(Problem::InvalidBody)?;
    let account = caller.target_account(data.account)?;
    let (pointer, at) = match (data.at, time) {
        (Some(at), _) => ("/data/at", at),
        (None, Some(time)) => ("/time", time),
        (None, None) => ("", now),
    };
    let wrong = |why: String| Problem::InvalidBody(vec![Violation::new(pointer, why)]);
    let at = Report::check_time(at, now).map_err(|why| wrong(why.to_string()))?;
    let series = Series {
        account: Some(account),
        direction: data.direction,
        service: data.service,
        route: data.route,
    };
    Ok(Report { id: ReportId::new(account, &source, &id), series, bytes: data.bytes, at })
}

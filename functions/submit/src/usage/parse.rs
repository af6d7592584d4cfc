use api::{Problem, UsageEvent};
use model::{
    time::Time,
    usage::{Report, ReportId, Series},
    violation::Violation,
};
use serde_json::Value;
use tollgate_http::{Caller, Contract};

/// Parses and validates an event.
pub fn parse(event: &Value, caller: &Caller, now: Time) -> Result<Report, Problem> {
    let UsageEvent { source, id, time, data, .. } =
        UsageEvent::read(&event.to_string(), event, "").map_err(Problem::InvalidBody)?;
    let account = caller.target_account(data.account)?;
    let (pointer, at) = match (data.at, time) {
        (Some(at), _) => ("/data/at", at),
        (None, Some(time)) => ("/time", time),
        (None, None) => ("", now),
    };
    let at = Report::check_time(at, now)
        .map_err(|error| Problem::InvalidBody(vec![Violation::new(pointer, error.to_string())]))?;
    let series = Series {
        account: Some(account),
        direction: data.direction,
        service: data.service,
        route: data.route,
    };
    Ok(Report { id: ReportId::new(account, &source, &id), series, bytes: data.bytes, at })
}

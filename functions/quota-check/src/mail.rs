//! The mail about a reached threshold: its content, and its text and HTML forms.

mod bytes;
mod chart;

use askama::Template;
use jiff::Zoned;
use model::{
    id::AccountId,
    quota::{Block, Period, PeriodLength, PeriodUsage, Quota, QuotaSpec, Threshold, percent},
    time::Time,
    zone::Zone,
};

use bytes::bytes;
use chart::Chart;

#[derive(Debug, PartialEq, Eq)]
pub struct Mail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Content of the mail as plain text; the HTML template escapes it.
struct Content {
    subject: String,
    headline: String,
    quota: String,
    color: &'static str,
    percent: String,
    used: String,
    limit: String,
    period: String,
    /// Percentage of the progress bar that is filled.
    filled: u8,
    facts: Vec<(&'static str, String)>,
    chart: Chart,
    advice: Vec<String>,
    footer: String,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct Html<'a> {
    content: &'a Content,
}

#[derive(Template)]
#[template(path = "alert.txt")]
struct Text<'a> {
    content: &'a Content,
}

/// Renders the mail about a threshold reached in a period, as of `now`, which may be after the
/// period's end.
///
/// # Errors
/// Not expected: the templates are compiled.
pub fn mail(
    quota: &Quota,
    usage: &PeriodUsage,
    threshold: Threshold,
    block: Option<&Block>,
    now: Time,
) -> Result<Mail, askama::Error> {
    let content = Content::of(quota, usage, threshold, block, now);
    let (text, html) = (Text { content: &content }.render()?, Html { content: &content }.render()?);
    Ok(Mail { subject: content.subject, text, html })
}

impl Content {
    fn of(
        quota: &Quota,
        usage: &PeriodUsage,
        threshold: Threshold,
        block: Option<&Block>,
        now: Time,
    ) -> Self {
        let Quota { name, spec, .. } = quota;
        let (zone, used, limit) = (spec.zone(), usage.used, usage.limit_bytes);
        let (is_used_up, is_over) = (used >= limit, now >= usage.period.end);
        let (is, ends) = if is_over { ("was", "Ended") } else { ("is", "Ends") };
        let headline = if is_used_up && threshold.percent() == 100 {
            format!("All of it {is} used")
        } else {
            format!("{} % of it {is} used", threshold.percent())
        };
        let period = period(spec.period, usage.period, &zone);
        let mut facts = vec![
            ("Counted", counted(spec)),
            ("Period", format!("{period} ({})", spec.timezone)),
            (ends, time(&zone, usage.period.end)),
        ];
        facts.extend(projection(usage, &zone, now).map(|text| ("At this pace", text)));
        // A late mail must not read as if it were about the current period.
        let ended_period = if is_over { format!(", {period}") } else { String::new() };
        Self {
            subject: format!(
                "[Tollgate] Quota {name}: {} % used{ended_period}",
                threshold.percent()
            ),
            headline,
            quota: name.to_string(),
            // Dark enough for white text.
            color: if is_used_up { "#c92a2a" } else { "#b35c00" },
            percent: format!("{} %", percent(used, limit)),
            used: bytes(used),
            limit: bytes(limit),
            period,
            filled: u8::try_from((u128::from(used) * 100 / u128::from(limit.max(1))).min(100))
                .unwrap_or(100),
            facts,
            chart: Chart::of(quota, usage, &zone, now),
            advice: advice(quota, usage, block, &zone, now),
            footer: format!(
                "You get this because you are a recipient of the quota {name}. \
                 Each threshold sends one mail per period. \
                 Operators can change recipients and thresholds: PUT /v1/quotas/{name}."
            ),
        }
    }

    /// The progress bar of the text form.
    fn gauge(&self) -> String {
        let filled = usize::from(self.filled / 2);
        format!("{}{}", "#".repeat(filled), ".".repeat(50 - filled))
    }
}

/// Describes the usage that counts.
fn counted(spec: &QuotaSpec) -> String {
    let named = |noun: &str, label: &Option<_>| {
        label.as_ref().map(|label| format!(", {noun} {label}")).unwrap_or_default()
    };
    let account =
        spec.account.map(|account: AccountId| format!(", account {account}")).unwrap_or_default();
    format!(
        "{}{}{}{account}",
        spec.r#type,
        named("service", &spec.service),
        named("route", &spec.route)
    )
}

fn period(length: PeriodLength, period: Period, zone: &Zone) -> String {
    let format = match length {
        PeriodLength::Month => "%B %Y",
        PeriodLength::Day => "%A, %-d %B %Y",
        PeriodLength::Hour => "%-d %B %Y, from %H:%M",
    };
    local_time(zone, period.start, format)
}

fn time(zone: &Zone, time: Time) -> String {
    local_time(zone, time, "%-d %B %Y, %H:%M")
}

fn local_time(zone: &Zone, time: Time, format: &str) -> String {
    zone.local(time)
        .map_or_else(|_| time.to_string(), |local: Zoned| local.strftime(format).to_string())
}

/// Usage expected at the end of the period, and when the limit would be reached, at the current
/// rate.
fn projection(usage: &PeriodUsage, zone: &Zone, now: Time) -> Option<String> {
    let PeriodUsage { used, limit_bytes: limit, period, .. } = *usage;
    let projected = period.projected(used, now).filter(|_| now < period.end)?;
    let end = format!(
        "{} by the end of the period, {} %",
        bytes(projected),
        percent(projected, limit).floor()
    );
    if used >= limit || projected < limit {
        return Some(end);
    }
    let elapsed = now.since(period.start).as_millis();
    let millis =
        u64::try_from(elapsed * u128::from(limit) / u128::from(used.max(1))).unwrap_or(u64::MAX);
    let used_up_at = period.start + std::time::Duration::from_millis(millis);
    Some(format!("{end}; all of it is used on {}", time(zone, used_up_at)))
}

fn advice(
    quota: &Quota,
    usage: &PeriodUsage,
    block: Option<&Block>,
    zone: &Zone,
    now: Time,
) -> Vec<String> {
    let Quota { name, spec, .. } = quota;
    let end = time(zone, usage.period.end);
    let mut advice = Vec::new();
    match (spec.enforce, block) {
        _ if now >= usage.period.end => {
            advice.push(format!("The period ended on {end}; this is how it ended."));
        }
        (_, Some(block)) => advice.push(format!(
            "New jobs and events from the keys of {} are rejected (429) until {end}, \
             or until the limit is raised.",
            block.account
        )),
        (true, None) => advice.push(
            "When all of it is used, new jobs and events of the account are rejected (429)."
                .to_owned(),
        ),
        (false, None) => {}
    }
    advice.push(format!(
        "See which services and routes use it: GET /v1/usage?type={}&lookback_duration=1d&step=1h",
        spec.r#type
    ));
    advice.push(format!(
        "If more may be used, raise limit_bytes: PUT /v1/quotas/{name}. It counts within a minute."
    ));
    advice
}

#[cfg(test)]
mod tests;

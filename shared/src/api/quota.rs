use serde::{Deserialize, Serialize};

use crate::{
    id::AccountId,
    name::Name,
    quota::{self, PeriodLength, Quota, QuotaSpec, Recipient, Standing, Tally, Threshold},
    time::Time,
    usage::{Direction, Label},
};

/// A quota and how it stands.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuotaBody {
    /// Its name.
    pub name: Name,
    /// How many bytes a period has.
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    pub limit_bytes: u64,
    /// Which way the bytes go that count.
    pub r#type: Direction,
    /// Of which service; null: of all.
    #[schema(value_type = Option<String>)]
    pub service: Option<Label>,
    /// By which route; null: by all.
    #[schema(value_type = Option<String>)]
    pub route: Option<Label>,
    /// Whose usage counts; null: everybody's, and that of no account.
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// How long a period is, by the calendar of `timezone`.
    pub period: PeriodLength,
    /// In whose time periods begin and end.
    pub timezone: String,
    /// At how many percent of the limit to say so.
    pub thresholds: Vec<Threshold>,
    /// Who gets the mails. Only `admin` sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<Recipient>>,
    /// Whether what the account's own keys hand in is turned away once all is used.
    pub enforce: bool,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    #[serde(flatten)]
    pub standing: StandingBody,
}

/// How a quota stands, as the last check, at most a minute ago, left it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StandingBody {
    /// How many bytes were used since the period began; null until the first check.
    pub used: Option<u64>,
    /// How much of the limit that is, rounded down to hundredths.
    pub percent: Option<f64>,
    /// When the period began.
    pub period_start: Time,
    /// When it ends.
    pub period_end: Time,
    /// How many bytes will have been used by then if it goes on as it did; null before a 24th of the period is over.
    pub projected: Option<u64>,
    /// Whether requests of the account are turned away.
    pub blocked: bool,
    /// The thresholds that are reached, the lowest first.
    pub alerts: Vec<AlertBody>,
    /// Periods that are over, of which mails still wait, the earliest first: for a day they are tried.
    pub past: Vec<PastBody>,
}

/// A period that is over, as it ended.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PastBody {
    /// When it began.
    pub period_start: Time,
    /// When it ended.
    pub period_end: Time,
    /// How many bytes it had.
    pub limit_bytes: u64,
    /// How many were used.
    pub used: u64,
    /// How much of the limit that was, rounded down to hundredths.
    pub percent: f64,
    /// The thresholds that were reached, the lowest first.
    pub alerts: Vec<AlertBody>,
}

/// A threshold that is reached.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertBody {
    /// How many percent of the limit it is.
    pub threshold: Threshold,
    /// When that was seen.
    pub crossed_at: Time,
    /// Whether a higher one was reached at the same time, which alone is told by mail.
    pub passed_over: bool,
    /// When all recipients' mails were handed to SES; null while one is missing.
    pub mailed_at: Option<Time>,
    /// What keeps the first mail that is missing. It is tried again, with pauses of up to an hour, until a day after the period. Only `admin` is
    /// told.
    pub mail_error: Option<String>,
    /// Each recipient's mail. Only `admin` sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails: Option<Vec<MailBody>>,
}

/// One recipient's mail of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MailBody {
    /// Who gets it.
    pub to: Recipient,
    /// When SES took it.
    pub sent_at: Option<Time>,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried next, if it is.
    pub next_try_at: Option<Time>,
    /// Why it failed last.
    pub error: Option<String>,
}

/// Who is shown a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Who defines quotas, and sees to it that mails arrive.
    Operator,
    /// Whose usage is measured: neither addresses nor what SES says of them are for him.
    Tenant,
}

impl QuotaBody {
    /// A quota as `viewer` is to see it at `now`, of which the last check left `standing`.
    #[must_use]
    pub fn at(now: Time, quota: Quota, standing: Option<Standing>, viewer: Viewer) -> Self {
        let standing = standing.filter(|standing| standing.is_of(&quota));
        let standing = StandingBody::of(standing, &quota.spec, now, viewer);
        let Quota { name, spec, created_at, updated_at, version: _ } = quota;
        let QuotaSpec {
            limit_bytes,
            r#type,
            service,
            route,
            account,
            period,
            timezone,
            thresholds,
            ..
        } = spec;
        Self {
            name,
            limit_bytes,
            r#type,
            service,
            route,
            account,
            period,
            timezone,
            thresholds,
            recipients: (viewer == Viewer::Operator).then_some(spec.recipients),
            enforce: spec.enforce,
            created_at,
            updated_at,
            standing,
        }
    }
}

impl StandingBody {
    fn of(standing: Option<Standing>, spec: &QuotaSpec, now: Time, viewer: Viewer) -> Self {
        let limit = spec.limit_bytes;
        let Some(mut standing) = standing else {
            return Self::new(
                &Tally::new(spec.period.at(&spec.zone(), now), limit),
                limit,
                now,
                viewer,
            )
            .unseen();
        };
        if !standing.goes_on(now) {
            // It was looked at before, so that of the new period nothing was seen yet.
            let next = Tally::new(spec.period.at(&spec.zone(), now), limit);
            let ended = std::mem::replace(&mut standing.current, next);
            standing.past.push(ended);
            standing.block = None;
        }
        let waiting = standing.past.iter().filter(|past| past.waits(now));
        let past = waiting.map(|past| PastBody::of(past, viewer)).collect();
        Self {
            blocked: standing.block.is_some(),
            past,
            ..Self::new(&standing.current, limit, now, viewer)
        }
    }

    fn new(tally: &Tally, limit: u64, now: Time, viewer: Viewer) -> Self {
        let Tally { used, period, .. } = *tally;
        Self {
            used: Some(used),
            percent: Some(quota::percent(used, limit)),
            period_start: period.start,
            period_end: period.end,
            projected: period.projected(used, now),
            blocked: false,
            alerts: tally.alerts.iter().map(|alert| AlertBody::of(alert, viewer)).collect(),
            past: Vec::new(),
        }
    }

    /// The same before the first check.
    fn unseen(self) -> Self {
        Self { used: None, percent: None, projected: None, ..self }
    }
}

impl PastBody {
    fn of(tally: &Tally, viewer: Viewer) -> Self {
        let Tally { period, limit_bytes, used, .. } = *tally;
        Self {
            period_start: period.start,
            period_end: period.end,
            limit_bytes,
            used,
            percent: quota::percent(used, limit_bytes),
            alerts: tally.alerts.iter().map(|alert| AlertBody::of(alert, viewer)).collect(),
        }
    }
}

impl AlertBody {
    fn of(alert: &quota::Alert, viewer: Viewer) -> Self {
        let sees_mails = viewer == Viewer::Operator;
        Self {
            threshold: alert.threshold,
            crossed_at: alert.crossed_at,
            passed_over: alert.passed_over,
            mailed_at: alert.mailed_at(),
            mail_error: alert.mail_error().filter(|_| sees_mails),
            mails: sees_mails.then(|| alert.mails.iter().cloned().map(MailBody::from).collect()),
        }
    }
}

impl From<quota::Delivery> for MailBody {
    fn from(mail: quota::Delivery) -> Self {
        let next_try_at = mail.waits().then_some(mail.next_try);
        Self {
            to: mail.to,
            sent_at: mail.sent_at,
            tries: mail.tries,
            next_try_at,
            error: mail.error,
        }
    }
}

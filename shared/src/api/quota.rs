use serde::{Deserialize, Serialize};

use crate::{
    id::AccountId,
    name::Name,
    quota::{self, PeriodLength, Quota, QuotaSpec, Recipient, Standing, Threshold},
    time::Time,
    usage::{Direction, Label},
};

/// A quota and how it stands.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuotaBody {
    /// Its name.
    pub name: Name,
    /// How many bytes a period has.
    pub limit_bytes: u64,
    /// Which way the bytes go that count.
    pub r#type: Direction,
    /// Of which service; null: of all.
    pub service: Option<Label>,
    /// By which route; null: by all.
    pub route: Option<Label>,
    /// Whose usage counts; null: everybody's, and that of no account.
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// How long a period is, by the calendar of `timezone`.
    pub period: PeriodLength,
    /// In whose time periods begin and end.
    pub timezone: String,
    /// At how many percent of the limit it is said.
    pub thresholds: Vec<Threshold>,
    /// Who gets the mails.
    pub recipients: Vec<Recipient>,
    /// Whether what the account's own keys hand in is turned away once all is used.
    pub enforce: bool,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    #[expect(missing_docs, reason = "its fields have docs, and stand where it does")]
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
    /// What keeps the first mail that is missing. It is tried again, with pauses of up to an hour, until the period ends.
    pub mail_error: Option<String>,
    /// Each recipient's mail.
    pub mails: Vec<MailBody>,
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
    /// When it is tried next, if it wasn't sent.
    pub next_try_at: Option<Time>,
    /// Why it failed last.
    pub error: Option<String>,
}

impl QuotaBody {
    /// A quota as it is to be seen at `now`, of which the last check left `standing`.
    #[must_use]
    pub fn at(now: Time, quota: Quota, standing: Option<Standing>) -> Self {
        let standing = standing.filter(|standing| standing.measure == quota.measure());
        let standing = match standing {
            Some(standing) if standing.goes_on(&quota, now) => StandingBody::of(standing, &quota.spec, now),
            // It was looked at before, so that of the new period nothing was seen yet.
            other => StandingBody::unseen(&quota.spec, other.map(|_| 0), now),
        };
        let Quota { name, spec, created_at, updated_at, version: _ } = quota;
        Self {
            name,
            limit_bytes: spec.limit_bytes,
            r#type: spec.r#type,
            service: spec.service,
            route: spec.route,
            account: spec.account,
            period: spec.period,
            timezone: spec.timezone,
            thresholds: spec.thresholds,
            recipients: spec.recipients,
            enforce: spec.enforce,
            created_at,
            updated_at,
            standing,
        }
    }
}

impl StandingBody {
    fn of(standing: Standing, spec: &QuotaSpec, now: Time) -> Self {
        let Standing { used, period, .. } = standing;
        Self {
            used: Some(used),
            percent: Some(quota::percent(used, spec.limit_bytes)),
            period_start: period.start,
            period_end: period.end,
            projected: period.projected(used, now),
            blocked: standing.block.is_some(),
            alerts: standing.alerts.into_iter().map(AlertBody::from).collect(),
        }
    }

    fn unseen(spec: &QuotaSpec, used: Option<u64>, now: Time) -> Self {
        let period = spec.period.at(&spec.zone(), now);
        Self {
            used,
            percent: used.map(|used| quota::percent(used, spec.limit_bytes)),
            period_start: period.start,
            period_end: period.end,
            projected: None,
            blocked: false,
            alerts: Vec::new(),
        }
    }
}

impl From<quota::Alert> for AlertBody {
    fn from(alert: quota::Alert) -> Self {
        Self {
            threshold: alert.threshold,
            crossed_at: alert.crossed_at,
            passed_over: alert.passed_over,
            mailed_at: alert.mailed_at(),
            mail_error: alert.mail_error(),
            mails: alert.mails.into_iter().map(MailBody::from).collect(),
        }
    }
}

impl From<quota::Delivery> for MailBody {
    fn from(mail: quota::Delivery) -> Self {
        let next_try_at = mail.sent_at.is_none().then_some(mail.next_try);
        Self { to: mail.to, sent_at: mail.sent_at, tries: mail.tries, next_try_at, error: mail.error }
    }
}

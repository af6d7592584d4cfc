use serde::{Deserialize, Serialize};

use model::{
    id::AccountId,
    name::Name,
    quota::{self, PeriodLength, PeriodUsage, Quota, QuotaSpec, QuotaState, Recipient, Threshold},
    time::Time,
    usage::{Direction, Label},
};

/// A quota and its current state.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QuotaBody {
    /// Quota name.
    pub name: Name,
    /// Limit of a period, in bytes.
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    pub limit_bytes: u64,
    /// Direction of the traffic that counts.
    pub r#type: Direction,
    /// Service that counts; null: all.
    #[schema(value_type = Option<String>)]
    pub service: Option<Label>,
    /// Route that counts; null: all.
    #[schema(value_type = Option<String>)]
    pub route: Option<Label>,
    /// Account whose usage counts; null: all usage, including that without an account.
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// Length of a period, by the calendar of `timezone`.
    pub period: PeriodLength,
    /// IANA time zone in which periods begin and end.
    pub timezone: String,
    /// Thresholds for alerts, in percent of the limit.
    pub thresholds: Vec<Threshold>,
    /// Mail recipients. Shown only to `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Vec<Recipient>>,
    /// Whether new work from the account's own keys is rejected once the quota is used up.
    pub enforce: bool,
    /// Creation time.
    pub created_at: Time,
    /// Time of the last change.
    pub updated_at: Time,
    #[serde(flatten)]
    pub state: StandingBody,
}

/// State of a quota as of the last check, at most a minute ago.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StandingBody {
    /// Bytes used in the current period; null until the first check.
    pub used: Option<u64>,
    /// Share of the limit used, in percent, rounded down to two decimals.
    pub percent: Option<f64>,
    /// Start of the current period.
    pub period_start: Time,
    /// End of the current period.
    pub period_end: Time,
    /// Bytes projected for the whole period at the current rate; null during its first 24th.
    pub projected: Option<u64>,
    /// Whether requests of the account are rejected.
    pub blocked: bool,
    /// Thresholds reached, lowest first.
    pub alerts: Vec<AlertBody>,
    /// Past periods with pending mails, earliest first; mails are retried for a day.
    pub past: Vec<PastBody>,
}

/// A past period.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PastBody {
    /// Start of the period.
    pub period_start: Time,
    /// End of the period.
    pub period_end: Time,
    /// Limit of the period, in bytes.
    pub limit_bytes: u64,
    /// Bytes used.
    pub used: u64,
    /// Share of the limit used, in percent, rounded down to two decimals.
    pub percent: f64,
    /// Thresholds reached, lowest first.
    pub alerts: Vec<AlertBody>,
}

/// A reached threshold.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertBody {
    /// Threshold in percent of the limit.
    pub threshold: Threshold,
    /// Time when the threshold was found to be crossed.
    pub crossed_at: Time,
    /// Whether a higher threshold was reached at the same time; only the highest sends a mail.
    pub passed_over: bool,
    /// Time when SES accepted the mails to all recipients; null while one is pending.
    pub mailed_at: Option<Time>,
    /// Error of the first pending mail. Retried with a backoff of up to an hour, until a day after
    /// the period. Shown only to `admin`.
    pub mail_error: Option<String>,
    /// Mails, one per recipient. Shown only to `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mails: Option<Vec<MailBody>>,
}

/// Mail of an alert to one recipient.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MailBody {
    /// Recipient.
    pub to: Recipient,
    /// Time when SES accepted the mail.
    pub sent_at: Option<Time>,
    /// Number of attempts.
    pub tries: u32,
    /// Time of the next attempt; null: none is planned.
    pub next_try_at: Option<Time>,
    /// Error of the last attempt.
    pub error: Option<String>,
}

/// Audience of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Sees recipients, mails and their errors.
    Operator,
    /// Sees neither addresses nor responses of SES.
    Tenant,
}

impl QuotaBody {
    /// The quota as `viewer` sees it at `now`, with the state from the last check.
    #[must_use]
    pub fn at(now: Time, quota: Quota, standing: Option<QuotaState>, viewer: Viewer) -> Self {
        let standing = standing.filter(|standing| standing.is_for(&quota));
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
            state: standing,
        }
    }
}

impl StandingBody {
    fn of(standing: Option<QuotaState>, spec: &QuotaSpec, now: Time, viewer: Viewer) -> Self {
        let limit = spec.limit_bytes;
        let Some(mut standing) = standing else {
            return Self::new(
                &PeriodUsage::new(spec.period.containing(&spec.zone(), now), limit),
                limit,
                now,
                viewer,
            )
            .before_first_check();
        };
        if !standing.is_open(now) {
            // The last check was in an earlier period: its usage is final, and the current one has
            // none yet.
            let next = PeriodUsage::new(spec.period.containing(&spec.zone(), now), limit);
            let ended = std::mem::replace(&mut standing.current, next);
            standing.past.push(ended);
            standing.block = None;
        }
        let waiting = standing.past.iter().filter(|past| past.has_pending_mails(now));
        let past = waiting.map(|past| PastBody::of(past, viewer)).collect();
        Self {
            blocked: standing.block.is_some(),
            past,
            ..Self::new(&standing.current, limit, now, viewer)
        }
    }

    fn new(tally: &PeriodUsage, limit: u64, now: Time, viewer: Viewer) -> Self {
        let PeriodUsage { used, period, .. } = *tally;
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

    /// State before the first check.
    fn before_first_check(self) -> Self {
        Self { used: None, percent: None, projected: None, ..self }
    }
}

impl PastBody {
    fn of(tally: &PeriodUsage, viewer: Viewer) -> Self {
        let PeriodUsage { period, limit_bytes, used, .. } = *tally;
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

impl From<quota::MailDelivery> for MailBody {
    fn from(mail: quota::MailDelivery) -> Self {
        let next_try_at = mail.is_pending().then_some(mail.next_try);
        Self {
            to: mail.to,
            sent_at: mail.sent_at,
            tries: mail.tries,
            next_try_at,
            error: mail.error,
        }
    }
}

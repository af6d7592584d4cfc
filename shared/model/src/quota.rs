//! Quotas: limits in bytes per period, and the effects of reaching them.
//!
//! ```text
//!  Quota ───┐
//!  totals ──┼─▶ QuotaState ─▶ QuotaState' : chart bars, alerts, block; pending mails, events
//!  now ─────┘                               and the update of the account's block
//! ```

mod alert;
mod block;
mod pending_event;
mod period;
mod period_usage;
mod recipient;
mod source_usage;
mod spec;
mod state;

pub use alert::{Alert, MailDelivery, MailFailure};
pub use block::{Block, Exhausted};
pub use pending_event::{Change, PendingEvent, ResolveReason};
pub use period::{Period, PeriodLength};
pub use period_usage::{PendingMail, PeriodUsage};
pub use recipient::{InvalidRecipient, Recipient};
pub use source_usage::{ReadTimes, SourceUsage, Totals};
pub use spec::{InvalidThreshold, MAX_LIMIT_BYTES, Quota, QuotaSpec, Threshold};
pub use state::{QuotaState, percent};

//! Quotas: limits in bytes per period, and the effects of reaching them.
//!
//! ```text
//!  Quota ───┐
//!  totals ──┼─▶ Standing ─▶ Standing' : chart bars, alerts, block; pending mails, events and
//!  now ─────┘                           the update of the account's block
//! ```

mod alert;
mod block;
mod notice;
mod period;
mod recipient;
mod share;
mod spec;
mod standing;
mod tally;

pub use alert::{Alert, Delivery, NotTaken};
pub use block::{Block, Exhausted};
pub use notice::{Change, Notice, Why};
pub use period::{Period, PeriodLength};
pub use recipient::{NotARecipient, Recipient};
pub use share::{Look, Share, Totals};
pub use spec::{MAX_LIMIT_BYTES, NotAThreshold, Quota, QuotaSpec, Threshold};
pub use standing::{Standing, percent};
pub use tally::{Errand, Tally};

//! Wire types of the HTTP API: request and response bodies, and problems.

mod account;
mod batch;
mod callback;
mod caller;
mod compat;
mod cursor;
mod description;
mod event;
mod job;
mod key;
mod kind;
pub mod parameter;
mod problem;
mod push;
mod quota;
mod row;
mod schedule;
mod source;
mod usage;
mod webhook_secret;

pub use account::AccountBody;
pub use batch::{BatchBody, BatchItem, BatchJob, BatchRequest};
pub use callback::callback_job;
pub use caller::CallerBody;
pub use compat::{Activities, ActivitiesToken, Progress, Token, TokenStatus, UserToDelete};
pub use cursor::{Cursor, InvalidCursor, decode_start, encode_position};
pub use description::openapi;
pub use event::{EventAccepted, EventBody, EventPage, EventRequest, RateBody};
pub use job::{Attempts, JobBody, JobRequest, Links, RequestedStart};
pub use key::{IssuedKeyBody, KeyBody};
pub use kind::KindBody;
pub use problem::{Problem, ProblemBody};
pub use push::{PushMessage, PushRequest, TicketBody};
pub use quota::{AlertBody, MailBody, PastBody, QuotaBody, StandingBody, Viewer};
pub use row::RowBody;
pub use schedule::ScheduleBody;
pub use source::SourceBody;
pub use usage::{
    MAX_USAGE_EVENTS, SpecVersion, UsageAccepted, UsageBatch, UsageData, UsageEvent,
    UsageEventType, UsagePage, UsagePoint, UsageReported,
};
pub use webhook_secret::{WebhookSecretBody, WebhookSecretsBody};

use serde::{Deserialize, Serialize};

/// Size limit of a request body, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Default page size of lists.
pub const DEFAULT_LIMIT: usize = 20;
/// Largest page size of lists.
pub const MAX_LIMIT: usize = 100;

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// Items of the page. A page may hold fewer items than the limit, even none, while more follow.
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
}

//! AWS access: the only module that names the AWS SDK. It holds the DynamoDB table and its keys,
//! one store per domain noun, the SQS queue and the EventBridge scheduler.
//!
//! Each function takes only the stores it needs, and its IAM policy in `template.yaml` lists the
//! same set. Stores translate DynamoDB responses into domain values.
//!
//! The SDK may repeat a call whose response was lost. Stores recognise such a repeat by the
//! caller's token, id or fingerprint and report success.

mod accounts;
mod backoff;
mod cache;
mod cloudwatch;
mod connect;
mod connections;
mod counters;
mod due;
mod error;
mod events;
mod gauges;
mod idempotency;
mod jobs;
mod key;
mod kinds;
mod mailer;
mod named;
mod owned;
mod paces;
mod queue;
mod quotas;
mod rates;
mod rows;
mod scheduler;
mod schedules;
mod slots;
mod sockets;
mod sources;
mod table;
mod tallies;
mod usage;
mod wait_slots;
mod walks;
mod web;
mod write_behind;

pub use accounts::AccountStore;
pub use cloudwatch::{Metric, MetricStore, Sums};
pub use connect::{Clients, Trust, connect, http_client, prime};
pub use connections::{ConnectionStore, Turn, Turned};
pub use counters::Counters;
pub use due::{DueCursor, DuePage, DueStore};
pub use error::Error;
pub use events::{EventStore, Extent, Place, Portion, Published, Rest};
pub use gauges::{Gauge, Gauges};
pub use idempotency::{Begun, IdempotencyKey, IdempotencyStore};
pub use jobs::{
    Claim, Claimed, Ended, Ending, Filter, JobPage, JobStore, Listing, Look, Reopened,
    UnfinishedPart,
};
pub use key::account_of_event;
pub use kinds::{CachedKind, KindStore, Unfit};
pub use mailer::{Letter, Mailer, NotSent};
pub use paces::{PaceStore, Paces};
pub use queue::{JobQueue, Outgoing, Visibility};
pub use quotas::{Known, QuotaStore, Revision};
pub use rates::{Rate, Rates};
pub use rows::{Applied, RowPage, RowStore};
pub use scheduler::{NotAccepted, Recurring, Scheduler};
pub use schedules::ScheduleStore;
pub use slots::{Slot, SlotStore};
pub use sockets::{Posted, Sockets};
pub use sources::SourceStore;
pub use table::Table;
pub use tallies::Tallies;
pub use usage::{Counted, Counting, Pushed, UsageStore};
pub use wait_slots::{WaitSlot, WaitSlots};
pub use walks::{KnownWalk, WalkStore};
pub use web::Web;

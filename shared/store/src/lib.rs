//! AWS access: the only module that names the AWS SDK. It holds the DynamoDB table and its keys,
//! one store per domain noun, the SQS queue and the EventBridge scheduler.
//!
//! Each function takes only the stores it needs, and its IAM policy in `template.yaml` lists the
//! same set. Stores translate DynamoDB responses into domain values.
//!
//! The SDK may repeat a call whose response was lost. Stores recognise such a repeat by the
//! caller's token, id or fingerprint and report success.

mod account_index;
mod accounts;
mod backoff;
mod cache;
mod cloudwatch;
mod completion_times;
mod connect;
mod connections;
mod counters;
mod definitions;
mod due;
mod error;
mod events;
mod gauges;
mod http_get;
mod idempotency;
mod jobs;
mod key;
mod kinds;
mod mailer;
mod queue;
mod quotas;
mod rows;
mod scheduler;
mod schedules;
mod slots;
mod sockets;
mod sources;
mod table;
mod tallies;
mod throughput;
mod usage;
mod wait_slots;
mod walks;
mod write_behind;

pub use accounts::AccountStore;
pub use cloudwatch::{Metric, MetricStore, Sums};
pub use completion_times::{CompletionTimeRecorder, CompletionTimeStore};
pub use connect::{Clients, TrustedRoots, connect, http_client, warm_up};
pub use connections::{ConnectionStore, SendLease, SendLeaseResult};
pub use counters::Counters;
pub use due::{DueCursor, DuePage, DueStore};
pub use error::Error;
pub use events::{Batch, EventStore, NextRead, PublishResult, ReadLimits, Reservation};
pub use gauges::{Gauge, Gauges};
pub use http_get::HttpGet;
pub use idempotency::{BeginResult, IdempotencyKey, IdempotencyStore};
pub use jobs::{
    AttemptEnd, ClaimResult, ClaimedJob, EndResult, Filter, JobPage, JobStore, OverdueScan,
    ReadyQueueKey, RetryResult, UnfinishedPart,
};
pub use key::account_of_event;
pub use kinds::{CachedKind, InvalidJob, KindRejection, KindStore};
pub use mailer::{Mail, Mailer, SendError};
pub use queue::{JobQueue, OutgoingMessage, VisibilityChange};
pub use quotas::{QuotaStore, Revision, StoredQuotaState};
pub use rows::{Applied, RowPage, RowStore};
pub use scheduler::{InvalidTiming, Recurring, Scheduler};
pub use schedules::ScheduleStore;
pub use slots::{Slot, SlotStore};
pub use sockets::{Posted, Sockets};
pub use sources::SourceStore;
pub use table::Table;
pub use tallies::Tallies;
pub use throughput::{Rate, Throughput};
pub use usage::{CountResult, PushResult, SeriesOrigins, UsageStore};
pub use wait_slots::{WaitSlot, WaitSlots};
pub use walks::{StoredWalk, WalkStore};

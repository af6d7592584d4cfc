//! The contract of the stores, checked against several implementations of DynamoDB and SQS, so
//! that the code relies on no emulator's quirk. Every test uses its own account or names, so that
//! tests can share a table.

mod accounts;
mod completion_times;
mod connections;
mod events;
mod idempotency;
mod jobs;
mod kinds;
mod new_queue;
mod queues;
mod rows;
mod schedules;
mod slots;
mod usage;

use std::time::Duration;

use model::{
    id::{self, AccountId},
    time::Time,
};
use serde_json::value::RawValue;

pub use accounts::*;
pub use completion_times::*;
pub use connections::*;
pub use events::*;
pub use idempotency::*;
pub use jobs::*;
pub use kinds::*;
pub use new_queue::new_queue;
pub use queues::*;
pub use rows::*;
pub use schedules::*;
pub use slots::*;
pub use usage::*;

/// Calls a macro with the names of all tests of a table.
#[macro_export]
macro_rules! for_each_table_test {
    ($run:ident) => {
        $run!(
            a_job_is_put_claimed_and_completed,
            a_claimed_job_is_not_claimed_again_before_its_lease_expires,
            a_delayed_job_is_not_claimed_before_it_is_due,
            a_delayed_job_is_in_the_ready_queue_only_if_listed,
            an_abandoned_job_without_attempts_left_fails,
            repeated_calls_are_idempotent,
            a_repeated_retry_succeeds_if_the_job_runs_already,
            only_an_unstarted_job_is_deleted,
            large_payloads_and_results_are_read_back,
            a_lost_claim_cannot_overwrite_a_large_result,
            a_long_history_stays_bounded,
            jobs_are_listed_newest_first_across_all_partitions,
            waiting_jobs_of_a_kind_are_found,
            overdue_jobs_are_found_wherever_they_are_listed,
            an_idempotency_key_is_used_once,
            a_slot_is_held_until_its_claim_ends,
            a_key_is_found_with_its_account,
            accounts_are_changed_and_listed,
            keys_are_listed_used_and_revoked,
            secrets_are_replaced_by_one_at_a_time,
            kinds_are_versioned_and_listed,
            schedules_are_restored_to_their_previous_definition,
            completion_times_are_summed,
            events_are_read_in_order,
            an_event_is_published_once,
            a_ticket_is_redeemed_once,
            a_connection_subscribes_once,
            only_the_lease_holder_sends,
            changes_are_applied_once_and_read_back,
            changes_are_applied_together_or_not_at_all,
            a_row_is_deleted_only_if_its_values_match,
            many_and_large_rows_are_paged,
            hostile_values_are_only_values,
            totals_are_known_for_every_minute,
            hours_closed_in_one_call_are_kept,
            reports_count_once,
            a_deleted_source_keeps_its_open_hours,
        );
    };
}

/// Calls a macro with the names of all tests of a queue.
#[macro_export]
macro_rules! for_each_queue_test {
    ($run:ident) => {
        $run!(
            a_message_arrives_with_its_trace_and_its_group,
            many_messages_are_sent_in_batches_of_ten,
            a_message_is_not_delivered_early,
            hidden_messages_reappear_when_due,
        );
    };
}

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Time {
    runtime::clock::Clock::system().now()
}

fn json(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn account() -> AccountId {
    id::generate(now(), rand::random())
}

//! The model detects planted flaws.

use model::{job::ready_queue::IDLE_RETRIES, kind::Discipline::Lifo};

use crate::{
    LATE, NO_DELAY, NO_FAULTS, SMALL,
    bounds::{Bounds, Faults, Flaw},
    explore,
    property::{ENDS, NO_VIOLATION, PERMITS, REACHABLE},
};

/// Asserts that this property fails first.
fn assert_found(flaw: Flaw, bounds: Bounds, property: &str) {
    let found = explore(Lifo, bounds, Some(flaw));
    assert!(found.contains_key(property), "{flaw:?}: {found:#?}");
}

#[test]
fn queued_before_the_message_is_sent() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    assert_found(Flaw::QueuedBeforeSent, Bounds { faults, ..SMALL }, REACHABLE);
}

#[test]
fn a_permit_used_for_another_job_without_listing_its_own() {
    assert_found(Flaw::NotListedFirst, SMALL, REACHABLE);
}

#[test]
fn an_index_trusted_alone() {
    assert_found(Flaw::IndexTrustedAlone, Bounds { used_polls: IDLE_RETRIES, ..SMALL }, ENDS);
}

#[test]
fn a_row_written_before_its_message_is_sent() {
    let faults = Faults { aborted_requests: 1, ..NO_FAULTS };
    assert_found(Flaw::WrittenBeforeSent, Bounds { faults, ..SMALL }, PERMITS);
}

#[test]
fn a_job_with_a_short_delay_that_is_not_listed() {
    assert_found(Flaw::SoonUnlisted, SMALL, REACHABLE);
}

#[test]
fn a_permit_dropped_while_it_sees_jobs() {
    assert_found(Flaw::DroppedWhileJobsInSight, SMALL, PERMITS);
}

#[test]
fn a_job_listed_after_it_was_requeued_with_a_delay() {
    let faults = Faults { duplicates: 1, ..NO_FAULTS };
    let jobs = &[(0, LATE), (0, NO_DELAY)];
    assert_found(
        Flaw::ListedTooLate,
        Bounds { jobs, retries: LATE, faults, ..SMALL },
        NO_VIOLATION,
    );
}

//! The model detects planted flaws.

use shared::{job::agenda::LOOKS, kind::Discipline::Lifo};

use crate::{
    AT_ONCE, LATE, NO_FAULTS, SMALL,
    bounds::{Bounds, Faults, Flaw},
    explore,
    property::{ENDS, FOUND, LAWFUL, PERMITS},
};

/// Asserts that this property fails first.
fn assert_found(flaw: Flaw, bounds: Bounds, property: &str) {
    let found = explore(Lifo, bounds, Some(flaw));
    assert!(found.contains_key(property), "{flaw:?}: {found:#?}");
}

#[test]
fn queued_before_the_message_is_sent() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    assert_found(Flaw::QueuedBeforeSent, Bounds { faults, ..SMALL }, FOUND);
}

#[test]
fn a_permit_used_for_another_job_without_listing_its_own() {
    assert_found(Flaw::NotListedFirst, SMALL, FOUND);
}

#[test]
fn an_index_trusted_alone() {
    assert_found(Flaw::IndexAlone, Bounds { looks: LOOKS, ..SMALL }, ENDS);
}

#[test]
fn a_row_written_before_its_message_is_sent() {
    let faults = Faults { refusals: 1, ..NO_FAULTS };
    assert_found(Flaw::PutBeforeSent, Bounds { faults, ..SMALL }, PERMITS);
}

#[test]
fn a_job_with_a_short_delay_that_is_not_listed() {
    assert_found(Flaw::SoonUnlisted, SMALL, FOUND);
}

#[test]
fn a_permit_dropped_while_it_sees_jobs() {
    assert_found(Flaw::DroppedInSight, SMALL, PERMITS);
}

#[test]
fn a_job_listed_after_it_was_requeued_with_a_delay() {
    let faults = Faults { copies: 1, ..NO_FAULTS };
    let jobs = &[(0, LATE), (0, AT_ONCE)];
    assert_found(Flaw::ListedTooLate, Bounds { jobs, retries: LATE, faults, ..SMALL }, LAWFUL);
}

//! Every job ends, whatever faults occur within the bounds.

use model::kind::Discipline::Lifo;

use crate::{
    ANY, NO_DELAY, NO_FAULTS, SMALL, SOON, assert_holds,
    bounds::{Bounds, Faults},
};

#[test]
fn when_attempts_are_retried() {
    assert_holds(Lifo, SMALL);
}

#[test]
fn when_a_worker_crashes() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { retries: SOON, faults, ..SMALL });
}

#[test]
fn when_a_worker_crashes_with_a_batch() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { workers: 1, batch: 2, faults, ..SMALL });
}

#[test]
fn when_responses_are_lost() {
    let faults = Faults { lost_responses: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { retries: SOON, faults, ..SMALL });
}

#[test]
fn when_a_worker_outlives_its_lease() {
    let faults = Faults { lease_overruns: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { retries: SOON, faults, ..SMALL });
}

#[test]
fn when_a_message_is_delivered_twice_and_a_worker_crashes() {
    let faults = Faults { double_deliveries: 1, crashes: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { retries: &[], faults, ..SMALL });
}

#[test]
fn when_messages_arrive_twice_and_early() {
    let faults = Faults { duplicates: 1, early_deliveries: 1, ..NO_FAULTS };
    assert_holds(
        Lifo,
        Bounds { jobs: &[(0, ANY), (0, NO_DELAY)], attempts: 1, retries: &[], faults, ..SMALL },
    );
}

#[test]
fn when_jobs_are_delayed_and_requests_end_early() {
    let faults = Faults { aborted_requests: 1, ..NO_FAULTS };
    assert_holds(
        Lifo,
        Bounds { jobs: &[(0, ANY), (0, ANY)], attempts: 1, retries: &[], faults, ..SMALL },
    );
}

#[test]
fn when_jobs_are_cancelled_and_retried() {
    let faults = Faults { cancels: 1, job_retries: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { attempts: 1, retries: &[], faults, ..SMALL });
}

#[test]
fn when_workers_skip_jobs() {
    assert_holds(Lifo, Bounds { retries: SOON, max_skipped: 1, ..SMALL });
}

#[test]
fn when_there_are_more_jobs_than_workers() {
    let jobs = &[(0, NO_DELAY), (0, NO_DELAY), (0, NO_DELAY)];
    assert_holds(Lifo, Bounds { jobs, attempts: 1, retries: &[], ..SMALL });
}

/// Without the assumption about the time of last polls.
#[test]
fn a_job_without_a_permit_is_listed() {
    let faults = Faults { crashes: 1, ..NO_FAULTS };
    assert_holds(Lifo, Bounds { retries: SOON, last_poll_isolated: false, faults, ..SMALL });
}

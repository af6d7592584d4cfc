//! The best due job runs first if the index is current. With more permits in flight, their number
//! bounds the inversions.

use model::kind::Discipline::{Lifo, Priority};

use crate::{ANY, NO_DELAY, SMALL, assert_holds, bounds::Bounds};

const CURRENT: Bounds = Bounds {
    index_lag: false,
    workers: 1,
    jobs: &[(1, NO_DELAY), (9, NO_DELAY), (1, NO_DELAY)],
    ..SMALL
};

#[test]
fn of_one_worker_is_exact() {
    for discipline in [Lifo, Priority] {
        assert_holds(discipline, Bounds { jobs: &[(1, ANY), (9, ANY), (1, ANY)], ..CURRENT });
    }
}

#[test]
fn of_a_batch_is_bounded_by_its_size() {
    for discipline in [Lifo, Priority] {
        assert_holds(discipline, Bounds { batch: 2, ..CURRENT });
    }
}

#[test]
fn of_two_workers_is_bounded_by_the_jobs_in_flight() {
    for discipline in [Lifo, Priority] {
        assert_holds(discipline, Bounds { workers: 2, retries: &[], ..CURRENT });
    }
}

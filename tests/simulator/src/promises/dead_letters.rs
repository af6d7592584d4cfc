//! Each dead letter is received, so that its job ends. The minute tick sends a lost message again
//! hours later, which would hide a function that receives none.

use super::{BrokenPromise, History};

const HANDLED: &str = "every dead letter is handled";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let left = notes.dead_letters;
    let broken =
        || BrokenPromise::new(HANDLED, "the dead-letter queue", format!("{left} are left"));
    (left > 0).then(broken).into_iter().collect()
}

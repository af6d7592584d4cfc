//! Usage: how many bytes went where and when.
//!
//! A [`Series`] is counted at each of its [`Origin`]s for itself. What is counted of the current hour, and the sum of everything, is its
//! [`Head`] there; closed hours are kept beside it.

mod head;
mod hour;
mod label;
mod series;

pub use head::{Counter, Head, Minutes, Origin};
pub use hour::{Day, Hour, MINUTE, minute_of};
pub use label::{Label, NotALabel};
pub use series::{Direction, NotADirection, Series};

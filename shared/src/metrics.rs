//! What Tollgate counts about itself, and the page that shows it to Prometheus.
//!
//! [`registry`] names every metric once, for both ways on which they leave: `CloudWatch`'s lines and gauges, and the page. What a process
//! counts between two writes is a [`Delta`]; all of them together are [`Totals`], by which a [`Page`] is filled; [`Format`] writes that.

mod delta;
mod format;
mod histogram;
mod page;
pub(crate) mod pair;
pub mod registry;
mod text;
mod totals;

pub use delta::{Delta, Item};
pub use format::Format;
pub use histogram::Histogram;
pub use page::{Page, Value};
pub use registry::{Family, Metric, Shape, Topic};
pub use totals::Totals;

/// The value of a label in the place of all that its bound leaves out.
pub const OTHER: &str = "other";

//! Tollgate's own metrics, and the page that Prometheus scrapes.
//!
//! [`registry`] defines every metric once, for both exporters: `CloudWatch` and the Prometheus
//! page. Each process accumulates counts in a [`Delta`] between writes. The stored sums of all
//! processes are [`Totals`], from which a [`Page`] is built; [`Format`] serializes it.

mod delta;
mod format;
mod histogram;
pub mod item_pair;
mod page;
pub mod registry;
mod text;
mod totals;

pub use delta::{Delta, Item};
pub use format::Format;
pub use histogram::Histogram;
pub use page::{Page, Value};
pub use registry::{Family, Metric, Shape, Topic};
pub use totals::Totals;

/// Label value that replaces all values beyond a limit on their number.
pub const OTHER: &str = "other";

//! Definitions of Tollgate's own metrics; their names occur nowhere else.
//!
//! A [`Family`] is what Prometheus shows: one name, and a series for each set of labels. A
//! [`Metric`] is what code counts: it belongs to a family, has a name in `CloudWatch`, or both.
//! Every label value creates a series and every dimension value a metric that costs money. Labels
//! are therefore limited to values that operators define or the code bounds, and never name an
//! account.
//!
//! Names and units follow Prometheus (<https://prometheus.io/docs/practices/naming/>): base units
//! as suffix, and `_total` for counters, which is added on output because the formats differ in it.

mod definitions;
mod families;
#[cfg(test)]
mod tests;

pub use definitions::*;
pub use families::*;

/// Type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Monotonic counter.
    Counter,
    /// Current value.
    Gauge,
    /// Durations, with upper bounds in milliseconds.
    Histogram(&'static [u64]),
    /// Labels only; the value is always 1.
    Info,
}

/// The table item that holds a family's totals. The first labels identify the item. They are chosen
/// so that an item has about a kilobyte, and that counts that often occur together share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Key prefix of its items.
    pub prefix: &'static str,
    /// Number of labels that identify an item.
    pub labels: usize,
    /// Whether these labels come from outside. The number of such items is then limited, and counts
    /// beyond it go to [`OTHER`](super::OTHER).
    pub has_external_labels: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Name without `_total` and `_info`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub shape: Shape,
    /// Unit, which is also the suffix of the name.
    pub unit: Option<&'static str>,
    /// Names of the labels, those of the topic first.
    pub labels: &'static [&'static str],
    /// All values of the last label, where the code bounds it. These series start at 0 before
    /// anything is counted.
    pub known_values: &'static [&'static str],
    /// Topic of its totals and prefix of its fields in an item; `None` for gauges, which have no
    /// totals.
    pub totals: Option<(Topic, &'static str)>,
}

/// A metric as code counts it.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name in `CloudWatch`.
    pub cloudwatch: Option<&'static str>,
    pub family: Option<&'static Family>,
    /// Values of further labels, after those given when counting.
    pub labels: &'static [&'static str],
}

/// Looks a family up by the topic and field prefix of its totals.
#[must_use]
pub(super) fn family_of_field(prefix: &str, code: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| {
        family.totals.is_some_and(|(topic, stored)| topic.prefix == prefix && stored == code)
    })
}

#[must_use]
pub(super) fn topic(prefix: &str) -> Option<Topic> {
    FAMILIES
        .iter()
        .filter_map(|family| family.totals)
        .map(|(topic, _)| topic)
        .find(|topic| topic.prefix == prefix)
}

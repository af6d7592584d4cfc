use std::{collections::BTreeMap, time::Duration};

use super::{Family, OTHER, Shape, histogram::HistogramPart};

/// Number of items that a process accumulates between writes; more than the routes and kinds of a
/// busy moment. Counts beyond it go to [`OTHER`].
const MAX_ITEMS: usize = 500;

/// Separates the parts of a key and of a field; no label that becomes part of a field contains it.
pub(super) const SEPARATOR: char = '#';

/// The table item that holds totals, identified by its topic and the first labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Prefix of its key.
    pub prefix: &'static str,
    /// The labels that identify it, separated by spaces; only the last may contain spaces. Empty if
    /// there are none.
    pub name: String,
    /// Whether the number of such items is limited.
    pub has_external_labels: bool,
}

/// Counts that a process has not written yet, by item and field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta(BTreeMap<Item, BTreeMap<String, u64>>);

impl Delta {
    /// Adds to a counter, with the labels of the family in order. Ignores families without totals.
    pub fn count(&mut self, family: &Family, labels: &[&str], number: u64) {
        self.add(family, labels, None, number);
    }

    /// Adds one duration to a histogram. Ignores families that are none.
    pub fn observe(&mut self, family: &Family, labels: &[&str], took: Duration) {
        let Shape::Histogram(bounds) = family.shape else { return };
        self.add(family, labels, Some(HistogramPart::for_duration(took, bounds)), 1);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.add(family, labels, Some(HistogramPart::Sum), millis);
    }

    /// Removes and returns the items that match, with their fields.
    pub fn drain(
        &mut self,
        of: impl Fn(&Item) -> bool,
    ) -> impl Iterator<Item = (Item, BTreeMap<String, u64>)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(item, _)| of(item));
        self.0 = left;
        let taken: BTreeMap<_, _> = taken;
        taken.into_iter()
    }

    fn add(&mut self, family: &Family, labels: &[&str], part: Option<HistogramPart>, number: u64) {
        let Some((topic, code)) = family.totals.filter(|_| number > 0) else { return };
        let (named, rest) = labels.split_at(topic.labels.min(labels.len()));
        let item = Item {
            prefix: topic.prefix,
            name: named.join(" "),
            has_external_labels: topic.has_external_labels,
        };
        let mut field = code.to_owned();
        for part in rest.iter().copied().map(str::to_owned).chain(part.map(HistogramPart::text)) {
            field.push(SEPARATOR);
            field.push_str(&part);
        }
        self.add_to(item, field, number);
    }

    fn add_to(&mut self, item: Item, field: String, number: u64) {
        let is_kept_apart = self.0.len() < MAX_ITEMS || self.0.contains_key(&item);
        let name = if is_kept_apart { item.name } else { other(&item) };
        let fields = self.0.entry(Item { name, ..item }).or_default();
        let kept = fields.entry(field).or_default();
        *kept = kept.saturating_add(number);
    }
}

/// The item's labels, each replaced by [`OTHER`]. An open item has one label, which may contain
/// spaces.
fn other(item: &Item) -> String {
    let labels = if item.has_external_labels { 1 } else { item.name.split(' ').count() };
    vec![OTHER; labels].join(" ")
}

use std::{collections::BTreeMap, time::Duration};

use super::{Family, OTHER, Shape, histogram::Part};

/// How many items a process keeps apart before it writes them: more than there are routes and kinds in a busy moment. What is beyond is
/// counted as [`OTHER`].
const MOST_ITEMS: usize = 500;

/// Between the parts of a key and of a field; no label that makes a field has one.
pub(super) const BETWEEN: char = '#';

/// The item of the table that totals belong to: its topic, and the labels after that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// How its key begins.
    pub prefix: &'static str,
    /// The labels that name it, separated by blanks, of which the first have none; empty where there are none.
    pub name: String,
    /// Whether only so many such items are made.
    pub is_open: bool,
}

/// What a process counted and didn't write yet: by item, and in it by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta(BTreeMap<Item, BTreeMap<String, u64>>);

impl Delta {
    /// Counts so many of a family's, with its labels in their order. Families without totals count nothing.
    pub fn count(&mut self, family: &Family, labels: &[&str], number: u64) {
        self.add(family, labels, None, number);
    }

    /// Counts one that took so long.
    pub fn observe(&mut self, family: &Family, labels: &[&str], took: Duration) {
        let Shape::Histogram(bounds) = family.shape else { return };
        self.add(family, labels, Some(Part::of(took, bounds)), 1);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.add(family, labels, Some(Part::Sum), millis);
    }

    /// Takes out what is of some items: each of them with its fields.
    pub fn take(
        &mut self,
        of: impl Fn(&Item) -> bool,
    ) -> impl Iterator<Item = (Item, BTreeMap<String, u64>)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(item, _)| of(item));
        self.0 = left;
        let taken: BTreeMap<_, _> = taken;
        taken.into_iter()
    }

    fn add(&mut self, family: &Family, labels: &[&str], part: Option<Part>, number: u64) {
        let Some((topic, code)) = family.stored.filter(|_| number > 0) else { return };
        let (named, rest) = labels.split_at(topic.labels.min(labels.len()));
        let item = Item { prefix: topic.prefix, name: named.join(" "), is_open: topic.is_open };
        let mut field = code.to_owned();
        for part in rest.iter().copied().map(str::to_owned).chain(part.map(Part::text)) {
            field.push(BETWEEN);
            field.push_str(&part);
        }
        self.add_to(item, field, number);
    }

    fn add_to(&mut self, item: Item, field: String, number: u64) {
        let is_kept_apart = self.0.len() < MOST_ITEMS || self.0.contains_key(&item);
        let name = if is_kept_apart { item.name } else { other(&item) };
        let fields = self.0.entry(Item { name, ..item }).or_default();
        let kept = fields.entry(field).or_default();
        *kept = kept.saturating_add(number);
    }
}

/// As many labels, each of which says that it is another one. Those from outside may have blanks of their own, and are one.
fn other(item: &Item) -> String {
    let labels = if item.is_open { 1 } else { item.name.split(' ').count() };
    vec![OTHER; labels].join(" ")
}

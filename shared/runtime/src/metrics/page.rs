use std::collections::BTreeMap;

use super::{Family, Histogram, OTHER, registry::FAMILIES};

/// The page that Prometheus scrapes: all families with their series, by label values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page(BTreeMap<usize, BTreeMap<Vec<String>, Option<Value>>>);

/// Value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A counter.
    Count(u64),
    /// A gauge.
    Level(f64),
    Histogram(Histogram),
}

impl Page {
    /// Sets a gauge, with the labels of its family in order.
    pub fn set_gauge(&mut self, family: &'static Family, labels: &[&str], level: f64) {
        let labels = labels.iter().copied().map(str::to_owned).collect();
        *self.entry(family, labels) = Some(Value::Level(level));
    }

    /// Merges counters that differ only in one label, which becomes [`OTHER`].
    pub fn merge_label(&mut self, family: &'static Family, label: &str) {
        let Some(at) = family.labels.iter().position(|name| *name == label) else { return };
        for (mut labels, value) in self.0.remove(&family_index(family)).unwrap_or_default() {
            labels[at] = OTHER.to_owned();
            match (self.entry(family, labels), value) {
                (Some(Value::Count(sum)), Some(Value::Count(count))) => {
                    *sum = sum.saturating_add(count)
                }
                (first, value) => *first = value,
            }
        }
    }

    #[must_use]
    pub fn get(&self, family: &Family, labels: &[&str]) -> Option<&Value> {
        let labels: Vec<_> = labels.iter().copied().map(str::to_owned).collect();
        self.0.get(&family_index(family))?.get(&labels)?.as_ref()
    }

    pub(super) fn entry(
        &mut self,
        family: &'static Family,
        labels: Vec<String>,
    ) -> &mut Option<Value> {
        self.0.entry(family_index(family)).or_default().entry(labels).or_default()
    }

    /// All families with their series, in the order of the page; includes families without series.
    pub(super) fn families(
        &self,
    ) -> impl Iterator<Item = (&'static Family, impl Iterator<Item = (&[String], &Value)>)> {
        FAMILIES.iter().enumerate().map(|(place, family)| {
            let series = self.0.get(&place).into_iter().flatten();
            (
                *family,
                series.filter_map(|(labels, value)| Some((labels.as_slice(), value.as_ref()?))),
            )
        })
    }
}

/// Index of a family on the page.
fn family_index(family: &Family) -> usize {
    FAMILIES.iter().position(|other| other.name == family.name).unwrap_or(FAMILIES.len())
}

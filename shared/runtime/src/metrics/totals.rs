use super::{
    Family, Histogram, Page, Shape, Topic, Value,
    delta::SEPARATOR,
    histogram::HistogramPart,
    registry::{FAMILIES, family_of_field, topic},
};

/// Counts of all processes since deployment, as far as they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals(Page);

impl Totals {
    /// Adds a table item, given by key prefix, name and fields. Ignores topics and fields that this
    /// version doesn't know, which a newer one may have written.
    pub fn add<'a>(
        &mut self,
        prefix: &str,
        name: &str,
        fields: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        let Some(topic) = topic(prefix) else { return };
        let Some(named) = parse_labels(topic, name) else { return };
        self.init_series(topic, &named);
        for (field, number) in fields {
            self.add_field(topic, &named, field, number);
        }
    }

    /// The page that shows the totals.
    #[must_use]
    pub fn into_page(mut self) -> Page {
        for family in FAMILIES {
            if family.totals.is_some_and(|(topic, _)| topic.labels == 0) {
                self.init_family(family, &[]);
            }
        }
        self.0
    }

    /// Starts known series at 0. Otherwise `rate()` would miss the first increment.
    fn init_series(&mut self, topic: Topic, named: &[String]) {
        for family in FAMILIES {
            if family.totals.is_some_and(|(of, _)| of == topic) {
                self.init_family(family, named);
            }
        }
    }

    fn init_family(&mut self, family: &'static Family, named: &[String]) {
        if family.labels.len() == named.len() {
            self.0.entry(family, named.to_vec()).get_or_insert_with(|| zero(family));
        } else if family.labels.len() == named.len() + 1 {
            for known in family.known_values {
                let labels = [named, &[(*known).to_owned()]].concat();
                self.0.entry(family, labels).get_or_insert_with(|| zero(family));
            }
        }
    }

    fn add_field(&mut self, topic: Topic, named: &[String], field: &str, number: u64) {
        let mut parts = field.split(SEPARATOR);
        let Some(family) = parts.next().and_then(|code| family_of_field(topic.prefix, code)) else {
            return;
        };
        let mut rest: Vec<_> = parts.map(str::to_owned).collect();
        let part = match family.shape {
            Shape::Histogram(_) => match rest.pop().and_then(|part| HistogramPart::parse(&part)) {
                Some(part) => Some(part),
                None => return,
            },
            _ => None,
        };
        let labels = [named, &rest].concat();
        if labels.len() != family.labels.len() {
            return;
        }
        match (self.0.entry(family, labels).get_or_insert_with(|| zero(family)), part) {
            (Value::Histogram(histogram), Some(part)) => histogram.add(part, number),
            (Value::Count(count), None) => *count = count.saturating_add(number),
            // Unreachable: only histograms have parts.
            _ => {}
        }
    }
}

/// Initial value of a series.
fn zero(family: &Family) -> Value {
    match family.shape {
        Shape::Histogram(_) => Value::Histogram(Histogram::default()),
        _ => Value::Count(0),
    }
}

/// Labels in the name of an item; all but the last contain no spaces.
fn parse_labels(topic: Topic, name: &str) -> Option<Vec<String>> {
    if topic.labels == 0 {
        return Some(Vec::new());
    }
    let labels: Vec<_> = name.splitn(topic.labels, ' ').map(str::to_owned).collect();
    (labels.len() == topic.labels).then_some(labels)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::{Delta, registry};
    use proptest::prelude::*;

    impl Totals {
        fn take(&mut self, mut delta: Delta) {
            for (item, fields) in delta.drain(|_| true) {
                self.add(
                    item.prefix,
                    &item.name,
                    fields.iter().map(|(field, number)| (field.as_str(), *number)),
                );
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Occurrence {
        Ended(&'static str, &'static str),
        Ran(&'static str, u64),
        Answered(&'static str, &'static str),
        Used(String, u64),
    }

    fn happening() -> impl Strategy<Value = Occurrence> {
        let kind = || prop::sample::select(vec!["echo", "user.delete", "a-b_c"]);
        let outcome = prop::sample::select(registry::JOBS_ENDED.known_values);
        let route = prop::sample::select(vec!["/v1/jobs", "/v1/jobs/{id}"]);
        prop_oneof![
            (kind(), outcome).prop_map(|(kind, outcome)| Occurrence::Ended(kind, outcome)),
            (kind(), 0u64..10_000_000).prop_map(|(kind, ms)| Occurrence::Ran(kind, ms)),
            (route, prop::sample::select(vec!["200", "404", "503"]))
                .prop_map(|(route, status)| Occurrence::Answered(route, status)),
            ("[a-z #]{0,8}", 1u64..1_000_000)
                .prop_map(|(service, bytes)| Occurrence::Used(service, bytes)),
        ]
    }

    fn count(delta: &mut Delta, happening: &Occurrence) {
        match happening {
            Occurrence::Ended(kind, outcome) => {
                delta.count(&registry::JOBS_ENDED, &[kind, outcome], 1)
            }
            Occurrence::Ran(kind, ms) => {
                delta.observe(&registry::JOB_RUN, &[kind], Duration::from_millis(*ms))
            }
            Occurrence::Answered(route, status) => {
                delta.count(&registry::HTTP_REQUESTS, &["GET", route, status], 1);
            }
            Occurrence::Used(service, bytes) => {
                delta.count(&registry::USAGE, &[service, "egress"], *bytes)
            }
        }
    }

    proptest! {
        /// The page doesn't depend on how counts are spread over processes and writes.
        #[test]
        fn the_page_is_what_happened(
            happened in prop::collection::vec((happening(), 0usize..4), 0..60)
        ) {
            let (mut together, mut apart) = (Delta::default(), vec![Delta::default(); 4]);
            for (happening, process) in &happened {
                count(&mut together, happening);
                count(&mut apart[*process], happening);
            }
            let (mut one, mut four) = (Totals::default(), Totals::default());
            one.take(together);
            apart.into_iter().for_each(|delta| four.take(delta));
            let page = one.into_page();
            prop_assert_eq!(&page, &four.into_page());
            let completed = happened
                .iter()
                .filter(|(h, _)| matches!(h, Occurrence::Ended("echo", "completed")))
                .count();
            let shown = page.get(&registry::JOBS_ENDED, &["echo", "completed"]);
            let shown = match shown {
                Some(Value::Count(n)) => *n,
                None => 0,
                other => panic!("{other:?}")
            };
            prop_assert_eq!(shown, completed as u64);
            let ran: Vec<_> = happened
                .iter()
                .filter_map(|(h, _)| match h {
                    Occurrence::Ran("echo", ms) => Some(*ms),
                    _ => None
                })
                .collect();
            if let Some(Value::Histogram(histogram)) = page.get(&registry::JOB_RUN, &["echo"]) {
                prop_assert_eq!(histogram.count(), ran.len() as u64);
            } else {
                prop_assert!(ran.is_empty());
            }
        }
    }

    #[test]
    fn ignores_unknown_topics_and_fields() {
        let mut totals = Totals::default();
        totals.add("NEWER", "x", [("a", 1)]);
        totals.add(
            "KIND",
            "echo",
            [("zz", 1), ("j", 2), ("j#completed#x", 3), ("x#soon", 4), ("", 5), ("j#completed", 6)],
        );
        let page = totals.into_page();
        assert_eq!(page.get(&registry::JOBS_ENDED, &["echo", "completed"]), Some(&Value::Count(6)));
        assert_eq!(page.get(&registry::JOBS_ENDED, &["echo", "failed"]), Some(&Value::Count(0)));
    }

    #[test]
    fn items_beyond_the_limit_count_as_other() {
        let (mut delta, mut totals) = (Delta::default(), Totals::default());
        for n in 0..600 {
            delta.count(&registry::USAGE, &[&format!("s{n}"), "egress"], 1);
            delta.count(&registry::HTTP_REQUESTS, &["GET", &format!("/{n}"), "200"], 1);
        }
        totals.take(delta);
        let page = totals.into_page();
        let Some(Value::Count(services)) = page.get(&registry::USAGE, &["other", "egress"]) else {
            panic!()
        };
        let Some(Value::Count(routes)) =
            page.get(&registry::HTTP_REQUESTS, &["other", "other", "200"])
        else {
            panic!()
        };
        assert_eq!(services + routes, 1200 - 500);
    }
}

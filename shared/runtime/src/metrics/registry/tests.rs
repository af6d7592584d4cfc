use std::collections::BTreeSet;

use model::event::EventType;

use super::*;

#[test]
fn every_event_type_is_a_known_value() {
    for r#type in [
        EventType::Data,
        EventType::JobCompleted,
        EventType::JobFailed,
        EventType::JobCancelled,
        EventType::QuotaCrossed,
        EventType::QuotaResolved,
    ] {
        assert!(EVENTS_PUBLISHED.known_values.contains(&r#type.as_str()));
    }
}

#[test]
fn names_are_unique() {
    let all = FAMILIES
        .iter()
        .map(|family| family.name)
        .chain(METRICS.iter().filter_map(|m| m.cloudwatch));
    let all: Vec<_> = all.collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    let stored: Vec<_> = FAMILIES
        .iter()
        .filter_map(|f| f.totals.map(|(topic, code)| (topic.prefix, code)))
        .collect();
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len());
}

#[test]
fn names_follow_prometheus_conventions() {
    for Family { name, help, shape, unit, labels, known_values: known, totals: stored } in FAMILIES
    {
        assert!(
            name.starts_with("tollgate_")
                && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'),
            "{name}"
        );
        assert!(
            !["_total", "_info", "_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end)),
            "{name}"
        );
        assert!(unit.is_none_or(|unit| name.ends_with(&format!("_{unit}"))), "{name} and {unit:?}");
        assert!(
            help.ends_with('.') && !labels.iter().any(|label| label.contains("account")),
            "{name}"
        );
        assert!(stored.is_none_or(|(topic, _)| topic.labels <= labels.len()), "{name}");
        assert!(known.is_empty() || !labels.is_empty(), "{name}");
        assert_eq!(
            stored.is_some(),
            matches!(shape, Shape::Counter | Shape::Histogram(_)),
            "{name}"
        );
    }
}

#[test]
fn fixed_labels_are_known_to_the_family() {
    for Metric { cloudwatch, family, labels } in METRICS {
        assert!(cloudwatch.is_some() || family.is_some());
        if let Some(family) = family {
            assert!(
                labels.len() <= family.labels.len()
                    && labels.iter().all(|label| family.known_values.contains(label)),
                "{}",
                family.name
            );
        }
    }
}

//! Documentation and Grafana dashboard refer to existing metrics.

use std::{collections::BTreeSet, fs};

use runtime::metrics::{
    Family, Shape,
    registry::{FAMILIES, METRICS},
};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn text(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap()
}

/// Names of a family in queries.
fn names(family: &Family) -> Vec<String> {
    let ends: &[&str] = match family.shape {
        Shape::Counter => &["_total"],
        Shape::Gauge => &[""],
        Shape::Histogram(_) => &["_bucket", "_sum", "_count"],
        Shape::Info => &["_info"],
    };
    ends.iter().map(|end| format!("{}{end}", family.name)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[test]
fn every_metric_is_documented_with_its_labels() {
    let documented = text("docs/metrics.md");
    for family in FAMILIES {
        let name = match family.shape {
            Shape::Histogram(_) => family.name.to_owned(),
            _ => names(family).remove(0),
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = format!("| `{name}` | {}", labels.join(", "));
        assert!(documented.contains(row.trim_end()), "docs/metrics.md has no row {row}");
    }
    let known: BTreeSet<_> = FAMILIES.iter().flat_map(|family| names(family)).collect();
    let plain: BTreeSet<_> = FAMILIES.iter().map(|family| family.name).collect();
    let named = words(&documented).filter(|word| word.starts_with("tollgate_"));
    for word in named {
        assert!(
            known.contains(word) || plain.contains(word),
            "docs/metrics.md: unknown metric {word}"
        );
    }
}

#[test]
fn every_metric_of_cloudwatch_is_documented() {
    let documented = text("docs/operate.md");
    for name in METRICS.iter().filter_map(|metric| metric.cloudwatch) {
        assert!(documented.contains(&format!("`{name}`")), "docs/operate.md lacks {name}");
    }
}

/// Every query uses existing metrics and their labels. `tests/prometheus` checks the syntax.
#[test]
fn dashboard_queries_use_existing_metrics() {
    let dashboard: Value = serde_json::from_str(&text("infra/grafana/tollgate.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut shown = BTreeSet::new();
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let queries: Vec<_> =
        queries.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(queries.len() >= 20);
    for query in &queries {
        let named: Vec<_> = words(query).filter(|word| word.starts_with("tollgate_")).collect();
        assert!(!named.is_empty(), "{query} uses no metric of Tollgate");
        for name in named {
            let family =
                FAMILIES.iter().find(|family| names(family).iter().any(|known| known == name));
            let family = family.unwrap_or_else(|| panic!("{query}: unknown metric {name}"));
            shown.insert(family.name);
            for label in labels_in(query) {
                assert!(
                    label == "le" || family.labels.contains(&label.as_str()),
                    "{query}: {name} has no label {label}"
                );
            }
        }
    }
    let missing: Vec<_> =
        FAMILIES.iter().map(|family| family.name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no panel shows {missing:?}");
}

/// Labels that a query selects or groups by.
fn labels_in(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for selector in query.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        found.extend(
            selector
                .split(',')
                .filter_map(|part| part.split(['=', '!']).next())
                .map(|name| name.trim().to_owned()),
        );
    }
    for names in query.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
        found.extend(names.split(',').map(|name| name.trim().to_owned()));
    }
    found
}

/// The data source is a variable, so that the dashboard works in any Grafana.
#[test]
fn dashboard_data_source_is_a_variable() {
    let dashboard: Value = serde_json::from_str(&text("infra/grafana/tollgate.json")).unwrap();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    assert!(
        variables
            .iter()
            .any(|variable| variable["type"] == "datasource" && variable["query"] == "prometheus")
    );
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "duplicate panel id");
        let sources = panel["targets"].as_array().into_iter().flatten().chain([panel]);
        for source in sources.filter(|_| panel["type"] != "row") {
            assert_eq!(source["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
        }
    }
}

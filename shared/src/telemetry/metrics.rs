use std::{fmt, sync::Arc};

use serde_json::{Map, Value, json};

use crate::time::Time;

/// The namespace of metrics where nothing else is said.
const NAMESPACE: &str = "Tollgate";

/// What a metric's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How many.
    Count,
    /// How long.
    Milliseconds,
}

/// One unit of work, as metrics tell it.
///
/// A dimension makes a metric of its own, which costs money: only what an operator defines or the code bounds may be one, an account
/// never.
#[derive(Debug, Default)]
pub struct Record {
    dimensions: Map<String, Value>,
    metrics: Vec<(&'static str, Unit, Vec<f64>)>,
}

impl Record {
    /// A record without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a dimension.
    #[must_use]
    pub fn dimension(mut self, name: &'static str, value: &str) -> Self {
        self.dimensions.insert(name.to_owned(), value.into());
        self
    }

    /// With a metric; one without values is left out.
    #[must_use]
    pub fn metric(mut self, name: &'static str, unit: Unit, values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        if !values.is_empty() {
            self.metrics.push((name, unit, values));
        }
        self
    }

    /// With a count; none at all is left out.
    #[must_use]
    pub fn count(self, name: &'static str, number: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "counts of one batch")]
        let number = (number > 0).then_some(number as f64);
        self.metric(name, Unit::Count, number)
    }

    /// The line.
    #[must_use]
    fn line(self, namespace: &str, now: Time) -> String {
        let names: Vec<_> = self.dimensions.keys().cloned().collect();
        let definitions: Vec<_> = self
            .metrics
            .iter()
            .map(|(name, unit, _)| json!({"Name": name, "Unit": format!("{unit:?}")}))
            .collect();
        let mut line = self.dimensions;
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": now.millis(),
                "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": definitions}],
            }),
        );
        for (name, _, values) in self.metrics {
            let value = if let [only] = values[..] { json!(only) } else { json!(values) };
            line.insert(name.into(), value);
        }
        Value::Object(line).to_string()
    }
}

/// Where records go: standard output, or a test's list.
#[derive(Clone)]
pub struct Metrics {
    write: Arc<dyn Fn(String) + Send + Sync>,
    namespace: Arc<str>,
}

impl Metrics {
    /// To standard output, where Lambda's logs are taken from, in a [namespace](crate::config::metrics_namespace).
    #[must_use]
    pub fn stdout(namespace: &str) -> Self {
        let metrics = Self::new(|line| {
            use std::io::Write;
            // In one write, so that no other line gets between; if nobody reads, the work is still worth doing.
            let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
        });
        Self { namespace: namespace.into(), ..metrics }
    }

    /// To `write`.
    pub fn new(write: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { write: Arc::new(write), namespace: NAMESPACE.into() }
    }

    /// Emits a record.
    pub fn emit(&self, record: Record, now: Time) {
        (self.write)(record.line(&self.namespace, now));
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_as_cloudwatch_reads_it() {
        let record = Record::new().dimension("kind", "echo").count("Completed", 2).count("Failed", 0).metric(
            "RunTime",
            Unit::Milliseconds,
            [1.5, 2.0],
        );
        insta::assert_snapshot!(record.line(NAMESPACE, Time::from_millis(7)), @r#"{"Completed":2.0,"RunTime":[1.5,2.0],"_aws":{"CloudWatchMetrics":[{"Dimensions":[["kind"]],"Metrics":[{"Name":"Completed","Unit":"Count"},{"Name":"RunTime","Unit":"Milliseconds"}],"Namespace":"Tollgate"}],"Timestamp":7},"kind":"echo"}"#);
    }
}

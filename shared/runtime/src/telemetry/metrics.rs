use std::{fmt, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::metrics::{Delta, Metric, registry};
use model::{time::Time, usage::Series};

/// Default namespace of metrics.
const DEFAULT_NAMESPACE: &str = "Tollgate";

/// Metrics of one unit of work: a line for `CloudWatch`, and an addition to the totals that the
/// Prometheus page shows.
#[derive(Debug, Default)]
pub struct Record {
    dimensions: Vec<(&'static str, String)>,
    metrics: Vec<(&'static Metric, Values)>,
}

#[derive(Debug)]
enum Values {
    Number(u64),
    Durations(Vec<Duration>),
}

impl Record {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A record of bytes counted for a series.
    #[must_use]
    pub fn of_usage(Series { direction, service, .. }: &Series, bytes: u64) -> Self {
        let of = Self::new()
            .dimension("service", service.as_str())
            .dimension("type", direction.as_str());
        of.amount(&registry::USED, bytes)
    }

    /// Adds a dimension, which is a label of the same name in Prometheus.
    #[must_use]
    pub fn dimension(mut self, name: &'static str, value: &str) -> Self {
        self.dimensions.push((name, value.to_owned()));
        self
    }

    /// Adds a count; 0 is left out.
    #[must_use]
    pub fn count(self, metric: &'static Metric, number: usize) -> Self {
        self.amount(metric, u64::try_from(number).unwrap_or(u64::MAX))
    }

    /// Adds an amount; 0 is left out.
    #[must_use]
    pub fn amount(mut self, metric: &'static Metric, number: u64) -> Self {
        if number > 0 {
            self.metrics.push((metric, Values::Number(number)));
        }
        self
    }

    /// Adds durations; an empty list is left out.
    #[must_use]
    pub fn durations(
        mut self,
        metric: &'static Metric,
        took: impl IntoIterator<Item = Duration>,
    ) -> Self {
        let took: Vec<_> = took.into_iter().collect();
        if !took.is_empty() {
            self.metrics.push((metric, Values::Durations(took)));
        }
        self
    }

    /// Adds the metrics that the Prometheus page shows to `delta`.
    pub fn add_to(&self, delta: &mut Delta) {
        for (metric, values) in &self.metrics {
            let Some(family) = metric.family else { continue };
            let mut own = metric.labels.iter().copied();
            let given = |name: &str| {
                self.dimensions.iter().find(|(of, _)| *of == name).map(|(_, value)| value.as_str())
            };
            let labels: Option<Vec<_>> =
                family.labels.iter().map(|name| given(name).or_else(|| own.next())).collect();
            let Some(labels) = labels else { continue };
            match values {
                Values::Number(number) => delta.count(family, &labels, *number),
                Values::Durations(took) => {
                    took.iter().for_each(|took| delta.observe(family, &labels, *took))
                }
            }
        }
    }

    /// The line for `CloudWatch`; `None` if none of the metrics is sent there.
    fn emf_line(&self, namespace: &str, now: Time) -> Option<String> {
        let exported =
            self.metrics.iter().filter_map(|(metric, values)| Some((metric.cloudwatch?, values)));
        let told: Vec<_> = exported.collect();
        if told.is_empty() {
            return None;
        }
        let names: Vec<_> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let definitions: Vec<_> = told
            .iter()
            .map(|(name, values)| json!({"Name": name, "Unit": values.unit()}))
            .collect();
        let dimensions =
            self.dimensions.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into()));
        let mut line: Map<String, Value> = dimensions.collect();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": now.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [names],
                    "Metrics": definitions
                }],
            }),
        );
        line.extend(told.into_iter().map(|(name, values)| (name.to_owned(), values.json())));
        Some(Value::Object(line).to_string())
    }
}

impl Values {
    const fn unit(&self) -> &'static str {
        match self {
            Self::Number(_) => "Count",
            Self::Durations(_) => "Milliseconds",
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of one batch")]
    fn json(&self) -> Value {
        match self {
            Self::Number(number) => json!(*number as f64),
            Self::Durations(took) => {
                let millis: Vec<_> = took.iter().map(|took| took.as_secs_f64() * 1000.0).collect();
                if let [only] = millis[..] { json!(only) } else { json!(millis) }
            }
        }
    }
}

/// Destination of records: lines go to standard output, or a list in tests; totals go to a
/// callback.
#[derive(Clone)]
pub struct Metrics {
    write: Arc<dyn Fn(String) + Send + Sync>,
    count: Arc<dyn Fn(&Record) + Send + Sync>,
    namespace: Arc<str>,
}

impl Metrics {
    /// Writes to standard output, which Lambda sends to CloudWatch Logs, with a
    /// [namespace](crate::config::metrics_namespace).
    #[must_use]
    pub fn stdout(namespace: &str) -> Self {
        let metrics = Self::new(|line| {
            use std::io::Write;
            // A single write keeps lines from interleaving. A failed write must not fail the work
            // it measures.
            let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
        });
        Self { namespace: namespace.into(), ..metrics }
    }

    /// Calls `write` with each line.
    pub fn new(write: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
            count: Arc::new(|_| ()),
            namespace: DEFAULT_NAMESPACE.into(),
        }
    }

    /// Also calls `count` with each record.
    #[must_use]
    pub fn with_counter(self, count: impl Fn(&Record) + Send + Sync + 'static) -> Self {
        Self { count: Arc::new(count), ..self }
    }

    pub fn emit(&self, record: &Record, now: Time) {
        if let Some(line) = record.emf_line(&self.namespace, now) {
            (self.write)(line);
        }
        (self.count)(record);
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
    use crate::metrics::{Totals, Value};

    #[test]
    fn writes_one_embedded_metric_line_per_record() {
        let record = Record::new()
            .dimension("kind", "echo")
            .count(&registry::COMPLETED, 2)
            .count(&registry::ATTEMPT_COMPLETED, 2)
            .count(&registry::FAILED, 0)
            .durations(
                &registry::RUN_TIME,
                [Duration::from_micros(1500), Duration::from_millis(2)],
            );
        insta::assert_snapshot!(record.emf_line(DEFAULT_NAMESPACE, Time::from_millis(7)).unwrap(), @r#"{"Completed":2.0,"RunTime":[1.5,2.0],"_aws":{"CloudWatchMetrics":[{"Dimensions":[["kind"]],"Metrics":[{"Name":"Completed","Unit":"Count"},{"Name":"RunTime","Unit":"Milliseconds"}],"Namespace":"Tollgate"}],"Timestamp":7},"kind":"echo"}"#);
        let mut delta = Delta::default();
        record.add_to(&mut delta);
        let mut totals = Totals::default();
        for (item, fields) in delta.drain(|_| true) {
            totals.add(
                item.prefix,
                &item.name,
                fields.iter().map(|(field, number)| (field.as_str(), *number)),
            );
        }
        let page = totals.into_page();
        assert_eq!(page.get(&registry::JOBS_ENDED, &["echo", "completed"]), Some(&Value::Count(2)));
        assert_eq!(page.get(&registry::ATTEMPTS, &["echo", "completed"]), Some(&Value::Count(2)));
        let Some(Value::Histogram(ran)) = page.get(&registry::JOB_RUN, &["echo"]) else { panic!() };
        assert_eq!(ran.count(), 2);
    }

    #[test]
    fn writes_no_line_without_cloudwatch_metrics() {
        let record = Record::new().dimension("kind", "echo").count(&registry::RETRIED_BY_CLIENT, 1);
        assert_eq!(record.emf_line(DEFAULT_NAMESPACE, Time::from_millis(7)), None);
    }
}

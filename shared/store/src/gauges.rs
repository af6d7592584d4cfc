use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit},
};

use super::Error;
use model::time::Time;
use runtime::metrics::Metric;

/// Gauges per call
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>).
const BATCH: usize = 1000;

/// Publishes gauges to CloudWatch.
#[derive(Clone, Debug)]
pub struct Gauges {
    client: Client,
    /// The same namespace as that of the logged metrics.
    namespace: String,
}

/// A gauge value.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    metric: &'static Metric,
    /// Dimension name and value, if the metric has several gauges.
    of: Option<(&'static str, String)>,
    value: f64,
    is_percent: bool,
}

impl Gauge {
    #[must_use]
    pub const fn count(metric: &'static Metric, value: f64) -> Self {
        Self { metric, of: None, value, is_percent: false }
    }

    #[must_use]
    pub const fn percent(metric: &'static Metric, value: f64) -> Self {
        Self { metric, of: None, value, is_percent: true }
    }

    /// Sets the dimension, e.g. the name of a quota.
    #[must_use]
    pub fn of(self, dimension: &'static str, which: impl Into<String>) -> Self {
        Self { of: Some((dimension, which.into())), ..self }
    }

    fn datum(&self, now: Time) -> MetricDatum {
        let dimension =
            |(name, value): &(&str, String)| Dimension::builder().name(*name).value(value).build();
        MetricDatum::builder()
            .set_metric_name(self.metric.cloudwatch.map(str::to_owned))
            .set_dimensions(self.of.as_ref().map(|of| vec![dimension(of)]))
            .value(self.value)
            .unit(if self.is_percent { StandardUnit::Percent } else { StandardUnit::Count })
            .timestamp(DateTime::from_millis(now.millis()))
            .build()
    }
}

impl Gauges {
    /// Publishes to a [namespace](runtime::config::metrics_namespace).
    #[must_use]
    pub const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// Publishes the gauges with one call per 1,000.
    ///
    /// # Errors
    /// Fails when CloudWatch can't be reached or rejects the call.
    pub async fn put(&self, gauges: &[Gauge], now: Time) -> Result<(), Error> {
        for some in gauges.chunks(BATCH) {
            let data = some.iter().map(|gauge| gauge.datum(now)).collect();
            let call = self
                .client
                .put_metric_data()
                .namespace(&self.namespace)
                .set_metric_data(Some(data));
            call.send().await.map_err(|e| Error::of("PutMetricData", &e))?;
        }
        Ok(())
    }
}

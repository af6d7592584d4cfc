use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit},
};

use super::Error;
use crate::{metrics::Metric, time::Time};

/// How many a call takes (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>).
const BATCH: usize = 1000;

/// Gauges in `CloudWatch`: what stands at a value, rather than happens.
#[derive(Clone, Debug)]
pub struct Gauges {
    client: Client,
    /// Where they are found, like the metrics that functions log.
    namespace: String,
}

/// What a gauge shows now.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    metric: &'static Metric,
    /// Of which one, where there are several: its name and its value.
    of: Option<(&'static str, String)>,
    value: f64,
    is_percent: bool,
}

impl Gauge {
    /// So many of something.
    #[must_use]
    pub const fn count(metric: &'static Metric, value: f64) -> Self {
        Self { metric, of: None, value, is_percent: false }
    }

    /// So much of a whole.
    #[must_use]
    pub const fn percent(metric: &'static Metric, value: f64) -> Self {
        Self { metric, of: None, value, is_percent: true }
    }

    /// The same of one of several, such as a quota.
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
    /// Over a client, in a [namespace](crate::config::metrics_namespace).
    #[must_use]
    pub const fn new(client: Client, namespace: String) -> Self {
        Self { client, namespace }
    }

    /// Shows them as they are now: a call for each thousand.
    ///
    /// # Errors
    /// When `CloudWatch` can't be reached or refuses.
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

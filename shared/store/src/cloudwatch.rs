use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, MetricDataQuery, MetricStat, ScanBy, StatusCode},
};

use super::Error;
use model::time::Time;

/// Metrics per call
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const METRICS_PER_CALL: usize = 500;
/// Maximum calls per run. Isolating one rejected metric among 500 takes 19 calls.
const MAX_CALLS: usize = 64;
/// Seconds.
const PERIOD: i32 = 60;

/// Reads CloudWatch metrics of other services.
#[derive(Clone, Debug)]
pub struct MetricStore {
    client: Client,
}

/// A metric with all of its dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    pub namespace: String,
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
}

/// Sum per minute that has data, by the start of the minute.
pub type Sums = Vec<(Time, f64)>;

impl MetricStore {
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns the sums per minute of each metric, in the order of the metrics. One call for 500
    /// metrics.
    ///
    /// If CloudWatch rejects a call, each half is requested separately, and so on, so that one
    /// rejected metric does not affect others. After [`MAX_CALLS`] calls the remaining metrics are
    /// `None`. The caller should put them first in the next run.
    pub async fn sums(
        &self,
        metrics: &[Metric],
        from: Time,
        to: Time,
    ) -> Vec<Option<Result<Sums, Error>>> {
        let mut answers: Vec<_> = metrics.iter().map(|_| None).collect();
        let begins = (0..metrics.len()).step_by(METRICS_PER_CALL).rev();
        let mut parts: Vec<_> =
            begins.map(|begin| begin..metrics.len().min(begin + METRICS_PER_CALL)).collect();
        for _ in 0..MAX_CALLS {
            let Some(part) = parts.pop() else { break };
            let slots = &mut answers[part.clone()];
            match self.get_metric_data(&metrics[part.clone()], from, to).await {
                Ok(found) => {
                    slots.iter_mut().zip(found).for_each(|(slot, found)| *slot = Some(found))
                }
                Err(Error::Refused(_)) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                }
                Err(Error::Unavailable(why)) => {
                    slots.fill_with(|| Some(Err(Error::Unavailable(why.clone()))));
                }
                Err(error) => slots.fill_with(|| Some(Err(Error::Refused(error.to_string())))),
            }
        }
        answers
    }

    async fn get_metric_data(
        &self,
        metrics: &[Metric],
        from: Time,
        to: Time,
    ) -> Result<Vec<Result<Sums, Error>>, Error> {
        let queries =
            metrics.iter().enumerate().map(|(nth, metric)| query(nth, metric)).collect::<Vec<_>>();
        let seconds = |time: Time| DateTime::from_millis(time.millis());
        let call = self.client.get_metric_data().set_metric_data_queries(Some(queries));
        let mut pages = call
            .start_time(seconds(from))
            .end_time(seconds(to))
            .scan_by(ScanBy::TimestampAscending)
            .into_paginator()
            .send();
        let mut found: HashMap<String, Result<Sums, Error>> = HashMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Error::of("GetMetricData", &e))?;
            for result in page.metric_data_results.unwrap_or_default() {
                let Some(id) = result.id else { continue };
                let sums = found.entry(id).or_insert_with(|| Ok(Vec::new()));
                if let Some(code @ (StatusCode::InternalError | StatusCode::Forbidden)) =
                    &result.status_code
                {
                    *sums = Err(Error::Unavailable(format!("GetMetricData: {code}")));
                }
                if let Ok(sums) = sums {
                    let times = result.timestamps.unwrap_or_default().into_iter();
                    let values = result.values.unwrap_or_default();
                    sums.extend(times.map(|time| Time::from_seconds(time.secs())).zip(values));
                }
            }
        }
        Ok((0..metrics.len())
            .map(|nth| found.remove(&id(nth)).unwrap_or_else(|| Ok(Vec::new())))
            .collect())
    }
}

/// CloudWatch requires a lower-case letter first.
fn id(nth: usize) -> String {
    format!("m{nth}")
}

fn query(nth: usize, metric: &Metric) -> MetricDataQuery {
    let dimension =
        |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
    let what = aws_sdk_cloudwatch::types::Metric::builder()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(metric.dimensions.iter().map(dimension).collect()))
        .build();
    let stat = MetricStat::builder().metric(what).period(PERIOD).stat("Sum").build();
    MetricDataQuery::builder().id(id(nth)).metric_stat(stat).return_data(true).build()
}

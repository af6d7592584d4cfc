//! CloudWatch: sums per minute that tests publish, and gauges that functions put.

mod protocol;

use crate::{ledger::Line, service_response::ServiceResponse};
pub(crate) use protocol::{into_http, operation_of, request_of};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// Maximum number of metrics per request.
const MAX_QUERIES: usize = 500;
/// Metrics per response page. Far fewer than CloudWatch's, to exercise pagination.
const PAGE_SIZE: usize = 3;

/// Maximum number of gauges per request.
const MAX_METRIC_DATA: usize = 1000;

/// Sums per metric and minute, and the latest gauge values.
#[derive(Debug, Default)]
pub(crate) struct CloudWatch {
    sums: Mutex<BTreeMap<String, BTreeMap<i64, f64>>>,
    gauges: Mutex<BTreeMap<String, f64>>,
}

impl CloudWatch {
    /// Publishes a metric's sum of one minute. `minute` is its start in seconds since 1970.
    pub(crate) fn put(
        &self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        minute: i64,
        sum: f64,
    ) {
        let dimensions: Vec<_> =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let metric = json!({"Namespace": namespace, "MetricName": name, "Dimensions": dimensions});
        self.lock().entry(metric_key(&metric)).or_default().insert(minute, sum);
    }

    /// Handles a request.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (ServiceResponse, Line) {
        let answer = match operation {
            "GetMetricData" => self.get_metric_data(request),
            "PutMetricData" => self.put_metric_data(request),
            other => panic!("the sim's CloudWatch has no {other}"),
        };
        (answer, Line { calls: 1, ..Line::default() })
    }

    fn put_metric_data(&self, request: &Value) -> ServiceResponse {
        let data = request["MetricData"].as_array().unwrap();
        if data.len() > MAX_METRIC_DATA {
            return ServiceResponse::error(
                "InvalidParameterValue",
                "The collection MetricData must not have more than 1000 entries.",
            );
        }
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut gauges = self.gauges.lock().unwrap();
        for datum in data {
            let dimensions = datum["Dimensions"].as_array().into_iter().flatten();
            let of: String = dimensions
                .map(|of| format!(" {}={}", text(&of["Name"]), text(&of["Value"])))
                .collect();
            let name =
                format!("{}/{}{of}", text(&request["Namespace"]), text(&datum["MetricName"]));
            gauges.insert(name, datum["Value"].as_f64().unwrap());
        }
        ServiceResponse::ok(json!({}))
    }

    /// The latest gauge values by namespace, name and dimension.
    pub(crate) fn gauges(&self) -> BTreeMap<String, f64> {
        self.gauges.lock().unwrap().clone()
    }

    fn get_metric_data(&self, request: &Value) -> ServiceResponse {
        let queries = request["MetricDataQueries"].as_array().unwrap();
        let invalid = |why: &str| ServiceResponse::error("ValidationError", why);
        if queries.is_empty() || queries.len() > MAX_QUERIES {
            return invalid("The number of queries is not from 1 to 500.");
        }
        let seconds = |name: &str| request[name].as_i64().unwrap();
        let (from, to) = (seconds("StartTime"), seconds("EndTime"));
        let begin: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let mut results = Vec::new();
        for query in queries.iter().skip(begin).take(PAGE_SIZE) {
            let stat = &query["MetricStat"];
            assert_eq!((&stat["Period"], &stat["Stat"]), (&json!(60), &json!("Sum")));
            let sums = self.lock().get(&metric_key(&stat["Metric"])).cloned().unwrap_or_default();
            let (times, values): (Vec<i64>, Vec<f64>) =
                sums.range(from..to).map(|(at, sum)| (*at, *sum)).unzip();
            results.push(json!({
                "Id": query["Id"],
                "StatusCode": "Complete",
                "Timestamps": times,
                "Values": values,
            }));
        }
        // CloudWatch rejects a whole request if one of its metrics has an invalid name.
        if queries.iter().any(|query| query["MetricStat"]["Metric"]["Namespace"] == "Refused") {
            return invalid("The value for parameter Namespace is invalid.");
        }
        let next = (begin + PAGE_SIZE < queries.len()).then(|| (begin + PAGE_SIZE).to_string());
        ServiceResponse::ok(json!({"MetricDataResults": results, "NextToken": next}))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<i64, f64>>> {
        self.sums.lock().unwrap()
    }
}

fn metric_key(metric: &Value) -> String {
    let mut dimensions: Vec<_> =
        metric["Dimensions"].as_array().into_iter().flatten().map(Value::to_string).collect();
    dimensions.sort();
    format!("{} {} {dimensions:?}", metric["Namespace"], metric["MetricName"])
}

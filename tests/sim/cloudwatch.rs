//! CloudWatch, as far as it takes to be asked for metrics: sums of minutes, which the test makes known when it likes.

mod protocol;

use crate::{answer::Answer, ledger::Line};
pub(crate) use protocol::{into_http, operation_of, request_of};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// How many metrics one call may ask for.
const MOST: usize = 500;
/// How many metrics are in one answer; a token leads to the rest. Far fewer than the real one's, so that there is a rest.
const PAGE: usize = 3;

/// Sums by minute, of each metric by what it is called.
#[derive(Debug, Default)]
pub(crate) struct CloudWatch(Mutex<BTreeMap<String, BTreeMap<i64, f64>>>);

impl CloudWatch {
    /// Makes the sum of a minute known, which is given by its begin in seconds since 1970.
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
        self.lock().entry(called(&metric)).or_default().insert(minute, sum);
    }

    /// Does what a request asks.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (Answer, Line) {
        assert_eq!(operation, "GetMetricData", "the sim's CloudWatch has nothing else");
        (self.answer(request), Line { calls: 1, ..Line::default() })
    }

    fn answer(&self, request: &Value) -> Answer {
        let queries = request["MetricDataQueries"].as_array().unwrap();
        let invalid = |why: &str| Answer::refused("ValidationError", why);
        if queries.is_empty() || queries.len() > MOST {
            return invalid("The number of queries is not from 1 to 500.");
        }
        let seconds = |name: &str| request[name].as_i64().unwrap();
        let (from, to) = (seconds("StartTime"), seconds("EndTime"));
        let begin: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let mut results = Vec::new();
        for query in queries.iter().skip(begin).take(PAGE) {
            let stat = &query["MetricStat"];
            assert_eq!((&stat["Period"], &stat["Stat"]), (&json!(60), &json!("Sum")));
            let sums = self.lock().get(&called(&stat["Metric"])).cloned().unwrap_or_default();
            let (times, values): (Vec<i64>, Vec<f64>) =
                sums.range(from..to).map(|(at, sum)| (*at, *sum)).unzip();
            results.push(
                json!({"Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values}),
            );
        }
        // The real one refuses names that no metric can have, and with them all that is asked for.
        if queries.iter().any(|query| query["MetricStat"]["Metric"]["Namespace"] == "Refused") {
            return invalid("The value for parameter Namespace is invalid.");
        }
        let next = (begin + PAGE < queries.len()).then(|| (begin + PAGE).to_string());
        Answer::ok(json!({"MetricDataResults": results, "NextToken": next}))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<i64, f64>>> {
        self.0.lock().unwrap()
    }
}

fn called(metric: &Value) -> String {
    let mut dimensions: Vec<_> =
        metric["Dimensions"].as_array().into_iter().flatten().map(Value::to_string).collect();
    dimensions.sort();
    format!("{} {} {dimensions:?}", metric["Namespace"], metric["MetricName"])
}

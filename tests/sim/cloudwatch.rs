//! CloudWatch: what gauges showed last. It speaks CBOR (Smithy's RPC v2).

use crate::{answer::Answer, ledger::Line};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Mutex};

/// How its paths begin.
pub(crate) const PREFIX: &str = "/service/GraniteServiceVersion20100801/operation/";

/// An account's CloudWatch.
#[derive(Debug, Default)]
pub(crate) struct CloudWatch(Mutex<BTreeMap<String, f64>>);

/// A request's operation.
pub(crate) fn operation_of(path: &str) -> &str {
    &path[PREFIX.len()..]
}

/// A request's content as JSON.
pub(crate) fn request_of(body: &[u8]) -> Value {
    plain(ciborium::from_reader(body).expect("CBOR"))
}

/// An answer as the SDK reads it.
pub(crate) fn into_http(answer: &Answer) -> HttpResponse {
    let mut body = Vec::new();
    ciborium::into_writer(&answer.body, &mut body).expect("JSON can be CBOR");
    let mut response = HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
    response
}

fn plain(cbor: Cbor) -> Value {
    match cbor {
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Float(number) => number.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bool(flag) => flag.into(),
        // A time, as seconds since 1970.
        Cbor::Tag(_, inner) => plain(*inner),
        Cbor::Array(items) => items.into_iter().map(plain).collect(),
        Cbor::Map(members) => {
            let text = |key: Cbor| key.into_text().expect("keys are texts");
            members.into_iter().map(|(key, value)| (text(key), plain(value))).collect()
        }
        _ => Value::Null,
    }
}

impl CloudWatch {
    /// Does what a request asks.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (Answer, Line) {
        assert_eq!(operation, "PutMetricData", "the sim's CloudWatch has nothing else");
        let data = request["MetricData"].as_array().unwrap();
        assert!(data.len() <= 1000, "a call takes a thousand");
        for datum in data {
            let dimensions = datum["Dimensions"].as_array().into_iter().flatten();
            let of: String =
                dimensions.map(|of| format!(" {}={}", text(&of["Name"]), text(&of["Value"]))).collect();
            let name = format!("{}/{}{of}", text(&request["Namespace"]), text(&datum["MetricName"]));
            self.0.lock().unwrap().insert(name, datum["Value"].as_f64().unwrap());
        }
        (Answer::ok(json!({})), Line { calls: 1, ..Line::default() })
    }

    pub(crate) fn gauges(&self) -> BTreeMap<String, f64> {
        self.0.lock().unwrap().clone()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

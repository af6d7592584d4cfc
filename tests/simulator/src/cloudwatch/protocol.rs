//! CloudWatch's protocol: Smithy RPC v2 in CBOR
//! (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>).

use crate::service_response::ServiceResponse;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use ciborium::Value as Cbor;
use serde_json::{Map, Value};

/// Protocol header in requests and responses.
const PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");
/// CBOR tag of a time in seconds since 1970.
const TIME: u64 = 1;

/// A request's operation, if the request has this protocol.
pub(crate) fn operation_of(request: &HttpRequest) -> Option<String> {
    let (name, value) = PROTOCOL;
    let is_cbor = request.headers().get(name) == Some(value);
    let operation = || request.uri().rsplit('/').next().map(str::to_owned);
    is_cbor.then(operation).flatten()
}

/// A request's body as JSON.
pub(crate) fn request_of(body: &[u8]) -> Value {
    json(ciborium::from_reader(body).unwrap())
}

pub(crate) fn into_http(answer: ServiceResponse) -> HttpResponse {
    let mut body = Vec::new();
    ciborium::into_writer(&cbor(answer.body, ""), &mut body).unwrap();
    let mut response = HttpResponse::new(answer.status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert(PROTOCOL.0, PROTOCOL.1);
    response.headers_mut().insert("content-type", "application/cbor");
    response
}

fn json(value: Cbor) -> Value {
    match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => value.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Float(number) => number.into(),
        Cbor::Array(items) => items.into_iter().map(json).collect(),
        Cbor::Map(members) => {
            let member = |(name, value): (Cbor, Cbor)| (name.into_text().unwrap(), json(value));
            Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number")]
        Cbor::Tag(TIME, time) => match *time {
            Cbor::Float(seconds) => (seconds as i64).into(),
            other => json(other),
        },
        other => panic!("the sim's CloudWatch can't read {other:?}"),
    }
}

/// JSON to CBOR; numbers in `Timestamps` become times.
fn cbor(value: Value, called: &str) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => value.into(),
        Value::String(text) => text.into(),
        Value::Number(number) if called == "Timestamps" => {
            Cbor::Tag(TIME, Box::new(Cbor::Float(number.as_f64().unwrap())))
        }
        Value::Number(number) => Cbor::Float(number.as_f64().unwrap()),
        Value::Array(items) => {
            Cbor::Array(items.into_iter().map(|item| cbor(item, called)).collect())
        }
        Value::Object(members) => {
            let known = members.into_iter().filter(|(_, value)| !value.is_null());
            Cbor::Map(
                known.map(|(name, value)| (Cbor::Text(name.clone()), cbor(value, &name))).collect(),
            )
        }
    }
}

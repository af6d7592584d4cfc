use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, value::RawValue};

use super::{ApiError, Contract, strict_json::StrictJson};
use api::{MAX_BODY_BYTES, Problem};
use model::job::Payload;

/// A body that passed the checks of size, content type, JSON and contract, in this order.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    /// The parsed body.
    pub json: Value,
    /// The body as it was sent.
    pub text: Box<RawValue>,
}

impl<S: Sync, T: Contract> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (text, json) = read_json(request).await?;
        let value = T::read(text.get(), &json, "").map_err(Problem::InvalidBody)?;
        Ok(Self { value, json, text })
    }
}

/// A body that is the payload of a job, checked for size, content type and JSON. The schema of its
/// kind is checked by the handler.
#[derive(Debug)]
pub struct PayloadBody {
    /// The payload as it was sent, byte for byte.
    pub payload: Payload,
    /// The parsed payload.
    pub json: Value,
}

impl<S: Sync> FromRequest<S> for PayloadBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (text, json) = read_json(request).await?;
        Ok(Self { payload: Payload(text), json })
    }
}

async fn read_json(request: Request) -> Result<(Box<RawValue>, Value), ApiError> {
    let declared_json = declares_json(request.headers());
    let bytes = read_body(request).await?;
    if !declared_json {
        return Err(Problem::UnsupportedMediaType.into());
    }
    let StrictJson(json) =
        serde_json::from_slice(&bytes).map_err(|error| malformed_json(&error))?;
    let text = serde_json::from_slice(&bytes).map_err(|error| malformed_json(&error))?;
    Ok((text, json))
}

async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    match Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::PayloadTooLarge.into()),
        Err(_) => Err(Problem::MalformedJson { detail: "The body is incomplete.".into() }.into()),
    }
}

/// `application/json` or `application/*+json`, with or without parameters.
fn declares_json(headers: &HeaderMap) -> bool {
    let declared =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type == "application/json"
        || media_type
            .strip_prefix("application/")
            .is_some_and(|sub| sub.len() > 5 && sub.ends_with("+json"))
}

fn malformed_json(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default();
    Problem::MalformedJson {
        detail: format!("Line {}, column {}: {why}.", error.line(), error.column()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn content_types() {
        let declared = |text: &str| {
            let headers = [(header::CONTENT_TYPE, text.parse().unwrap())].into_iter().collect();
            declares_json(&headers)
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/vnd.x+json",
            "application/cloudevents-batch+json ;a=b",
        ] {
            assert!(declared(json), "{json}");
        }
        for other in
            ["", "text/json", "application/+json", "application/jsonx", "application/xml", "json"]
        {
            assert!(!declared(other), "{other}");
        }
        assert!(!declares_json(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn a_malformed_body_is_told_where(text in "[\\[{\"a:,]{1,20}") {
            if let Err(error) = serde_json::from_str::<Value>(&text) {
                let Problem::MalformedJson { detail } = malformed_json(&error) else { panic!() };
                prop_assert!(detail.starts_with("Line 1, column "), "{}", detail);
            }
        }
    }
}

//! Responses of simulated services.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(crate) struct ServiceResponse {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Error code in the `x-amzn-query-error` header: SQS's errors keep the names of its older
    /// protocol.
    pub(crate) query_error: Option<&'static str>,
}

impl ServiceResponse {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, body, query_error: None }
    }

    /// A client error; `kind` is the error's shape.
    pub(crate) fn error(kind: &str, message: &str) -> Self {
        Self { status: 400, body: json!({"__type": kind, "message": message}), query_error: None }
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status == 200
    }

    pub(crate) fn into_http(self) -> HttpResponse {
        let body = SdkBody::from(self.body.to_string());
        let mut response = HttpResponse::new(self.status.try_into().unwrap(), body);
        if let Some(code) = self.query_error {
            response.headers_mut().insert("x-amzn-query-error", format!("{code};Sender"));
        }
        response
    }
}

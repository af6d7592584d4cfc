//! Decodes the SDK's requests: service, operation, content.

use crate::{
    calls, cloudwatch,
    iam::{self, ResourceNames},
    scheduler,
    service_response::ServiceResponse,
    ses, sockets,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use serde_json::Value;

/// A decoded request to an AWS service.
#[derive(Clone, Debug)]
pub struct AwsRequest {
    pub(super) service: Service,
    /// Such as `PutItem`.
    pub operation: String,
    /// Content in JSON, whatever the service's protocol is.
    pub request: Value,
}

/// A request whose body is not read yet.
pub(super) struct Head {
    service: Service,
    operation: String,
    uri: String,
}

impl AwsRequest {
    /// Decodes a request with the given body; the request's own body is ignored.
    ///
    /// # Panics When no function uses the service.
    pub fn of(request: &HttpRequest, body: &[u8]) -> Self {
        Self::head(request).with(body)
    }

    pub(super) fn head(request: &HttpRequest) -> Head {
        let (service, operation) = Service::of(request);
        Head { service, operation, uri: request.uri().to_owned() }
    }

    /// Records the request and the policy statement it uses, and checks it against the policy of
    /// the calling function.
    ///
    /// # Errors The missing permission.
    pub fn check_policy(&self, names: &ResourceNames<'_>, function: &str) -> Result<(), String> {
        calls::record(function, self.service.prefix(), &self.operation, &self.request);
        iam::check(names, function, self.service.prefix(), &self.operation, &self.request)
    }

    /// The service's throttling response.
    pub fn throttled(&self) -> HttpResponse {
        self.service.into_http(self.service.throttle())
    }
}

impl Head {
    pub(super) fn with(self, body: &[u8]) -> AwsRequest {
        let request = self.service.read(&self.uri, body);
        AwsRequest { service: self.service, operation: self.operation, request }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    Scheduler,
    Sockets,
    Ses,
    CloudWatch,
}

impl Service {
    /// Identifies the service from the protocol, the `x-amz-target` header or the path.
    fn of(request: &HttpRequest) -> (Self, String) {
        if let Some(operation) = cloudwatch::operation_of(request) {
            return (Self::CloudWatch, operation);
        }
        if let Some(target) = request.headers().get("x-amz-target") {
            let (prefix, operation) =
                target.split_once('.').expect("a target is Service.Operation");
            let service = match prefix {
                "DynamoDB_20120810" => Self::DynamoDb,
                "AmazonSQS" => Self::Sqs,
                other => panic!("the sim has no service {other}"),
            };
            return (service, operation.to_owned());
        }
        let uri: http::Uri = request.uri().parse().unwrap();
        match uri.path() {
            path if path.starts_with(ses::PREFIX) => {
                (Self::Ses, ses::operation_of(path).to_owned())
            }
            path if path.contains(sockets::PATH) => {
                (Self::Sockets, sockets::operation_of(request).to_owned())
            }
            _ => (Self::Scheduler, scheduler::operation_of(request).to_owned()),
        }
    }

    fn read(self, uri: &str, body: &[u8]) -> Value {
        match self {
            Self::Scheduler => scheduler::request_of(uri, body),
            Self::Ses => ses::request_of(uri, body),
            Self::Sockets => sockets::request_of(uri, body),
            Self::CloudWatch => cloudwatch::request_of(body),
            Self::DynamoDb | Self::Sqs => serde_json::from_slice(body).unwrap(),
        }
    }

    /// Prefix of the service's IAM actions.
    const fn prefix(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Sqs => "sqs",
            Self::Scheduler => "scheduler",
            Self::Sockets => "execute-api",
            Self::Ses => "ses",
            Self::CloudWatch => "cloudwatch",
        }
    }

    pub(crate) fn throttle(self) -> ServiceResponse {
        match self {
            Self::DynamoDb => ServiceResponse::error(
                "com.amazonaws.dynamodb.v20120810#ThrottlingException",
                "Throughput exceeds the current capacity of your table or index.",
            ),
            Self::Sqs => ServiceResponse {
                query_error: Some("RequestThrottled"),
                ..ServiceResponse::error(
                    "com.amazonaws.sqs#RequestThrottled",
                    "Request is throttled.",
                )
            },
            Self::Scheduler | Self::CloudWatch => ServiceResponse {
                status: 429,
                ..ServiceResponse::error("ThrottlingException", "Rate exceeded.")
            },
            Self::Sockets => ServiceResponse {
                status: 429,
                ..ServiceResponse::error("LimitExceededException", "Too many messages.")
            },
            Self::Ses => {
                let message = "Maximum sending rate exceeded.";
                ServiceResponse {
                    status: 429,
                    ..ServiceResponse::error("TooManyRequestsException", message)
                }
            }
        }
    }

    pub(super) fn into_http(self, answer: ServiceResponse) -> HttpResponse {
        match self {
            Self::CloudWatch => cloudwatch::into_http(answer),
            _ => answer.into_http(),
        }
    }
}

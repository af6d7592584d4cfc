use std::error::Error as _;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Failure of an AWS call. The texts are for logs only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No response, or throttled; the call may be retried.
    #[error("{0}")]
    Unavailable(String),
    /// Rejected because of a fault in the code or the stack's configuration.
    #[error("{0}")]
    Refused(String),
    /// The item is not in the format that this version writes.
    #[error("invalid item of {0}: {1}")]
    Corrupt(&'static str, String),
}

/// Transient error codes with a status below 500.
const TRANSIENT: [&str; 10] = [
    // Scheduler: concurrent changes of the same schedule.
    "ConflictException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    // CloudWatch's spelling.
    "Throttling",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TransactionConflictException",
    "TransactionInProgressException",
    "KmsThrottled",
    // API Gateway: too many messages for its connections.
    "LimitExceededException",
];

impl Error {
    pub(super) fn of<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let SdkError::ServiceError(answer) = error else {
            // Lists the causes one by one. The SDK's own rendering contains the raw response, and
            // with it item contents.
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            return Self::Unavailable(format!("{operation}: {error}: {}", causes.join(": ")));
        };
        let code = answer.err().code().unwrap_or("no code");
        let text = format!("{operation}: {code}: {}", answer.err().message().unwrap_or_default());
        let passing = answer.raw().status().as_u16() >= 500 || TRANSIENT.contains(&code);
        if passing { Self::Unavailable(text) } else { Self::Refused(text) }
    }
}

use std::error::Error as _;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// What went wrong between Tollgate and AWS. The texts are for logs alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS didn't answer, or asked to be left alone for a moment: worth another try.
    #[error("{0}")]
    Unavailable(String),
    /// AWS refused: a fault of the code or of the stack's configuration.
    #[error("{0}")]
    Refused(String),
    /// An item isn't what this version of the code writes.
    #[error("an item of {0} can't be read: {1}")]
    Corrupt(&'static str, String),
}

/// Codes of answers with a status below 500 that pass by themselves.
const PASSING: [&str; 10] = [
    // Of Scheduler, when two change the same schedule at once.
    "ConflictException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    // As CloudWatch has it.
    "Throttling",
    "RequestLimitExceeded",
    "RequestThrottled",
    "TransactionConflictException",
    "TransactionInProgressException",
    "KmsThrottled",
    // Of a gateway with too many messages for its connections.
    "LimitExceededException",
];

impl Error {
    /// What an SDK call failed with.
    pub(super) fn of<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let SdkError::ServiceError(answer) = error else {
            // The causes one by one: the SDK's own rendering shows the raw answer too, and with it what is in our items.
            let causes = std::iter::successors(error.source(), |&cause| cause.source());
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            return Self::Unavailable(format!("{operation}: {error}: {}", causes.join(": ")));
        };
        let code = answer.err().code().unwrap_or("no code");
        let text = format!("{operation}: {code}: {}", answer.err().message().unwrap_or_default());
        let passing = answer.raw().status().as_u16() >= 500 || PASSING.contains(&code);
        if passing { Self::Unavailable(text) } else { Self::Refused(text) }
    }
}

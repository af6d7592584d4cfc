//! SQS's errors.

use crate::service_response::ServiceResponse;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueError {
    NoSuchQueue,
    BadReceipt,
    Gone,
    NotInFlight,
    EmptyBatch,
    TooManyEntries,
    RepeatedEntryId,
    Invalid(&'static str),
}

impl QueueError {
    /// The error's name in the JSON protocol.
    fn shape(self) -> &'static str {
        match self {
            Self::NoSuchQueue => "QueueDoesNotExist",
            Self::BadReceipt => "ReceiptHandleIsInvalid",
            Self::NotInFlight => "MessageNotInflight",
            Self::EmptyBatch => "EmptyBatchRequest",
            Self::TooManyEntries => "TooManyEntriesInBatchRequest",
            Self::RepeatedEntryId => "BatchEntryIdsNotDistinct",
            Self::Gone | Self::Invalid(_) => "InvalidParameterValueException",
        }
    }

    /// The error's name in the older query protocol, which the SDK matches on.
    fn code(self) -> &'static str {
        match self {
            Self::NoSuchQueue => "AWS.SimpleQueueService.NonExistentQueue",
            Self::BadReceipt => "ReceiptHandleIsInvalid",
            Self::NotInFlight => "AWS.SimpleQueueService.MessageNotInflight",
            Self::EmptyBatch => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::TooManyEntries => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            Self::RepeatedEntryId => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::Gone | Self::Invalid(_) => "InvalidParameterValue",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::NoSuchQueue => "The specified queue does not exist.",
            Self::BadReceipt => "The input receipt handle is invalid.",
            Self::Gone => {
                "Message does not exist or is not available for visibility timeout change."
            }
            Self::NotInFlight => "The specified message isn't in flight.",
            Self::EmptyBatch => "There should be at least one entry in the request.",
            Self::TooManyEntries => "Maximum number of entries per request are 10.",
            Self::RepeatedEntryId => "Two or more batch entries in the request have the same Id.",
            Self::Invalid(what) => what,
        }
    }

    /// The error response of a whole request.
    pub(super) fn into_answer(self) -> ServiceResponse {
        let kind = format!("com.amazonaws.sqs#{}", self.shape());
        ServiceResponse {
            query_error: Some(self.code()),
            ..ServiceResponse::error(&kind, self.message())
        }
    }

    /// The error of one entry of a batch.
    pub(super) fn of_entry(self, id: &Value) -> Value {
        json!({"Id": id, "Code": self.code(), "Message": self.message(), "SenderFault": true})
    }
}

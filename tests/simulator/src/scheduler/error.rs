//! Scheduler's errors.

use crate::service_response::ServiceResponse;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchedulerError {
    Conflict,
    NotFound,
    Invalid(&'static str),
}

impl SchedulerError {
    pub(super) fn into_answer(self) -> ServiceResponse {
        let (status, kind, message) = match self {
            Self::Conflict => (409, "ConflictException", "Schedule already exists."),
            Self::NotFound => (404, "ResourceNotFoundException", "Schedule does not exist."),
            Self::Invalid(what) => (400, "ValidationException", what),
        };
        ServiceResponse { status, ..ServiceResponse::error(kind, message) }
    }
}

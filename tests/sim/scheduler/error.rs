//! Scheduler's errors.

use crate::answer::Answer;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SchedulerError {
    Conflict,
    NotFound,
    Invalid(&'static str),
}

impl SchedulerError {
    pub(super) fn into_answer(self) -> Answer {
        let (status, kind, message) = match self {
            Self::Conflict => (409, "ConflictException", "Schedule already exists."),
            Self::NotFound => (404, "ResourceNotFoundException", "Schedule does not exist."),
            Self::Invalid(what) => (400, "ValidationException", what),
        };
        Answer { status, ..Answer::refused(kind, message) }
    }
}

use api::Problem;
use model::violation::Violation;
use store::InvalidJob;
use tollgate_http::ApiError;

/// Why a job isn't created.
#[derive(Debug)]
pub enum SubmitError {
    /// The request violates these rules. If an earlier request with the same key created the job,
    /// that job is returned instead.
    Invalid(Vec<Violation>),
    Other(ApiError),
}

impl From<InvalidJob> for SubmitError {
    fn from(error: InvalidJob) -> Self {
        match error {
            InvalidJob::Violations(violations) => Self::Invalid(violations),
            InvalidJob::Store(error) => Self::Other(error.into()),
        }
    }
}

impl From<ApiError> for SubmitError {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<Problem> for SubmitError {
    fn from(problem: Problem) -> Self {
        Self::Other(problem.into())
    }
}

impl From<store::Error> for SubmitError {
    fn from(error: store::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(violations) => Problem::InvalidBody(violations).into(),
            SubmitError::Other(error) => error,
        }
    }
}

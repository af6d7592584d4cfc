use serde::{Deserialize, Serialize};

use crate::{
    name::Name,
    time::Time,
    usage::{Source, SourceState, Upstream},
};

/// A source of usage, and how its collection goes.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceBody {
    /// Its name.
    pub name: Name,
    /// What it is.
    #[serde(flatten)]
    pub upstream: Upstream,
    /// When it was first defined.
    pub created_at: Time,
    /// When it was last defined.
    pub updated_at: Time,
    /// The minute for which all of it was last collected; null if it never was.
    pub last_success_at: Option<Time>,
    /// How many series that were.
    pub series: u64,
    /// What went wrong the last time; null if nothing did.
    pub last_error: Option<String>,
    /// The minute in which something last went wrong.
    pub last_error_at: Option<Time>,
    /// What of the last page could not be used; null if all could.
    pub last_warning: Option<String>,
}

impl From<(Source, SourceState)> for SourceBody {
    fn from((source, state): (Source, SourceState)) -> Self {
        // What was collected of another definition says nothing of this one.
        let state = if state.lineage == source.lineage { state } else { SourceState::default() };
        Self {
            name: source.name,
            upstream: source.spec.0,
            created_at: source.created_at,
            updated_at: source.updated_at,
            last_success_at: state.last_success_at,
            series: state.series,
            last_error: state.last_error,
            last_error_at: state.last_error_at,
            last_warning: state.last_warning,
        }
    }
}

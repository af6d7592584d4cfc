//! Shared by the `PUT` handlers of kinds, schedules, sources and quotas.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use model::{id::AccountId, name::Name, time::Time, violation::Violation};
use tollgate_http::ApiError;
use uuid::Uuid;

use crate::App;

/// A unique version for each write of a definition.
pub fn version() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The response to a `PUT`: 201 with the location of a new item in `collection`, or 200.
pub fn defined(collection: &str, name: &Name, new: bool, body: impl IntoResponse) -> Response {
    if new {
        let location = format!("/v1/{collection}/{name}");
        (StatusCode::CREATED, [(header::LOCATION, location)], body).into_response()
    } else {
        body.into_response()
    }
}

impl App {
    /// The violation if the `account` of a definition doesn't exist.
    pub(crate) async fn unknown_account(
        &self,
        account: AccountId,
        now: Time,
    ) -> Result<Option<Violation>, ApiError> {
        let known = self.accounts.get_cached(account, now).await?.is_some();
        Ok((!known).then(|| Violation::new("/account", "unknown account")))
    }
}

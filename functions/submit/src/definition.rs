//! What `PUT` does alike for all that operators name and define: kinds, schedules, sources and quotas.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use shared::{gate::Failure, id::AccountId, name::Name, schema::Violation, time::Time};
use uuid::Uuid;

use crate::App;

/// The mark of a definition, another one each time.
pub fn version() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The answer: the thing as it is defined now, and where a new one of this `collection` is found.
pub fn defined(collection: &str, name: &Name, new: bool, body: impl IntoResponse) -> Response {
    if new {
        let location = format!("/v1/{collection}/{name}");
        (StatusCode::CREATED, [(header::LOCATION, location)], body).into_response()
    } else {
        body.into_response()
    }
}

impl App {
    /// What is wrong with the `account` of a definition, if anything is.
    pub(crate) async fn unknown(
        &self,
        account: AccountId,
        now: Time,
    ) -> Result<Option<Violation>, Failure> {
        let known = self.accounts.account(account, now).await?.is_some();
        Ok((!known).then(|| Violation::new("/account", "is not an account")))
    }
}

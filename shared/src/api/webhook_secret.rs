use serde::{Deserialize, Serialize};

use crate::{
    account::{IssuedSecret, WebhookSecrets},
    time::Time,
};

/// A secret that signs what an account's targets and callbacks are sent.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookSecretBody {
    /// The secret, as libraries for Standard Webhooks take it.
    #[schema(examples("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…"))]
    pub secret: String,
    /// When it was made.
    pub created_at: Time,
    /// Until when it signs; null: it is the newest, and doesn't end by itself.
    pub expires_at: Option<Time>,
}

/// The secrets of an account, newest first. Every request has a signature of each.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookSecretsBody {
    /// The secrets, three at most.
    pub items: Vec<WebhookSecretBody>,
}

impl WebhookSecretsBody {
    /// Those that sign at `now`.
    #[must_use]
    pub fn good(secrets: &WebhookSecrets, now: Time) -> Self {
        Self { items: secrets.good(now).map(WebhookSecretBody::from).collect() }
    }
}

impl From<&IssuedSecret> for WebhookSecretBody {
    fn from(issued: &IssuedSecret) -> Self {
        Self {
            secret: issued.secret.reveal().to_owned(),
            created_at: issued.created_at,
            expires_at: issued.expires_at,
        }
    }
}

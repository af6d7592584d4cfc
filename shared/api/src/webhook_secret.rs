use serde::{Deserialize, Serialize};

use model::{
    account::{IssuedSecret, WebhookSecrets},
    time::Time,
};

/// A secret that signs requests to an account's targets and callback URLs.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookSecretBody {
    /// The secret in the format of Standard Webhooks.
    #[schema(examples("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…"))]
    pub secret: String,
    /// Creation time.
    pub created_at: Time,
    /// Time when the secret expires; null for the newest, which doesn't.
    pub expires_at: Option<Time>,
}

/// Webhook secrets of an account, newest first. Every request carries one signature per secret.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WebhookSecretsBody {
    /// Secrets, at most three.
    pub items: Vec<WebhookSecretBody>,
}

impl WebhookSecretsBody {
    /// Secrets that are valid at `now`.
    #[must_use]
    pub fn valid_at(secrets: &WebhookSecrets, now: Time) -> Self {
        Self { items: secrets.valid(now).map(WebhookSecretBody::from).collect() }
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

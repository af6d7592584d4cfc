//! Webhook secrets. They are part of the account's item, since the worker needs both.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::AccountStore;
use crate::{
    Error,
    key::Key,
    table::{Conditional, Update},
};
use model::{
    account::{IssuedSecret, WebhookSecret, WebhookSecrets},
    id::AccountId,
    time::Time,
};

#[derive(Serialize, Deserialize)]
pub(super) struct SecretItem {
    secret: String,
    created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl AccountStore {
    /// Replaces an account's secrets. Returns `false` if the current ones differ from `before`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn replace_secrets(
        &self,
        account: AccountId,
        before: &WebhookSecrets,
        after: &WebhookSecrets,
    ) -> Result<bool, Error> {
        let (old, new) = (attribute(before)?, attribute(after)?);
        let update = Update {
            expression: "SET webhook_secrets = :new".into(),
            condition: Some("webhook_secrets = :old"),
            values: vec![(":old", old), (":new", new.clone())],
            ..Update::default()
        };
        let done = match self.table.update(&Key::account(account), update).await? {
            Conditional::Done(_) => true,
            // An SDK retry after a lost response.
            Conditional::Refused(there) => {
                there.is_some_and(|item| item.get("webhook_secrets") == Some(&new))
            }
        };
        self.accounts.evict(&account);
        Ok(done)
    }
}

pub(super) fn items(secrets: &WebhookSecrets) -> Vec<SecretItem> {
    let item = |issued: &IssuedSecret| SecretItem {
        secret: issued.secret.reveal().to_owned(),
        created_at: issued.created_at.millis(),
        expires_at: issued.expires_at.map(Time::millis),
    };
    secrets.all().iter().map(item).collect()
}

pub(super) fn read(items: Vec<SecretItem>) -> WebhookSecrets {
    let issued = |item: SecretItem| IssuedSecret {
        secret: WebhookSecret::from_text(item.secret),
        created_at: Time::from_millis(item.created_at),
        expires_at: item.expires_at.map(Time::from_millis),
    };
    WebhookSecrets::from_stored(items.into_iter().map(issued).collect())
}

fn attribute(secrets: &WebhookSecrets) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(items(secrets))
        .map_err(|error| Error::Corrupt("this version", error.to_string()))
}

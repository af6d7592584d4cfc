//! `tollgate keys`.

use clap::{Args, Subcommand};
use model::account::Scope;
use serde_json::{Value, json};

use crate::{
    client::{Client, Request},
    failure::Failure,
    list::Paging,
    output::{self, Format},
};

const COLUMNS: [&str; 5] = ["id", "name", "scopes", "created_at", "expires_at"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a key and print it, and nothing else, to standard output; it is never shown again
    Create(Create),
    /// List an account's keys, without their secrets
    List {
        /// Account id, acc_…
        account: String,
        #[command(flatten)]
        extent: Paging,
    },
    /// Revoke a key; this takes effect within 30 seconds
    Revoke {
        /// Account id, acc_…
        account: String,
        /// Key id, key_…
        id: String,
    },
}

#[derive(Debug, Args)]
pub struct Create {
    /// Account id, acc_…
    account: String,
    /// Scopes, separated by commas: jobs:read, jobs:write, events:read, events:write, usage:read,
    /// usage:write, metrics:read, admin
    #[arg(long, required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Key name
    #[arg(long, default_value = "tollgate")]
    name: String,
    /// Expiry time, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(client, format).await,
            Self::List { account, extent } => {
                let call = || Request::get(&["v1", "accounts", &account, "keys"]);
                extent.print(client, format, &COLUMNS, call).await
            }
            Self::Revoke { account, id } => {
                client.send(&Request::delete(&["v1", "accounts", &account, "keys", &id])).await?;
                output::print_line(&format!("{id}\trevoked"))
            }
        }
    }
}

impl Create {
    async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut body = json!({"name": self.name, "scopes": scopes});
        if let Some(until) = self.expires_at {
            body["expires_at"] = until.into();
        }
        let answer = client
            .send(&Request::post(&["v1", "accounts", &self.account, "keys"]).body(&body)?)
            .await?;
        if format == Format::Json {
            return output::print_line(&answer.body);
        }
        let key: Value = answer.json()?;
        let secret = key["secret"]
            .as_str()
            .ok_or_else(|| Failure::Local("the response contains no key".into()))?;
        output::print_line(secret)?;
        output::print_message(&format!(
            "Key id: {}. The key is not shown again.",
            key["id"].as_str().unwrap_or("-")
        ));
        Ok(())
    }
}

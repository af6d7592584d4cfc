//! `tollgate secrets`: the secrets with which targets and callbacks verify signatures.

use clap::{Args, Subcommand};
use model::account::ApiKey;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{self, Format},
};

const COLUMNS: [&str; 3] = ["secret", "created_at", "expires_at"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List an account's secrets; while there are two, requests are signed with both
    List(AccountArg),
    /// Create a secret; the previous one stays valid for 24 hours
    Rotate(AccountArg),
}

#[derive(Debug, Args)]
pub struct AccountArg {
    /// Account id, acc_…, if not the key's own
    account: Option<String>,
}

impl AccountArg {
    fn account(self, client: &Client) -> Result<String, Failure> {
        // An API key contains its account's id.
        let own = || Some(client.key()?.reveal().parse::<ApiKey>().ok()?.account.to_string());
        self.account.or_else(own).ok_or_else(|| Failure::Usage("missing account id".into()))
    }
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::List(of) => {
                let call =
                    Request::get(&["v1", "accounts", &of.account(client)?, "webhook-secrets"]);
                output::print_line(&output::format_list(
                    format,
                    &client.send(&call).await?.body,
                    &COLUMNS,
                )?)
            }
            Self::Rotate(of) => {
                let call =
                    Request::post(&["v1", "accounts", &of.account(client)?, "webhook-secrets"]);
                output::print_line(&output::format_item(format, &client.send(&call).await?.body)?)
            }
        }
    }
}

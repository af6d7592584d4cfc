//! Creates an account and its first key directly in the table, because a new stack has no key for
//! the API yet.
//!
//! An operator with AWS credentials runs it once. It is a separate program so that the `tollgate`
//! command does not depend on the AWS SDK.

use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::Parser;
use model::{
    account::{Account, ApiKey, KeyRecord, Scope},
    id,
};
use runtime::clock::Clock;
use serde_json::json;
use store::{AccountStore, Clients, Table, TrustedRoots, http_client};

/// Create an account and its first key directly in a stack's table. Requires AWS credentials
#[derive(Debug, Parser)]
#[command(name = "tollgate-bootstrap", version)]
struct Bootstrap {
    /// The stack's table, its output `TableName`
    #[arg(long, env = "TABLE_NAME")]
    table: String,
    /// Account name
    #[arg(long, default_value = "operator")]
    account: String,
    /// Scopes of the key, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "admin")]
    scopes: Vec<Scope>,
    /// Maximum number of the account's jobs running at the same time; defaults to the stack's
    /// limit
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_running: Option<u32>,
}

impl Bootstrap {
    /// Creates both and prints `{"account": "acc_…", "key": "tg_…"}`. The key is not shown again.
    async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(TrustedRoots::Machine))
            .load()
            .await;
        let accounts = AccountStore::new(Table::new(Clients::of(&config).dynamodb(), self.table));
        let now = Clock::system().now();
        let account =
            Account::create(id::generate(now, rand::random()), self.account, rand::random(), now);
        let account = Account { max_running: self.max_running, ..account };
        let key = ApiKey::generate(account.id, id::generate(now, rand::random()), rand::random());
        let record = KeyRecord::new(&key, "bootstrap", self.scopes.into_iter().collect(), now);
        accounts.put_account(&account).await?;
        accounts.put_key(&record).await?;
        println!("{}", json!({"account": account.id, "key": key.reveal()}));
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Bootstrap::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate-bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}

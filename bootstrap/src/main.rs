//! Makes an account and its first key, straight in the table: a new stack has nobody yet who could ask the API for one.
//!
//! For an operator with AWS credentials, once. A program of its own, so that the `tollgate` command needs nothing of AWS.

use std::process::ExitCode;

use aws_config::BehaviorVersion;
use clap::Parser;
use serde_json::json;
use shared::{
    account::{Account, ApiKey, KeyRecord, Scope},
    aws::{AccountStore, Clients, Table, Trust, http_client},
    clock::Clock,
    id,
};

/// Make an account and its first key, straight in a stack's table. For an operator with AWS credentials.
#[derive(Debug, Parser)]
#[command(name = "tollgate-bootstrap", version)]
struct Bootstrap {
    /// The stack's table, its output `TableName`.
    #[arg(long, env = "TABLE_NAME")]
    table: String,
    /// What to call the account.
    #[arg(long, default_value = "operator")]
    account: String,
    /// What the key may be used for, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "admin")]
    scopes: Vec<Scope>,
    /// How many of the account's jobs may run at once, if that isn't to be what the stack says for all.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_running: Option<u32>,
}

impl Bootstrap {
    /// Makes both and prints `{"account": "acc_…", "key": "tg_…"}`: the only time that the key is shown.
    async fn run(self) -> Result<(), Box<dyn std::error::Error>> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(Trust::Machine))
            .load()
            .await;
        let accounts = AccountStore::new(Table::new(Clients::of(&config).dynamodb, self.table));
        let now = Clock::system().now();
        let account =
            Account::open(id::mint(now, rand::random()), self.account, rand::random(), now);
        let account = Account { max_running: self.max_running, ..account };
        let key = ApiKey::mint(account.id, id::mint(now, rand::random()), rand::random());
        let record = KeyRecord::of(&key, "bootstrap", self.scopes.into_iter().collect(), now);
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

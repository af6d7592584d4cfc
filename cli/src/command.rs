//! The top-level commands and global options.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    accounts, events,
    failure::{EXIT_CODES, Failure},
    jobs::{self, submit},
    keys, kinds,
    output::Format,
    profile::{self, Connection},
    quotas, schedules, secrets, service, shell, sources, tables, usage,
};

/// Command-line client for Tollgate, an asynchronous job gateway
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// Output format: a table, or the server's JSON
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "table|json",
        hide_possible_values = true
    )]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Save a server's address and key, and use them from now on. Prompts for the key, or reads
    /// it from standard input
    Login(profile::Add),
    /// Manage profiles: saved server addresses and keys
    #[command(subcommand)]
    Profile(profile::Command),
    /// Submit a job; with --wait, wait until it ends and print its result
    Submit(submit::Submit),
    /// List, show, cancel and retry jobs, or submit a batch
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Manage kinds: the job types that can be submitted
    #[command(subcommand)]
    Kinds(kinds::Command),
    /// Manage schedules: recurring jobs
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Read the tables that jobs have written
    #[command(subcommand)]
    Tables(tables::Command),
    /// List, follow or publish events; without a subcommand, choose accounts and follow their
    /// events interactively
    Events(events::Events),
    /// Show the number of events and jobs per second
    Rate(service::Rate),
    /// Chart bandwidth usage, or report usage
    Usage(usage::Usage),
    /// Manage quotas (limits in bytes) and show their usage
    #[command(subcommand)]
    Quotas(quotas::Command),
    /// Manage the sources that usage is collected from
    #[command(subcommand)]
    Sources(sources::Command),
    /// Manage accounts (operators only)
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Manage the API keys of accounts (operators only)
    #[command(subcommand)]
    Keys(keys::Command),
    /// Manage webhook secrets, which sign requests to targets and callbacks
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Show the account and scopes of the key in use
    Whoami,
    /// Check that the server responds; needs no key
    Heartbeat,
    /// Print the server's totals since deployment in Prometheus format
    Metrics,
    /// Print a shell completion script
    Completions {
        /// Shell to generate the script for
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man {
        /// Write this page and one per subcommand to a directory instead
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
}

impl Arguments {
    pub async fn run(self) -> Result<(), Failure> {
        let Self { connection, output: format, command } = self;
        let client = || connection.client();
        match command {
            Command::Login(add) => add.run(&connection, true).await,
            Command::Profile(command) => command.run(&connection).await,
            Command::Submit(submit) => submit.run(&client()?, format).await,
            Command::Jobs(command) => command.run(&client()?, format).await,
            Command::Kinds(command) => command.run(&client()?, format).await,
            Command::Schedules(command) => command.run(&client()?, format).await,
            Command::Tables(command) => command.run(&client()?, format).await,
            Command::Events(events) => events.run(&client()?, format).await,
            Command::Rate(rate) => rate.run(&client()?, format).await,
            Command::Usage(usage) => usage.run(&client()?, format).await,
            Command::Quotas(command) => command.run(&client()?, format).await,
            Command::Sources(command) => command.run(&client()?, format).await,
            Command::Accounts(command) => command.run(&client()?, format).await,
            Command::Keys(command) => command.run(&client()?, format).await,
            Command::Secrets(command) => command.run(&client()?, format).await,
            Command::Whoami => service::whoami(&client()?, format).await,
            Command::Heartbeat => {
                service::heartbeat(&connection.client_without_key()?, format).await
            }
            Command::Metrics => service::metrics(&client()?).await,
            Command::Completions { shell } => shell::completions(shell),
            Command::Man { into } => shell::man(into.as_deref()),
        }
    }
}

//! The commands by their names.

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

/// The command line of Tollgate, an asynchronous job gateway
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    connection: Connection,
    /// In which form to print: a table for people, or the server's JSON
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
    /// Keep a server's address and a key for it, and use them from now on. The key is asked for, or read from standard input
    Login(profile::Add),
    /// Addresses and keys of servers
    #[command(subcommand)]
    Profile(profile::Command),
    /// Hand in a job; with --wait, wait for its outcome and print its result
    Submit(submit::Submit),
    /// Jobs: look at them, cancel them, run them again, hand in many
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Kinds: what jobs there can be
    #[command(subcommand)]
    Kinds(kinds::Command),
    /// Schedules: jobs that recur
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Tables that jobs wrote
    #[command(subcommand)]
    Tables(tables::Command),
    /// Events; without a command, choose accounts and watch theirs as they come
    Events(events::Events),
    /// Show how many events and jobs there are a second
    Rate(service::Rate),
    /// Usage: draw how much bandwidth went where, or report some
    Usage(usage::Usage),
    /// Quotas: allowances of bytes, and what is used of them
    #[command(subcommand)]
    Quotas(quotas::Command),
    /// Sources: where usage is collected from
    #[command(subcommand)]
    Sources(sources::Command),
    /// Accounts: the tenants. For operators
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Keys: what accounts get in with. For operators
    #[command(subcommand)]
    Keys(keys::Command),
    /// Webhook secrets: what targets and callbacks check signatures with
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Show whose the key is that is used, and what it may do
    Whoami,
    /// Ask the server whether it is there; needs no key
    Heartbeat,
    /// Print the server's totals since deployment, as Prometheus reads them
    Metrics,
    /// Print what makes a shell complete this command
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man {
        /// Write it and a page for each command into this folder instead.
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
}

impl Arguments {
    /// Does what the command line says.
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
            Command::Heartbeat => service::heartbeat(&connection.keyless()?, format).await,
            Command::Metrics => service::metrics(&client()?).await,
            Command::Completions { shell } => shell::completions(shell),
            Command::Man { into } => shell::man(into.as_deref()),
        }
    }
}

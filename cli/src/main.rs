//! `tollgate`, the command-line client of the Tollgate API.

mod accounts;
mod bulk;
mod client;
mod command;
mod definitions;
mod events;
mod failure;
mod jobs;
mod keys;
mod kinds;
mod list;
mod output;
mod profile;
mod quotas;
mod schedules;
mod secrets;
mod service;
mod shell;
mod sources;
mod tables;
mod usage;
mod watch;

use std::process::ExitCode;

use clap::Parser;
use failure::Failure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match command::Arguments::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                output::print_message(&format!("tollgate: {failure}"));
            }
            failure.exit_code().into()
        }
    }
}

//! `tollgate`, the command line.

mod bootstrap;

use clap::{Parser, Subcommand};

/// Tollgate's command line.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account and its first key, straight in the table. For an operator with AWS credentials, once, on a new stack.
    Bootstrap(bootstrap::Bootstrap),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let Arguments { command: Command::Bootstrap(bootstrap) } = Arguments::parse();
    match bootstrap.run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tollgate: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

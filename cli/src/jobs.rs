//! Jobs: looking at them and steering them.

mod batch;
pub mod submit;
mod wait;

use clap::{Args, Subcommand};
use shared::job::Status;

use crate::{
    client::{Call, Client},
    failure::Failure,
    list::Extent,
    output::{self, Format},
    watch::watch,
};

const COLUMNS: [&str; 7] =
    ["id", "kind", "status", "priority", "attempts", "created_at", "finished_at"];
const ATTEMPT_COLUMNS: [&str; 6] =
    ["number", "started_at", "ended_at", "outcome", "http_status", "error"];

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List jobs, newest first
    List(List),
    /// Show a job with all there is to know of it
    Show {
        #[command(flatten)]
        job: Job,
        /// Show it again at each change, until it is over.
        #[arg(long)]
        watch: bool,
    },
    /// Wait until a job is over, and print its result; the exit code tells the outcome
    Wait {
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        patience: wait::Patience,
    },
    /// Cancel a job; one that runs is asked to stop
    Cancel(Job),
    /// Put a failed or cancelled job back, with all its attempts
    Retry(Job),
    /// Show what each attempt at a job did
    Attempts(Job),
    /// Hand in many jobs, each accepted or refused for itself
    Batch(batch::Batch),
}

/// Which job.
#[derive(Debug, Args)]
pub struct Job {
    /// The job's id, job_….
    id: String,
    /// Whose it is, if not the key's own account's; for operators.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

/// Which jobs.
#[derive(Debug, Args)]
pub struct List {
    /// Only jobs that stand there: queued, running, completed, failed or cancelled.
    #[arg(long)]
    status: Option<Status>,
    /// Only jobs of this kind.
    #[arg(long)]
    kind: Option<String>,
    /// Whose, if not the key's own account's; for operators.
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    extent: Extent,
    /// Show the list anew whenever it changes, until Ctrl-C.
    #[arg(long, conflicts_with = "cursor")]
    watch: bool,
}

impl Job {
    fn get(&self) -> Call {
        self.call(Call::get(&["v1", "jobs", &self.id]))
    }

    fn call(&self, call: Call) -> Call {
        call.query("account", self.account.as_ref())
    }
}

impl Command {
    /// Does it.
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(client, format).await,
            Self::Show { job, watch: false } => {
                output::line(&output::item(format, &client.send(&job.get()).await?.body)?)
            }
            Self::Show { job, watch: true } => wait::follow(client, &job, format).await,
            Self::Wait { job, patience } => wait::wait(client, &job, patience, format).await,
            Self::Cancel(job) => {
                let answer = client.send(&job.call(Call::delete(&["v1", "jobs", &job.id]))).await?;
                if answer.status == 202 {
                    output::note("It runs; its worker was asked to stop.");
                }
                output::line(&output::item(format, &answer.body)?)
            }
            Self::Retry(job) => {
                let answer =
                    client.send(&job.call(Call::post(&["v1", "jobs", &job.id, "retry"]))).await?;
                output::line(&output::item(format, &answer.body)?)
            }
            Self::Attempts(job) => {
                let answer =
                    client.send(&job.call(Call::get(&["v1", "jobs", &job.id, "attempts"]))).await?;
                output::line(&output::whole_list(format, &answer.body, &ATTEMPT_COLUMNS)?)
            }
            Self::Batch(batch) => batch.run(client, format).await,
        }
    }
}

impl List {
    async fn run(&self, client: &Client, format: Format) -> Result<(), Failure> {
        let call = || {
            Call::get(&["v1", "jobs"])
                .query("status", self.status)
                .query("kind", self.kind.as_ref())
                .query("account", self.account.as_ref())
        };
        if !self.watch {
            return self.extent.print(client, format, &COLUMNS, call).await;
        }
        watch(async || output::list(format, &self.extent.read(client, call).await?, &COLUMNS)).await
    }
}

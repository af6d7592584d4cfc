//! `tollgate jobs`.

mod batch;
pub mod submit;
mod wait;

use clap::{Args, Subcommand};
use model::job::Status;

use crate::{
    client::{Client, Request},
    failure::Failure,
    list::Paging,
    output::{self, Format},
    watch::watch,
};

const COLUMNS: [&str; 7] =
    ["id", "kind", "status", "priority", "attempts", "created_at", "finished_at"];
const ATTEMPT_COLUMNS: [&str; 6] =
    ["number", "started_at", "ended_at", "outcome", "http_status", "error"];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List jobs, newest first
    List(List),
    /// Show all details of a job
    Show {
        #[command(flatten)]
        job: Job,
        /// Show the job again on each change, until it ends
        #[arg(long)]
        watch: bool,
    },
    /// Wait until a job ends, and print its result; the exit code gives the outcome
    Wait {
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        patience: wait::WaitOptions,
    },
    /// Cancel a job; a running job is asked to stop
    Cancel(Job),
    /// Queue a failed or cancelled job again, with its attempts reset
    Retry(Job),
    /// List the attempts of a job
    Attempts(Job),
    /// Submit many jobs, each accepted or rejected individually
    Batch(batch::Batch),
}

#[derive(Debug, Args)]
pub struct Job {
    /// Job id, job_…
    id: String,
    /// Account of the job, if not the key's own (operators only)
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub struct List {
    /// Only jobs with this status: queued, running, completed, failed or cancelled
    #[arg(long)]
    status: Option<Status>,
    /// Only jobs of this kind
    #[arg(long)]
    kind: Option<String>,
    /// Account to list, if not the key's own (operators only)
    #[arg(long)]
    account: Option<String>,
    #[command(flatten)]
    extent: Paging,
    /// Show the list again whenever it changes, until Ctrl-C
    #[arg(long, conflicts_with = "cursor")]
    watch: bool,
}

impl Job {
    fn get(&self) -> Request {
        self.call(Request::get(&["v1", "jobs", &self.id]))
    }

    fn call(&self, call: Request) -> Request {
        call.query("account", self.account.as_ref())
    }
}

impl Command {
    pub async fn run(self, client: &Client, format: Format) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(client, format).await,
            Self::Show { job, watch: false } => output::print_line(&output::format_item(
                format,
                &client.send(&job.get()).await?.body,
            )?),
            Self::Show { job, watch: true } => wait::follow(client, &job, format).await,
            Self::Wait { job, patience } => wait::wait(client, &job, patience, format).await,
            Self::Cancel(job) => {
                let answer =
                    client.send(&job.call(Request::delete(&["v1", "jobs", &job.id]))).await?;
                if answer.status == 202 {
                    output::print_message("The job is running; cancellation is requested.");
                }
                output::print_line(&output::format_item(format, &answer.body)?)
            }
            Self::Retry(job) => {
                let answer = client
                    .send(&job.call(Request::post(&["v1", "jobs", &job.id, "retry"])))
                    .await?;
                output::print_line(&output::format_item(format, &answer.body)?)
            }
            Self::Attempts(job) => {
                let answer = client
                    .send(&job.call(Request::get(&["v1", "jobs", &job.id, "attempts"])))
                    .await?;
                output::print_line(&output::format_list(format, &answer.body, &ATTEMPT_COLUMNS)?)
            }
            Self::Batch(batch) => batch.run(client, format).await,
        }
    }
}

impl List {
    async fn run(&self, client: &Client, format: Format) -> Result<(), Failure> {
        let call = || {
            Request::get(&["v1", "jobs"])
                .query("status", self.status)
                .query("kind", self.kind.as_ref())
                .query("account", self.account.as_ref())
        };
        if !self.watch {
            return self.extent.print(client, format, &COLUMNS, call).await;
        }
        watch(async || {
            output::format_page(format, &self.extent.read(client, call).await?, &COLUMNS)
        })
        .await
    }
}

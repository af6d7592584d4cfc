use aws_sdk_scheduler::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
        Target,
    },
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Error;
use crate::{config::SchedulerConfig, name::Name};

/// How often an update and a creation may take turns: each is refused only if someone else deleted or created the schedule in between.
const TURNS: usize = 3;

/// For how long Scheduler tries to send, in seconds (60 to 86,400; a day if nothing is said). An
/// hour outlasts most outages of SQS. What isn't sent by then is a dead letter, of which the worker
/// still makes the job: waiting a day would only make that later.
const LONGEST_TRY: i32 = 3600;
/// How often (0 to 185): as often as the backoff fits into that time.
const MOST_TRIES: i32 = 185;

/// `EventBridge` Scheduler: sends a message to the queue of jobs at its time.
#[derive(Clone, Debug)]
pub struct Scheduler {
    client: Client,
    config: SchedulerConfig,
}

/// When a recurring schedule runs, and what it sends.
#[derive(Clone, Copy, Debug)]
pub struct Recurring<'a> {
    /// `rate(…)` or `cron(…)`.
    pub expression: &'a str,
    /// A name of the IANA Time Zone Database.
    pub timezone: &'a str,
    /// Whether it runs at all.
    pub enabled: bool,
    /// The message, encoded; Scheduler fills in `<aws.scheduler.scheduled-time>`.
    pub message: &'a str,
}

/// Scheduler takes no such expression, or no such time zone. Its own words are in the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAccepted;

impl Scheduler {
    /// Over a client.
    #[must_use]
    pub const fn new(client: Client, config: SchedulerConfig) -> Self {
        Self { client, config }
    }

    /// Makes a recurring schedule, or changes it. To be repeated, if it failed, until it succeeds.
    ///
    /// # Errors
    /// When Scheduler can't be reached or refuses, for another reason than what the schedule says; it may have been changed all the same.
    pub async fn put_recurring(
        &self,
        name: &Name,
        recurring: Recurring<'_>,
    ) -> Result<Result<(), NotAccepted>, Error> {
        // Whichever of the two comes too late finds what the other one needs, also when it is its own work, whose answer was lost.
        for _ in 0..TURNS {
            match self.create(name, recurring).await? {
                Put::Done => return Ok(Ok(())),
                Put::NotAccepted => return Ok(Err(NotAccepted)),
                Put::TooLate => {}
            }
            match self.update(name, recurring).await? {
                Put::Done => return Ok(Ok(())),
                Put::NotAccepted => return Ok(Err(NotAccepted)),
                Put::TooLate => {}
            }
        }
        Err(Error::Unavailable(
            "CreateSchedule: someone else makes and deletes the same schedule".into(),
        ))
    }

    /// Deletes a recurring schedule. One that is gone is no error.
    ///
    /// # Errors
    /// When Scheduler can't be reached or refuses.
    pub async fn delete_recurring(&self, name: &Name) -> Result<(), Error> {
        self.delete(name.as_str()).await
    }

    async fn create(&self, name: &Name, recurring: Recurring<'_>) -> Result<Put, Error> {
        let call = self
            .client
            .create_schedule()
            .name(name.as_str())
            .group_name(&self.config.schedules_group);
        let answer = call
            .schedule_expression(recurring.expression)
            .schedule_expression_timezone(recurring.timezone)
            .state(recurring.state())
            .flexible_time_window(on_time()?)
            .target(self.target(recurring.message)?)
            .send()
            .await;
        put("CreateSchedule", answer.map(drop), CONFLICT)
    }

    async fn update(&self, name: &Name, recurring: Recurring<'_>) -> Result<Put, Error> {
        let call = self
            .client
            .update_schedule()
            .name(name.as_str())
            .group_name(&self.config.schedules_group);
        let answer = call
            .schedule_expression(recurring.expression)
            .schedule_expression_timezone(recurring.timezone)
            .state(recurring.state())
            .flexible_time_window(on_time()?)
            .target(self.target(recurring.message)?)
            .send()
            .await;
        put("UpdateSchedule", answer.map(drop), GONE)
    }

    async fn delete(&self, name: &str) -> Result<(), Error> {
        let call =
            self.client.delete_schedule().name(name).group_name(&self.config.schedules_group);
        match call.send().await {
            Err(error) if code(&error) != Some(GONE) => Err(Error::of("DeleteSchedule", &error)),
            _ => Ok(()),
        }
    }

    /// The queue of jobs. Without a message group: Scheduler knows those of FIFO queues alone.
    fn target(&self, message: &str) -> Result<Target, Error> {
        let retry = RetryPolicy::builder()
            .maximum_event_age_in_seconds(LONGEST_TRY)
            .maximum_retry_attempts(MOST_TRIES)
            .build();
        let dead_letters =
            DeadLetterConfig::builder().arn(&self.config.dead_letter_queue_arn).build();
        let target = Target::builder()
            .arn(&self.config.queue_arn)
            .role_arn(&self.config.role_arn)
            .input(message)
            .retry_policy(retry)
            .dead_letter_config(dead_letters);
        target.build().map_err(|e| Error::Refused(e.to_string()))
    }
}

impl Recurring<'_> {
    const fn state(&self) -> ScheduleState {
        if self.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
    }
}

const CONFLICT: &str = "ConflictException";
const GONE: &str = "ResourceNotFoundException";
const INVALID: &str = "ValidationException";

/// What came of a creation or an update.
enum Put {
    Done,
    NotAccepted,
    /// There is one to update, or none any more.
    TooLate,
}

fn put<E>(
    operation: &'static str,
    answer: Result<(), SdkError<E, HttpResponse>>,
    too_late: &str,
) -> Result<Put, Error>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let Err(error) = answer else { return Ok(Put::Done) };
    match code(&error) {
        Some(code) if code == too_late => Ok(Put::TooLate),
        Some(INVALID) if message(&error).is_some_and(is_about_time) => {
            tracing::warn!(cause = %Error::of(operation, &error), "Scheduler takes no such schedule");
            Ok(Put::NotAccepted)
        }
        _ => Err(Error::of(operation, &error)),
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error()?.code()
}

fn message<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error()?.message()
}

/// Whether a refusal is about what the caller said. Scheduler has one code for all that it doesn't like, and its words are in no contract;
/// so what doesn't clearly name the expression or the time zone, such as a role that it can't assume, is the stack's own fault.
fn is_about_time(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| message.contains(word));
    names(&["schedule expression", "scheduleexpression", "timezone", "time zone"])
        && !names(&["role", "target", "queue"])
}

fn on_time() -> Result<FlexibleTimeWindow, Error> {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    window.map_err(|e| Error::Refused(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_the_expression_or_the_time_zone_is_the_callers_mistake() {
        for theirs in [
            "Invalid Schedule Expression cron(0 4 31 2 ? *).",
            "1 validation error detected: Value 'x' at 'scheduleExpression' failed to satisfy constraint",
            "Parameter ScheduleExpressionTimezone is not valid.",
            "The time zone is not known.",
        ] {
            assert!(is_about_time(theirs), "{theirs}");
        }
        for ours in [
            "",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            "Provided Arn is not in correct format.",
            "The role of the target of this schedule expression can't be assumed.",
            "1 validation error detected: Value 'x' at 'groupName' failed to satisfy constraint",
        ] {
            assert!(!is_about_time(ours), "{ours}");
        }
    }
}

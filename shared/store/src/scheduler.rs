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
use model::name::Name;
use runtime::config::SchedulerConfig;

/// Maximum alternations of create and update. Each is refused only if another process deleted or
/// created the schedule in between.
const MAX_ALTERNATIONS: usize = 3;

/// How long Scheduler retries a delivery, in seconds (60 to 86,400, default one day). One hour
/// outlasts most SQS outages. After that the message goes to the dead-letter queue, and the worker
/// creates the job from there. A longer limit would only delay this.
const MAX_EVENT_AGE_SECONDS: i32 = 3600;
/// Maximum retries (0 to 185): as many as the backoff allows within
/// [`MAX_EVENT_AGE_SECONDS`].
const MAX_RETRIES: i32 = 185;

/// EventBridge Scheduler: sends messages of recurring schedules to the job queue.
#[derive(Clone, Debug)]
pub struct Scheduler {
    client: Client,
    config: SchedulerConfig,
}

/// Timing and message of a recurring schedule.
#[derive(Clone, Copy, Debug)]
pub struct Recurring<'a> {
    /// `rate(…)` or `cron(…)`.
    pub expression: &'a str,
    /// A name of the IANA Time Zone Database.
    pub timezone: &'a str,
    pub enabled: bool,
    /// The encoded message. Scheduler replaces `<aws.scheduler.scheduled-time>`.
    pub message: &'a str,
}

/// Scheduler rejected the expression or the time zone. Its message is only logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTiming;

impl Scheduler {
    #[must_use]
    pub const fn new(client: Client, config: SchedulerConfig) -> Self {
        Self { client, config }
    }

    /// Creates or updates a recurring schedule. After a failure, the caller must repeat it until it
    /// succeeds.
    ///
    /// # Errors
    /// Fails when Scheduler can't be reached or rejects the call for a reason other than expression
    /// or time zone. The schedule may have been changed nevertheless.
    pub async fn put_recurring(
        &self,
        name: &Name,
        recurring: Recurring<'_>,
    ) -> Result<Result<(), InvalidTiming>, Error> {
        // If one of the two calls is refused, the other one applies. This holds even if an earlier
        // try of the same call succeeded and its response was lost.
        for _ in 0..MAX_ALTERNATIONS {
            match self.create(name, recurring).await? {
                PutResult::Done => return Ok(Ok(())),
                PutResult::NotAccepted => return Ok(Err(InvalidTiming)),
                PutResult::WrongOperation => {}
            }
            match self.update(name, recurring).await? {
                PutResult::Done => return Ok(Ok(())),
                PutResult::NotAccepted => return Ok(Err(InvalidTiming)),
                PutResult::WrongOperation => {}
            }
        }
        Err(Error::Unavailable("CreateSchedule: concurrent changes of the same schedule".into()))
    }

    /// Deletes a recurring schedule. A missing schedule is not an error.
    ///
    /// # Errors
    /// Fails when Scheduler can't be reached or rejects the call.
    pub async fn delete_recurring(&self, name: &Name) -> Result<(), Error> {
        self.delete(name.as_str()).await
    }

    async fn create(&self, name: &Name, recurring: Recurring<'_>) -> Result<PutResult, Error> {
        let call = self
            .client
            .create_schedule()
            .name(name.as_str())
            .group_name(&self.config.schedules_group);
        let answer = call
            .schedule_expression(recurring.expression)
            .schedule_expression_timezone(recurring.timezone)
            .state(recurring.state())
            .flexible_time_window(no_flexible_window()?)
            .target(self.target(recurring.message)?)
            .send()
            .await;
        put("CreateSchedule", answer.map(drop), CONFLICT)
    }

    async fn update(&self, name: &Name, recurring: Recurring<'_>) -> Result<PutResult, Error> {
        let call = self
            .client
            .update_schedule()
            .name(name.as_str())
            .group_name(&self.config.schedules_group);
        let answer = call
            .schedule_expression(recurring.expression)
            .schedule_expression_timezone(recurring.timezone)
            .state(recurring.state())
            .flexible_time_window(no_flexible_window()?)
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

    /// The job queue. Scheduler supports message groups only for FIFO queues.
    fn target(&self, message: &str) -> Result<Target, Error> {
        let retry = RetryPolicy::builder()
            .maximum_event_age_in_seconds(MAX_EVENT_AGE_SECONDS)
            .maximum_retry_attempts(MAX_RETRIES)
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

/// Result of a create or update.
enum PutResult {
    Done,
    NotAccepted,
    /// The schedule already exists (create) or no longer exists (update).
    WrongOperation,
}

fn put<E>(
    operation: &'static str,
    answer: Result<(), SdkError<E, HttpResponse>>,
    too_late: &str,
) -> Result<PutResult, Error>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let Err(error) = answer else { return Ok(PutResult::Done) };
    match code(&error) {
        Some(code) if code == too_late => Ok(PutResult::WrongOperation),
        Some(INVALID) if message(&error).is_some_and(is_about_time) => {
            tracing::warn!(
                cause = %Error::of(operation, &error),
                "schedule rejected by Scheduler"
            );
            Ok(PutResult::NotAccepted)
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

/// Whether a validation error is the caller's. Scheduler uses one code for all validation errors,
/// and its messages are not part of its contract. A message that does not clearly name the
/// expression or the time zone counts as the stack's fault, e.g. a role that can't be assumed.
fn is_about_time(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let names = |words: &[&str]| words.iter().any(|word| message.contains(word));
    names(&["schedule expression", "scheduleexpression", "timezone", "time zone"])
        && !names(&["role", "target", "queue"])
}

fn no_flexible_window() -> Result<FlexibleTimeWindow, Error> {
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build();
    window.map_err(|e| Error::Refused(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expression_and_time_zone_errors_are_the_callers_fault() {
        for theirs in [
            "Invalid Schedule Expression cron(0 4 31 2 ? *).",
            "1 validation error detected: Value 'x' at 'scheduleExpression' \
             failed to satisfy constraint",
            "Parameter ScheduleExpressionTimezone is not valid.",
            "The time zone is not known.",
        ] {
            assert!(is_about_time(theirs), "{theirs}");
        }
        for ours in [
            "",
            "The execution role you provide must allow AWS EventBridge Scheduler \
             to assume the role.",
            "Provided Arn is not in correct format.",
            "The role of the target of this schedule expression can't be assumed.",
            "1 validation error detected: Value 'x' at 'groupName' failed to satisfy constraint",
        ] {
            assert!(!is_about_time(ours), "{ours}");
        }
    }
}

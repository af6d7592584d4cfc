//! Scheduler through the SDK, and its expressions.

use super::expression::Expression;
use crate::{Aws, Fault, JOBS, Plan, SCHEDULES};
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, ScheduleState, Target,
};
use std::time::Duration;
use tokio::time::sleep;

const MINUTE: Duration = Duration::from_secs(60);

fn target(aws: &Aws) -> Target {
    let input = "at <aws.scheduler.scheduled-time>";
    Target::builder().arn(aws.queue_arn(JOBS)).role_arn("role").input(input).build().unwrap()
}

fn on_time() -> FlexibleTimeWindow {
    FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap()
}

/// Creates a schedule; returns the error code if it is refused.
async fn create(aws: &Aws, group: &str, name: &str, expression: &str) -> Result<(), String> {
    let call = aws.scheduler().create_schedule().group_name(group).name(name);
    let call =
        call.flexible_time_window(on_time()).target(target(aws)).schedule_expression(expression);
    let sent = call.action_after_completion(ActionAfterCompletion::Delete).send().await;
    sent.map(drop)
        .map_err(|error| error.into_service_error().meta().code().unwrap_or_default().to_owned())
}

fn bodies(aws: &Aws) -> Vec<String> {
    aws.messages(JOBS).into_iter().map(|message| message.body).collect()
}

#[tokio::test(start_paused = true)]
async fn one_time_schedule_fires_once_and_is_deleted() {
    let aws = Aws::new();
    create(&aws, SCHEDULES, "once", "at(2026-11-20T16:30:00)").await.unwrap();
    assert_eq!(
        create(&aws, SCHEDULES, "once", "at(2026-11-20T17:00:00)").await.unwrap_err(),
        "ConflictException"
    );
    sleep(29 * MINUTE).await;
    assert_eq!(aws.fire_due_schedules(), 0);
    sleep(MINUTE).await;
    assert_eq!((aws.fire_due_schedules(), aws.fire_due_schedules()), (1, 0));
    assert_eq!(bodies(&aws), ["at 2026-11-20T16:30:00Z"]);
    assert!(aws.schedules().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_recurring_schedule_fires_until_it_is_disabled_or_deleted() {
    let aws = Aws::new();
    create(&aws, SCHEDULES, "often", "rate(5 minutes)").await.unwrap();
    sleep(11 * MINUTE).await;
    assert_eq!(aws.fire_due_schedules(), 2);
    assert_eq!(bodies(&aws), ["at 2026-11-20T16:05:00Z", "at 2026-11-20T16:10:00Z"]);

    let call = aws.scheduler().update_schedule().group_name(SCHEDULES).name("often");
    let call = call
        .flexible_time_window(on_time())
        .target(target(&aws))
        .schedule_expression("rate(1 minute)");
    call.state(ScheduleState::Disabled).send().await.unwrap();
    sleep(11 * MINUTE).await;
    assert_eq!(aws.fire_due_schedules(), 0);
    assert_eq!(aws.schedules()[0]["State"], "DISABLED");
    let got =
        aws.scheduler().get_schedule().group_name(SCHEDULES).name("often").send().await.unwrap();
    assert_eq!(got.schedule_expression(), Some("rate(1 minute)"));

    let delete = || aws.scheduler().delete_schedule().group_name(SCHEDULES).name("often").send();
    delete().await.unwrap();
    assert!(delete().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    assert_eq!(aws.ledger().count("DeleteSchedule"), 2);
}

#[tokio::test(start_paused = true)]
async fn rejects_invalid_schedules_and_suffers_faults() {
    let aws = Aws::new();
    for (group, expression, code) in [
        (SCHEDULES, "cron(0 0 32 * ? *)", "ValidationException"),
        (SCHEDULES, "sometimes", "ValidationException"),
        ("elsewhere", "rate(1 day)", "ResourceNotFoundException"),
    ] {
        assert_eq!(create(&aws, group, "x", expression).await.unwrap_err(), code, "{expression}");
    }
    aws.inject(Plan::only("CreateSchedule", 1, Fault::Throttle).or(Plan::only(
        "CreateSchedule",
        2,
        Fault::After,
    )));
    assert_eq!(create(&aws, SCHEDULES, "x", "rate(1 day)").await.unwrap_err(), "ConflictException");
    assert_eq!((aws.heal(), aws.schedules().len()), (2, 1));
}

#[test]
fn cron_follows_its_time_zone() {
    let times = |text: &str, zone: &str, from: &str| -> Vec<String> {
        let expression = Expression::read(text, zone).unwrap();
        let from: jiff::Timestamp = from.parse().unwrap();
        let first = expression.first_from(from.as_millisecond());
        let times = std::iter::successors(first, |ms| expression.next_after(*ms)).take(3);
        times.map(|ms| jiff::Timestamp::from_millisecond(ms).unwrap().to_string()).collect()
    };
    let noon = "2026-11-20T12:00:00Z";
    assert_eq!(
        times("cron(30 4 ? * MON-FRI *)", "Europe/Berlin", noon),
        ["2026-11-23T03:30:00Z", "2026-11-24T03:30:00Z", "2026-11-25T03:30:00Z"]
    );
    assert_eq!(
        times("cron(0/20 12,13 20 11 ? *)", "UTC", noon),
        ["2026-11-20T12:20:00Z", "2026-11-20T12:40:00Z", "2026-11-20T13:00:00Z"]
    );
    // Summer time starts on the 29th: 02:30 doesn't exist.
    assert_eq!(
        times("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-27T12:00:00Z"),
        ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]
    );
    // It ends on the 25th: 02:30 occurs twice.
    assert_eq!(
        times("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z"),
        ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]
    );
    assert_eq!(times("cron(0 0 31 2 ? *)", "UTC", noon), [""; 0]);
}

//! `template.yaml` agrees with the code.

use std::time::Duration;

use model::job::{QUEUE_RETENTION, RECEIVES_DIVISOR, Timing};
use serde_json::{Value, json};
pub use sim::template;

/// The properties of all resources of a type.
pub fn resources(template: &Value, of_type: &str) -> Vec<(String, Value)> {
    let all = template["Resources"].as_object().unwrap();
    let found = all.iter().filter(|(_, resource)| resource["Type"] == of_type);
    found.map(|(name, resource)| (name.clone(), resource["Properties"].clone())).collect()
}

pub fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

#[test]
fn worker_timings_match_the_code() {
    let template = template();
    let rows = template["Mappings"]["Timing"].as_object().unwrap();
    assert!(rows.len() >= 3);
    for (name, row) in rows {
        let seconds = |column: &str| Duration::from_secs(row[column].as_u64().unwrap());
        let timing = Timing::for_target(seconds("TargetSeconds"));
        assert_eq!(
            (seconds("WorkerSeconds"), seconds("VisibilitySeconds")),
            (timing.function(), timing.visibility()),
            "{name}"
        );
        let receives = u32::try_from(row["Receives"].as_u64().unwrap()).unwrap();
        assert!(
            timing.visibility() * receives <= QUEUE_RETENTION / RECEIVES_DIVISOR && receives >= 80,
            "{name}: a message would be deleted before it becomes a dead letter, \
             or give up on an outage"
        );
    }
    let queue = &template["Resources"]["JobQueue"]["Properties"];
    assert_eq!(queue["MessageRetentionPeriod"], QUEUE_RETENTION.as_secs());
    let dead = &template["Resources"]["DeadLetterQueue"]["Properties"];
    assert_eq!(dead["MessageRetentionPeriod"], QUEUE_RETENTION.as_secs());
    let receives = &queue["RedrivePolicy"]["maxReceiveCount"]["!FindInMap"];
    assert_eq!(receives, &json!(["Timing", {"!Ref": "WorkerTiming"}, "Receives"]));
    for queue in ["JobQueue", "DeadLetterQueue"] {
        let visibility =
            &template["Resources"][queue]["Properties"]["VisibilityTimeout"]["!FindInMap"];
        assert_eq!(
            visibility,
            &json!(["Timing", {"!Ref": "WorkerTiming"}, "VisibilitySeconds"]),
            "{queue}"
        );
    }
}

#[test]
fn function_timeouts_exceed_handler_timeouts() {
    let template = template();
    for (function, patience) in [
        ("SubmitFunction", submit::REQUEST_TIMEOUT),
        ("PollFunction", poll::REQUEST_TIMEOUT),
        ("ManageFunction", manage::REQUEST_TIMEOUT),
        ("ConsoleFunction", console::TIMEOUT),
    ] {
        let timeout = Duration::from_secs(
            template["Resources"][function]["Properties"]["Timeout"].as_u64().unwrap(),
        );
        assert!(patience < timeout && timeout < Duration::from_secs(30), "{function}");
    }
}

/// AWS keeps 100 executions of an account unreserved, and new accounts have only 10. So nothing is
/// reserved by default
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>).
#[test]
fn only_poll_can_reserve_executions() {
    let template = template();
    let parameter = &template["Parameters"]["PollConcurrency"];
    assert_eq!(parameter["Default"], "0");
    let none = json!({"!Not": [{"!Equals": [{"!Ref": "PollConcurrency"}, "0"]}]});
    assert_eq!(template["Conditions"]["ReservePoll"], none);
    let reserved =
        json!({"!If": ["ReservePoll", {"!Ref": "PollConcurrency"}, {"!Ref": "AWS::NoValue"}]});
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let is_poll = name == "PollFunction";
        let expected = if is_poll { reserved.clone() } else { Value::Null };
        assert_eq!(function["ReservedConcurrentExecutions"], expected, "{name}");
        let told = &function["Environment"]["Variables"]["POLL_CONCURRENCY"];
        assert_eq!(*told == json!({"!Ref": "PollConcurrency"}), is_poll, "{name}");
    }
}

#[test]
fn both_queues_report_batch_item_failures() {
    let events = template()["Resources"]["QueueWorkerFunction"]["Properties"]["Events"].clone();
    let sources: Vec<_> = events
        .as_object()
        .unwrap()
        .values()
        .filter(|event| event["Type"] == "SQS")
        .cloned()
        .collect();
    assert_eq!(sources.len(), 2);
    for source in sources {
        assert_eq!(
            source["Properties"]["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
        assert!(
            source["Properties"]["BatchSize"].as_u64().unwrap() <= 10,
            "one call changes the visibility of at most ten messages"
        );
    }
}

/// SQS moves a message after too many receives to the dead-letter queue, which the worker consumes.
#[test]
fn worker_consumes_dead_letters_of_the_job_queue() {
    let template = template();
    let redrive = |queue: &str| &template["Resources"][queue]["Properties"]["RedrivePolicy"];
    assert_eq!(
        redrive("JobQueue")["deadLetterTargetArn"],
        json!({"!GetAtt": "DeadLetterQueue.Arn"})
    );
    assert_eq!(redrive("DeadLetterQueue"), &Value::Null);
    let events = &template["Resources"]["QueueWorkerFunction"]["Properties"]["Events"];
    let taken =
        ["Jobs", "DeadLetters"].map(|source| &events[source]["Properties"]["Queue"]["!GetAtt"]);
    assert_eq!(taken, ["JobQueue.Arn", "DeadLetterQueue.Arn"]);
}

/// A batching window would delay jobs and events at low traffic. A failed batch must not block its
/// shard: by default Lambda retries it for a day, while no events are pushed
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>).
#[test]
fn event_sources_neither_batch_nor_block() {
    let template = template();
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        for (event, source) in function["Events"].as_object().into_iter().flatten() {
            let window = &source["Properties"]["MaximumBatchingWindowInSeconds"];
            assert!(window.is_null() || window == 0, "{event} of {name}: {window}");
        }
    }
    let news =
        &template["Resources"]["PushFunction"]["Properties"]["Events"]["NewEvents"]["Properties"];
    let number = |name: &str| news[name].as_u64().unwrap_or(u64::MAX);
    assert!(
        number("MaximumRecordAgeInSeconds") <= 60 && number("MaximumRetryAttempts") <= 3,
        "{news}"
    );
    assert_eq!(news["StartingPosition"], "LATEST");
}

#[test]
fn table_is_protected_and_encrypted() {
    for (name, table) in resources(template(), "AWS::DynamoDB::Table") {
        assert_eq!(
            table["TimeToLiveSpecification"],
            json!({"AttributeName": "expires_at", "Enabled": true}),
            "{name}"
        );
        assert_eq!(
            table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{name}"
        );
        assert_eq!(table["DeletionProtectionEnabled"], true, "{name}");
        // An AWS-owned key, which KMS doesn't bill: see docs/cost.md.
        assert_eq!(
            (&table["SSESpecification"], &table["BillingMode"]),
            (&Value::Null, &json!("PAY_PER_REQUEST"))
        );
    }
}

/// A protected table can't be deleted, so a rollback that tried to would fail too.
#[test]
fn table_is_retained() {
    let template = template();
    for (name, _) in resources(template, "AWS::DynamoDB::Table") {
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"]
            .map(|policy| &template["Resources"][&name][policy]);
        assert_eq!(policies, [&json!("Retain"), &json!("Retain")], "{name}");
    }
}

#[test]
fn scanned_index_contains_only_keys_and_times() {
    let indexes = template()["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"].clone();
    let agenda =
        indexes.as_array().unwrap().iter().find(|index| index["IndexName"] == "agenda").unwrap();
    assert_eq!(
        agenda["Projection"],
        json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": ["due_at"]})
    );
}

#[test]
fn tick_ends_before_the_next() {
    let check = template()["Resources"]["QuotaCheckFunction"]["Properties"].clone();
    let events = check["Events"].as_object().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events["Minute"]["Properties"]["Schedule"], "cron(* * * * ? *)");
    assert!(check["Timeout"].as_u64().unwrap() < 60);
}

/// A tick's lease prevents other ticks from doing its work until it has certainly ended, and allows
/// the next minute's tick to do it.
#[test]
fn tick_lease_outlasts_the_tick_but_not_the_minute() {
    let check = template()["Resources"]["QuotaCheckFunction"]["Properties"].clone();
    let timeout = Duration::from_secs(check["Timeout"].as_u64().unwrap());
    assert!(timeout < quota_check::LEASE && quota_check::LEASE < Duration::from_secs(60));
    // The last mail: a read of the suppression list, SES, and the write of the result.
    let last = Duration::from_secs(2) + store::Mailer::SEND_TIMEOUT + Duration::from_secs(4);
    assert!(quota_check::MAIL_START_LIMIT + last < timeout);
}

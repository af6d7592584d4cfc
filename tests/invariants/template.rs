//! `template.yaml` agrees with the code, and every function has minimal permissions.

use std::{fs, time::Duration};

use model::job::{QUEUE_RETENTION, RECEIVES_DIVISOR, Timing};
use serde_json::{Value, json};
use tollgate_http::ROUTES;

pub fn template() -> Value {
    let text =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    sim::iam::template(&text)
}

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
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
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
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
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
    for (name, table) in resources(&template(), "AWS::DynamoDB::Table") {
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
    for (name, _) in resources(&template, "AWS::DynamoDB::Table") {
        let policies = ["DeletionPolicy", "UpdateReplacePolicy"]
            .map(|policy| &template["Resources"][&name][policy]);
        assert_eq!(policies, [&json!("Retain"), &json!("Retain")], "{name}");
    }
}

/// The policy statements of every role.
pub fn statements(template: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, role) in resources(template, "AWS::IAM::Role") {
        let managed = &role["ManagedPolicyArns"];
        assert!(
            managed.is_null() || managed == &tracing_policies(),
            "{name} has another managed policy"
        );
        for policy in role["Policies"].as_array().unwrap() {
            let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
            found.extend(statements.iter().map(|statement| (name.clone(), statement.clone())));
        }
    }
    for (name, policy) in resources(template, "AWS::IAM::ManagedPolicy") {
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        found.extend(statements.iter().map(|statement| (name.clone(), statement.clone())));
    }
    found
}

/// Managed policies of a function's role: tracing if enabled.
fn tracing_policies() -> Value {
    json!({"!If": ["HasTracing", [{"!Ref": "TracePolicy"}], {"!Ref": "AWS::NoValue"}]})
}

/// Without tracing the functions lack its permission; with tracing Lambda requires it.
#[test]
fn functions_may_trace_only_if_tracing_is_enabled() {
    let template = template();
    assert_eq!(template["Parameters"]["Tracing"]["Default"], "false");
    assert_eq!(
        template["Conditions"]["HasTracing"],
        json!({"!Equals": [{"!Ref": "Tracing"}, "true"]})
    );
    let mode = &template["Globals"]["Function"]["Tracing"];
    assert_eq!(mode, &json!({"!If": ["HasTracing", "Active", "PassThrough"]}));
    assert_eq!(template["Resources"]["TracePolicy"]["Condition"], "HasTracing");
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let role = function["Role"]["!GetAtt"].as_str().unwrap().trim_end_matches(".Arn");
        let role = &template["Resources"][role]["Properties"];
        assert_eq!(role["ManagedPolicyArns"], tracing_policies(), "{name}");
        assert_eq!(function["Tracing"], Value::Null, "{name} overrides the global tracing mode");
    }
    let tracing = |(_, statement): &(String, Value)| {
        list(&statement["Action"]).iter().any(|action| action.starts_with("xray:"))
    };
    let policies: Vec<_> =
        statements(&template).into_iter().filter(tracing).map(|(policy, _)| policy).collect();
    assert_eq!(policies, ["TracePolicy"]);
}

#[test]
fn policies_list_actions_and_items() {
    let template = template();
    let statements = statements(&template);
    assert!(!statements.is_empty());
    for (role, statement) in &statements {
        let actions = list(&statement["Action"]);
        assert!(
            !actions.is_empty() && actions.iter().all(|action| !action.contains('*')),
            "{role}: {statement}"
        );
        let anywhere = list(&statement["Resource"]).contains(&"*");
        assert!(
            !anywhere || has_no_resources(statement),
            "{role} has an unrestricted resource: {statement}"
        );
        if actions.contains(&"dynamodb:Scan") {
            // A condition on keys can't restrict a scan. So only one function may scan, and only
            // the index with jobs' keys and times.
            assert_eq!(
                (role.as_str(), &actions[..]),
                ("QuotaCheckRole", &["dynamodb:Scan"][..]),
                "{statement}"
            );
            assert_eq!(
                statement["Resource"],
                json!({"!Sub": "${Table.Arn}/index/agenda"}),
                "{role}"
            );
        } else if actions.contains(&"dynamodb:GetRecords") {
            // Nor can it restrict a stream, which contains only keys.
            assert_eq!(statement["Resource"], json!({"!GetAtt": "Table.StreamArn"}), "{role}");
            let stream = &template["Resources"]["Table"]["Properties"]["StreamSpecification"];
            assert_eq!(
                (role.as_str(), stream),
                ("PushRole", &json!({"StreamViewType": "KEYS_ONLY"}))
            );
        } else if actions.iter().any(|action| action.starts_with("dynamodb:"))
            && !has_no_resources(statement)
        {
            let keys =
                list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
            assert!(
                !keys.is_empty() && !keys.contains(&"*"),
                "{role} has access to every item: {statement}"
            );
        }
    }
}

/// The namespace of the stack's own metrics.
pub fn own_namespace() -> Value {
    json!({"!Sub": "Tollgate/${AWS::StackName}"})
}

/// Whether all actions of a statement support no resource restrictions. Gauges must be restricted
/// to the stack's namespace.
fn has_no_resources(statement: &Value) -> bool {
    let own_gauges =
        statement["Condition"]["StringEquals"]["cloudwatch:namespace"] == own_namespace();
    list(&statement["Action"]).iter().all(|action| match *action {
        "cloudwatch:PutMetricData" => own_gauges,
        // Metrics and lists of streams are no resources, and the suppression list belongs to the
        // account.
        "cloudwatch:GetMetricData" | "dynamodb:ListStreams" | "ses:GetSuppressedDestination" => {
            true
        }
        other => other.starts_with("xray:"),
    })
}

#[test]
fn scheduler_may_only_send_for_this_account() {
    let template = template();
    let role = &template["Resources"]["SchedulerRole"]["Properties"];
    let trusted = &role["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(
        (
            &trusted["Principal"]["Service"],
            &trusted["Condition"]["StringEquals"]["aws:SourceAccount"]
        ),
        (&json!("scheduler.amazonaws.com"), &json!({"!Ref": "AWS::AccountId"}))
    );
    let statements = statements(&template);
    let mut of_scheduler = statements.iter().filter(|(role, _)| role == "SchedulerRole");
    let (Some((_, only)), None) = (of_scheduler.next(), of_scheduler.next()) else {
        panic!("one statement")
    };
    assert_eq!(
        (list(&only["Action"]), &only["Resource"]),
        (
            vec!["sqs:SendMessage"],
            &json!([{"!GetAtt": "JobQueue.Arn"}, {"!GetAtt": "DeadLetterQueue.Arn"}])
        )
    );
    // With the same role Scheduler sends to the dead-letter queue what it can't send to the first.
    let told = &template["Resources"]["SubmitFunction"]["Properties"]["Environment"]["Variables"];
    assert_eq!(told["DEAD_LETTER_QUEUE_ARN"], json!({"!GetAtt": "DeadLetterQueue.Arn"}));
    let passes: Vec<_> = statements
        .iter()
        .filter(|(_, statement)| list(&statement["Action"]).contains(&"iam:PassRole"))
        .collect();
    let [(role, pass)] = passes[..] else { panic!("{passes:?}") };
    assert_eq!(
        (
            role.as_str(),
            &pass["Resource"],
            &pass["Condition"]["StringEquals"]["iam:PassedToService"]
        ),
        ("SubmitRole", &json!({"!GetAtt": "SchedulerRole.Arn"}), &json!("scheduler.amazonaws.com"))
    );
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

/// A function that only answers queries must not change data. Two exceptions are harmless. `poll`
/// may add to the totals, because only it knows the number of its requests. It also takes and
/// releases wait slots.
#[test]
fn poll_can_only_read_add_to_totals_and_take_wait_slots() {
    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let own = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let template = template();
    let mut of_poll = statements(&template);
    of_poll.retain(|(role, _)| role == "PollRole");
    assert!(!of_poll.is_empty());
    for (actions, keys) in [
        (&["dynamodb:UpdateItem"][..], "COUNTERS#?"),
        (&["dynamodb:PutItem", "dynamodb:DeleteItem"], "WAIT#*"),
    ] {
        let before = of_poll.len();
        let only = json!({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}});
        of_poll.retain(|(_, statement)| {
            let writes = list(&statement["Action"]) == actions && statement["Condition"] == only;
            !(writes && statement["Resource"] == json!({"!GetAtt": "Table.Arn"}))
        });
        assert_eq!(before - of_poll.len(), 1, "{actions:?}");
    }
    for (_, statement) in of_poll {
        assert!(
            list(&statement["Action"])
                .iter()
                .all(|action| reads.contains(action) || own.contains(action)),
            "{statement}"
        );
    }
}

/// Only the stack's sender may be the source of mails.
#[test]
fn only_quota_check_may_send_mails_as_the_sender() {
    let template = template();
    let statements = statements(&template);
    let sends: Vec<_> = statements
        .iter()
        .filter(|(_, statement)| {
            list(&statement["Action"]).iter().any(|action| action.starts_with("ses:Send"))
        })
        .collect();
    let [(role, send)] = sends[..] else { panic!("{sends:?}") };
    assert_eq!(
        (role.as_str(), &send["Condition"]["StringEquals"]["ses:FromAddress"]),
        ("QuotaCheckRole", &json!({"!Ref": "SenderAddress"}))
    );
    // The resources that SES requires, of this account and region
    // (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html):
    // identities of sender and recipients, and the sender's default configuration set.
    let own = |resource: &str| {
        let prefix = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}";
        json!({"!Sub": format!("{prefix}:{resource}/*")})
    };
    assert_eq!(send["Resource"], json!([own("identity"), own("configuration-set")]));
    let check = &template["Resources"]["QuotaCheckFunction"]["Properties"];
    assert_eq!(
        check["Environment"]["Variables"]["SENDER_ADDRESS"],
        json!({"!Ref": "SenderAddress"})
    );
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

/// A function that could write accounts or keys could grant itself the operator's rights.
#[test]
fn only_submit_may_change_accounts() {
    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let template = template();
    let mut writers: Vec<_> = statements(&template)
        .into_iter()
        .filter(|(role, statement)| {
            let attributes =
                &statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:Attributes"];
            let may_only_block = role == "QuotaCheckRole"
                && list(&statement["Action"]) == ["dynamodb:UpdateItem"]
                && list(attributes) == ["pk", "sk", "blocks"]
                && statement["Condition"]["StringEqualsIfExists"]["dynamodb:ReturnValues"]
                    == "NONE";
            if may_only_block {
                return false;
            }
            let keys =
                list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
            let accounts = keys.iter().any(|key| key.starts_with("ACCOUNT"));
            accounts && list(&statement["Action"]).iter().any(|action| !reads.contains(action))
        })
        .map(|(role, statement)| (role, list(&statement["Action"]).join(" ")))
        .collect();
    writers.sort();
    let submit = |action: &str| ("SubmitRole".to_owned(), action.to_owned());
    assert_eq!(writers, [submit("dynamodb:PutItem"), submit("dynamodb:UpdateItem")]);
}

/// Exactly the functions that authenticate clients know the issuer.
#[test]
fn only_submit_and_poll_know_the_issuer() {
    let template = template();
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let told = &function["Environment"]["Variables"];
        let takes = ["SubmitFunction", "PollFunction"].contains(&name.as_str());
        let emulators = json!({"!Ref": "EmulatorJwtIssuer"});
        for (variable, wanted) in [
            ("JWT_ISSUER", json!({"!If": ["HasEmulatorIssuer", emulators, {"!Ref": "JwtIssuer"}]})),
            ("JWT_AUDIENCE", json!({"!Ref": "JwtAudience"})),
            ("JWT_ADMIN", json!({"!Ref": "JwtAdmin"})),
        ] {
            let wanted = if takes { wanted } else { Value::Null };
            assert_eq!(told[variable], wanted, "{name} {variable}");
        }
    }
    assert_eq!(template["Parameters"]["JwtAdmin"]["Default"], "false");
}

/// API Gateway must route all pages to the console; without a route they would go to `poll`.
#[test]
fn pages_are_routed_to_the_console() {
    let template = template();
    let target = json!({"!Sub": "integrations/${ConsoleIntegration}"});
    let mut routed: Vec<_> = resources(&template, "AWS::ApiGatewayV2::Route")
        .into_iter()
        .filter(|(_, route)| route["Target"] == target)
        .map(|(_, route)| route["RouteKey"].as_str().unwrap().replace("{proxy+}", "{*file}"))
        .collect();
    let pages = console::routes().into_openapi().paths.paths.into_keys();
    let files =
        ROUTES.iter().filter(|route| !route.is_operation()).map(|route| route.path.to_owned());
    let mut wanted: Vec<_> = pages
        .chain(files)
        .flat_map(|path| ["GET", "HEAD"].map(|method| format!("{method} {path}")))
        .collect();
    routed.sort();
    wanted.sort();
    assert_eq!(routed, wanted);
}

/// The console needs no permissions except for its logs.
#[test]
fn console_has_no_permissions_but_logs() {
    let template = template();
    let statements = statements(&template);
    let mut allowed: Vec<_> = statements
        .iter()
        .filter(|(role, _)| role == "ConsoleRole")
        .flat_map(|(_, statement)| list(&statement["Action"]))
        .collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["logs:CreateLogStream", "logs:PutLogEvents"]);
    let told = &template["Resources"]["ConsoleFunction"]["Properties"]["Environment"]["Variables"];
    assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["PUSH_ADDRESS"]);
}

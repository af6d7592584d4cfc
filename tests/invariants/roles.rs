//! Every function has minimal permissions.

use serde_json::{Value, json};

use crate::template::{list, resources, template};

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
    let told = &template["Resources"]["ManageFunction"]["Properties"]["Environment"]["Variables"];
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
        ("ManageRole", &json!({"!GetAtt": "SchedulerRole.Arn"}), &json!("scheduler.amazonaws.com"))
    );
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

/// Whether a statement updates nothing but these attributes of items, besides their keys.
fn updates_only(statement: &Value, attributes: &[&str]) -> bool {
    let condition = &statement["Condition"];
    let allowed = list(&condition["ForAllValues:StringEquals"]["dynamodb:Attributes"]);
    list(&statement["Action"]) == ["dynamodb:UpdateItem"]
        && allowed == [&["pk", "sk"], attributes].concat()
        && condition["StringEqualsIfExists"]["dynamodb:ReturnValues"] == "NONE"
}

/// Roles with write access to items whose partition key starts with one of these prefixes.
fn writers(template: &Value, prefixes: &[&str]) -> Vec<String> {
    let reads = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    let writes = |(role, statement): &(String, Value)| {
        let is_harmless = match role.as_str() {
            "QuotaCheckRole" => updates_only(statement, &["blocks"]),
            "SubmitRole" => updates_only(statement, &["last_used_at"]),
            _ => false,
        };
        let keys = list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
        !is_harmless
            && keys.iter().any(|key| prefixes.iter().any(|prefix| key.starts_with(prefix)))
            && list(&statement["Action"]).iter().any(|action| !reads.contains(action))
    };
    let mut roles: Vec<_> =
        statements(template).into_iter().filter(writes).map(|(role, _)| role).collect();
    roles.dedup();
    roles
}

/// A function that could write accounts or keys could grant itself the operator's rights.
#[test]
fn only_manage_may_change_accounts() {
    assert_eq!(writers(&template(), &["ACCOUNT"]), ["ManageRole"]);
}

/// The worker disables kinds whose target is gone.
#[test]
fn only_manage_may_write_definitions() {
    let template = template();
    assert_eq!(writers(&template, &["KINDS"]), ["ManageRole", "QueueWorkerRole"]);
    assert_eq!(writers(&template, &["SCHEDULES", "QUOTAS"]), ["ManageRole"]);
    assert_eq!(writers(&template, &["SOURCES"]), ["ManageRole"]);
}

/// What only operators see: definitions of all accounts, lists of accounts, totals of the stack.
#[test]
fn poll_cannot_read_what_only_operators_see() {
    let template = template();
    for (role, statement) in statements(&template) {
        let keys = list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
        let is_read =
            list(&statement["Action"]).iter().any(|action| *action != "dynamodb:UpdateItem");
        if role != "PollRole" || !is_read {
            continue;
        }
        for hidden in
            ["ACCOUNTS", "SCHEDULES", "SOURCES", "SOURCE_STATES", "QUOTAS", "QUOTA_STATES"]
        {
            assert!(!keys.contains(&hidden), "{statement}");
        }
    }
}

/// Exactly the functions that authenticate clients know the issuer.
#[test]
fn only_functions_that_authenticate_know_the_issuer() {
    let template = template();
    for (name, function) in resources(&template, "AWS::Serverless::Function") {
        let told = &function["Environment"]["Variables"];
        let takes = ["SubmitFunction", "PollFunction", "ManageFunction"].contains(&name.as_str());
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

//! Every function has minimal permissions.

mod services;
mod writes;

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

#[test]
fn policies_list_actions_and_items() {
    let template = template();
    let statements = statements(template);
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

/// What only operators see: definitions of all accounts, lists of accounts, totals of the stack.
#[test]
fn poll_cannot_read_what_only_operators_see() {
    let template = template();
    for (role, statement) in statements(template) {
        let keys = list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
        let is_read =
            list(&statement["Action"]).iter().any(|action| *action != "dynamodb:UpdateItem");
        if role != "PollRole" || !is_read {
            continue;
        }
        for hidden in [
            "ACCOUNTS",
            "KINDS",
            "SCHEDULES",
            "SOURCES",
            "SOURCE_STATES",
            "QUOTAS",
            "QUOTA_STATES",
            "COUNTERS#*",
            "COUNTERS#?",
        ] {
            assert!(!keys.contains(&hidden), "{statement}");
        }
    }
}

/// Exactly the functions that authenticate clients know the issuer.
#[test]
fn only_functions_that_authenticate_know_the_issuer() {
    let template = template();
    for (name, function) in resources(template, "AWS::Serverless::Function") {
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
    let statements = statements(template);
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

//! Permissions for other services than the table.

use serde_json::{Value, json};

use super::{statements, tracing_policies};
use crate::template::{list, resources, template};

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
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let role = function["Role"]["!GetAtt"].as_str().unwrap().trim_end_matches(".Arn");
        let role = &template["Resources"][role]["Properties"];
        assert_eq!(role["ManagedPolicyArns"], tracing_policies(), "{name}");
        assert_eq!(function["Tracing"], Value::Null, "{name} overrides the global tracing mode");
    }
    let tracing = |(_, statement): &(String, Value)| {
        list(&statement["Action"]).iter().any(|action| action.starts_with("xray:"))
    };
    let policies: Vec<_> =
        statements(template).into_iter().filter(tracing).map(|(policy, _)| policy).collect();
    assert_eq!(policies, ["TracePolicy"]);
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
    let statements = statements(template);
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

/// Only the stack's sender may be the source of mails.
#[test]
fn only_quota_check_may_send_mails_as_the_sender() {
    let template = template();
    let statements = statements(template);
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

//! Deployment requirements of AWS that emulators don't enforce (`docs/operate.md`).

mod startup;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    roles::statements,
    template::{list, resources, template},
};

const FUNCTION: &str = "AWS::Serverless::Function";

/// The queues that a function consumes, as references to their ARNs.
fn queues_of(function: &Value) -> Vec<Value> {
    let events = function["Events"].as_object().into_iter().flatten();
    events
        .filter(|(_, event)| event["Type"] == "SQS")
        .map(|(_, event)| event["Properties"]["Queue"].clone())
        .collect()
}

/// Whether a function's role may send to one of these queues.
fn may_send_to(template: &Value, function: &Value, queues: &[Value]) -> bool {
    let role = function["Role"]["!GetAtt"].as_str().unwrap().trim_end_matches(".Arn");
    statements(template).iter().filter(|(of, _)| of == role).any(|(_, statement)| {
        let sends =
            list(&statement["Action"]).iter().any(|action| action.starts_with("sqs:SendMessage"));
        let to = statement["Resource"].as_array().cloned();
        let to = to.unwrap_or_else(|| vec![statement["Resource"].clone()]);
        sends && to.iter().any(|queue| queue == "*" || queues.contains(queue))
    })
}

/// Lambda drops an invocation after about 16 invocations of a function in one chain of messages,
/// unless the function allows loops. It follows SQS, SNS, S3 and direct invocations, not `DynamoDB`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>).
#[test]
fn only_functions_that_feed_themselves_allow_loops() {
    let template = template();
    let mut loops = Vec::new();
    for (name, function) in resources(template, FUNCTION) {
        let feeds_itself = may_send_to(template, &function, &queues_of(&function));
        let wanted = if feeds_itself { json!("Allow") } else { Value::Null };
        assert_eq!(function["RecursiveLoop"], wanted, "{name}");
        loops.extend(feeds_itself.then_some(name));
    }
    assert_eq!(template["Globals"]["Function"]["RecursiveLoop"], Value::Null);
    assert_eq!(loops, ["QueueWorkerFunction"]);
    // No other metric shows a dropped invocation.
    let alarms = resources(template, "AWS::CloudWatch::Alarm");
    let watched: Vec<_> = alarms
        .iter()
        .filter(|(_, alarm)| alarm["MetricName"] == "RecursiveInvocationsDropped")
        .map(|(_, alarm)| alarm["Dimensions"][0]["Value"]["!Ref"].as_str().unwrap())
        .collect();
    assert_eq!(watched, loops);
}

/// Other event sources would need their own analysis of loops.
#[test]
fn event_sources_are_queues_the_stream_and_schedules() {
    for (name, function) in resources(template(), FUNCTION) {
        for event in function["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            let kind = event["Type"].as_str().unwrap();
            assert!(["SQS", "DynamoDB", "Schedule"].contains(&kind), "{name}: {kind}");
        }
    }
}

/// Recursive loop detection doesn't cover streams, so nothing would stop such a loop.
#[test]
fn push_does_not_write_items_that_trigger_it() {
    let template = template();
    let push = &template["Resources"]["PushFunction"]["Properties"];
    let filters = &push["Events"]["NewEvents"]["Properties"]["FilterCriteria"]["Filters"];
    let [filter] = &filters.as_array().unwrap()[..] else { panic!("{filters}") };
    let pattern: Value = serde_json::from_str(filter["Pattern"].as_str().unwrap()).unwrap();
    let told = pattern["dynamodb"]["Keys"]["pk"]["S"][0]["prefix"].as_str().unwrap();
    let writes = ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:BatchWriteItem"];
    let statements = statements(template);
    let written: Vec<_> = statements
        .iter()
        .filter(|(role, statement)| {
            role == "PushRole"
                && list(&statement["Action"]).iter().any(|action| writes.contains(action))
        })
        .flat_map(|(_, statement)| {
            list(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"])
        })
        .map(|key| key.trim_end_matches('*'))
        .collect();
    assert!(!written.is_empty());
    for key in written {
        assert!(!key.starts_with(told) && !told.starts_with(key), "{key} and {told}");
    }
}

/// A WebSocket API's deployment needs a route, and so do a stage's route settings
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-stage.html>).
/// A stage of an HTTP API deploys later routes by `AutoDeploy`.
#[test]
fn stage_depends_on_all_its_routes() {
    let template = template();
    let mut ordered = 0;
    for (name, stage) in resources(template, "AWS::ApiGatewayV2::Stage") {
        let api = stage["ApiId"]["!Ref"].as_str().unwrap();
        let protocol = &template["Resources"][api]["Properties"]["ProtocolType"];
        if protocol == "HTTP" && stage["RouteSettings"].is_null() {
            assert_eq!(stage["AutoDeploy"], true, "{name}");
            continue;
        }
        let routes = resources(template, "AWS::ApiGatewayV2::Route");
        let routes: BTreeSet<_> = routes
            .iter()
            .filter(|(_, route)| route["ApiId"] == stage["ApiId"])
            .map(|(route, _)| route.as_str())
            .collect();
        let before = list(&template["Resources"][&name]["DependsOn"]).into_iter().collect();
        assert!(routes.len() >= 3, "{name}");
        assert_eq!(routes, before, "{name}");
        ordered += 1;
    }
    assert_eq!(ordered, 1);
}

/// Maximum lengths of names, from AWS's reference of these types.
const NAME_LIMITS: [(&str, &str, usize); 6] = [
    ("AWS::ApiGatewayV2::Api", "Name", 128),
    ("AWS::CloudWatch::Dashboard", "DashboardName", 255),
    ("AWS::Logs::LogGroup", "LogGroupName", 512),
    ("AWS::SNS::Topic", "TopicName", 256),
    ("AWS::Serverless::Function", "FunctionName", 64),
    ("AWS::Scheduler::ScheduleGroup", "Name", 64),
];

/// CloudFormation accepts stack names of 128 characters, and rules can't check them. Names with a
/// lower limit are therefore generated by CloudFormation, which truncates them.
#[test]
fn longest_stack_name_fits_all_resource_names() {
    let template = template();
    let stack = "s".repeat(128);
    let mut named = 0;
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let properties = resource["Properties"].as_object().into_iter().flatten();
        for (property, value) in properties.filter(|(property, _)| property.ends_with("Name")) {
            let value =
                value["!Sub"].as_str().map(str::to_owned).unwrap_or_else(|| value.to_string());
            if !value.contains("AWS::StackName") {
                continue;
            }
            let is_it =
                |(of, name, _): &&(&str, &str, usize)| *of == resource["Type"] && name == property;
            let limit = NAME_LIMITS.iter().find(is_it).map(|(_, _, limit)| *limit);
            let limit =
                limit.unwrap_or_else(|| panic!("no length limit known for {property} of {id}"));
            let name = value.replace("${AWS::StackName}", &stack);
            let name = name.replace(r#"{"!Ref":"AWS::StackName"}"#, &stack);
            assert!(name.len() <= limit, "{property} of {id} has more than {limit} characters");
            named += 1;
        }
    }
    assert!(named >= 8);
    let namespace = runtime::config::metrics_namespace(&|_| Some(stack.clone()));
    assert!(namespace.len() <= 255);
}

//! Least privilege: the tests use every permission that `template.yaml` grants a function, either
//! in the in-process stack or in the running stack, whose calls are recorded. `make test-all`
//! runs this last. Each call also checks that the function's policy allows it.

use std::{env, path::Path};

use sim::iam::{RECORD_DIR_VARIABLE, Record, policies};

/// Actions that Lambda itself performs with a function's role before and after an invocation
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html>): reading its
/// queues and streams
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>), and writing logs.
const LAMBDA_ACTIONS: &[(&str, &str)] = &[
    ("queue-worker", "sqs:ReceiveMessage"),
    ("queue-worker", "sqs:DeleteMessage"),
    ("queue-worker", "sqs:GetQueueAttributes"),
    ("push", "dynamodb:DescribeStream"),
    ("push", "dynamodb:GetRecords"),
    ("push", "dynamodb:GetShardIterator"),
    ("push", "dynamodb:ListStreams"),
];

#[test]
fn every_grant_is_used_and_no_call_is_denied() {
    let folder = env::var(RECORD_DIR_VARIABLE)
        .unwrap_or_else(|_| panic!("{RECORD_DIR_VARIABLE} is not set; run `make test`"));
    let record = Record::read(Path::new(&folder));
    assert!(record.denied.is_empty(), "not allowed by template.yaml: {:#?}", record.denied);
    let is_lambdas = |function: &str, action: &str| {
        action.starts_with("logs:") || LAMBDA_ACTIONS.contains(&(function, action))
    };
    let granted = policies().grants();
    let unused: Vec<_> = granted
        .iter()
        .filter(|grant| !is_lambdas(&grant.function, &grant.action))
        .map(ToString::to_string)
        .filter(|grant| !record.used.contains(grant))
        .collect();
    assert!(unused.is_empty(), "granted by template.yaml, and never used: {unused:#?}");
    println!("{} grants, {} of them used by the functions", granted.len(), record.used.len());
}

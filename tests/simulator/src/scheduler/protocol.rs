//! Scheduler's REST protocol: the operation is in the method and the path.

use super::{Scheduler, error::SchedulerError};
use crate::{ledger::Line, service_response::ServiceResponse};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::{Value, json};

pub(crate) fn operation_of(request: &HttpRequest) -> &'static str {
    match request.method() {
        "POST" => "CreateSchedule",
        "PUT" => "UpdateSchedule",
        "DELETE" => "DeleteSchedule",
        "GET" => "GetSchedule",
        other => panic!("the sim's Scheduler has no {other} yet: add it here"),
    }
}

/// Merges a request's path, query and body into one JSON object.
pub(crate) fn request_of(uri: &str, body: &[u8]) -> Value {
    let uri: http::Uri = uri.parse().unwrap();
    let name =
        uri.path().strip_prefix("/schedules/").expect("the sim's Scheduler knows schedules alone");
    let mut request =
        if body.is_empty() { json!({}) } else { serde_json::from_slice(body).unwrap() };
    let group =
        uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("groupName="));
    if let Some(group) = group {
        request["GroupName"] = group.into();
    }
    request["Name"] = name.into();
    // Random, which would make traces differ.
    request.as_object_mut().unwrap().remove("ClientToken");
    request
}

impl Scheduler {
    /// Handles a request.
    pub(crate) fn call(&self, operation: &str, request: &Value) -> (ServiceResponse, Line) {
        let part = |name: &str| request[name].as_str().unwrap_or("default").to_owned();
        let key = (part("GroupName"), part("Name"));
        let arn = json!({"ScheduleArn": format!(
            "arn:aws:scheduler:eu-west-1:000000000000:schedule/{}/{}",
            key.0, key.1
        )});
        let outcome = match operation {
            "CreateSchedule" => self.create(key, request).map(|()| arn),
            "UpdateSchedule" => self.update(&key, request).map(|()| arn),
            "DeleteSchedule" => self.delete(&key).map(|()| json!({})),
            "GetSchedule" => self.get(&key),
            other => panic!("the sim's Scheduler has no {other}"),
        };
        let answer = outcome.map_or_else(SchedulerError::into_answer, ServiceResponse::ok);
        (answer, Line { calls: 1, ..Line::default() })
    }
}

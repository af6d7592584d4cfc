use std::collections::BTreeMap;

use serde_json::Value;

/// One authorization that a request needs. A request may need several.
///
/// Resources and parameters have the template's names, so that calls and policies can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// Such as `${Table.Arn}`.
    pub resource: String,
    /// Condition keys such as `dynamodb:LeadingKeys`, with their values.
    pub context: BTreeMap<String, Vec<String>>,
}

/// Names of the resources in a particular stack.
#[derive(Clone, Debug)]
pub struct ResourceNames<'a> {
    pub table: &'a str,
    pub jobs: &'a str,
    pub dead_letters: &'a str,
    /// Group of operators' schedules.
    pub schedules: &'a str,
    /// Role that Scheduler assumes to send messages.
    pub role: &'a str,
    /// Sender address of mails.
    pub sender: &'a str,
    /// Name of the stack, part of its gauges' names.
    pub stack: &'a str,
}

/// Names in the simulator.
pub(crate) const SIM: ResourceNames<'static> = ResourceNames {
    table: crate::TABLE,
    jobs: crate::JOBS,
    dead_letters: crate::DEAD_LETTERS,
    schedules: crate::SCHEDULES,
    role: "arn:aws:iam::000000000000:role/scheduler",
    sender: "tollgate@example.com",
    stack: "sim",
};

const REGION_AND_ACCOUNT: &str = "${AWS::Region}:${AWS::AccountId}";

impl Call {
    fn new(action: &str, resource: impl Into<String>) -> Self {
        Self { action: action.to_owned(), resource: resource.into(), context: BTreeMap::new() }
    }

    fn with_context(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.context.insert(key.to_owned(), values);
        }
        self
    }

    /// All authorizations that a request needs.
    ///
    /// # Panics For an unknown operation.
    pub fn all(
        names: &ResourceNames<'_>,
        service: &str,
        operation: &str,
        request: &Value,
    ) -> Vec<Self> {
        match service {
            "dynamodb" => dynamodb(names, operation, request),
            "sqs" => {
                // A batch needs the permission of its single operation
                // (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>).
                let action = format!("sqs:{}", operation.trim_end_matches("Batch"));
                let queue = text(&request["QueueUrl"]).rsplit('/').next().unwrap_or_default();
                vec![Self::new(
                    &action,
                    template_name(
                        queue,
                        &[
                            (names.jobs, "${JobQueue.Arn}"),
                            (names.dead_letters, "${DeadLetterQueue.Arn}"),
                        ],
                    ),
                )]
            }
            "scheduler" => scheduler(names, operation, request),
            "ses" => ses(names, operation, request),
            "cloudwatch" => {
                let of_stack = format!("Tollgate/{}", names.stack);
                let namespace = request["Namespace"].as_str();
                let namespace = namespace
                    .map(|name| template_name(name, &[(&of_stack, "Tollgate/${AWS::StackName}")]));
                vec![
                    Self::new(&format!("cloudwatch:{operation}"), "*")
                        .with_context("cloudwatch:namespace", namespace),
                ]
            }
            "execute-api" => {
                let method = if operation == "PostToConnection" { "POST" } else { "DELETE" };
                let connection = format!(
                    "arn:${{AWS::Partition}}:execute-api:{REGION_AND_ACCOUNT}:${{PushApi}}/live/\
                     {method}/@connections/id"
                );
                vec![Self::new("execute-api:ManageConnections", connection)]
            }
            other => panic!("unknown service {other}"),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The template's name, or `name` itself if the template has none.
fn template_name(name: &str, known: &[(&str, &str)]) -> String {
    known.iter().find(|(here, _)| *here == name).map_or(name, |(_, there)| there).to_owned()
}

fn scheduler(names: &ResourceNames<'_>, operation: &str, request: &Value) -> Vec<Call> {
    let group =
        template_name(text(&request["GroupName"]), &[(names.schedules, "${SchedulesGroup}")]);
    let entry = format!(
        "arn:${{AWS::Partition}}:scheduler:{REGION_AND_ACCOUNT}:schedule/{group}/{}",
        text(&request["Name"])
    );
    let role = request["Target"]["RoleArn"].as_str().map(|role| {
        let role = template_name(role, &[(names.role, "${SchedulerRole.Arn}")]);
        Call::new("iam:PassRole", role)
            .with_context("iam:PassedToService", ["scheduler.amazonaws.com"])
    });
    [Call::new(&format!("scheduler:{operation}"), entry)].into_iter().chain(role).collect()
}

/// Sending a mail needs permission on the sender's identity and on its default configuration set
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonses.html>).
fn ses(names: &ResourceNames<'_>, operation: &str, request: &Value) -> Vec<Call> {
    if operation != "SendEmail" {
        return vec![Call::new(&format!("ses:{operation}"), "*")];
    }
    // The display name before the address has its own condition key
    // (<https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html>).
    let sender = text(&request["FromEmailAddress"]);
    let address =
        sender.split_once('<').map_or(sender, |(_, address)| address.trim_end_matches('>'));
    let from = template_name(address, &[(names.sender, "${SenderAddress}")]);
    let asks = [format!("identity/{from}"), "configuration-set/default".to_owned()];
    let asks = asks.map(|of| {
        let resource = format!("arn:${{AWS::Partition}}:ses:{REGION_AND_ACCOUNT}:{of}");
        Call::new("ses:SendEmail", resource).with_context("ses:FromAddress", [from.clone()])
    });
    asks.into()
}

/// A transaction has no action of its own: each part is authorized like a single request. A batch
/// has one action for all its items
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>;
/// keys and attributes:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>).
fn dynamodb(names: &ResourceNames<'_>, operation: &str, request: &Value) -> Vec<Call> {
    let one = |action: &str, of: &Value| {
        let index = of["IndexName"].as_str();
        let table = template_name(text(&of["TableName"]), &[(names.table, "${Table.Arn}")]);
        let resource = index.map_or(table.clone(), |index| format!("{table}/index/{index}"));
        Call::new(&format!("dynamodb:{action}"), resource)
            .with_context("dynamodb:LeadingKeys", leading_keys(of))
            .with_context("dynamodb:Attributes", attributes(of))
            .with_context("dynamodb:ReturnValues", of["ReturnValues"].as_str())
            .with_context("dynamodb:Select", (action == "Query").then(|| select(of)))
    };
    match operation {
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = request["TransactItems"].as_array().into_iter().flatten();
            parts
                .flat_map(|part| part.as_object().unwrap())
                .map(|(part, of)| one(&format!("{part}Item"), of))
                .collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().unwrap();
            let call = |(table, of): (&String, &Value)| {
                let table = template_name(table, &[(names.table, "${Table.Arn}")]);
                let reads = of["Keys"].as_array().into_iter().flatten();
                let writes = of.as_array().into_iter().flatten().map(|part| {
                    if part["PutRequest"].is_object() {
                        &part["PutRequest"]["Item"]
                    } else {
                        &part["DeleteRequest"]["Key"]
                    }
                });
                let keys: Vec<_> = reads.chain(writes).map(|item| text(&item["pk"]["S"])).collect();
                Call::new(&format!("dynamodb:{operation}"), table)
                    .with_context("dynamodb:LeadingKeys", keys)
                    .with_context("dynamodb:Attributes", attributes(of))
            };
            tables.iter().map(call).collect()
        }
        _ => vec![one(operation, request)],
    }
}

/// The partition keys in a request: an item's, or the first condition of a query.
fn leading_keys(request: &Value) -> Option<String> {
    for item in ["Key", "Item"] {
        if let Some(key) = request[item]["pk"]["S"].as_str() {
            return Some(key.to_owned());
        }
    }
    let (_, value) =
        text(&request["KeyConditionExpression"]).split(" AND ").next()?.split_once('=')?;
    let value = value.trim_matches([' ', '(', ')']);
    request["ExpressionAttributeValues"][value]["S"].as_str().map(str::to_owned)
}

/// The `dynamodb:Select` of a query
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html>).
fn select(request: &Value) -> String {
    let by_default = if request["ProjectionExpression"].is_string() {
        "SPECIFIC_ATTRIBUTES"
    } else {
        "ALL_ATTRIBUTES"
    };
    request["Select"].as_str().unwrap_or(by_default).to_owned()
}

/// Expressions that contain attribute names.
const EXPRESSIONS: &[&str] = &[
    "UpdateExpression",
    "ConditionExpression",
    "ProjectionExpression",
    "FilterExpression",
    "KeyConditionExpression",
];
/// Keywords in these expressions.
const WORDS: &[&str] = &["SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"];

/// The top-level attributes in a request's items and expressions.
fn attributes(request: &Value) -> Vec<String> {
    let mut found: Vec<String> = ["Key", "Item"]
        .iter()
        .filter_map(|item| request[*item].as_object())
        .flat_map(|item| item.keys().cloned())
        .collect();
    for expression in EXPRESSIONS {
        let text = text(&request[*expression]);
        let is_part = |c: char| c.is_alphanumeric() || "_#:.[]".contains(c);
        for (at, word) in text
            .split(|c: char| !is_part(c))
            .map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
        {
            let is_function = text[at + word.len()..].starts_with('(');
            let name = word.split(['.', '[']).next().unwrap_or_default();
            if name.is_empty()
                || name.starts_with(|c: char| c == ':' || c.is_ascii_digit())
                || is_function
                || WORDS.contains(&name)
            {
                continue;
            }
            found.push(
                request["ExpressionAttributeNames"][name].as_str().unwrap_or(name).to_owned(),
            );
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests;

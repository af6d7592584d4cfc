//! Dashboard and alarms reach the operator and use existing metrics.

use std::collections::BTreeSet;

use runtime::metrics::registry::METRICS;
use serde_json::{Value, json};

use crate::{
    roles::own_namespace,
    template::{resources, template},
};

/// A metric in the dashboard or in an alarm.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Watched {
    namespace: String,
    name: String,
    dimensions: Vec<String>,
}

/// The dashboard's body with unresolved references.
fn dashboard(template: &Value) -> Value {
    let body =
        resources(template, "AWS::CloudWatch::Dashboard").remove(0).1["DashboardBody"]["!Sub"]
            .clone();
    serde_json::from_str(body.as_str().unwrap()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().or_else(|| value["!Sub"].as_str()).unwrap_or_default().to_owned()
}

/// The metrics of an alarm: one, or those of its expression.
fn alarm_metrics(alarm: &Value) -> Vec<Watched> {
    let stats = alarm["Metrics"].as_array().map_or_else(
        || vec![alarm],
        |metrics| {
            metrics
                .iter()
                .map(|metric| &metric["MetricStat"]["Metric"])
                .filter(|metric| !metric.is_null())
                .collect()
        },
    );
    let watched = stats.into_iter().map(|metric| Watched {
        namespace: text(&metric["Namespace"]),
        name: text(&metric["MetricName"]),
        dimensions: metric["Dimensions"].as_array().map_or_else(Vec::new, |dimensions| {
            dimensions.iter().map(|dimension| text(&dimension["Name"])).collect()
        }),
    });
    watched.collect()
}

/// The metrics of a widget's line: `["namespace", "name", "dimension", "value", {…}]`, or a search.
fn line_metrics(line: &Value) -> Vec<Watched> {
    let parts = line.as_array().unwrap();
    if let Some(expression) = parts[0]["expression"].as_str() {
        return parse_search(expression).into_iter().collect();
    }
    let texts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
    let dimensions = texts[2..].iter().step_by(2).map(|name| (*name).to_owned()).collect();
    vec![Watched { namespace: texts[0].to_owned(), name: texts[1].to_owned(), dimensions }]
}

/// Parses `SEARCH('{namespace,dimension} MetricName="name"', …)`. A namespace or dimension with a
/// non-alphanumeric character must be in double quotes, or it matches nothing
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>).
fn parse_search(expression: &str) -> Option<Watched> {
    let (schema, rest) = expression.split_once("SEARCH('{")?.1.split_once("} MetricName=\"")?;
    // The reference to the stack's name needs quotes too, because most names contain a hyphen.
    let mut names = schema.split(',').map(|name| {
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(quoted.is_some() || is_plain, "{name} needs quotes: {expression}");
        quoted.unwrap_or(name).to_owned()
    });
    let (namespace, dimensions) = (names.next().unwrap(), names.collect());
    let name = rest.split_once('"').unwrap().0.to_owned();
    Some(Watched { namespace, name, dimensions })
}

#[test]
#[should_panic = "needs quotes"]
fn detects_a_search_without_quotes() {
    parse_search("SEARCH('{Tollgate/tollgate-prod,kind} MetricName=\"Accepted\"', 'Sum', 60)");
}

/// A search that can't be parsed here would escape the check of its quotes.
#[test]
fn every_search_of_the_dashboard_is_parsed() {
    let searches = dashboard(template()).to_string().matches("SEARCH(").count();
    let widgets = widgets(template());
    let lines = widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array());
    let expressions = lines.flatten().filter_map(|line| line[0]["expression"].as_str());
    assert_eq!(expressions.filter_map(parse_search).count(), searches);
    assert!(searches >= 10);
}

fn widgets(template: &Value) -> Vec<Value> {
    dashboard(template)["widgets"].as_array().unwrap().clone()
}

fn watched(template: &Value) -> BTreeSet<Watched> {
    let alarms = resources(template, "AWS::CloudWatch::Alarm");
    let alarms = alarms.iter().flat_map(|(_, alarm)| alarm_metrics(alarm));
    let widgets = widgets(template);
    let lines =
        widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten();
    alarms.chain(lines.flat_map(line_metrics)).collect()
}

/// Metrics of two stacks in one account neither add up nor trigger each other's alarms.
#[test]
fn metrics_are_in_the_stacks_namespace() {
    let template = template();
    let told = &template["Globals"]["Function"]["Environment"]["Variables"]["STACK_NAME"];
    assert_eq!(told, &json!({"!Ref": "AWS::StackName"}));
    let vars = |name: &str| (name == "STACK_NAME").then(|| "${AWS::StackName}".to_owned());
    assert_eq!(own_namespace(), json!({"!Sub": runtime::config::metrics_namespace(&vars)}));
    let watched = watched(template);
    let own: Vec<_> =
        watched.iter().filter(|metric| !metric.namespace.starts_with("AWS/")).collect();
    let is_own = |metric: &&Watched| metric.namespace == text(&own_namespace());
    assert!(own.len() >= 10 && own.iter().all(is_own), "{own:?}");
}

/// Alarms exist only with an operator's address, notify it, and document what to do.
#[test]
fn alarms_reach_the_operator() {
    let template = template();
    let alarms = resources(template, "AWS::CloudWatch::Alarm");
    assert!(alarms.len() >= 8);
    for (name, alarm) in alarms {
        assert_eq!(template["Resources"][&name]["Condition"], "HasOperator", "{name}");
        assert_eq!(alarm["AlarmActions"], json!([{"!Ref": "AlarmTopic"}]), "{name}");
        assert!(
            alarm["AlarmDescription"].is_string() && alarm["TreatMissingData"].is_string(),
            "{name}"
        );
        let told = format!("`{}`", name.trim_end_matches("Alarm"));
        assert!(
            include_str!("../../docs/operate.md").contains(&told),
            "docs/operate.md has no entry for {told}"
        );
    }
}

const LAMBDA_METRICS: [&str; 6] = [
    "Invocations",
    "Errors",
    "Throttles",
    "Duration",
    "IteratorAge",
    "RecursiveInvocationsDropped",
];

/// Metrics that AWS documents for the HTTP API
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>), Lambda
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>), SQS
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>),
/// `DynamoDB`
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>) and
/// SES.
const AWS_METRICS: &[(&str, &[&str], &[&str])] = &[
    ("AWS/ApiGateway", &["ApiId"], &["Count", "4xx", "5xx", "Latency"]),
    ("AWS/Lambda", &["FunctionName"], &LAMBDA_METRICS),
    (
        "AWS/SQS",
        &["QueueName"],
        &[
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateAgeOfOldestMessage",
            "NumberOfMessagesSent",
            "NumberOfMessagesReceived",
            "NumberOfMessagesDeleted",
            "NumberOfEmptyReceives",
        ],
    ),
    (
        "AWS/DynamoDB",
        &["TableName"],
        &[
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        ],
    ),
    (
        "AWS/DynamoDB",
        &["TableName", "GlobalSecondaryIndexName"],
        &["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"],
    ),
    ("AWS/SES", &[], &["Bounce"]),
];

/// A dashboard or alarm on a metric that nothing publishes would suggest that all is well.
#[test]
fn watched_metrics_are_published() {
    for metric in watched(template()) {
        let Watched { namespace, name, dimensions } = &metric;
        let is_told = if namespace.starts_with("AWS/") {
            AWS_METRICS.iter().any(|(of, by, names)| {
                of == namespace && *by == &dimensions[..] && names.contains(&&**name)
            })
        } else {
            METRICS.iter().any(|metric| metric.cloudwatch == Some(&**name))
        };
        assert!(is_told, "{metric:?}");
    }
}

/// References name existing resources: a typing error in the body would not fail the deployment.
#[test]
fn dashboard_refers_to_existing_resources() {
    let template = template();
    let body = dashboard(template).to_string();
    let references = body.split("${").skip(1).map(|rest| rest.split_once('}').unwrap().0);
    for reference in references
        .filter(|reference| !reference.starts_with("AWS::") && !reference.starts_with('!'))
    {
        let resource = reference.split('.').next().unwrap();
        assert!(template["Resources"].get(resource).is_some(), "{reference}");
    }
}

/// Widgets don't overlap on the grid of 24 columns.
#[test]
fn the_dashboards_widgets_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for widget in widgets(template()) {
        let number = |name: &str| widget[name].as_u64().unwrap();
        let (x, y) = (number("x"), number("y"));
        assert!(x + number("width") <= 24, "{widget}");
        for cell in
            (x..x + number("width")).flat_map(|x| (y..y + number("height")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{widget}");
        }
    }
}

/// Expressions refer only to ids of their widget.
#[test]
fn dashboard_expressions_refer_to_existing_ids() {
    for widget in widgets(template()) {
        let lines = widget["properties"]["metrics"].as_array().cloned().unwrap_or_default();
        let options = |line: &Value| line.as_array().unwrap().last().unwrap().clone();
        let ids: BTreeSet<_> = lines
            .iter()
            .filter_map(|line| options(line)["id"].as_str().map(str::to_owned))
            .collect();
        for line in &lines {
            let expression = line[0]["expression"].as_str().unwrap_or_default();
            if expression.contains("SEARCH(") {
                continue;
            }
            let words = expression.split(|c: char| !c.is_ascii_alphanumeric());
            for word in words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
                assert!(ids.contains(word), "{word}: {expression}");
            }
        }
    }
}

//! One valid request of each type that has a body.

use http::Method;
use serde_json::{Value, json};

use super::request::GeneratedRequest;

/// Method, path and body of a request.
type ValidRequest = (Method, String, Value);

/// One valid request of each type that has a body, sent with the first key.
pub fn seeds(account: &str) -> Vec<GeneratedRequest> {
    let sound = |(method, path, body): ValidRequest| {
        let declared: &[u8] = match &body {
            Value::Array(_) => b"application/cloudevents-batch+json",
            _ => b"application/json",
        };
        let fields = vec![("content-type", declared.to_vec())];
        GeneratedRequest {
            method,
            path,
            query: String::new(),
            fields,
            key: 0,
            body: body.to_string().into_bytes(),
        }
    };
    bodies(account).into_iter().map(sound).collect()
}

fn bodies(account: &str) -> Vec<ValidRequest> {
    [
        jobs(account),
        kinds(),
        accounts(account),
        events(account),
        usage(account),
        sources(account),
        quotas_and_schedules(account),
        compat(),
    ]
    .concat()
}

fn jobs(account: &str) -> Vec<ValidRequest> {
    let job = json!({
        "kind": "echo", "payload": {"a": [1, "x", null]}, "priority": 3, "delay_seconds": 7,
        "callback_url": "https://example.com/x", "metadata": {"a": "b"}, "account": account,
    });
    vec![
        (Method::POST, "/v1/jobs".into(), job.clone()),
        (Method::POST, "/v1/jobs/batch".into(), json!({"jobs": [job, 7]})),
        (
            Method::POST,
            "/v1/jobs".into(),
            json!({"kind": "echo", "payload": 1, "run_at": "2027-01-01T00:00:00Z"}),
        ),
    ]
}

fn kinds() -> Vec<ValidRequest> {
    vec![
        (
            Method::PUT,
            "/v1/kinds/http".into(),
            json!({
                "description": "x",
                "schema": {"type": "object", "properties": {"a": {"pattern": "^a+$"}}},
                "target": {"type": "http", "url": "https://example.com/x", "headers": {"x-a": "b"}},
                "discipline": "lifo",
                "retry": {"max_attempts": 3, "initial_seconds": 1, "factor": 2, "max_seconds": 60},
                "retention_seconds": 60, "timeout_seconds": 5, "events": true,
            }),
        ),
        (
            Method::PUT,
            "/v1/kinds/event".into(),
            json!({"schema": {}, "target": {"type": "event"}, "discipline": "priority"}),
        ),
    ]
}

fn accounts(account: &str) -> Vec<ValidRequest> {
    let of = |rest: &str| format!("/v1/accounts/{account}{rest}");
    vec![
        (
            Method::POST,
            "/v1/accounts".into(),
            json!({"name": "Billing", "is_active": true, "max_running": 5}),
        ),
        (Method::PATCH, of(""), json!({"name": "Tenant", "max_running": null})),
        (
            Method::POST,
            of("/keys"),
            json!({"name": "ci", "scopes": ["jobs:read"], "expires_at": "2030-01-01T00:00:00Z"}),
        ),
        (Method::POST, of("/webhook-secrets"), json!({})),
    ]
}

fn events(account: &str) -> Vec<ValidRequest> {
    let of = |rest: &str| format!("/v1/accounts/{account}{rest}");
    vec![
        (Method::POST, of("/events"), json!({"data": {"a": 1}, "source": "host"})),
        (Method::PUT, of("/events?data=hello"), json!(null)),
        (Method::POST, "/v1/push/tickets".into(), json!({})),
    ]
}

fn usage(account: &str) -> Vec<ValidRequest> {
    let event = |id: &str| {
        json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop", "id": id,
            "data": {
                "service": "shop", "route": "list", "type": "egress", "bytes": 7,
                "account": account,
            },
        })
    };
    vec![
        (Method::POST, "/v1/usage".into(), event("one")),
        (Method::POST, "/v1/usage".into(), json!([event("two"), 7])),
    ]
}

fn sources(account: &str) -> Vec<ValidRequest> {
    vec![
        (
            Method::PUT,
            "/v1/sources/kong".into(),
            json!({
                "type": "prometheus", "url": "https://kong.example.com/metrics", "preset": "kong3",
                "account": account,
            }),
        ),
        (
            Method::PUT,
            "/v1/sources/nodes".into(),
            json!({
                "type": "prometheus", "url": "https://a.example.com/metrics",
                "metric": "bytes_total", "labels": {"service": "device"},
                "as": {"type": "egress", "route": "all"},
            }),
        ),
        (
            Method::PUT,
            "/v1/sources/gateway".into(),
            json!({
                "type": "cloudwatch", "namespace": "AWS/ApiGateway", "metric_name": "DataProcessed",
                "dimensions": {"ApiId": "a"},
                "as": {"type": "egress", "service": "api", "route": "all"},
            }),
        ),
    ]
}

fn quotas_and_schedules(account: &str) -> Vec<ValidRequest> {
    vec![
        (
            Method::PUT,
            "/v1/quotas/month".into(),
            json!({
                "limit_bytes": 1_000_000, "type": "egress", "service": "shop", "account": account,
                "period": "month", "timezone": "Europe/Berlin", "thresholds": [50, 100],
                "recipients": ["ops@example.com"], "enforce": false,
            }),
        ),
        (
            Method::PUT,
            "/v1/schedules/nightly".into(),
            json!({
                "expression": "cron(30 4 ? * MON-FRI *)", "timezone": "Europe/Berlin",
                "account": account, "job": {"kind": "echo", "payload": {"a": 1}, "priority": 2},
                "enabled": true,
            }),
        ),
        (
            Method::PUT,
            "/v1/schedules/often".into(),
            json!({
                "expression": "rate(5 minutes)", "account": account,
                "job": {"kind": "echo", "payload": 1},
            }),
        ),
    ]
}

fn compat() -> Vec<ValidRequest> {
    let insert = json!({
        "operation": "insert", "table": "users", "col_names": ["id"], "col_types": ["INTEGER"],
        "col_values": [7],
    });
    vec![
        (Method::DELETE, "/api/user".into(), json!({"id": 7})),
        (Method::POST, "/api/activities".into(), json!({"activities": [insert]})),
    ]
}

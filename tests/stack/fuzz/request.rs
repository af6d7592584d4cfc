//! Generated requests, from valid ones of every route to nonsense.

use std::fmt;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};
use tollgate_http::ROUTES;

use super::bearer;

/// A generated request.
#[derive(Clone)]
pub struct GeneratedRequest {
    method: Method,
    path: String,
    query: String,
    fields: Vec<(&'static str, Vec<u8>)>,
    /// Index of the key it is sent with; no key if out of range.
    key: usize,
    body: Vec<u8>,
}

impl fmt::Debug for GeneratedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, query, fields, key, body } = self;
        write!(f, "{method} {path}?{query} with key {key}")?;
        for (name, value) in fields {
            write!(f, ", {name}: {:?}", String::from_utf8_lossy(value))?;
        }
        write!(f, ", {}", String::from_utf8_lossy(body))
    }
}

impl GeneratedRequest {
    /// The request, sent with one of these keys.
    pub fn with(&self, keys: &[String]) -> Request<Body> {
        let address = if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        };
        let mut request = Request::builder().method(self.method.clone()).uri(address);
        if let Some(key) = keys.get(self.key) {
            request = bearer(request, key);
        }
        for (name, value) in &self.fields {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }
}

/// One valid request of each type that has a body, sent with the first key.
pub fn seeds(account: &str) -> Vec<GeneratedRequest> {
    let sound = |(method, path, body): (Method, String, Value)| {
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

fn bodies(account: &str) -> Vec<(Method, String, Value)> {
    let of = |rest: &str| format!("/v1/accounts/{account}{rest}");
    let job = json!({
        "kind": "echo", "payload": {"a": [1, "x", null]}, "priority": 3, "delay_seconds": 7,
        "callback_url": "https://example.com/x", "metadata": {"a": "b"}, "account": account,
    });
    let event = |id: &str| {
        json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop", "id": id,
            "data": {
                "service": "shop", "route": "list", "type": "egress", "bytes": 7,
                "account": account,
            },
        })
    };
    let insert = json!({
        "operation": "insert", "table": "users", "col_names": ["id"], "col_types": ["INTEGER"],
        "col_values": [7],
    });
    vec![
        (Method::POST, "/v1/jobs".into(), job.clone()),
        (Method::POST, "/v1/jobs/batch".into(), json!({"jobs": [job, 7]})),
        (
            Method::POST,
            "/v1/jobs".into(),
            json!({"kind": "echo", "payload": 1, "run_at": "2027-01-01T00:00:00Z"}),
        ),
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
        (Method::POST, of("/events"), json!({"data": {"a": 1}, "source": "host"})),
        (Method::PUT, of("/events?data=hello"), json!(null)),
        (Method::POST, "/v1/push/tickets".into(), json!({})),
        (Method::POST, "/v1/usage".into(), event("one")),
        (Method::POST, "/v1/usage".into(), json!([event("two"), 7])),
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
        (Method::DELETE, "/api/user".into(), json!({"id": 7})),
        (Method::POST, "/api/activities".into(), json!({"activities": [insert]})),
    ]
}

/// Any request: a valid one, a mutated one, or one with random parts, for a known or unknown route.
pub fn requests(account: String) -> impl Strategy<Value = GeneratedRequest> {
    let sound = select(seeds(&account));
    let changed = (sound.clone(), vec(mutation(), 1..4), query(), fields(), 0..3usize).prop_map(
        |(sound, changes, query, fields, key)| {
            let mut body = serde_json::from_slice(&sound.body).unwrap();
            changes.iter().for_each(|change| change.apply(&mut body));
            let fields = sound.fields.iter().cloned().chain(fields).collect();
            GeneratedRequest { query, fields, key, body: body.to_string().into_bytes(), ..sound }
        },
    );
    let cut =
        (sound, any::<prop::sample::Index>(), any::<Vec<u8>>()).prop_map(|(sound, at, with)| {
            let mut body = sound.body.clone();
            body.truncate(at.index(body.len() + 1));
            body.extend(with);
            GeneratedRequest { body, ..sound }
        });
    let drawn = (method(), path(account), query(), fields(), 0..3usize, body()).prop_map(
        |(method, path, query, fields, key, body)| GeneratedRequest {
            method,
            path,
            query,
            fields,
            key,
            body,
        },
    );
    prop_oneof![3 => changed, 1 => cut, 4 => drawn]
}

fn method() -> impl Strategy<Value = Method> {
    let any = "[A-Z]{1,8}".prop_map(|text| Method::from_bytes(text.as_bytes()).unwrap());
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::TRACE,
    ];
    prop_oneof![9 => select(known.to_vec()), 1 => any]
}

/// A value for a path placeholder: existing, well-formed or malformed.
fn name(account: String) -> impl Strategy<Value = String> {
    let there = vec!["echo", "user.delete", "kong", "month", "nightly", "users", "batch"];
    let other = vec![
        "job_01kagzwy00e81840g2081040g2",
        "key_01kagzwy00ec1r60r30c1g60r3",
        "acc_01kagzwy00e40r2081040g2081",
        "job_",
        "acc_x",
    ];
    prop_oneof![
        Just(account),
        select(there).prop_map(str::to_owned),
        select(other).prop_map(str::to_owned),
        "[!-~]{0,70}".prop_map(|text| encoded(&text)),
        "\\PC{0,20}".prop_map(|text| encoded(&text)),
        "(%[0-9A-Fa-f]{2}){1,6}"
    ]
}

fn path(account: String) -> impl Strategy<Value = String> {
    let templates: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    let known = (select(templates), vec(name(account), 3)).prop_map(|(template, names)| {
        let mut names = names.into_iter();
        let parts = template.split('/').map(|part| {
            if part.starts_with('{') { names.next().unwrap() } else { part.to_owned() }
        });
        parts.collect::<Vec<_>>().join("/")
    });
    prop_oneof![
        9 => known,
        1 => "(/[a-z0-9.%_~-]{0,10}){1,5}".prop_map(|path| path.replace('%', "%25")),
    ]
}

const PARAMETERS: &[&str] = &[
    "status",
    "kind",
    "limit",
    "cursor",
    "account",
    "after",
    "type",
    "service",
    "route",
    "lookback_duration",
    "from",
    "to",
    "step",
    "data",
    "x",
];

fn query() -> impl Strategy<Value = String> {
    let sound = select(vec![
        "failed",
        "echo",
        "20",
        "0",
        "-1",
        "now",
        "egress",
        "shop",
        "5m",
        "31d",
        "2026-11-20T16:00:00Z",
        "1m",
        "99999999999999999999d",
        "acc_01kagzwy00e40r2081040g2081",
        "",
        "9999-12-31T23:59:59Z",
        "-9999-01-01T00:00:00Z",
    ]);
    let value = prop_oneof![
        3 => sound.prop_map(str::to_owned),
        1 => "\\PC{0,30}".prop_map(|text| encoded(&text)),
        1 => "[A-Za-z0-9_%-]{0,60}",
    ];
    let pair = (select(PARAMETERS), value).prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![
        2 => Just(String::new()),
        3 => vec(pair, 1..4).prop_map(|pairs| pairs.join("&")),
        1 => "[A-Za-z0-9=&%+_-]{0,40}",
    ]
}

fn fields() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let names = [
        "prefer",
        "idempotency-key",
        "traceparent",
        "content-type",
        "if-none-match",
        "authorization",
        "accept",
        "x-forwarded-for",
        "tracestate",
    ];
    let sound = [
        "wait=1",
        "wait=20, respond-async",
        "wait=99999999999999999999",
        "wait",
        "a-key",
        "\"a-key\"",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-0",
        "application/json",
        "application/problem+json;q=\"",
        "application/xml",
        "*",
        "\"1\"",
        "W/\"1\", \"2\"",
        "Bearer tg_",
        "Bearer ey.ey.x",
        "Basic x",
    ];
    let value = prop_oneof![
        3 => select(sound.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
        1 => "[ -~]{0,300}".prop_map(String::into_bytes),
    ];
    vec((select(names.to_vec()), value), 0..4)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        vec(any::<u8>(), 0..200),
        (1..2000usize).prop_map(|depth| "[".repeat(depth).into_bytes()),
        Just(vec![b' '; api::MAX_BODY_BYTES + 1])
    ]
}

/// Any small JSON value, with names and values that some route uses.
pub fn any_json() -> impl Strategy<Value = Value> {
    let word = select(vec![
        "",
        "echo",
        "http",
        "kind",
        "9223372036854775808",
        "2026-11-20T16:00:00Z",
        "+275760-09-13T00:00:00Z",
        "a@example.com",
        "a@b\r\nBcc: c@d.e",
        "https://example.com",
        "http://[::1]:99999/",
        "cron(* * * * ? *)",
        "rate(0 days)",
        "Europe/Berlin",
        "acc_01kagzwy00e40r2081040g2081",
        "#",
        "\u{0}",
        "(a+)+$",
        "#/$defs/a",
        "object",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-3i32..12).prop_map(Value::from),
        word.prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        (0..3000usize).prop_map(|length| Value::from("x".repeat(length))),
    ];
    let member = select(vec![
        "kind", "payload", "type", "url", "schema", "target", "account", "name", "data", "id",
        "$ref", "items", "pattern", "", "a/b~c",
    ]);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((member.clone(), inner), 0..5).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect())
        ]
    })
}

/// One mutation at some position of a JSON value.
#[derive(Clone, Debug)]
struct Mutation {
    at: prop::sample::Index,
    to: Option<Value>,
    name: Option<String>,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let name = option::weighted(0.2, "[a-z_$]{0,12}");
    (any::<prop::sample::Index>(), option::weighted(0.8, any_json()), name)
        .prop_map(|(at, to, name)| Mutation { at, to, name })
}

impl Mutation {
    /// Replaces the value there, adds a member next to it, or removes it.
    fn apply(&self, body: &mut Value) {
        let mut places = Vec::new();
        list(body, String::new(), &mut places);
        let place = &places[self.at.index(places.len())];
        match (&self.name, &self.to, body.pointer_mut(place)) {
            (Some(name), to, Some(Value::Object(members))) => {
                members.insert(name.clone(), to.clone().unwrap_or_default());
            }
            (_, Some(to), Some(there)) => *there = to.clone(),
            (_, None, _) => {
                if let Some((parent, name)) = place.rsplit_once('/')
                    && let Some(Value::Object(members)) = body.pointer_mut(parent)
                {
                    members.remove(name);
                }
            }
            _ => {}
        }
    }
}

/// The JSON pointers of all values nested in a value.
fn list(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                list(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(values) => values
            .iter()
            .enumerate()
            .for_each(|(n, value)| list(value, format!("{at}/{n}"), places)),
        _ => {}
    }
    places.push(at);
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

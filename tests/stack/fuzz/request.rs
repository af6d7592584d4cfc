//! Generated requests, from valid ones of every route to nonsense.

use std::fmt;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    bearer,
    json::{any_json, mutation},
    url::{path, query},
    valid_requests::seeds,
};

/// A generated request.
#[derive(Clone)]
pub struct GeneratedRequest {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// Index of the key it is sent with; no key if out of range.
    pub key: usize,
    pub body: Vec<u8>,
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

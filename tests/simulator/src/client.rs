//! An API client of the in-process stack: HTTP without sockets.

use axum::body::Body;
use http::{HeaderMap, Method, Request, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::stack::Service;

#[derive(Clone, Debug)]
pub struct Client {
    service: Service,
    key: String,
    headers: HeaderMap,
}

#[derive(Clone, Debug)]
pub struct ApiResponse {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null without a body; a string if the body isn't JSON.
    pub body: Value,
    /// Body size in bytes.
    pub length: usize,
    /// When the response arrived. The process flushes its counters later.
    pub at: Instant,
}

impl ApiResponse {
    /// A header's value, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
    }

    /// Last part of the problem's `type`.
    pub fn problem_type(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap()
    }
}

impl Client {
    pub(crate) fn new(service: Service, key: &str) -> Self {
        Self { service, key: key.to_owned(), headers: HeaderMap::new() }
    }

    /// The same client with one more header in every request.
    pub fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.append(name, value.parse().unwrap());
        client
    }

    /// Sends a request with an optional JSON body.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> ApiResponse {
        let declared = body.as_ref().map(|_| "application/json");
        self.send_raw(
            method,
            path,
            declared,
            body.map_or_else(Vec::new, |body| body.to_string().into()),
        )
        .await
    }

    /// Sends a request with arbitrary bytes; `declared` is the content type.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        declared: Option<&str>,
        body: Vec<u8>,
    ) -> ApiResponse {
        let mut request = Request::builder().method(method.clone()).uri(path);
        if !self.key.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        }
        if let Some(declared) = declared {
            request = request.header(header::CONTENT_TYPE, declared);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body)).unwrap();
        let path = request.uri().path().to_owned();
        let response = self.service.function(&method, &path).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let at = Instant::now();
        // Boxed because tests await it in large futures.
        Box::pin(self.service.flush()).await;
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        ApiResponse {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            length: bytes.len(),
            at,
        }
    }

    pub async fn get(&self, path: &str) -> ApiResponse {
        self.send(Method::GET, path, None).await
    }

    pub async fn submit(&self, kind: &str, payload: Value) -> ApiResponse {
        self.send(Method::POST, "/v1/jobs", Some(json!({"kind": kind, "payload": payload}))).await
    }

    pub async fn job(&self, id: &str) -> ApiResponse {
        self.get(&format!("/v1/jobs/{id}")).await
    }
}

//! The stack under test and its clients.

use std::{fs, sync::OnceLock, time::Duration};

use quota_check::Checker;
use reqwest::{Client, Method, header::HeaderMap};
use runtime::{clock::Clock, config::QuotaCheckConfig, telemetry::Metrics};
use serde_json::{Value, json};
use store::{Clients, connect};

/// Maximum duration of an undisturbed job.
pub const JOB_TIMEOUT: Duration = Duration::from_secs(60);

/// Content of `stack.json`.
#[derive(Debug)]
pub struct Stack {
    pub url: String,
    pub operator_key: String,
    pub tenant_key: String,
    pub tenant_account: String,
    pub endpoint: String,
    pub queue_url: String,
    pub table: String,
    functions: Value,
    http: Client,
}

#[derive(Debug)]
pub struct ApiResponse {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl ApiResponse {
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no job: {self:?}")).to_owned()
    }
}

/// The stack in `TOLLGATE_STACK`. Panics without it, because there is nothing to test.
pub fn stack() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| {
        let file = std::env::var("TOLLGATE_STACK")
            .unwrap_or_else(|_| panic!("TOLLGATE_STACK is not set; run `make test-all`"));
        let told: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let text = |name: &str| {
            told[name].as_str().unwrap_or_else(|| panic!("{file} has no {name}")).to_owned()
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        Stack {
            url: text("url"),
            operator_key: text("operator_key"),
            tenant_key: text("tenant_key"),
            tenant_account: text("tenant_account"),
            endpoint: text("endpoint"),
            queue_url: text("queue_url"),
            table: text("table"),
            functions: told["functions"].clone(),
            // A connection belongs to the runtime of the test that opened it, so tests can't share
            // idle connections.
            http: Client::builder()
                .timeout(Duration::from_secs(40))
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
        }
    })
}

impl Stack {
    /// A function's name, such as `tollgate-PollFunction-…` for `poll`.
    pub fn function(&self, name: &str) -> &str {
        self.functions[name].as_str().unwrap_or_else(|| panic!("no function {name}"))
    }

    /// Sends a request with the tenant's key.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> ApiResponse {
        self.send_as(&self.tenant_key, method, path, headers, body).await
    }

    /// Sends a request with any key.
    pub async fn send_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> ApiResponse {
        self.try_as(key, method, path, headers, body).await.unwrap()
    }

    /// Sends a request with any key; fails if the stack is down.
    pub async fn try_as(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> reqwest::Result<ApiResponse> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url.trim_end_matches('/')))
            .bearer_auth(key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(ApiResponse {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    /// Sends a request with the operator's key.
    pub async fn operate(&self, method: Method, path: &str, body: Option<Value>) -> ApiResponse {
        self.send_as(&self.operator_key, method, path, &[], body).await
    }

    pub async fn define(&self, name: &str, spec: Value) {
        let answer = self
            .send_as(&self.operator_key, Method::PUT, &format!("/v1/kinds/{name}"), &[], Some(spec))
            .await;
        assert!([200, 201].contains(&answer.status), "{answer:?}");
    }

    /// Submits a job and returns its id.
    pub async fn submit(&self, kind: &str, payload: Value) -> String {
        let body = json!({"kind": kind, "payload": payload});
        let answer = self.send(Method::POST, "/v1/jobs", &[], Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    }

    /// The job's current state.
    pub async fn job(&self, id: &str) -> Value {
        let answer = self.send(Method::GET, &format!("/v1/jobs/{id}"), &[], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// Waits for a job's outcome with long polls.
    pub async fn outcome(&self, id: &str, patience: Duration) -> Value {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let answer = self
                .send(Method::GET, &format!("/v1/jobs/{id}"), &[("prefer", "wait=10")], None)
                .await;
            if ["completed", "failed", "cancelled"]
                .contains(&answer.body["status"].as_str().unwrap_or_default())
            {
                return answer.body;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "no outcome within the timeout: {answer:?}"
            );
        }
    }

    /// All attempts of a job.
    pub async fn attempts(&self, id: &str) -> Vec<Value> {
        let answer = self.send(Method::GET, &format!("/v1/jobs/{id}/attempts"), &[], None).await;
        answer.body["items"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone()
    }

    /// Calls the emulator's Lambda API.
    pub async fn emulator(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.try_emulator(method, path, body)
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Like [`Stack::emulator`]; fails if the emulator is down.
    pub async fn try_emulator(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Value> {
        let scope = "AWS4-HMAC-SHA256 \
            Credential=test/20260101/us-east-1/lambda/aws4_request, \
            SignedHeaders=host, Signature=x";
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.endpoint))
            .header("authorization", scope);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await?.error_for_status()?;
        Ok(serde_json::from_str(&answer.text().await?).unwrap_or(Value::Null))
    }

    /// A minute tick in the test's process, in addition to the stack's own. It sends no mails.
    pub fn checker(&self, metrics: Metrics) -> Checker {
        let config = QuotaCheckConfig {
            table: self.table.clone(),
            queue_url: self.queue_url.clone(),
            allow_private_targets: true,
            sender: None,
            namespace: "Tollgate/e2e".to_owned(),
        };
        Checker::new(self.aws(), config, Clock::system(), metrics)
    }

    /// AWS clients of the emulator.
    pub fn aws(&self) -> Clients {
        let vars = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some(self.endpoint.clone()),
            "AWS_REGION" => {
                Some(std::env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned()))
            }
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        };
        connect(&vars).unwrap()
    }
}

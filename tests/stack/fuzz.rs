//! Fuzzing of requests and stored items: every response conforms to the OpenAPI description, and
//! nothing panics.
//!
//! `make fuzz CASES=100000` runs more than the default few hundred cases.

mod items;
mod json;
mod request;
mod url;
mod valid_requests;

use std::{collections::BTreeSet, fs, sync::LazyLock};

use axum::body::Body;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use sim::{Service, Stack};
use tokio::runtime::{Builder, Runtime};
use tollgate_http::{ErrorFormat, ROUTES, Route};
use tower::ServiceExt;

/// The stack under test, in a runtime of its own. Cases run one after another on the same state.
struct StackUnderTest {
    runtime: Runtime,
    stack: Stack,
}

impl StackUnderTest {
    fn new() -> Self {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let stack = runtime.block_on(async {
            let stack = Stack::new().await;
            stack
                .define(
                    "user.delete",
                    json!({"schema": {"type": "object"}, "target": {"type": "echo"}}),
                )
                .await;
            stack
                .define(
                    "activities",
                    json!({"schema": {"type": "object"}, "target": {"type": "records"}}),
                )
                .await;
            stack
        });
        Self { runtime, stack }
    }

    /// Sends a request and checks that the response conforms to the contract.
    fn checked_response(
        &self,
        service: &Service,
        request: Request<Body>,
    ) -> Result<(u16, Value), TestCaseError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let shown = format!("{method} {}", request.uri());
        self.runtime.block_on(async {
            let response = service.function(&method, &path).oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let response = Response::from_parts(parts, String::from_utf8(bytes.to_vec()).unwrap());
            check_contract(&method, &path, &response)
                .map_err(|wrong| TestCaseError::fail(format!("{shown}: {wrong}\n{response:?}")))?;
            Ok((
                response.status().as_u16(),
                serde_json::from_str(response.body()).unwrap_or_default(),
            ))
        })
    }
}

/// Every response has a request id and a status that the route describes. Errors have the format of
/// the route.
fn check_contract(method: &Method, path: &str, response: &Response<String>) -> Result<(), String> {
    let status = response.status().as_u16();
    let field = |name| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    if field("x-request-id").is_empty() {
        return Err("it has no id".into());
    }
    let route = route_of(method, path);
    if let Some(route) = route
        && !statuses(route).contains(&status)
    {
        return Err(format!("{status} is not described for {}", route.path));
    }
    // A response to HEAD has no body.
    if status < 400 || method == Method::HEAD {
        return Ok(());
    }
    let declared = field("content-type");
    match form_at(path) {
        ErrorFormat::PlainText
            if declared.starts_with("text/plain") && !response.body().is_empty() =>
        {
            Ok(())
        }
        ErrorFormat::ProblemDocument if declared == "application/problem+json" => {
            let problem: Value =
                serde_json::from_str(response.body()).map_err(|error| error.to_string())?;
            let sound = problem["status"] == status
                && problem["type"]
                    .as_str()
                    .is_some_and(|slug| slug.starts_with("urn:tollgate:problem:"))
                && problem["title"].is_string()
                && problem["request_id"] == field("x-request-id")
                && (status != 422 || problem["errors"].is_array() || problem["type"] == REUSED);
            if sound { Ok(()) } else { Err("it is no problem document".into()) }
        }
        _ => Err(format!("a refusal of {path} is {declared}")),
    }
}

const REUSED: &str = "urn:tollgate:problem:idempotency-key-reused";

/// The route that handles a request, if any.
fn route_of(method: &Method, path: &str) -> Option<&'static Route> {
    let fits = |template: &str| {
        let (wanted, given) = (template.split('/'), path.split('/'));
        wanted.clone().count() == given.clone().count()
            && wanted.zip(given).all(|(wanted, given)| {
                if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
            })
    };
    let placeholders = |route: &&Route| route.path.matches('{').count();
    let best = ROUTES.iter().filter(|route| fits(route.path)).min_by_key(placeholders)?;
    ROUTES.iter().find(|route| route.path == best.path && route.method == *method)
}

fn form_at(path: &str) -> ErrorFormat {
    ROUTES
        .iter()
        .find_map(|route| route_of(&route.method, path).map(|found| found.error_format))
        .unwrap_or(ErrorFormat::ProblemDocument)
}

/// The statuses that `infra/openapi.json` describes for a route.
fn statuses(route: &Route) -> BTreeSet<u16> {
    static DESCRIBED: LazyLock<Value> = LazyLock::new(|| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/openapi.json");
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    });
    let answers =
        &DESCRIBED["paths"][route.path][route.method.as_str().to_lowercase()]["responses"];
    let Some(answers) = answers.as_object() else {
        // Static files are not part of the description.
        assert!(route.path.ends_with("/{*file}"), "{}", route.path);
        return BTreeSet::from([200, 404]);
    };
    answers.keys().map(|status| status.parse().unwrap()).collect()
}

fn bearer(request: http::request::Builder, key: &str) -> http::request::Builder {
    request.header(header::AUTHORIZATION, format!("Bearer {key}"))
}

/// Runs `PROPTEST_CASES` cases, or that divided by `share` if a case is expensive. Failing cases
/// are printed in full and not persisted.
fn runner(share: u32) -> TestRunner {
    let config = Config::default();
    TestRunner::new(Config {
        cases: (config.cases / share).max(1),
        failure_persistence: None,
        ..config
    })
}

/// Arbitrary methods, paths, headers and bodies, most of them close to valid ones.
#[test]
fn no_request_causes_a_server_error() {
    let tried = StackUnderTest::new();
    let keys = [tried.stack.operator_key(), tried.stack.tenant_key()];
    let account = tried.stack.tenant_account().to_string();
    let service = tried.stack.service();
    runner(1)
        .run(&request::requests(account), |asked| {
            let (status, answer) = tried.checked_response(&service, asked.with(&keys))?;
            if status >= 500 {
                return Err(TestCaseError::fail(format!("{asked:?}: {answer}")));
            }
            Ok(())
        })
        .unwrap();
}

/// The seeds of the mutations must be valid themselves.
#[test]
fn seed_requests_are_valid() {
    let tried = StackUnderTest::new();
    let keys = [tried.stack.operator_key()];
    let service = tried.stack.service();
    for asked in valid_requests::seeds(&tried.stack.tenant_account().to_string()) {
        let (status, answer) = tried.checked_response(&service, asked.with(&keys)).unwrap();
        assert!(status < 400, "{asked:?}: {status} {answer}");
    }
}

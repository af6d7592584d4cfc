//! Pages without a key: the console, the API reference and the OpenAPI description.

use axum::body::Body;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use sim::{Client, Stack};
use tower::ServiceExt;

async fn visitor() -> Client {
    Stack::new().await.client("")
}

#[tokio::test(start_paused = true)]
async fn console_is_served_with_a_strict_content_security_policy() {
    let visitor = visitor().await;
    let answer = visitor.get("/").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html"));
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert!(answer.body.as_str().unwrap().starts_with("<!doctype html>"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty());
    insta::assert_snapshot!(answer.header("content-security-policy"), @"\
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
        font-src 'self'; connect-src 'self' ws://127.0.0.1:9/live; base-uri 'none'; \
        form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
        trusted-types 'none'");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn matching_etag_is_answered_304() {
    let visitor = visitor().await;
    let first = visitor.get("/").await;
    let again = visitor.with("if-none-match", first.header("etag")).get("/").await;
    assert_eq!((again.status, again.length, again.header("cache-control")), (304, 0, "no-cache"));
    let head = visitor.send(Method::HEAD, "/", None).await;
    assert_eq!((head.status, head.length, head.header("etag")), (200, 0, first.header("etag")));
}

/// The API reference inserts HTML from strings, so its page omits Trusted Types. Otherwise it has
/// the policy of the console.
#[tokio::test(start_paused = true)]
async fn api_reference_serves_all_files_it_loads() {
    let visitor = visitor().await;
    let (console, page) = (visitor.get("/").await, visitor.get("/docs").await);
    assert_eq!((page.status, page.header("content-type")), (200, "text/html"));
    let strict = format!(
        "{}; require-trusted-types-for 'script'; trusted-types 'none'",
        page.header("content-security-policy")
    );
    assert_eq!(console.header("content-security-policy"), strict);
    let text = page.body.as_str().unwrap();
    let loaded: Vec<_> = text.split(['"', '\'']).filter(|part| part.starts_with("docs/")).collect();
    assert!(loaded.len() >= 4 && !text.contains("//"), "{text}");
    for file in loaded {
        let answer = visitor.get(&format!("/{file}")).await;
        let is_versioned = file.contains("5.35.0");
        let life =
            if is_versioned { "public, max-age=31536000, immutable" } else { "public, max-age=60" };
        assert_eq!((answer.status, answer.header("cache-control")), (200, life), "{file}");
        let kind = if file.ends_with("css") { "text/css" } else { "text/javascript" };
        assert_eq!(
            (answer.header("content-type"), answer.header("x-content-type-options")),
            (kind, "nosniff"),
            "{file}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn openapi_route_serves_the_file() {
    let file = include_str!("../../infra/openapi.json");
    let answer = visitor().await.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    assert_eq!(answer.body, serde_json::from_str::<Value>(file).unwrap());
}

/// API Gateway does not compress responses, so the functions do.
#[tokio::test(start_paused = true)]
async fn long_responses_are_compressed() {
    let service = Stack::new().await.service();
    let request = Request::get("/openapi.json")
        .header("accept-encoding", "gzip, br")
        .body(Body::empty())
        .unwrap();
    let answer: Response<Body> =
        service.function(&Method::GET, "/openapi.json").oneshot(request).await.unwrap();
    assert_eq!(
        (&answer.headers()["content-encoding"], &answer.headers()["vary"]),
        (&"gzip".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
    );
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*body), &mut text).unwrap();
    assert_eq!(text, include_str!("../../infra/openapi.json"));
    assert!(body.len() * 4 < text.len(), "{} of {}", body.len(), text.len());
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_get_a_problem_document() {
    let visitor = visitor().await;
    for path in [
        "/console/nothing.js",
        "/console/index.html",
        "/docs/a/b",
        "/docs/index.html",
        "/docs/",
        "/console",
    ] {
        let answer = visitor.get(path).await;
        assert_eq!((answer.status, answer.problem_type()), (404, "not-found"), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/", "/docs", "/openapi.json", "/console/nothing.js", "/docs/page.js"] {
        let answer = visitor.send(Method::POST, path, None).await;
        assert_eq!(
            (answer.status, answer.problem_type(), answer.header("allow")),
            (405, "method-not-allowed", "GET, HEAD"),
            "{path}"
        );
    }
}

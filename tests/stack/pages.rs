//! What is there for people: the console and the API's description, without a key.

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
async fn the_console_is_at_the_root_and_browsers_are_told_to_run_nothing_else() {
    let visitor = visitor().await;
    let answer = visitor.get("/").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html"));
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert!(answer.body.as_str().unwrap().starts_with("<!doctype html>"), "{answer:?}");
    assert!(!answer.header("x-request-id").is_empty());
    insta::assert_snapshot!(answer.header("content-security-policy"), @"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self' ws://127.0.0.1:9/live; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_browser_has_already_is_not_sent_again() {
    let visitor = visitor().await;
    let first = visitor.get("/").await;
    let again = visitor.with("if-none-match", first.header("etag")).get("/").await;
    assert_eq!((again.status, again.length, again.header("cache-control")), (304, 0, "no-cache"));
    let head = visitor.send(Method::HEAD, "/", None).await;
    assert_eq!((head.status, head.length, head.header("etag")), (200, 0, first.header("etag")));
}

/// The reference makes markup of text; otherwise its page may do no more than the console.
#[tokio::test(start_paused = true)]
async fn the_reference_comes_with_all_that_it_loads() {
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
async fn the_description_is_that_of_the_file() {
    let file = include_str!("../../infra/openapi.json");
    let answer = visitor().await.get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    assert_eq!(answer.body, serde_json::from_str::<Value>(file).unwrap());
}

/// The gateway doesn't compress what functions answer.
#[tokio::test(start_paused = true)]
async fn what_is_long_comes_compressed() {
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
async fn what_is_not_there_is_told_as_everywhere() {
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
        assert_eq!((answer.status, answer.slug()), (404, "not-found"), "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/", "/docs", "/openapi.json", "/console/nothing.js", "/docs/page.js"] {
        let answer = visitor.send(Method::POST, path, None).await;
        assert_eq!(
            (answer.status, answer.slug(), answer.header("allow")),
            (405, "method-not-allowed", "GET, HEAD"),
            "{path}"
        );
    }
}

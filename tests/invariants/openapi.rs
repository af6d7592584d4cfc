//! `infra/openapi.json` is generated from the functions' routers, and agrees with the middleware's
//! table of routes.

use std::{collections::BTreeSet, fs, path::Path};

use api::Problem;
use model::{account::Scope, quota::Exhausted, time::Time};
use serde_json::Value;
use tollgate_http::{Access, ErrorFormat, ROUTES, Route, complete_openapi};
use utoipa::OpenApi;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/openapi.json");

fn openapi_document() -> Value {
    let mut document = api::openapi();
    document.merge(submit::Description::openapi());
    document.merge(poll::Description::openapi());
    document.merge(manage::Description::openapi());
    document.merge(console::Description::openapi());
    let mut document = serde_json::to_value(document).unwrap();
    complete_openapi(&mut document);
    document
}

fn operations() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.is_operation())
}

/// `make openapi` writes the file.
#[test]
fn openapi_file_is_current() {
    let current = serde_json::to_string_pretty(&openapi_document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::write(FILE, &current).unwrap();
    }
    let kept = fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert!(kept == current, "infra/openapi.json is outdated: run `make openapi`");
}

#[test]
fn routes_and_scopes_match_the_route_table() {
    let document = openapi_document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let scopes = operation.pointer("/security/0/key").map_or_else(
                || "open".to_owned(),
                |scopes| {
                    scopes
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|scope| scope.as_str().unwrap())
                        .collect::<Vec<_>>()
                        .join(" ")
                },
            );
            described.insert(format!("{} {path}: {scopes}", method.to_uppercase()));
        }
    }
    let table: BTreeSet<_> = operations()
        .map(|route| {
            let scope = match route.access {
                Access::Public => "open",
                Access::AnyKey => "",
                Access::Scope(scope) => scope.as_str(),
            };
            format!("{} {}: {scope}", route.method, route.path)
        })
        .collect();
    assert_eq!(described, table);
}

#[test]
fn every_operation_is_described() {
    let document = openapi_document();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for part in ["operationId", "summary", "responses", "tags"] {
                assert!(operation.get(part).is_some(), "{method} {path} has no {part}");
            }
        }
    }
}

/// Clients that validate responses find problems in the format that the middleware returns.
#[test]
fn problems_have_the_format_of_their_route() {
    let document = openapi_document();
    for route in operations() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        for (status, answer) in operation["responses"].as_object().unwrap() {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let media_types: Vec<_> = answer["content"].as_object().unwrap().keys().collect();
            let wanted = match route.error_format {
                ErrorFormat::ProblemDocument => "application/problem+json",
                ErrorFormat::PlainText => "text/plain",
            };
            assert_eq!(media_types, [wanted], "{} {} {status}", route.method, route.path);
            assert!(
                route.error_format == ErrorFormat::ProblemDocument || status != "422",
                "{}",
                route.path
            );
        }
    }
}

#[test]
fn header_fields_of_problems_are_described() {
    let document = openapi_document();
    let method = Problem::MethodNotAllowed { allow: "GET".to_owned() };
    let needed = Problem::MissingScope(Scope::JobsWrite);
    let exhausted = Exhausted {
        quota: "q".parse().unwrap(),
        limit_bytes: 1,
        window: 1,
        until: Time::from_millis(1),
        reset: 1,
    };
    for problem in [
        method,
        needed,
        Problem::Unauthenticated,
        Problem::IdempotencyInProgress,
        Problem::QuotaExceeded(exhausted),
        Problem::Unavailable,
    ] {
        let answer =
            &document["paths"]["/v1/jobs"]["post"]["responses"][problem.status().to_string()];
        let described = answer["headers"].as_object().unwrap();
        for name in problem.headers().iter().map(|(name, _)| *name).chain(["x-request-id"]) {
            assert!(
                described.keys().any(|key| key.eq_ignore_ascii_case(name)),
                "{problem:?}: {name}"
            );
        }
    }
}

/// Exactly the routes that a quota may block document the 429.
#[test]
fn routes_blocked_by_quotas_document_429() {
    let document = openapi_document();
    for route in operations() {
        let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
        assert_eq!(
            operation["responses"].get("429").is_some(),
            route.enforces_quota,
            "{} {}",
            route.method,
            route.path
        );
    }
}

/// The description shows a batch's jobs. `anyOf` still accepts invalid entries, which get their own
/// errors.
#[test]
fn a_batch_is_described_by_its_jobs() {
    let parts = &openapi_document()["components"]["schemas"];
    assert_eq!(
        parts["BatchRequest"]["properties"]["jobs"]["items"]["$ref"],
        "#/components/schemas/BatchJob"
    );
    assert_eq!(parts["BatchJob"]["anyOf"][0]["$ref"], "#/components/schemas/JobRequest");
}

/// A part of an `allOf` must not forbid additional properties: it would reject those of the other
/// parts.
#[test]
fn parts_of_all_of_allow_additional_properties() {
    let document = openapi_document();
    let parts = document["components"]["schemas"].as_object().unwrap();
    let mut seen = 0;
    for (name, schema) in parts {
        for part in schema["allOf"].as_array().into_iter().flatten() {
            let referred = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let part = referred.map_or(part, |referred| &parts[referred]);
            assert_ne!(part["additionalProperties"], false, "{name}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Links refer to existing operations and their parameters.
#[test]
fn links_refer_to_existing_operations() {
    let document = openapi_document();
    let operations: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .collect();
    let mut links = 0;
    for answer in
        operations.iter().flat_map(|operation| operation["responses"].as_object().unwrap().values())
    {
        for link in answer["links"].as_object().into_iter().flat_map(|links| links.values()) {
            let target =
                operations.iter().find(|operation| operation["operationId"] == link["operationId"]);
            let parameters = target.unwrap()["parameters"].as_array().unwrap();
            for name in link["parameters"].as_object().unwrap().keys() {
                assert!(
                    parameters.iter().any(|parameter| parameter["name"] == name.as_str()),
                    "{link}"
                );
            }
            links += 1;
        }
    }
    assert!(links > 20);
}

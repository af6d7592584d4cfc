//! API Gateway routes every request to the function that serves it.

use std::collections::BTreeMap;

use http::Method;
use sim::HttpApi;
use tollgate_http::ROUTES;
use utoipa::{OpenApi, openapi::OpenApi as Document};

use crate::template::{resources, template};

/// The function that serves each path.
fn serving() -> BTreeMap<String, Vec<&'static str>> {
    let mut functions = BTreeMap::<String, Vec<_>>::new();
    let mut add = |function, document: Document| {
        let document = serde_json::to_value(document).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let route = format!("{} {path}", method.to_uppercase());
                functions.entry(route).or_default().push(function);
            }
        }
    };
    add("SubmitFunction", submit::Description::openapi());
    add("PollFunction", poll::Description::openapi());
    add("ManageFunction", manage::Description::openapi());
    add("ConsoleFunction", console::Description::openapi());
    functions
}

/// Also for HEAD, which is answered as GET.
#[test]
fn requests_reach_the_function_that_serves_them() {
    let (api, serving) = (HttpApi::of_template(), serving());
    for route in ROUTES {
        let file = if route.path.contains("{*") { Some(vec!["ConsoleFunction"]) } else { None };
        let expected = file.or_else(|| serving.get(&route.name()).cloned());
        let path = route.path.replace("{*file}", "a/b");
        let methods = match route.method {
            Method::GET => vec![Method::GET, Method::HEAD],
            ref other => vec![other.clone()],
        };
        for method in methods {
            assert_eq!(Some(vec![api.function(&method, &path)]), expected, "{method} {path}");
        }
    }
}

/// Every route of API Gateway but the greedy ones is one of the API.
#[test]
fn gateway_routes_exist() {
    for (name, route) in resources(template(), "AWS::ApiGatewayV2::Route") {
        let key = route["RouteKey"].as_str().unwrap();
        if key.starts_with('$') || key.contains("/{proxy+}") {
            continue;
        }
        let get = key.replacen("HEAD ", "GET ", 1);
        assert!(ROUTES.iter().any(|route| route.name() == get), "{name}: {key}");
    }
}

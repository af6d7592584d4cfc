//! Selects the function for a request as API Gateway does, from the routes in `template.yaml`.

use std::{cmp::Reverse, sync::LazyLock};

use http::Method;
use serde_json::Value;

use crate::template;

/// The routes of the HTTP API.
#[derive(Debug)]
pub struct HttpApi {
    routes: Vec<GatewayRoute>,
}

#[derive(Debug)]
struct GatewayRoute {
    /// `None` in the route `$default`.
    key: Option<(Method, String)>,
    /// Resource name of the function, such as `PollFunction`.
    function: String,
}

impl HttpApi {
    /// The routes of `template.yaml`.
    pub fn of_template() -> &'static Self {
        static API: LazyLock<HttpApi> = LazyLock::new(|| HttpApi::new(template()));
        &API
    }

    fn new(template: &Value) -> Self {
        let resources = template["Resources"].as_object().unwrap();
        let of_http_api = |resource: &&Value| {
            let api = resource["Properties"]["ApiId"]["!Ref"].as_str().unwrap();
            resources[api]["Properties"]["ProtocolType"] == "HTTP"
        };
        let routes = resources
            .values()
            .filter(|resource| resource["Type"] == "AWS::ApiGatewayV2::Route")
            .filter(of_http_api)
            .map(|resource| {
                let properties = &resource["Properties"];
                let key = properties["RouteKey"].as_str().unwrap().split_once(' ');
                let target = properties["Target"]["!Sub"].as_str().unwrap();
                let integration =
                    target.trim_start_matches("integrations/${").trim_end_matches('}');
                let uri = &resources[integration]["Properties"]["IntegrationUri"]["!GetAtt"];
                GatewayRoute {
                    key: key.map(|(method, path)| (method.parse().unwrap(), path.to_owned())),
                    function: uri.as_str().unwrap().trim_end_matches(".Arn").to_owned(),
                }
            });
        Self { routes: routes.collect() }
    }

    /// Resource name of the function that gets a request. A full match has priority over a match
    /// with `{proxy+}`, and that over `$default`
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>).
    /// Among equals, the route with the fewest variables is the most specific, then the longest.
    pub fn function(&self, method: &Method, path: &str) -> &str {
        let rank = |route: &GatewayRoute| match &route.key {
            None => Some((2, 0, Reverse(0))),
            Some((of, template)) if of == method && matches(template, path) => {
                let is_greedy = i32::from(template.contains("{proxy+}"));
                Some((is_greedy, template.matches('{').count(), Reverse(template.len())))
            }
            Some(_) => None,
        };
        let best = self.routes.iter().filter_map(|route| Some((rank(route)?, route)));
        &best.min_by_key(|(rank, _)| *rank).unwrap().1.function
    }
}

/// Apart from the functions' own matching, which tests compare with this.
fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some("{proxy+}"), Some(_)) => return true,
            (Some(part), Some(value))
                if part == value || (part.starts_with('{') && !value.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_route_wins() {
        let api = HttpApi::of_template();
        for (method, path, function) in [
            (Method::POST, "/v1/jobs", "SubmitFunction"),
            (Method::POST, "/v1/accounts/acc_1/events", "SubmitFunction"),
            (Method::POST, "/v1/accounts/acc_1/keys", "ManageFunction"),
            (Method::PUT, "/v1/kinds/a", "ManageFunction"),
            (Method::HEAD, "/v1/kinds", "ManageFunction"),
            (Method::GET, "/metrics", "ManageFunction"),
            (Method::GET, "/metrics/bandwidth_used", "PollFunction"),
            (Method::GET, "/v1/kinds/a/b", "PollFunction"),
            (Method::OPTIONS, "/v1/kinds", "PollFunction"),
            (Method::GET, "/console/a/b.js", "ConsoleFunction"),
            (Method::GET, "/", "ConsoleFunction"),
        ] {
            assert_eq!(api.function(&method, path), function, "{method} {path}");
        }
    }
}

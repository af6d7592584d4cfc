//! Access control: every operation of the OpenAPI description is called by every kind of caller.
//!
//! Each operation must declare who may use it. A new route is tested like the others and fails here
//! until it has such a declaration.

use std::{collections::BTreeSet, fs, time::Duration};

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Service, Stack};
use tollgate_http::{Access, ROUTES};

/// Who may use an operation, from the `security` of its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequiredAccess {
    Nothing,
    AnyKey,
    Scope(Scope),
}

#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    needs: RequiredAccess,
    has_body: bool,
}

/// Operations that need no key. Add to this list only on purpose.
const OPEN: [&str; 4] = ["GET /", "GET /docs", "GET /heartbeat", "GET /openapi.json"];

fn operations() -> Vec<Operation> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/openapi.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let needs = required_access(&operation["security"])
                .unwrap_or_else(|| panic!("{method} {path} does not declare its access"));
            let (path, has_body) = (path.clone(), operation.get("requestBody").is_some());
            found.push(Operation { method, path, needs, has_body });
        }
    }
    found
}

fn required_access(security: &Value) -> Option<RequiredAccess> {
    let [only] = security.as_array()?.as_slice() else { return None };
    let Some(scopes) = only.get("key") else {
        return Some(RequiredAccess::Nothing).filter(|_| *only == json!({}));
    };
    match scopes.as_array()?.as_slice() {
        [] => Some(RequiredAccess::AnyKey),
        [scope] => Some(RequiredAccess::Scope(scope.as_str()?.parse().ok()?)),
        _ => None,
    }
}

/// For the path segment before a placeholder: an existing name of the tenant's, a name that does
/// not exist, and whether the existence of the tenant's one is confidential. Names shared by all
/// accounts, or separate in each account, are not confidential.
fn placeholder_values(before: &str, world: &Fixture) -> (String, &'static str, bool) {
    match before {
        "accounts" => (world.tenant.clone(), "acc_01kagzwy00e40r2081040g2081", true),
        "keys" => (world.spare_key.clone(), "key_01kagzwy00ec1r60r30c1g60r3", true),
        "jobs" | "poll" => (world.job.clone(), "job_01kagzwy00e81840g2081040g2", true),
        "quotas" => ("s3cret-quota".to_owned(), "unknown", true),
        "schedules" => ("nightly".to_owned(), "unknown", true),
        "sources" => ("s3cret-source".to_owned(), "unknown", true),
        "kinds" => ("echo".to_owned(), "unknown", false),
        "tables" => ("users".to_owned(), "unknown", false),
        _ => panic!("no values for the placeholder after {before:?}"),
    }
}

/// A tenant with one resource of each type, and callers of every kind.
struct Fixture {
    stack: Stack,
    service: Service,
    tenant: String,
    job: String,
    spare_key: String,
    /// Texts that must never be shown to another account.
    confidential_texts: Vec<String>,
}

impl Fixture {
    async fn new() -> Self {
        let stack = Stack::new().await;
        let operator = stack.operator();
        let tenant = stack.tenant_account().to_string();
        let body = json!({
            "kind": "echo", "payload": "s3cret-payload", "metadata": {"note": "s3cret-note"},
        });
        let job = stack.tenant().send(Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
        let schedule = json!({
            "expression": "rate(1 day)", "account": tenant,
            "job": {"kind": "echo", "payload": "s3cret-job"},
        });
        assert_eq!(
            operator.send(Method::PUT, "/v1/schedules/nightly", Some(schedule)).await.status,
            201
        );
        let quota = json!({
            "limit_bytes": 7, "type": "egress", "account": tenant, "period": "day",
            "recipients": ["s3cret-name@example.com"],
        });
        assert_eq!(
            operator.send(Method::PUT, "/v1/quotas/s3cret-quota", Some(quota)).await.status,
            201
        );
        let source = json!({
            "type": "prometheus", "url": "https://kong.example/metrics", "preset": "kong3",
            "account": tenant,
        });
        assert_eq!(
            operator.send(Method::PUT, "/v1/sources/s3cret-source", Some(source)).await.status,
            201
        );
        let data = json!({"service": "s3cret-service", "type": "egress", "bytes": 7});
        let event = json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x", "id": "1",
            "data": data,
        });
        assert_eq!(stack.tenant().send(Method::POST, "/v1/usage", Some(event)).await.status, 202);
        let secrets = operator.get(&format!("/v1/accounts/{tenant}/webhook-secrets")).await;
        let secret = secrets.body["items"][0]["secret"].as_str().unwrap().to_owned();
        let service = stack.service();
        let mut world = Self {
            stack,
            service,
            tenant,
            job,
            spare_key: String::new(),
            confidential_texts: Vec::new(),
        };
        let tenant = world.tenant.clone();
        world.spare_key = world.key(&tenant, json!({})).await.0;
        let texts = ["s3cret-", "nightly", &world.tenant, &world.job, &world.spare_key, &secret];
        world.confidential_texts = texts.map(str::to_owned).to_vec();
        world
    }

    /// Creates a key and returns its id and its secret.
    async fn key(&self, account: &str, more: Value) -> (String, String) {
        let mut body = json!({"name": "x", "scopes": ["jobs:read"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let path = format!("/v1/accounts/{account}/keys");
        let made = self.stack.operator().send(Method::POST, &path, Some(body)).await;
        assert_eq!(made.status, 201, "{made:?}");
        (made.id().to_owned(), made.body["secret"].as_str().unwrap().to_owned())
    }

    async fn account(&self) -> String {
        let body = json!({"name": "another"});
        self.stack.operator().send(Method::POST, "/v1/accounts", Some(body)).await.id().to_owned()
    }

    fn client(&self, key: &str) -> Client {
        self.stack.client_with_service(&self.service, key)
    }

    /// The path with the tenant's resources, the path with resources that do not exist, and whether
    /// the existence of the tenant's ones is confidential.
    fn paths(&self, template: &str) -> (String, String, bool) {
        let (mut theirs, mut unknowns, mut hidden, mut before) =
            (Vec::new(), Vec::new(), false, "");
        for part in template.split('/') {
            if part.starts_with('{') {
                let (their, unknown, own) = placeholder_values(before, self);
                theirs.push(their);
                unknowns.push(unknown.to_owned());
                hidden |= own;
            } else {
                theirs.push(part.to_owned());
                unknowns.push(part.to_owned());
                before = part;
            }
        }
        (theirs.join("/"), unknowns.join("/"), hidden)
    }

    fn assert_no_leak(&self, answer: &ApiResponse, what: &str) {
        let text = answer.body.to_string();
        for mark in &self.confidential_texts {
            assert!(!text.contains(mark.as_str()), "{what} shows {mark}: {text}");
        }
    }
}

impl Operation {
    async fn call(&self, client: &Client, path: &str) -> ApiResponse {
        client.send(self.method.clone(), path, self.has_body.then(|| json!({}))).await
    }

    fn allows(&self, scope: Scope) -> bool {
        match self.needs {
            RequiredAccess::Nothing | RequiredAccess::AnyKey => true,
            RequiredAccess::Scope(needed) => scope == needed || scope == Scope::Admin,
        }
    }

    /// Missing, invalid, expired and revoked keys get 401; a key of a deactivated account gets 403.
    async fn assert_refuses_invalid_keys(&self, world: &Fixture, path: &str) {
        let expired = world
            .key(
                &world.tenant,
                json!({"scopes": ["admin"], "expires_at": world.stack.now() + SECOND}),
            )
            .await
            .1;
        let (revoked_id, revoked) = world.key(&world.tenant, json!({"scopes": ["admin"]})).await;
        let revoke = format!("/v1/accounts/{}/keys/{revoked_id}", world.tenant);
        assert_eq!(world.stack.operator().send(Method::DELETE, &revoke, None).await.status, 204);
        let good = world.key(&world.tenant, json!({"scopes": ["admin"]})).await.1;
        let guessed = format!("{}{}", &good[..good.len() - 64], "0".repeat(64));
        tokio::time::sleep(2 * SECOND).await;
        for (who, key) in [
            ("no key", ""),
            ("an expired key", &expired),
            ("a revoked key", &revoked),
            ("a guessed secret", &guessed),
            ("a malformed key", "tg_x"),
            ("a token", "e30.e30.e30"),
        ] {
            let status = self.call(&world.client(key), path).await.status;
            assert_eq!(status, 401, "{} {path} with {who}", self.method);
        }
        let account = world.account().await;
        let closed = world.key(&account, json!({"scopes": ["admin"]})).await.1;
        let off = Some(json!({"is_active": false}));
        world.stack.operator().send(Method::PATCH, &format!("/v1/accounts/{account}"), off).await;
        let refused = self.call(&world.client(&closed), path).await;
        assert_eq!(refused.status, 403, "{} {path} of a deactivated account", self.method);
    }

    /// A key of another account, with every scope a tenant can have, learns nothing about the
    /// tenant.
    async fn assert_hidden_from_other_account(&self, world: &Fixture) {
        let scopes: Vec<_> = Scope::ALL
            .iter()
            .filter(|scope| **scope != Scope::Admin)
            .map(|scope| scope.as_str())
            .collect();
        let stranger = world.account().await;
        let client = world.client(&world.key(&stranger, json!({"scopes": scopes})).await.1);
        let what = format!("{} {} to a stranger", self.method, self.path);
        let (theirs, unknowns, hidden) = world.paths(&self.path);
        let (answer, of_nothing) =
            (self.call(&client, &theirs).await, self.call(&client, &unknowns).await);
        world.assert_no_leak(&answer, &what);
        if self.needs == RequiredAccess::Scope(Scope::Admin) {
            assert_eq!((answer.status, of_nothing.status), (403, 403), "{what}");
        } else if hidden {
            // The response must not differ from that for a missing resource. A required body is
            // validated first, so 422 is possible.
            let told = |answer: ApiResponse| {
                (answer.status, answer.body["type"].clone(), answer.body["detail"].clone())
            };
            assert!(
                answer.status == 404 || self.has_body && answer.status == 422,
                "{what}: {answer:?}"
            );
            assert_eq!(told(answer), told(of_nothing), "{what}");
        }
        if self.method == Method::GET {
            let aimed = client.get(&format!("{theirs}?account={}", world.tenant)).await;
            world.assert_no_leak(&aimed, &what);
            let takes_account = aimed.status == 200 && self.needs != RequiredAccess::Nothing;
            assert!(!takes_account, "{what}, with the tenant's account in the query");
        }
    }

    /// Keys of the tenant, each with one scope: only the required scope and `admin` are accepted.
    async fn assert_enforces_scopes(&self, world: &Fixture, path: &str) {
        let mut keys = Vec::new();
        for scope in Scope::ALL {
            keys.push((
                scope,
                world.key(&world.tenant, json!({"scopes": [scope.as_str()]})).await.1,
            ));
        }
        // Allowed scopes go last, because some of these operations delete resources.
        keys.sort_by_key(|(scope, _)| self.allows(*scope));
        for (scope, key) in keys {
            let answer = self.call(&world.client(&key), path).await;
            if self.allows(scope) {
                assert!(
                    ![401, 403, 500].contains(&answer.status),
                    "{} {path} with {scope}: {answer:?}",
                    self.method
                );
            } else {
                assert_eq!(answer.status, 403, "{} {path} with {scope}: {answer:?}", self.method);
                world.assert_no_leak(&answer, path);
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn every_route_enforces_its_declared_access() {
    for operation in operations() {
        let world = Fixture::new().await;
        let (path, ..) = world.paths(&operation.path);
        if operation.needs == RequiredAccess::Nothing {
            let answer = operation.call(&world.client(""), &path).await;
            assert_eq!(answer.status, 200, "{operation:?}");
            world.assert_no_leak(&answer, &path);
            continue;
        }
        operation.assert_refuses_invalid_keys(&world, &path).await;
        operation.assert_hidden_from_other_account(&world).await;
        operation.assert_enforces_scopes(&world, &path).await;
    }
}

#[test]
fn every_route_declares_its_access() {
    let operations = operations();
    let named = |method: &Method, path: &str| format!("{method} {path}");
    let described: BTreeSet<_> =
        operations.iter().map(|operation| named(&operation.method, &operation.path)).collect();
    let (routed, files): (Vec<_>, Vec<_>) = ROUTES.iter().partition(|route| route.is_operation());
    let routed: BTreeSet<_> = routed.iter().map(|route| named(&route.method, route.path)).collect();
    assert_eq!(described, routed);
    assert!(
        files.iter().all(|route| route.method == Method::GET && route.access == Access::Public),
        "{files:?}"
    );
    let open = operations.iter().filter(|operation| operation.needs == RequiredAccess::Nothing);
    let open: Vec<_> = open.map(|operation| named(&operation.method, &operation.path)).collect();
    assert_eq!(open, OPEN);
}

//! Bearer tokens of an OIDC issuer, over real sockets: validation, and behavior while the issuer is
//! down.

mod issuer;
mod keys;

use std::time::Duration;

use http::Method;
use issuer::{Issuer, Signer};
use model::{account::Scope, id::AccountId};
use runtime::config::TokenConfig;
use serde_json::{Value, json};
use sim::{ApiResponse, Options, Service, Stack};

const HOUR: Duration = Duration::from_secs(3600);

/// A stack that trusts an issuer whose signing key is `key`.
struct Fixture {
    stack: Stack,
    issuer: Issuer,
    key: Signer,
    /// One process per function; each caches the issuer's keys.
    service: Service,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(Signer::p256("one"), false).await
    }

    async fn with(key: Signer, admin: bool) -> Self {
        let issuer = Issuer::start(vec![key.jwk()]).await;
        let tokens =
            Some(TokenConfig { issuer: issuer.url.clone(), audience: "tollgate".into(), admin });
        let stack = Stack::with(Options { tokens, ..Options::default() }).await;
        let service = stack.service();
        Self { stack, issuer, key, service }
    }

    /// Claims of a valid token for an account.
    fn claims_of(&self, account: AccountId) -> Value {
        let now = self.stack.now().millis() / 1000;
        json!({
            "iss": self.issuer.url, "aud": "tollgate", "sub": account, "exp": now + 300,
            "scope": "openid jobs:read jobs:write",
        })
    }

    fn claims(&self, more: Value) -> Value {
        let mut claims = self.claims_of(self.stack.tenant_account());
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    }

    fn token(&self) -> String {
        self.key.token(&self.claims(json!({})))
    }

    async fn list(&self, token: &str) -> ApiResponse {
        self.stack.client_with_service(&self.service, token).get("/v1/jobs").await
    }
}

/// Advances the clock. Time must run otherwise, because the tests use real sockets.
async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn valid_token_grants_its_scopes() {
    for key in [Signer::p256("one"), Signer::rsa("one")] {
        let world = Fixture::with(key, false).await;
        let client = world.stack.client_with_service(&world.service, &world.token());
        let accepted = client.submit("echo", json!(1)).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        assert_eq!(client.job(accepted.id()).await.status, 200);
        assert_eq!(
            world.stack.tenant().job(accepted.id()).await.status,
            200,
            "it is the account's own job"
        );
        let kind = json!({"schema": {}, "target": {"type": "echo"}});
        assert_eq!(
            client.send(Method::PUT, "/v1/kinds/x", Some(kind)).await.problem_type(),
            "missing-scope"
        );
        assert_eq!(world.issuer.request_count(), 3, "one request per function");

        let named = world.claims(json!({
            "sub": "ada", "tollgate_account": world.stack.tenant_account(),
            "scope": "jobs:read",
        }));
        let reader = world.stack.client_with_service(&world.service, &world.key.token(&named));
        assert_eq!(
            (
                reader.get("/v1/jobs").await.status,
                reader.submit("echo", json!(1)).await.problem_type()
            ),
            (200, "missing-scope")
        );
    }
}

#[tokio::test]
async fn invalid_tokens_are_refused() {
    let world = Fixture::with(Signer::rsa("one"), true).await;
    let said = |more: Value| world.key.token(&world.claims(more));
    let now = world.stack.now().millis() / 1000;
    let good = world.token();
    let (body, signature) = good.rsplit_once('.').unwrap();
    let other = Signer::p256("one");
    let modulus = world.key.jwk()["n"].as_str().unwrap().to_owned();
    let unknown = "acc_01kagzwy00e40r2081040g2081".parse().unwrap();
    for (why, token) in [
        ("audience", said(json!({"aud": "another"}))),
        ("issuer", said(json!({"iss": "https://another.example"}))),
        ("over", said(json!({"exp": now - 31}))),
        ("early", said(json!({"nbf": now + 40}))),
        ("no account", said(json!({"sub": "ada"}))),
        ("of an unknown account", world.key.token(&world.claims_of(unknown))),
        ("unknown key", Signer::rsa("two").token(&world.claims(json!({})))),
        ("another's signature", other.token(&world.claims(json!({})))),
        (
            "another algorithm",
            world.key.token_with_header(
                &json!({"alg": "ES256", "kid": "one"}),
                &world.claims(json!({})),
            ),
        ),
        ("none", issuer::unsigned("one", &world.claims(json!({})))),
        ("HS256", issuer::with_shared_secret("one", modulus.as_bytes(), &world.claims(json!({})))),
        (
            "HS256 of the JWK",
            issuer::with_shared_secret(
                "one",
                world.key.jwk().to_string().as_bytes(),
                &world.claims(json!({})),
            ),
        ),
        ("no signature", format!("{body}.")),
        ("cut", format!("{body}.{}", &signature[4..])),
        (
            "other claims",
            format!(
                "{}.{signature}",
                issuer::unsigned("one", &world.claims(json!({"scope": "admin"})))
                    .rsplit_once('.')
                    .unwrap()
                    .0
            ),
        ),
        ("two parts", body.to_owned()),
        ("long", format!("{good}{}", "x".repeat(9000))),
        ("words", "a.b.c".to_owned()),
    ] {
        let refused = world.list(&token).await;
        assert_eq!(
            (refused.status, refused.header("www-authenticate")),
            (401, "Bearer"),
            "{why}: {refused:?}"
        );
    }
    assert_eq!(world.list(&good).await.status, 200);
    assert_eq!(world.issuer.request_count(), 1, "unknown key ids are looked up at a limited rate");
}

#[tokio::test]
async fn token_of_a_deactivated_account_is_refused() {
    let world = Fixture::new().await;
    let path = format!("/v1/accounts/{}", world.stack.tenant_account());
    world.stack.operator().send(Method::PATCH, &path, Some(json!({"is_active": false}))).await;
    assert_eq!(world.list(&world.token()).await.problem_type(), "account-inactive");
}

#[tokio::test]
async fn admin_scope_of_tokens_is_opt_in() {
    for (admin, status) in [(false, 403), (true, 200)] {
        let world = Fixture::with(Signer::p256("one"), admin).await;
        let token = world.key.token(&world.claims(json!({"scope": "admin"})));
        let client = world.stack.client_with_service(&world.service, &token);
        assert_eq!(client.get("/v1/accounts").await.status, status);
    }
}

#[tokio::test]
async fn tokens_are_refused_without_an_issuer() {
    let world = Fixture::new().await;
    let plain = Stack::new().await;
    let token = world.key.token(&world.claims_of(plain.tenant_account()));
    assert_eq!(plain.client(&token).get("/v1/jobs").await.status, 401);
    assert_eq!(world.issuer.request_count(), 0);
}

#[tokio::test]
async fn token_reaches_no_other_account() {
    let world = Fixture::new().await;
    let stranger = world
        .stack
        .create_account_key(&[Scope::JobsRead])
        .await
        .parse::<model::account::ApiKey>()
        .unwrap()
        .account;
    let id = world.stack.tenant().submit("echo", json!(1)).await.id().to_owned();
    let token = world.key.token(&world.claims_of(stranger));
    let client = world.stack.client_with_service(&world.service, &token);
    assert_eq!(client.job(&id).await.status, 404);
    assert_eq!(
        client
            .get(&format!("/v1/jobs?account={}", world.stack.tenant_account()))
            .await
            .problem_type(),
        "missing-scope"
    );
}

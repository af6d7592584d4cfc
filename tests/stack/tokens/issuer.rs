//! A token issuer in the test process, over a real socket.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};

/// A key used only in these tests. It is a fixture because *ring* cannot generate RSA keys.
const RSA: &[u8] = include_bytes!("../fixtures/issuer.pk8");

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub struct Signer {
    pub id: String,
    pair: Pair,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// A new ES256 key.
    pub fn p256(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random);
        Self { id: id.to_owned(), pair: Pair::P256(Box::new(pair.unwrap())) }
    }

    /// The RS256 key of the fixture.
    pub fn rsa(id: &str) -> Self {
        Self { id: id.to_owned(), pair: Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(RSA).unwrap())) }
    }

    /// The public key as a JWK.
    pub fn jwk(&self) -> Value {
        match &self.pair {
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({
                    "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "alg": "ES256",
                    "x": encode(x), "y": encode(y),
                })
            }
            Pair::Rsa(pair) => {
                let key: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({
                    "kty": "RSA", "kid": self.id, "use": "sig", "n": encode(key.n),
                    "e": encode(key.e),
                })
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with_header(
            &json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id}),
            claims,
        )
    }

    /// A token with any header.
    pub fn token_with_header(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = encode(self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// A token that an attacker could forge from the public key: HMAC with the public key as the
/// secret.
pub fn with_shared_secret(key_id: &str, secret: &[u8], claims: &Value) -> String {
    let header = json!({"alg": "HS256", "kid": key_id});
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

pub fn unsigned(key_id: &str, claims: &Value) -> String {
    format!(
        "{}.{}.",
        encode(json!({"alg": "none", "kid": key_id}).to_string()),
        encode(claims.to_string())
    )
}

/// How the issuer behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Healthy,
    /// No discovery document; the keys are at `/.well-known/jwks.json`.
    NoDiscovery,
    Down,
    Hanging,
    /// The key set exceeds the size limit.
    OversizedKeys,
    /// The discovery document names a different issuer.
    WrongIssuer,
    Redirecting,
}

#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    behavior: Arc<Mutex<Behavior>>,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    pub async fn start(keys: Vec<Value>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let (mood, keys) = (Arc::new(Mutex::new(Behavior::Healthy)), Arc::new(Mutex::new(keys)));
        let issuer = Self { url, behavior: mood, keys, asked: Arc::default() };
        let router = Router::new()
            .route("/realm/.well-known/openid-configuration", get(discovery))
            .route("/realm/.well-known/jwks.json", get(well_known))
            .route("/realm/keys", get(keys_of))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub fn set(&self, mood: Behavior) {
        *self.behavior.lock().unwrap() = mood;
    }

    pub fn publish(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    /// Number of requests for the keys, plus failed requests for the discovery document.
    pub fn request_count(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn mood(&self) -> Behavior {
        *self.behavior.lock().unwrap()
    }
}

async fn discovery(State(issuer): State<Issuer>) -> Response {
    let url = &issuer.url;
    match issuer.mood() {
        Behavior::NoDiscovery => StatusCode::NOT_FOUND.into_response(),
        Behavior::Down => {
            issuer.asked.fetch_add(1, Ordering::Relaxed);
            StatusCode::BAD_GATEWAY.into_response()
        }
        Behavior::Hanging => std::future::pending().await,
        Behavior::WrongIssuer => {
            Json(json!({"issuer": "https://another.example", "jwks_uri": format!("{url}/keys")}))
                .into_response()
        }
        Behavior::Redirecting => {
            (StatusCode::FOUND, [("location", format!("{url}/keys"))]).into_response()
        }
        Behavior::Healthy | Behavior::OversizedKeys => {
            Json(json!({"issuer": url, "jwks_uri": format!("{url}/keys")})).into_response()
        }
    }
}

async fn well_known(State(issuer): State<Issuer>) -> Response {
    match issuer.mood() {
        Behavior::NoDiscovery => keys_of(State(issuer)).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn keys_of(State(issuer): State<Issuer>) -> Response {
    issuer.asked.fetch_add(1, Ordering::Relaxed);
    let padding = if issuer.mood() == Behavior::OversizedKeys {
        " ".repeat(1024 * 1024)
    } else {
        String::new()
    };
    format!("{padding}{}", json!({"keys": *issuer.keys.lock().unwrap()})).into_response()
}

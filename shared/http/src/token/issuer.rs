//! Loads and caches the keys of the issuer.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use tokio::sync::Mutex;

use super::{KeysUnavailable, VerifiedToken, claims, jwks::KeySet, jws::Token};
use model::time::Time;
use runtime::config::TokenConfig;
use store::HttpGet;

/// How long keys are cached.
const KEY_TTL: Duration = Duration::from_secs(3600);
/// How long cached keys are used while loading them fails.
const KEY_TTL_IN_OUTAGE: Duration = Duration::from_secs(24 * 3600);
/// Shortest interval between loads while keys are cached. It bounds the load that tokens with
/// invented key ids can cause.
const RELOAD_INTERVAL: Duration = Duration::from_secs(30);
/// Shortest interval between loads while none are cached.
const RELOAD_INTERVAL_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// Size limit of a document, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The trusted issuer of tokens. Create one per process, because it caches the keys.
#[derive(Debug)]
pub struct Issuer {
    config: TokenConfig,
    web: HttpGet,
    /// Locked during a load, so that concurrent requests share it.
    cache: Mutex<KeyCache>,
}

#[derive(Debug, Default)]
struct KeyCache {
    keys: Option<(Time, Arc<KeySet>)>,
    attempted_at: Option<Time>,
}

/// The members that are used of `OpenID` Connect Discovery 1.0, section 3, and RFC 8414, section 2.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// Creates an issuer; keys are loaded with the first token.
    #[must_use]
    pub fn new(rules: TokenConfig) -> Self {
        Self { config: rules, web: HttpGet::default(), cache: Mutex::default() }
    }

    /// Verifies a token; `None` if it is invalid.
    ///
    /// # Errors
    /// When the keys are unknown and can't be loaded.
    pub async fn verify(
        &self,
        text: &str,
        now: Time,
    ) -> Result<Option<VerifiedToken>, KeysUnavailable> {
        let Some(token) = Token::parse(text) else { return Ok(None) };
        // Checked before loading keys, so that a token with invalid claims causes no request to the
        // issuer.
        let Some(bearer) = claims::validate(token.claims(), &self.config, now) else {
            return Ok(None);
        };
        let keys = self.keys_for(&token, now).await?;
        let is_signed =
            keys.get(&token.key_id, token.algorithm).is_some_and(|key| token.is_signed_with(key));
        Ok(is_signed.then_some(bearer))
    }

    /// The cached keys, reloaded if they expired or lack the key of the token.
    async fn keys_for(&self, token: &Token<'_>, now: Time) -> Result<Arc<KeySet>, KeysUnavailable> {
        let mut known = self.cache.lock().await;
        if let Some((read_at, keys)) = &known.keys
            && now.since(*read_at) < KEY_TTL
            && keys.get(&token.key_id, token.algorithm).is_some()
        {
            return Ok(keys.clone());
        }
        let pause =
            if known.keys.is_some() { RELOAD_INTERVAL } else { RELOAD_INTERVAL_WITHOUT_KEYS };
        if known.attempted_at.is_none_or(|asked_at| now.since(asked_at) >= pause) {
            known.attempted_at = Some(now);
            match self.load_keys().await {
                Ok(keys) => known.keys = Some((now, Arc::new(keys))),
                Err(cause) => {
                    tracing::warn!(issuer = self.config.issuer, cause, "loading issuer keys failed")
                }
            }
        }
        let keys =
            known.keys.as_ref().filter(|(read_at, _)| now.since(*read_at) < KEY_TTL_IN_OUTAGE);
        keys.map(|(_, keys)| keys.clone()).ok_or(KeysUnavailable)
    }

    async fn load_keys(&self) -> Result<KeySet, String> {
        let base = self.config.issuer.trim_end_matches('/');
        let (status, document) =
            self.web.get(&format!("{base}/.well-known/openid-configuration"), MAX_BYTES).await?;
        let address = match status {
            200 => self.parse_discovery(&document)?,
            404 => format!("{base}/.well-known/jwks.json"),
            _ => return Err(format!("discovery returned status {status}")),
        };
        let (status, document) = self.web.get(&address, MAX_BYTES).await?;
        if status != 200 {
            return Err(format!("{address} returned status {status}"));
        }
        let keys = KeySet::parse(&document)
            .map_err(|error| format!("{address} is no JWK Set: {error}"))?;
        if keys.is_empty() {
            Err(format!("{address} has no key for RS256 or ES256"))
        } else {
            Ok(keys)
        }
    }

    /// Reads `jwks_uri`, which must be `https://` unless the issuer is `http://`.
    fn parse_discovery(&self, document: &[u8]) -> Result<String, String> {
        let found: Discovery = serde_json::from_slice(document)
            .map_err(|error| format!("invalid discovery document: {error}"))?;
        if found.issuer != self.config.issuer {
            return Err(format!("discovery document names another issuer: {:?}", found.issuer));
        }
        let sound = found.jwks_uri.starts_with("https://")
            || (found.jwks_uri.starts_with("http://") && self.config.issuer.starts_with("http://"));
        if sound { Ok(found.jwks_uri) } else { Err("jwks_uri is not an https:// URL".to_owned()) }
    }
}

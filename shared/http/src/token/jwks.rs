//! Public keys of an issuer: a JWK Set (RFC 7517).

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

/// Number of keys read from a set; further ones are ignored.
const MAX_KEYS: usize = 100;
/// Length of a P-256 coordinate, in bytes.
const COORDINATE_BYTES: usize = 32;

/// Accepted signature algorithms (RFC 7518, section 3.1). No HMAC: the key that verifies such a
/// token can also sign one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// A public key for one algorithm.
#[derive(Debug)]
pub enum PublicKey {
    /// Modulus and exponent, big-endian.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// Uncompressed point.
    P256(Vec<u8>),
}

/// Public keys by key id and algorithm.
#[derive(Debug)]
pub struct KeySet(HashMap<(String, Algorithm), PublicKey>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<Algorithm>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

impl KeySet {
    /// Parses a JWK Set. Skips keys that can't verify RS256 or ES256 signatures.
    ///
    /// # Errors
    /// When the document isn't a JWK Set.
    pub fn parse(document: &[u8]) -> Result<Self, serde_json::Error> {
        let Document { keys } = serde_json::from_slice(document)?;
        let keys = keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|key| serde_json::from_value::<Jwk>(key).ok()?.key());
        Ok(Self(keys.collect()))
    }

    pub fn get(&self, id: &str, algorithm: Algorithm) -> Option<&PublicKey> {
        self.0.get(&(id.to_owned(), algorithm))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Jwk {
    fn key(self) -> Option<((String, Algorithm), PublicKey)> {
        let bytes =
            |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty());
        if self.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let (algorithm, key) = match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                (Algorithm::Rs256, PublicKey::Rsa(RsaPublicKeyComponents { n, e }))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                let point = [&[4], &*x, &*y].concat();
                (x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES)
                    .then_some((Algorithm::Es256, PublicKey::P256(point)))?
            }
            _ => return None,
        };
        self.alg.is_none_or(|alg| alg == algorithm).then_some(((self.kid, algorithm), key))
    }
}

impl PublicKey {
    /// Verifies a signature. RSA keys below 2048 bits always fail.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let checked = match self {
            Self::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        checked.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_unusable_keys() {
        let set = KeySet::parse(
            br#"{"keys": [
                {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "use": "sig", "alg": "RS256"},
                {"kty": "RSA", "kid": "b", "n": "AQAB", "e": "AQAB", "use": "enc"},
                {"kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB", "alg": "RS512"},
                {"kty": "RSA", "kid": "d", "n": "", "e": "AQAB"},
                {"kty": "RSA", "kid": "e", "n": "AQAB", "e": "AQAB", "alg": "ES256"},
                {"kty": "EC", "kid": "f", "crv": "P-384", "x": "AQAB", "y": "AQAB"},
                {"kty": "EC", "kid": "g", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
                {"kty": "oct", "kid": "h", "k": "AQAB"},
                {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, 7
            ]}"#,
        );
        let ids: Vec<_> = set.unwrap().0.into_keys().collect();
        assert_eq!(ids, [("a".to_owned(), Algorithm::Rs256)]);
        assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"<html>").is_err());
    }
}

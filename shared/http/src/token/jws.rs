//! Format of a token: JWS Compact Serialization (RFC 7515, section 7.1).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::jwks::{Algorithm, PublicKey};

/// Size limit of a token in bytes; API Gateway limits all header fields together to 10 KB.
const MAX_BYTES: usize = 8 * 1024;

/// A parsed token whose signature is not verified yet.
#[derive(Debug)]
pub struct Token<'a> {
    /// Id of the key that signed it (`kid`).
    pub key_id: String,
    pub algorithm: Algorithm,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
    /// Extensions that a reader must understand (section 4.1.11). None are supported.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl<'a> Token<'a> {
    /// Parses a token; `None` if it is malformed or its algorithm, type or extensions aren't
    /// supported.
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header: Header = serde_json::from_slice(&bytes(header)?).ok()?;
        if header.crit.is_some() || !header.typ.as_deref().is_none_or(is_access_token_type) {
            return None;
        }
        Some(Self {
            key_id: header.kid,
            algorithm: header.alg,
            signing_input: signed,
            payload: bytes(payload)?,
            signature: bytes(signature)?,
        })
    }

    /// Payload; not to be trusted before the signature is verified.
    pub fn claims(&self) -> &[u8] {
        &self.payload
    }

    pub fn is_signed_with(&self, key: &PublicKey) -> bool {
        key.verifies(self.signing_input.as_bytes(), &self.signature)
    }
}

/// Whether the type is that of an access token. The issuer signs others, such as logout tokens,
/// with the same keys (RFC 8725, section 3.11).
fn is_access_token_type(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.trim_start_matches("application/"), "jwt" | "at+jwt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_one(header: &str) -> bool {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        Token::parse(&format!("{}.{}.{}", encode(header), encode("{}"), encode("x"))).is_some()
    }

    #[test]
    fn accepts_only_rs256_and_es256_headers() {
        assert!(
            is_one(r#"{"alg":"RS256","kid":"a"}"#)
                && is_one(r#"{"alg":"ES256","kid":"a","typ":"at+JWT"}"#)
        );
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"rs256","kid":"a"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"RS256","alg":"none","kid":"a"}"#,
            r#"{"alg":"RS256","kid":"a","crit":["b64"]}"#,
            r#"{"alg":"RS256","kid":"a","typ":"logout+jwt"}"#,
            r#"{"kid":"a"}"#,
            "[]",
            "",
        ] {
            assert!(!is_one(header), "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in "[A-Za-z0-9._=-]{0,200}") {
            let _ = Token::parse(&text);
        }
    }
}

//! Claims of a token and their validation.

use std::time::Duration;

use serde::Deserialize;

use super::VerifiedToken;
use model::{account::Scope, id::AccountId, time::Time};
use runtime::config::TokenConfig;

/// Allowed clock skew of the issuer.
const LEEWAY: Duration = Duration::from_secs(30);
/// Length of a subject in logs, in characters.
const MAX_SUBJECT: usize = 100;

/// The claims that are read (RFC 7519, section 4.1; RFC 8693, section 4.2). A claim of the wrong
/// type invalidates the token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    tollgate_account: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Validates the payload of a token; `None` if it is for another issuer or audience, expired, not
/// yet valid, or names no account. Doesn't verify the signature.
pub fn validate(payload: &[u8], rules: &TokenConfig, now: Time) -> Option<VerifiedToken> {
    let claims: Claims = serde_json::from_slice(payload).ok()?;
    let is_audience = match &claims.aud {
        Audience::One(one) => *one == rules.audience,
        Audience::Many(many) => many.contains(&rules.audience),
    };
    // RFC 7519, sections 4.1.4 and 4.1.5: invalid from `exp` on and before `nbf`.
    let is_expired = claims.exp <= seconds(now - LEEWAY);
    let is_early = claims.nbf.is_some_and(|from| from > seconds(now + LEEWAY));
    if claims.iss != rules.issuer || !is_audience || is_expired || is_early {
        return None;
    }
    let subject = claims.sub.unwrap_or_default();
    let account: AccountId = claims.tollgate_account.as_ref().unwrap_or(&subject).parse().ok()?;
    let scopes = claims.scope.unwrap_or_default();
    let known = scopes.split(' ').filter_map(|scope| scope.parse().ok());
    Some(VerifiedToken {
        subject: subject.chars().take(MAX_SUBJECT).collect::<String>().into(),
        account,
        scopes: known.filter(|scope| rules.admin || *scope != Scope::Admin).collect(),
        expires_at: time(claims.exp) + LEEWAY,
    })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this era are exact in an f64")]
fn seconds(time: Time) -> f64 {
    time.millis() as f64 / 1000.0
}

#[expect(clippy::cast_possible_truncation, reason = "what is beyond is far beyond any clock")]
fn time(seconds: f64) -> Time {
    Time::from_millis((seconds * 1000.0).min(1e15) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const ACCOUNT: &str = "acc_01kagzwy00e40r2081040g2081";

    fn validated(more: Value, admin: bool) -> Option<VerifiedToken> {
        let mut claims = json!({
            "iss": "https://id",
            "aud": "tollgate",
            "exp": 1000,
            "sub": ACCOUNT,
            "scope": "jobs:read profile admin"
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let rules = TokenConfig { issuer: "https://id".into(), audience: "tollgate".into(), admin };
        validate(claims.to_string().as_bytes(), &rules, Time::from_seconds(900))
    }

    #[test]
    fn valid_claims_give_account_and_scopes() {
        let bearer = validated(json!({}), false).unwrap();
        assert_eq!(
            (bearer.account.to_string().as_str(), bearer.scopes.to_string().as_str()),
            (ACCOUNT, "jobs:read")
        );
        assert!(validated(json!({}), true).unwrap().scopes.allow(Scope::Admin));
        let named = validated(
            json!({"sub": "ada@example.com", "tollgate_account": ACCOUNT, "scope": null}),
            true,
        )
        .unwrap();
        assert_eq!(
            (
                &*named.subject,
                named.account.to_string().as_str(),
                named.scopes.to_string().as_str()
            ),
            ("ada@example.com", ACCOUNT, "")
        );
        for good in [
            json!({"aud": ["x", "tollgate"]}),
            json!({"exp": 871}),
            json!({"exp": 900.5, "nbf": 930}),
        ] {
            assert!(validated(good.clone(), false).is_some(), "{good}");
        }
    }

    #[test]
    fn rejects_invalid_claims() {
        for bad in [
            json!({"iss": "https://id/"}),
            json!({"iss": null}),
            json!({"aud": "tollgate2"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"exp": 870}),
            json!({"exp": "1000"}),
            json!({"exp": null}),
            json!({"nbf": 931}),
            json!({"nbf": "0"}),
            json!({"sub": "ada"}),
            json!({"sub": null}),
            json!({"tollgate_account": "ada"}),
            json!({"tollgate_account": 7}),
            json!({"scope": ["jobs:read"]}),
        ] {
            assert_eq!(validated(bad.clone(), false), None, "{bad}");
        }
    }
}

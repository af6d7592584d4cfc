//! Bearer tokens of a trusted issuer: JWTs (RFC 7519) signed with RS256 or ES256.
//!
//! The checks are few and strict, as RFC 8725 advises: the algorithm is that of the key, never only
//! the one the token names; `iss`, `aud` and `exp` are required. Signatures are verified by *ring*,
//! which every binary contains already.

mod claims;
mod issuer;
mod jwks;
mod jws;

use std::sync::Arc;

use model::{account::Scopes, id::AccountId, time::Time};

pub use issuer::Issuer;

/// The issuer's keys are unknown and can't be loaded.
#[derive(Debug, thiserror::Error)]
#[error("token issuer unavailable and no keys cached")]
pub struct KeysUnavailable;

/// A verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The `sub` claim, truncated, for logs.
    pub subject: Arc<str>,
    /// The account it acts for; not yet looked up in the store.
    pub account: AccountId,
    pub scopes: Scopes,
    /// When it expires, leeway included.
    pub expires_at: Time,
}

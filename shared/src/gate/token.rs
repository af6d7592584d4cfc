//! Bearer tokens of an issuer that the stack trusts: JWTs (RFC 7519) that one of its keys has signed with RS256 or ES256.
//!
//! The checks are few and strict, as RFC 8725 advises: the algorithm is that of the key, never what the token alone says; `iss`, `aud` and
//! `exp` have to be there. The arithmetic is *ring*'s, which is in every binary already.

mod claims;
mod issuer;
mod jwks;
mod jws;

use std::sync::Arc;

use crate::{account::Scopes, id::AccountId, time::Time};

pub use issuer::Issuer;

/// The issuer's keys aren't to be had.
#[derive(Debug, thiserror::Error)]
#[error("the token's issuer doesn't answer, and none of its keys are known")]
pub struct NoKeys;

/// Who a good token says its holder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Its `sub`, cut short: for the log.
    pub subject: Arc<str>,
    /// For which account it speaks; whether that is there is for the store to say.
    pub account: AccountId,
    /// What it may be used for.
    pub scopes: Scopes,
    /// From when on it is over.
    pub until: Time,
}

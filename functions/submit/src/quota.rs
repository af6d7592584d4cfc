use model::{id::AccountId, time::Time};
use store::IdempotencyStore;
use tollgate_http::{ApiError, MaybeReplay};

use crate::idempotency::IdempotencyToken;

/// Refuses new requests of an account whose quota is used up. Replays of accepted requests pass;
/// recognising one costs a read, for refused requests only.
pub async fn check_quota(
    store: &IdempotencyStore,
    caller: &MaybeReplay,
    account: AccountId,
    idempotency: Option<&IdempotencyToken>,
    now: Time,
) -> Result<(), ApiError> {
    let Err(problem) = caller.check_quota() else { return Ok(()) };
    let is_replay = match idempotency {
        Some(IdempotencyToken { key, fingerprint }) => {
            store.contains(account, key, fingerprint, now).await?
        }
        None => false,
    };
    if is_replay { Ok(()) } else { Err(problem.into()) }
}

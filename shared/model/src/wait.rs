//! Admission to long polls: which requests may wait for a change, and for how long.
//!
//! A waiting request occupies one of the AWS account's concurrent executions
//! (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html>). It therefore needs a
//! slot, and a stack has a fixed number of slots. No tenant can take more than its share of them.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::id::AccountId;

/// A new AWS account's concurrency limit, shared by all functions of the region
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const NEW_ACCOUNT_CONCURRENCY: u32 = 10;

/// Number of slots that a request tries before it is answered without a wait.
pub const MAX_PROBES: usize = 3;

/// The number of slots of a function with this reserved concurrency: half of it. Without a
/// reservation (0), half of a new AWS account's limit.
#[must_use]
pub const fn slots(reserved: u32) -> u32 {
    if reserved == 0 { NEW_ACCOUNT_CONCURRENCY / 2 } else { reserved / 2 }
}

/// The slots that an account may take, in the order in which it tries them: half of all, rounded
/// up.
///
/// Rendezvous hashing assigns each account a different half. An account that takes all of its slots
/// thus leaves others about half of theirs. `turn` is any number; it distributes an account's
/// requests.
#[must_use]
pub fn candidates(account: AccountId, slots: u32, turn: u64) -> Vec<u32> {
    let mut ranked: Vec<_> = (0..slots).map(|slot| (rank(account, slot), slot)).collect();
    ranked.sort_unstable();
    ranked.truncate(ranked.len().div_ceil(2));
    if !ranked.is_empty() {
        let len = u64::try_from(ranked.len()).unwrap_or(u64::MAX);
        ranked.rotate_left(usize::try_from(turn % len).unwrap_or_default());
    }
    ranked.into_iter().map(|(_, slot)| slot).collect()
}

fn rank(account: AccountId, slot: u32) -> [u8; 32] {
    let hash = Sha256::new().chain_update(account.uuid().as_bytes());
    hash.chain_update(slot.to_be_bytes()).finalize().into()
}

/// The wait granted to a request that found `taken` slots occupied before a free one. Each occupied
/// slot halves it, so waits get shorter under load.
#[must_use]
pub fn granted_wait(wanted: Duration, taken: usize) -> Duration {
    let halvings = u32::try_from(taken).unwrap_or(u32::MAX).min(31);
    wanted / (1 << halvings)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{id::generate, time::Time};

    fn account(n: u8) -> AccountId {
        generate(Time::from_seconds(1_700_000_000), [n; 10])
    }

    #[test]
    fn half_of_the_reserved_concurrency_may_wait() {
        assert_eq!([0, 1, 2, 10, 1000].map(slots), [5, 0, 1, 5, 500]);
    }

    #[test]
    fn account_is_limited_to_its_share_of_slots() {
        for (all, share) in [(0, 0), (1, 1), (5, 3), (50, 25), (500, 250)] {
            let own: BTreeSet<_> =
                (0..50).flat_map(|turn| candidates(account(1), all, turn)).collect();
            assert_eq!(own.len(), share, "{all}");
            assert!(own.iter().all(|slot| *slot < all), "{all}");
        }
    }

    /// An account that takes all of its slots leaves some to every other account, on average half.
    #[test]
    fn accounts_have_different_shares() {
        let own: BTreeSet<_> = candidates(account(0), 50, 0).into_iter().collect();
        let left: Vec<_> = (1..=100)
            .map(|n| {
                candidates(account(n), 50, 0).iter().filter(|slot| !own.contains(slot)).count()
            })
            .collect();
        assert!(left.iter().all(|left| *left >= 5), "{left:?}");
        let average = left.iter().sum::<usize>() / left.len();
        assert!((11..=14).contains(&average), "{average}");
    }

    #[test]
    fn waits_shorten_as_slots_fill() {
        let seconds = |taken| granted_wait(Duration::from_secs(20), taken).as_secs_f32();
        assert_eq!([0, 1, 2, 1000].map(seconds).map(|left| left > 4.9), [true, true, true, false]);
        assert_eq!((seconds(0), seconds(1), seconds(2)), (20.0, 10.0, 5.0));
    }
}

//! Ids are `TypeID`s: a type prefix and a `UUIDv7` in base32
//! (<https://github.com/jetify-com/typeid>).
//!
//! The timestamp comes first (RFC 9562, section 5.7), so ids sort by creation time.

use sha2::{Digest, Sha256};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Builder;

use crate::time::Time;

macro_rules! prefixes {
    ($($(#[$doc:meta])* $alias:ident = $tag:ident($prefix:literal)),* $(,)?) => { $(
        /// Prefix of the id of the same name.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $tag;

        impl StaticType for $tag {
            const TYPE: &'static str = $prefix;
        }

        $(#[$doc])*
        pub type $alias = TypeSafeId<$tag>;
    )* };
}

prefixes! {
    /// A job's id, which is the client's token: `job_…`.
    JobId = JobPrefix("job"),
    /// An account's id: `acc_…`.
    AccountId = AccountPrefix("acc"),
    /// An API key's id: `key_…`. It is not a secret.
    KeyId = KeyPrefix("key"),
    /// An event's id: `evt_…`.
    EventId = EventPrefix("evt"),
}

/// Random bytes for the part of an id that is not the timestamp.
pub type Entropy = [u8; 10];

/// Generates an id with the timestamp `now`.
#[must_use]
pub fn generate<T: StaticType>(now: Time, entropy: Entropy) -> TypeSafeId<T> {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    TypeSafeId::from_uuid(Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
}

/// A deterministic id derived from a time and a list of texts, for idempotent creation.
#[must_use]
pub fn derived<T: StaticType>(at: Time, parts: &[&str]) -> TypeSafeId<T> {
    // The length prefixes keep `["ab", "c"]` and `["a", "bc"]` apart.
    let sum = parts.iter().fold(Sha256::new(), |sum, part| {
        sum.chain_update(part.len().to_be_bytes()).chain_update(part)
    });
    let sum = sum.finalize();
    generate(at, std::array::from_fn(|n| sum[n]))
}

/// The `nth` id (from 0, below 4096) of a batch whose first id is `first`. All have the same
/// timestamp and sort by `nth` (RFC 9562, section 6.2, method 1). The last byte varies too, because
/// it selects a job's partition.
#[must_use]
pub fn nth<T: StaticType>(first: &TypeSafeId<T>, nth: u16) -> TypeSafeId<T> {
    let uuid = first.uuid();
    let random = &uuid.as_bytes()[8..];
    let count = nth.to_be_bytes();
    let entropy = std::array::from_fn(|n| match n {
        0 | 1 => count[n],
        9 => random[7] ^ count[1],
        _ => random[n - 2],
    });
    generate(time_of(first), entropy)
}

/// The id's timestamp: its first 48 bits are milliseconds since the epoch.
#[must_use]
pub fn time_of<T: StaticType>(id: &TypeSafeId<T>) -> Time {
    let uuid = id.uuid();
    let millis = uuid.as_bytes()[..6].iter().fold(0i64, |sum, byte| (sum << 8) | i64::from(*byte));
    Time::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_sort_by_time_and_tell_it(
            a in 0i64..1 << 47,
            b in 0i64..1 << 47,
            x: Entropy,
            y: Entropy,
        ) {
            let (first, second): (JobId, JobId) =
                (generate(Time::from_millis(a), x), generate(Time::from_millis(b), y));
            prop_assert_eq!(time_of(&first).millis(), a);
            if a != b {
                prop_assert_eq!(first.to_string().cmp(&second.to_string()), a.cmp(&b));
            }
        }

        #[test]
        fn only_its_own_text_is_an_id(text in ".{0,64}") {
            if let Ok(id) = text.parse::<JobId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    proptest! {
        #[test]
        fn ids_of_a_batch_sort_by_their_number(
            at in 0i64..1 << 47,
            x: Entropy,
            a in 0u16..4096,
            b in 0u16..4096,
        ) {
            let first: JobId = generate(Time::from_millis(at), x);
            let (one, other) = (nth(&first, a), nth(&first, b));
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!((time_of(&one).millis(), time_of(&other).millis()), (at, at));
        }

        #[test]
        fn derived_ids_know_their_parts(at in 0i64..1 << 47, a in ".{0,8}", b in ".{0,8}") {
            let at = Time::from_millis(at);
            let id: JobId = derived(at, &[&a, &b]);
            prop_assert_eq!(id, derived(at, &[&a, &b]));
            let joined: JobId = derived(at, &[&format!("{a}{b}")]);
            prop_assert_ne!(id, joined);
        }
    }

    #[test]
    fn parsing_rejects_other_prefixes() {
        let account: AccountId = generate(Time::from_millis(1), [7; 10]);
        assert!(account.to_string().parse::<JobId>().is_err());
        assert!(account.to_string().to_uppercase().parse::<AccountId>().is_err());
    }
}

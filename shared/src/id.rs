//! Ids: `TypeID`s, a prefix that says what it names and a `UUIDv7` in base32 (<https://github.com/jetify-com/typeid>).
//!
//! The time comes first in them (RFC 9562, section 5.7), so ids sort by the time at which they were made.

use sha2::{Digest, Sha256};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Builder;

use crate::time::Time;

macro_rules! prefixes {
    ($($(#[$doc:meta])* $alias:ident = $tag:ident($prefix:literal)),* $(,)?) => { $(
        /// The prefix of the id of the same name.
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
    /// A job's id, the token that its client holds: `job_…`.
    JobId = JobPrefix("job"),
    /// An account's id: `acc_…`.
    AccountId = AccountPrefix("acc"),
    /// An API key's id: `key_…`. It is no secret.
    KeyId = KeyPrefix("key"),
    /// An event's id: `evt_…`.
    EventId = EventPrefix("evt"),
}

/// Ten random bytes, from which an id takes the part that isn't time.
pub type Entropy = [u8; 10];

/// Makes an id for something that begins at `now`.
#[must_use]
pub fn mint<T: StaticType>(now: Time, entropy: Entropy) -> TypeSafeId<T> {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    TypeSafeId::from_uuid(Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
}

/// The id of something that follows from what `parts` name, so that it is the same however often it is made.
#[must_use]
pub fn derived<T: StaticType>(at: Time, parts: &[&str]) -> TypeSafeId<T> {
    // Lengths keep apart what would read alike in a row.
    let sum = parts.iter().fold(Sha256::new(), |sum, part| {
        sum.chain_update(part.len().to_be_bytes()).chain_update(part)
    });
    let sum = sum.finalize();
    mint(at, std::array::from_fn(|n| sum[n]))
}

/// The `nth` (from 0, below 4096) of the ids that belong together and of which `first` stands for all: of the same time, and sorted by
/// `nth` (RFC 9562, section 6.2, method 1). The last byte varies too, since jobs are spread over partitions by it.
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
    mint(time_of(first), entropy)
}

/// When the thing with this id began: the id's first 48 bits are milliseconds since the epoch.
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
        fn ids_sort_by_time_and_tell_it(a in 0i64..1 << 47, b in 0i64..1 << 47, x: Entropy, y: Entropy) {
            let (first, second): (JobId, JobId) = (mint(Time::from_millis(a), x), mint(Time::from_millis(b), y));
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
        fn ids_of_a_batch_sort_by_their_number(at in 0i64..1 << 47, x: Entropy, a in 0u16..4096, b in 0u16..4096) {
            let first: JobId = mint(Time::from_millis(at), x);
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
    fn a_prefix_must_match() {
        let account: AccountId = mint(Time::from_millis(1), [7; 10]);
        assert!(account.to_string().parse::<JobId>().is_err());
        assert!(account.to_string().to_uppercase().parse::<AccountId>().is_err());
    }
}

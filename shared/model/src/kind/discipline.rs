use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::JobId;

/// Order in which a kind's waiting jobs are started.
///
/// `lifo` and `priority` order the jobs of one account. Accounts share capacity fairly under every
/// discipline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// Queue order, roughly oldest first.
    #[default]
    Standard,
    /// Newest first.
    Lifo,
    /// Highest priority first, then oldest first.
    Priority,
}

/// Sort key of a job in the ready queue, an index of the table. The lowest goes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(String);

impl Rank {
    /// From the stored text.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The stored text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Discipline {
    /// The rank of a job; `None` for disciplines that use the queue's own order.
    #[must_use]
    pub fn rank(self, id: JobId, priority: u8) -> Option<Rank> {
        let age = id.uuid().as_u128();
        match self {
            Self::Standard => None,
            // Ids sort by time; their complement sorts newest first.
            Self::Lifo => Some(Rank(format!("{:032x}", !age))),
            Self::Priority => Some(Rank(format!("{}{age:032x}", 9u8.saturating_sub(priority)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::generate, time::Time};
    use proptest::prelude::*;

    fn id(millis: i64) -> JobId {
        generate(Time::from_millis(millis), [7; 10])
    }

    proptest! {
        #[test]
        fn orders_as_it_says(a in 0i64..1 << 47, b in 0i64..1 << 47, p in 0u8..10, q in 0u8..10) {
            prop_assume!(a != b);
            let lifo = |at| Discipline::Lifo.rank(id(at), 0);
            prop_assert_eq!(lifo(a) < lifo(b), a > b);
            let first = Discipline::Priority.rank(id(a), p) < Discipline::Priority.rank(id(b), q);
            prop_assert_eq!(first, p > q || (p == q && a < b));
        }
    }
}

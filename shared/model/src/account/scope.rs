use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::openapi::{
    ArrayBuilder, ObjectBuilder,
    schema::{Array, Type},
};

/// A permission of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Read jobs and kinds.
    JobsRead,
    /// Submit and control jobs.
    JobsWrite,
    /// Read events.
    EventsRead,
    /// Publish events.
    EventsWrite,
    /// Read usage.
    UsageRead,
    /// Report usage.
    UsageWrite,
    /// Read metrics.
    MetricsRead,
    /// Operator: all operations on all accounts.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 8] = [
        Self::JobsRead,
        Self::JobsWrite,
        Self::EventsRead,
        Self::EventsWrite,
        Self::UsageRead,
        Self::UsageWrite,
        Self::MetricsRead,
        Self::Admin,
    ];

    /// Name on the wire and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::EventsRead => "events:read",
            Self::EventsWrite => "events:write",
            Self::UsageRead => "usage:read",
            Self::UsageWrite => "usage:write",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a scope; allowed: jobs:read, jobs:write, events:read, \
     events:write, usage:read, usage:write, metrics:read and admin"
)]
pub struct InvalidScope(String);

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| InvalidScope(text.to_owned()))
    }
}

/// A set of scopes, serialized as a list of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub struct Scopes(u8);

impl Scopes {
    /// Whether the set grants `scope`; `admin` grants every scope.
    #[must_use]
    pub const fn allow(self, scope: Scope) -> bool {
        self.has(scope) || self.has(Scope::Admin)
    }

    const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }
}

/// The `OpenAPI` schema of a set of scopes.
#[must_use]
pub fn scopes_schema() -> Array {
    let names = Scope::ALL.map(Scope::as_str);
    let scope = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    ArrayBuilder::new().items(scope).min_items(Some(1)).unique_items(true).build()
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Vec::from(*self).join(" "))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        Scope::ALL
            .into_iter()
            .filter(|scope| scopes.has(*scope))
            .map(|scope| scope.to_string())
            .collect()
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = InvalidScope;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidScope> {
        names.iter().map(|name| name.parse()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_grants_only_itself_and_admin_grants_all() {
        for held in Scope::ALL {
            for asked in Scope::ALL {
                let allowed = Scopes::from_iter([held]).allow(asked);
                assert_eq!(allowed, held == asked || held == Scope::Admin, "{held} for {asked}");
            }
        }
        assert!(Scope::ALL.into_iter().all(|scope| !Scopes::default().allow(scope)));
    }

    #[test]
    fn names_round_trip() {
        let scopes = Scopes::from_iter([Scope::JobsWrite, Scope::MetricsRead]);
        assert_eq!(Scopes::try_from(Vec::from(scopes)).unwrap(), scopes);
        assert!(Scopes::try_from(vec!["jobs".to_owned()]).is_err());
    }
}

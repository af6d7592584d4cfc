use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Label;
use crate::id::AccountId;

/// One usage time series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Whose usage it is; none where the source is of no account.
    pub account: Option<AccountId>,
    /// Which way the bytes went.
    pub direction: Direction,
    /// Of which service.
    pub service: Label,
    /// By which of its routes.
    pub route: Label,
}

/// How many series a source may have, and how many an account may begin to report within the 400 days for which they are kept: as many as
/// a run can look through every minute.
pub const MAX_SERIES: usize = 5000;

/// Which series are meant; what is none restricts nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of an account.
    pub account: Option<AccountId>,
    /// Those of a direction.
    pub direction: Option<Direction>,
    /// Those of a service.
    pub service: Option<Label>,
    /// Those of a route.
    pub route: Option<Label>,
}

impl Filter {
    /// Whether a series is one of them.
    #[must_use]
    pub fn matches(&self, series: &Series) -> bool {
        (self.account.is_none() || self.account == series.account)
            && self.direction.is_none_or(|direction| direction == series.direction)
            && self.service.as_ref().is_none_or(|service| *service == series.service)
            && self.route.as_ref().is_none_or(|route| *route == series.route)
    }
}

/// Which way bytes went, as seen from the service.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Out, to its clients.
    Egress,
    /// In, from its clients.
    Ingress,
}

/// A text that is not a [`Direction`].
#[derive(Debug, thiserror::Error)]
#[error("is neither egress nor ingress")]
pub struct NotADirection;

impl Direction {
    /// As it stands on the wire and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Egress => "egress",
            Self::Ingress => "ingress",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Direction {
    type Err = NotADirection;

    fn from_str(text: &str) -> Result<Self, NotADirection> {
        match text {
            "egress" => Ok(Self::Egress),
            "ingress" => Ok(Self::Ingress),
            _ => Err(NotADirection),
        }
    }
}

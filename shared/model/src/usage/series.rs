use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::Label;
use crate::id::AccountId;

/// One usage time series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// `None` if the source belongs to no account.
    pub account: Option<AccountId>,
    pub direction: Direction,
    pub service: Label,
    pub route: Label,
}

/// Maximum number of series per source, and of series that an account may start to report within
/// the retention of 400 days. A run can read this many every minute.
pub const MAX_SERIES: usize = 5000;

/// Selects series. `None` matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub account: Option<AccountId>,
    pub direction: Option<Direction>,
    pub service: Option<Label>,
    pub route: Option<Label>,
}

impl Filter {
    #[must_use]
    pub fn matches(&self, series: &Series) -> bool {
        (self.account.is_none() || self.account == series.account)
            && self.direction.is_none_or(|direction| direction == series.direction)
            && self.service.as_ref().is_none_or(|service| *service == series.service)
            && self.route.as_ref().is_none_or(|route| *route == series.route)
    }
}

/// Direction of the bytes, as seen from the service.
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
    /// Sent to clients.
    Egress,
    /// Received from clients.
    Ingress,
}

#[derive(Debug, thiserror::Error)]
#[error("must be egress or ingress")]
pub struct InvalidDirection;

impl Direction {
    /// Name on the wire and in the table.
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
    type Err = InvalidDirection;

    fn from_str(text: &str) -> Result<Self, InvalidDirection> {
        match text {
            "egress" => Ok(Self::Egress),
            "ingress" => Ok(Self::Ingress),
            _ => Err(InvalidDirection),
        }
    }
}

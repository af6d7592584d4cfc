//! Push: connections over which subscribers are sent events as they come.
//!
//! A subscriber gets a [`Ticket`] with its key, and a connection with its ticket: a key has no place in an address, which is what browsers
//! and gateways can open a connection with.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    id::{AccountId, KeyId},
    time::Time,
};

/// For how long a ticket opens a connection.
pub const TICKET_LIFE: Duration = Duration::from_secs(60);

/// How long a connection lasts: API Gateway ends it then
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
pub const CONNECTION_LIFE: Duration = Duration::from_secs(2 * 3600);

/// How many connections may subscribe to one account.
pub const MOST_SUBSCRIBERS: usize = 100;

/// What opens one connection: 256 random bits. Neither `Debug` nor anything else shows them but [`Ticket::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket([u8; 32]);

/// A text that is no ticket.
#[derive(Debug, thiserror::Error)]
#[error("is not a ticket")]
pub struct NotATicket;

impl Ticket {
    /// A new ticket from 32 random bytes.
    #[must_use]
    pub const fn mint(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// Its text, for its holder.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Under what it is stored: a plain hash is right for 256 random bits.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromStr for Ticket {
    type Err = NotATicket;

    fn from_str(text: &str) -> Result<Self, NotATicket> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotATicket)?;
        bytes.try_into().map(Self).map_err(|_| NotATicket)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// What API Gateway calls a connection; it is part of keys and addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

/// A text that no connection is called.
#[derive(Debug, thiserror::Error)]
#[error("is not a connection's id")]
pub struct NotAConnection;

impl ConnectionId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionId {
    type Err = NotAConnection;

    fn from_str(text: &str) -> Result<Self, NotAConnection> {
        let sound = |c: u8| c.is_ascii_alphanumeric() || b"-_=".contains(&c);
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(sound);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAConnection) }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is at the other end of a connection, as far as it takes to know what may be sent there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// The account of its key or token.
    pub account: AccountId,
    /// Whether it is the operator, who sees events of every account.
    pub is_admin: bool,
    /// By what it was known.
    pub by: Credential,
}

/// By what a subscriber was known, and for how long that is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A key, which may be revoked.
    Key(KeyId),
    /// A token that is over at this time.
    TokenUntil(Time),
}

impl Subscriber {
    /// Whether it may see an account's events.
    #[must_use]
    pub fn may_see(&self, account: AccountId) -> bool {
        self.is_admin || account == self.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_ticket_survives_its_own_text(random: [u8; 32]) {
            let ticket = Ticket::mint(random);
            prop_assert_eq!(ticket.reveal().parse::<Ticket>().unwrap().digest(), ticket.digest());
            prop_assert_eq!(format!("{ticket:?}"), "Ticket(…)");
        }

        #[test]
        fn no_text_upsets_it(text in "[A-Za-z0-9_-]{0,42}|[A-Za-z0-9_-]{44,60}|.{0,60}") {
            prop_assert!(text.parse::<Ticket>().is_err() || text.len() == 43);
        }
    }
}

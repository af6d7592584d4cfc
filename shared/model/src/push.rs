//! WebSocket connections that deliver events to subscribers as they are published.
//!
//! A subscriber exchanges its key for a [`Ticket`], and opens a connection with the ticket.
//! Browsers and gateways can authenticate a connection only by its URL, and a key must not appear
//! in a URL.

use std::{fmt, str::FromStr, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    id::{AccountId, KeyId},
    time::Time,
};

/// Validity of a ticket.
pub const TICKET_TTL: Duration = Duration::from_secs(60);

/// Maximum duration of a connection, enforced by API Gateway
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
pub const MAX_CONNECTION_DURATION: Duration = Duration::from_secs(2 * 3600);

/// Maximum number of connections subscribed to one account.
pub const MAX_SUBSCRIBERS: usize = 100;

/// Opens one connection: 256 random bits. Only [`Ticket::reveal`] shows them; `Debug` does not.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket([u8; 32]);

#[derive(Debug, thiserror::Error)]
#[error("invalid ticket")]
pub struct InvalidTicket;

impl Ticket {
    /// A new ticket from 32 random bytes.
    #[must_use]
    pub const fn generate(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The plain text for its holder.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The storage key. An unsalted hash suffices for 256 random bits.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.0).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl FromStr for Ticket {
    type Err = InvalidTicket;

    fn from_str(text: &str) -> Result<Self, InvalidTicket> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidTicket)?;
        bytes.try_into().map(Self).map_err(|_| InvalidTicket)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// API Gateway's id of a connection, checked because it is part of table keys and URLs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

#[derive(Debug, thiserror::Error)]
#[error("invalid connection id")]
pub struct InvalidConnectionId;

impl ConnectionId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        let sound = |c: u8| c.is_ascii_alphanumeric() || b"-_=".contains(&c);
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(sound);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidConnectionId) }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity behind a connection, as needed to authorize deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// Account of the key or token.
    pub account: AccountId,
    /// Whether it is an operator, who may read events of every account.
    pub is_admin: bool,
    pub by: Credential,
}

/// The credential that a subscriber authenticated with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// An API key, which may be revoked.
    Key(KeyId),
    /// A token that expires at this time.
    TokenUntil(Time),
}

impl Subscriber {
    /// Whether the subscriber may read an account's events.
    #[must_use]
    pub fn can_read(&self, account: AccountId) -> bool {
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
            let ticket = Ticket::generate(random);
            prop_assert_eq!(ticket.reveal().parse::<Ticket>().unwrap().digest(), ticket.digest());
            prop_assert_eq!(format!("{ticket:?}"), "Ticket(…)");
        }

        #[test]
        fn no_text_upsets_it(text in "[A-Za-z0-9_-]{0,42}|[A-Za-z0-9_-]{44,60}|.{0,60}") {
            prop_assert!(text.parse::<Ticket>().is_err() || text.len() == 43);
        }
    }
}

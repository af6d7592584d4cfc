use std::time::Duration;

use super::Gate;
use crate::{account::KeyRecord, time::Time};

/// What becomes of the news that a key is used. It is news once an hour: for more, nobody would pay a write a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// It is recorded with the key.
    Recorded,
    /// It is logged, by a function that may not write it.
    Logged,
}

/// The longest that a request waits for what is no business of its client. It goes on beside the handler, which mostly takes longer.
const PATIENCE: Duration = Duration::from_millis(200);

impl Gate {
    /// Takes note of a key's use. Whatever goes wrong here is no reason to refuse a request.
    pub(super) async fn note_use(&self, key: &KeyRecord, now: Time) {
        if !self.accounts.is_news(key, now) {
            return;
        }
        let (account, key) = (key.account, key.id);
        if self.uses == Uses::Logged {
            tracing::info!(%account, %key, "key used");
            return;
        }
        let cause =
            match tokio::time::timeout(PATIENCE, self.accounts.record_use(account, key, now)).await
            {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "out of time".to_owned(),
            };
        tracing::warn!(%account, %key, cause, "a key's use could not be recorded");
        self.accounts.missed_use(account, key, now);
    }
}

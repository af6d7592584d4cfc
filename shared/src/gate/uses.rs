use std::time::Duration;

use super::Gate;
use crate::{account::KeyRecord, time::Time};

/// How the last use of a key is recorded, at most once an hour, because a write per request would
/// be too expensive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// It is stored with the key.
    Recorded,
    /// It is only logged, because the function has no permission to write it.
    Logged,
}

/// Longest time that recording delays a response. It runs concurrently with the handler, which
/// usually takes longer.
const PATIENCE: Duration = Duration::from_millis(200);

impl Gate {
    /// Records the use of a key. Errors are logged and never fail the request.
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
                Err(_) => "timed out".to_owned(),
            };
        tracing::warn!(%account, %key, cause, "recording key use failed");
        self.accounts.missed_use(account, key, now);
    }
}

use std::time::Duration;

use super::ApiMiddleware;
use model::{account::KeyRecord, time::Time};

/// How the last use of a key is recorded, at most once an hour, because a write per request would
/// be too expensive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsage {
    /// It is stored with the key.
    Stored,
    /// It is only logged, because the function has no permission to write it.
    Logged,
}

/// Longest time that recording delays a response. It runs concurrently with the handler, which
/// usually takes longer.
const RECORD_TIMEOUT: Duration = Duration::from_millis(200);

impl ApiMiddleware {
    /// Records the use of a key. Errors are logged and never fail the request.
    pub(super) async fn record_key_usage(&self, key: &KeyRecord, now: Time) {
        if !self.accounts.should_record_use(key, now) {
            return;
        }
        let (account, key) = (key.account, key.id);
        if self.key_usage == KeyUsage::Logged {
            tracing::info!(%account, %key, "key used");
            return;
        }
        let cause =
            match tokio::time::timeout(RECORD_TIMEOUT, self.accounts.record_use(account, key, now))
                .await
            {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "timed out".to_owned(),
            };
        tracing::warn!(%account, %key, cause, "recording key use failed");
        self.accounts.retry_recording_use(account, key, now);
    }
}

//! Whose message comes next: fair dealing between groups.
//!
//! SQS marks a group as noisy once it holds more than a tenth of what is in flight (and 30 messages
//! at least) or of the consumers' recent time, and then serves the others first. This is the limit
//! of that, so that a handful of messages shows what thousands would: always the group with the
//! fewest messages in flight, and among equals the one that has waited longest for a turn. A
//! message without a group is a group of its own. Within a group, first come, first served, which
//! is more than SQS promises.

use super::Message;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// When each group was last served.
#[derive(Debug, Default)]
pub(super) struct Turns {
    served: BTreeMap<String, u64>,
    turn: u64,
}

impl Turns {
    /// The position of the message to be received next, and the turn goes to its group.
    pub(super) fn next(&mut self, messages: &[Message], now: Instant) -> Option<usize> {
        let mut in_flight: BTreeMap<&str, usize> = BTreeMap::new();
        for message in messages.iter().filter(|message| message.is_in_flight()) {
            *in_flight.entry(group_of(message)).or_default() += 1;
        }
        let (next, message) = messages
            .iter()
            .enumerate()
            .filter(|(_, message)| message.visible_at <= now)
            .min_by_key(|(_, message)| {
                let group = group_of(message);
                (
                    in_flight.get(group).copied().unwrap_or(0),
                    self.served.get(group).copied().unwrap_or(0),
                )
            })?;
        self.turn += 1;
        if let Some(group) = &message.group {
            self.served.insert(group.clone(), self.turn);
        }
        Some(next)
    }
}

fn group_of(message: &Message) -> &str {
    message.group.as_ref().unwrap_or(&message.id)
}

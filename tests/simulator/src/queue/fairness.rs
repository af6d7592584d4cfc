//! Fair queues: the order of messages of different groups.
//!
//! SQS marks a group as noisy once it has more than a tenth of the messages in flight, and at
//! least 30, or of the consumers' recent time. It then serves the other groups first. This model
//! takes that to the limit, so that a few messages show what thousands would. The next message is
//! always from the group with the fewest messages in flight, and among equals from the group
//! served longest ago. A message without a group forms its own group. The order within a group is
//! FIFO, which is stricter than SQS's.

use super::Message;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// When each group was last served.
#[derive(Debug, Default)]
pub(super) struct FairOrder {
    served: BTreeMap<String, u64>,
    turn: u64,
}

impl FairOrder {
    /// The index of the next message to receive. Counts as its group's turn.
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

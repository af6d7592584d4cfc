//! Removes duplicate events.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{failure::Failure, output};

/// More than the server can redeliver: the events of one interrupted message and those since.
const MAX_IDS: usize = 10_000;

/// Ids of the most recent events.
#[derive(Debug, Default)]
pub struct Deduplicator {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

impl Deduplicator {
    /// Returns the events not seen before.
    pub fn remove_seen(
        &mut self,
        events: Vec<Box<RawValue>>,
    ) -> Result<Vec<Box<RawValue>>, Failure> {
        let mut new = Vec::new();
        for event in events {
            let Identified { id } =
                serde_json::from_str(event.get()).map_err(output::invalid_response)?;
            if self.ids.insert(id.clone()) {
                self.order.push_back(id);
                new.push(event);
            }
        }
        while self.order.len() > MAX_IDS {
            self.order.pop_front().map(|oldest| self.ids.remove(&oldest));
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once() {
        let mut seen = Deduplicator::default();
        let event = |n: usize| RawValue::from_string(format!("{{\"id\":\"evt_{n}\"}}")).unwrap();
        assert_eq!(seen.remove_seen(vec![event(1), event(2), event(1)]).unwrap().len(), 2);
        assert_eq!(seen.remove_seen(vec![event(2), event(3)]).unwrap().len(), 1);
        assert_eq!(seen.remove_seen((10..20_010).map(event).collect()).unwrap().len(), 20_000);
        assert!(
            seen.ids.len() == MAX_IDS && seen.remove_seen(vec![event(20_009)]).unwrap().is_empty()
        );
    }
}

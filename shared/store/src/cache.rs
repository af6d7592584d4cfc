use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use model::time::Time;

/// A bounded cache with a short lifetime. Missing values are not cached, so that new items are
/// found immediately.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    ttl: Duration,
    entries: Mutex<HashMap<K, (Time, V)>>,
}

const CAPACITY: usize = 1000;

impl<K: Clone + Eq + Hash, V: Clone> Cache<K, V> {
    pub fn new(keep: Duration) -> Self {
        Self { ttl: keep, entries: Mutex::default() }
    }

    pub fn get(&self, key: &K, now: Time) -> Option<V> {
        self.get_within(key, self.ttl, now)
    }

    /// The last value, regardless of its age.
    pub fn get_stale(&self, key: &K) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).map(|(_, value)| value.clone())
    }

    /// The last value if it is younger than `age`.
    pub fn get_within(&self, key: &K, age: Duration, now: Time) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, value) = entries.get(key)?;
        (now.since(*read_at) < age).then(|| value.clone())
    }

    pub fn put(&self, key: K, value: V, now: Time) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAPACITY && !entries.contains_key(&key) {
            let oldest =
                entries.iter().min_by_key(|(_, (read_at, _))| *read_at).map(|(key, _)| key.clone());
            oldest.map(|oldest| entries.remove(&oldest));
        }
        entries.insert(key, (now, value));
    }

    pub fn evict(&self, key: &K) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_entries_and_stays_bounded() {
        let cache = Cache::new(Duration::from_secs(5));
        let at = Time::from_seconds;
        cache.put(0, "a", at(0));
        assert_eq!(cache.get(&0, at(4)), Some("a"));
        assert_eq!(cache.get(&0, at(5)), None);
        for key in 0..3 * CAPACITY {
            cache.put(key, "b", at(1));
        }
        assert!(cache.entries.lock().unwrap().len() <= CAPACITY);
    }
}

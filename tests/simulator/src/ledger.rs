//! Records calls and their billed units.

use std::{collections::BTreeMap, fmt};

/// Every call that reached a service since the last reset, by operation.
///
/// Calls that a fault stopped are not in it; calls that a fault duplicated count twice. `Display`
/// prints a small table for snapshots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger(BTreeMap<String, Line>);

/// Totals of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    /// Requests.
    pub calls: u64,
    /// Queue messages: a batch's entries, a receive's messages.
    pub messages: u64,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
}

impl Ledger {
    /// Requests of one operation, such as `PutItem`.
    pub fn count(&self, operation: &str) -> u64 {
        self.line(operation).calls
    }

    /// Queue messages of one operation, such as `SendMessageBatch`.
    pub fn messages(&self, operation: &str) -> u64 {
        self.line(operation).messages
    }

    /// Totals of one operation; zero if it wasn't called.
    pub fn line(&self, operation: &str) -> Line {
        self.0.get(operation).copied().unwrap_or_default()
    }

    /// Requests of all operations.
    pub fn calls(&self) -> u64 {
        self.total().calls
    }

    /// Read capacity units of all operations.
    pub fn read_units(&self) -> f64 {
        self.total().read_units
    }

    /// Write capacity units of all operations.
    pub fn write_units(&self) -> f64 {
        self.total().write_units
    }

    /// Removes one operation.
    #[must_use]
    pub fn without(mut self, operation: &str) -> Self {
        self.0.remove(operation);
        self
    }

    pub(crate) fn record(&mut self, operation: &str, call: Line) {
        self.0.entry(operation.to_owned()).or_default().add(&call);
    }

    fn total(&self) -> Line {
        let mut total = Line::default();
        self.0.values().for_each(|line| total.add(line));
        total
    }
}

impl Line {
    fn add(&mut self, other: &Line) {
        self.calls += other.calls;
        self.messages += other.messages;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        let rows =
            self.0.iter().map(|(name, line)| (name.as_str(), line)).chain([("total", &total)]);
        let width = self.0.keys().map(String::len).max().unwrap_or_default().max("operation".len());
        write!(f, "{:width$}  calls  messages  read  write", "operation")?;
        for (name, Line { calls, messages, read_units, write_units }) in rows {
            write!(
                f,
                "\n{name:width$}  {calls:>5}  {messages:>8}  {read_units:>4}  {write_units:>5}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_a_table() {
        let mut ledger = Ledger::default();
        ledger.record("GetItem", Line { calls: 1, read_units: 0.5, ..Line::default() });
        ledger.record("GetItem", Line { calls: 1, read_units: 1.0, ..Line::default() });
        ledger.record("SendMessageBatch", Line { calls: 1, messages: 10, ..Line::default() });
        insta::assert_snapshot!(ledger, @"
        operation         calls  messages  read  write
        GetItem               2         0   1.5      0
        SendMessageBatch      1        10     0      0
        total                 3        10   1.5      0
        ");
    }
}

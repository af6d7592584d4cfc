//! Counting of samples from sources.

use super::{
    UsageStore, open_hour,
    transaction::{Expression, FailedConditions, Transaction},
};
use crate::{
    Error,
    key::Key,
    table::{Condition, Conditional, number},
};
use model::usage::{HourUpdate, OpenHour};

/// Result of counting.
#[derive(Debug)]
pub enum CountResult {
    Written,
    /// Another process wrote the open hour since it was read; holds the current one.
    Conflict(Option<Box<OpenHour>>),
}

impl UsageStore {
    /// Replaces the open hour `before` with `advance`, unless another process wrote it since.
    ///
    /// Costs one write unit for an item up to 1 KB. If the hour has ended, it is a transaction of
    /// three items, for a new series of two. Each item costs two units. Each further closed hour
    /// adds one or two items.
    ///
    /// The whole item is written instead of the changes: there is only one writer, and the cost is
    /// the same.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn count(
        &self,
        before: Option<&OpenHour>,
        advance: &HourUpdate,
    ) -> Result<CountResult, Error> {
        let HourUpdate { head, closed, .. } = advance;
        let key = Key::open_hour(&head.series, &head.origin);
        let Some(before) = before.filter(|_| closed.is_empty()) else {
            return self.start_hour(before, advance, &key).await;
        };
        let unchanged = Condition {
            expression: UNCHANGED,
            names: Vec::new(),
            values: vec![(":read", number(before.version))],
        };
        let mut item = open_hour::write(head);
        item.extend(key.attributes());
        match self.table.put_item_if(item, unchanged).await? {
            Conditional::Done(()) => Ok(CountResult::Written),
            Conditional::Refused(found) => {
                Ok(CountResult::Conflict(found.map(open_hour::read).transpose()?.map(Box::new)))
            }
        }
    }

    /// Starts another hour, or a new series.
    async fn start_hour(
        &self,
        before: Option<&OpenHour>,
        advance: &HourUpdate,
        key: &Key,
    ) -> Result<CountResult, Error> {
        let head = &advance.head;
        let condition = match before {
            None => Expression::new("attribute_not_exists(pk)"),
            Some(before) => Expression::new(UNCHANGED).with(":read", number(before.version)),
        };
        let mut transaction = Transaction::new(&self.table.name);
        transaction.put(key, open_hour::write(head), Some(condition))?;
        if before.is_none_or(|before| before.hour.day() != head.hour.day()) {
            let entry = Key::series_in_directory(&head.series, &head.origin);
            transaction.put(&entry, open_hour::write_entry(head), None)?;
        }
        self.add_closed(&mut transaction, advance, &[], head.total_at_start())?;
        match transaction.send(&self.table.client).await? {
            Ok(()) => Ok(CountResult::Written),
            Err(FailedConditions(_)) => Ok(CountResult::Conflict(self.read_open_hour(key).await?)),
        }
    }

    /// Reads the open hour that another process wrote.
    pub(super) async fn read_open_hour(&self, key: &Key) -> Result<Option<Box<OpenHour>>, Error> {
        let found = self.table.get(key, true).await?;
        Ok(found.map(open_hour::read).transpose()?.map(Box::new))
    }
}

const UNCHANGED: &str = "version = :read";

//! Counting what a source says.

use super::{
    UsageStore, head,
    transaction::{Expression, Refused, Transaction},
};
use crate::{
    aws::{
        Error,
        key::Key,
        table::{Condition, Conditional, number},
    },
    usage::{Advance, Head},
};

/// What became of a count.
#[derive(Debug)]
pub enum Counted {
    /// It is counted.
    Yes,
    /// Somebody else wrote since; the head as it is now.
    Not(Option<Box<Head>>),
}

impl UsageStore {
    /// Counts at a source: `before` becomes `advance`, unless somebody else wrote since. One write unit for a head of up to a kilobyte; when
    /// its hour is over, or it is a new one, a transaction of three or two such items, at two units each; of one or two more for each hour
    /// that is over besides.
    ///
    /// The whole head is written, not what changed of it: nobody else writes it, and the unit is the same.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn count(&self, before: Option<&Head>, advance: &Advance) -> Result<Counted, Error> {
        let Advance { head, closed, .. } = advance;
        let key = Key::head(&head.series, &head.origin);
        let Some(before) = before.filter(|_| closed.is_empty()) else {
            return self.turn(before, advance, &key).await;
        };
        let unchanged = Condition {
            expression: UNCHANGED,
            names: Vec::new(),
            values: vec![(":read", number(before.version))],
        };
        let mut item = head::write(head);
        item.extend(key.attributes());
        match self.table.put_item_if(item, unchanged).await? {
            Conditional::Done(()) => Ok(Counted::Yes),
            Conditional::Refused(found) => {
                Ok(Counted::Not(found.map(head::read).transpose()?.map(Box::new)))
            }
        }
    }

    /// Into another hour, or from nothing.
    async fn turn(
        &self,
        before: Option<&Head>,
        advance: &Advance,
        key: &Key,
    ) -> Result<Counted, Error> {
        let head = &advance.head;
        let condition = match before {
            None => Expression::new("attribute_not_exists(pk)"),
            Some(before) => Expression::new(UNCHANGED).with(":read", number(before.version)),
        };
        let mut transaction = Transaction::new(&self.table.name);
        transaction.put(key, head::write(head), Some(condition))?;
        if before.is_none_or(|before| before.hour.day() != head.hour.day()) {
            let entry = Key::series_in_directory(&head.series, &head.origin);
            transaction.put(&entry, head::write_entry(head), None)?;
        }
        self.add_closed(&mut transaction, advance, &[], head.before())?;
        match transaction.send(&self.table.client).await? {
            Ok(()) => Ok(Counted::Yes),
            Err(Refused(_)) => Ok(Counted::Not(self.found(key).await?)),
        }
    }

    /// A head as somebody else wrote it.
    pub(super) async fn found(&self, key: &Key) -> Result<Option<Box<Head>>, Error> {
        let found = self.table.get(key, true).await?;
        Ok(found.map(head::read).transpose()?.map(Box::new))
    }
}

const UNCHANGED: &str = "version = :read";

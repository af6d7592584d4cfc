//! Counting minutes up to what they come to, however often they are looked at.

use super::{
    UsageStore, head,
    transaction::{Expression, Transaction},
};
use crate::{
    aws::{
        Counted, Error,
        key::Key,
        table::{number, text},
    },
    time::Time,
    usage::{ClosedHour, Head, Hour, Missing, Origin, Series},
};

/// How often a head is tried, which others may have written since it was read.
const TRIES: usize = 4;

impl UsageStore {
    /// Counts minutes of a series at an origin, given by their begins, oldest first, up to what they come to; the head as it is then. What is
    /// counted of them stays, so that the same minutes may be looked at again, by several at once, and when they have grown.
    ///
    /// A write unit where something is missing, more as [`UsageStore::count`] has it; nothing where nothing is. Minutes of an hour that is
    /// over for the series take a query to look for, and a transaction to count.
    ///
    /// # Errors
    /// When the table can't be read or written, or others are at the series again and again.
    pub async fn count_sums(
        &self,
        series: &Series,
        origin: &Origin,
        mut known: Option<Head>,
        sums: &[(Time, u64)],
    ) -> Result<Option<Head>, Error> {
        let Some((first, _)) = sums.first() else { return Ok(known) };
        for _ in 0..TRIES {
            let new = || Head::new(series.clone(), origin.clone(), Hour::of(*first));
            let base = known.clone().unwrap_or_else(new);
            let closed = self.closed_from(&base, *first).await?;
            let missing = base.missing(&closed, sums);
            let outcome = match missing {
                Missing { late, timely } if late.is_empty() && timely.is_empty() => return Ok(known),
                Missing { late, timely } if late.is_empty() => {
                    let advance = base.advance(&timely, None);
                    (self.count(known.as_ref(), &advance).await?, advance.head)
                }
                missing => self.count_late(&base, missing).await?,
            };
            match outcome {
                (Counted::Yes, head) => return Ok(Some(head)),
                (Counted::Not(found), _) => known = found.map(|found| *found),
            }
        }
        Err(Error::Unavailable("others are at the same series".into()))
    }

    /// The closed hours of a head from that of a time on.
    async fn closed_from(&self, head: &Head, time: Time) -> Result<Vec<ClosedHour>, Error> {
        if time >= head.hour.start() {
            return Ok(Vec::new());
        }
        let (series, origin) = (&head.series, &head.origin);
        let (from, to) =
            (Key::closed_hour(series, origin, Hour::of(time)), Key::closed_hour(series, origin, head.hour));
        let call = self.table.client.query().table_name(&self.table.name).consistent_read(true);
        // A handful: no page is as small.
        let answer = call
            .key_condition_expression("pk = :series AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":series", text(from.pk))
            .expression_attribute_values(":from", text(from.sk))
            .expression_attribute_values(":to", text(to.sk))
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        answer.items.unwrap_or_default().into_iter().map(head::read_closed).collect()
    }

    /// Counts what is of hours that are over too.
    async fn count_late(&self, before: &Head, missing: Missing) -> Result<(Counted, Head), Error> {
        let Missing { late, timely } = missing;
        let bytes = late.iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let later = Head { total: before.total.saturating_add(bytes), ..before.clone() };
        let advance = later.advance(&timely, None);
        let key = Key::head(&before.series, &before.origin);
        let unchanged = Expression::new("version = :read").with(":read", number(before.version));
        let mut transaction = Transaction::new(&self.table.name);
        transaction.put(&key, head::write(&advance.head), Some(unchanged))?;
        if before.hour.day() != advance.head.hour.day() {
            let entry = Key::series_in_directory(&before.series, &before.origin);
            transaction.put(&entry, head::write_entry(&advance.head), None)?;
        }
        self.add_closed(&mut transaction, &advance, &late, before.before())?;
        let counted = match transaction.send(&self.table.client).await? {
            Ok(()) => Counted::Yes,
            Err(_) => Counted::Not(self.some_heads(&[key], true).await?.pop().map(Box::new)),
        };
        Ok((counted, advance.head))
    }
}

mod transaction;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    key::Key,
    table::{Item, item, parse_item, text},
};
use model::{
    id::{AccountId, JobId},
    records::{Cell, Column, Effect, Identifier, Row},
    time::Time,
};

use transaction::{Cancelled, Checks};

/// Rows of the `records` target.
#[derive(Clone, Debug)]
pub struct RowStore {
    table: Table,
}

/// Result of applying a job's changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Applied, by this or an earlier call for the same job.
    Done,
    /// Nothing was applied, because a row violates its precondition.
    Conflict {
        /// Index of the effect.
        effect: usize,
    },
}

/// A page of rows.
#[derive(Debug)]
pub struct RowPage {
    /// Ordered by the bytes of their keys.
    pub rows: Vec<Row>,
    /// The key to continue after, if there may be more.
    pub ended_at: Option<String>,
}

/// A row's item without its table and key. Each cell is stored as its JSON text, so that conditions
/// compare exactly.
#[derive(Debug, Serialize, Deserialize)]
struct RowItem {
    /// Name of the first column.
    key: Identifier,
    cells: BTreeMap<Identifier, Cell>,
}

/// Marks a job as applied.
#[derive(Serialize)]
struct Marker {
    expires_at: i64,
}

impl RowStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Applies a job's changes in one transaction, once per job regardless of repeats. The
    /// transaction also stores a marker, kept at least until `kept_until`. An existing marker means
    /// that the changes are applied.
    ///
    /// # Errors
    /// Fails when the table can't be written or another transaction holds the same rows. The
    /// changes may have been applied nevertheless.
    pub async fn apply(
        &self,
        account: AccountId,
        job: JobId,
        effects: &[Effect],
        kept_until: Time,
    ) -> Result<Applied, Error> {
        let marker =
            item(&Key::applied(account, job), &Marker { expires_at: kept_until.seconds_ceil() })?;
        let name = &self.table.name;
        let mut actions = vec![transaction::put(name, marker, Checks::no_item())?];
        for effect in effects {
            actions.push(transaction::action(name, account, effect)?);
        }
        // The SDK adds a client request token and reuses it for retries. A transaction whose
        // response was lost is thus not applied twice.
        let answer =
            self.table.client.transact_write_items().set_transact_items(Some(actions)).send().await;
        let Err(error) = answer else { return Ok(Applied::Done) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(Error::of("TransactWriteItems", &error));
        };
        let reasons: Vec<_> = cancelled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default())
            .collect();
        let told = || format!("TransactWriteItems: cancelled: {}", reasons.join(", "));
        match Cancelled::from_reasons(&reasons) {
            Cancelled::AlreadyApplied => Ok(Applied::Done),
            Cancelled::Transient => Err(Error::Unavailable(told())),
            Cancelled::Permanent => Err(Error::Refused(told())),
            // A repeat may conflict with its own rows. DynamoDB also reports the marker, but does
            // not guarantee that.
            Cancelled::PreconditionFailed(effect) => {
                match self.table.get(&Key::applied(account, job), true).await? {
                    Some(_) => Ok(Applied::Done),
                    None => Ok(Applied::Conflict { effect }),
                }
            }
        }
    }

    /// Returns up to `limit` rows of a table after the key `after`. One consistent query, limited
    /// to 1 MB.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        account: AccountId,
        table: &Identifier,
        after: Option<&str>,
        limit: usize,
    ) -> Result<RowPage, Error> {
        let condition = if after.is_some() { "pk = :rows AND sk > :after" } else { "pk = :rows" };
        let mut values = HashMap::from([(":rows".to_owned(), text(Key::rows(account, table)))]);
        values.extend(after.map(|after| (":after".to_owned(), text(after))));
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .consistent_read(true)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let ended_at =
            answer.last_evaluated_key.and_then(|key| key.get("sk")?.as_s().ok().cloned());
        let rows =
            answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(RowPage { rows, ended_at })
    }
}

impl RowItem {
    fn of(columns: &[Column]) -> Result<Self, Error> {
        let key = columns.first().map(|column| column.name.clone());
        let key = key.ok_or_else(|| Error::Refused("row has no columns".into()))?;
        let cells =
            columns.iter().map(|column| (column.name.clone(), column.cell.clone())).collect();
        Ok(Self { key, cells })
    }
}

fn read(item: Item) -> Result<Row, Error> {
    let RowItem { key, cells } = parse_item("a row", item)?;
    let key = cells.get(&key).cloned();
    let key = key.ok_or_else(|| Error::Corrupt("a row", "key cell missing".into()))?;
    Ok(Row { key, values: cells })
}

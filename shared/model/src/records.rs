//! Changes that jobs with the `records` target make to Tollgate's own tables.
//!
//! A payload is `{"activities":[…]}`; each activity is an `insert` or a `delete` of one row. It is
//! parsed into typed columns, or into the list of its violations. Activities are then folded into
//! one [`Effect`] per row. All effects are applied in one transaction.
//!
//! A table needs no definition: it exists as soon as it has a row. A row has the columns named by
//! its insert, the first of which is its key. No SQL is involved: names are validated, and values
//! are never interpreted.

mod cell;
mod column;
mod decimal;
mod effect;
mod identifier;
mod number;
mod parse;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

pub use cell::{Cell, InvalidCell};
pub use column::{ColumnType, InvalidColumnType};
pub use effect::{Effect, Precondition, RowResult};
pub use identifier::{Identifier, InvalidIdentifier};

use crate::violation::Violation;

/// Maximum number of activities per payload: a `DynamoDB` transaction takes 100 actions, one of
/// which is the idempotency marker.
pub const MAX_ACTIVITIES: usize = 99;
/// Maximum number of columns per activity. A delete compares them in one condition expression, with
/// two operators and about 20 bytes per column; an expression is limited to 300 operators and 4
/// KiB.
pub const MAX_COLUMNS: usize = 100;
/// Maximum length of a row's key in bytes of text: half the sort key limit, so that a cursor can
/// contain one.
pub const MAX_KEY_BYTES: usize = 512;

/// One requested change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub operation: Operation,
    pub table: Identifier,
    /// For an insert, the row; for a delete, the columns that the row must have. Never empty: the
    /// first is the row's key.
    pub columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Adds a row. Fails if a row with its key exists.
    Insert,
    /// Removes a row. Fails if the row exists but does not have all columns of the delete,
    /// including the key column. Succeeds if there is no row.
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: Identifier,
    pub cell: Cell,
}

/// A parsed payload.
#[derive(Clone, Debug)]
pub struct Changes {
    /// One per affected row, in order of first mention; at most [`MAX_ACTIVITIES`].
    pub effects: Vec<Effect>,
    /// Number of insert activities.
    pub inserted: usize,
    /// Number of delete activities, whether or not the row exists.
    pub deleted: usize,
}

impl Changes {
    /// Parses a payload. The result depends on the payload alone, so a repeated attempt has the
    /// same effects.
    ///
    /// # Errors
    /// All violations, with `prefix` before each pointer.
    pub fn parse(payload: &RawValue, prefix: &str) -> Result<Self, Vec<Violation>> {
        let activities = parse::activities(payload, prefix)?;
        let count = |operation| {
            activities.iter().filter(|activity| activity.operation == operation).count()
        };
        let (inserted, deleted) = (count(Operation::Insert), count(Operation::Delete));
        Ok(Self { effects: effect::fold(&activities, prefix)?, inserted, deleted })
    }
}

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Row {
    /// The value of the first column.
    pub key: Cell,
    /// All columns by name, including the first.
    pub values: BTreeMap<Identifier, Cell>,
}

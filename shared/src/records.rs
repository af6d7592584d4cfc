//! Records: what the `records` target does to Tollgate's own tables.
//!
//! A payload is `{"activities":[…]}`, each an `insert` or a `delete` of one row. It is read into typed columns, or into everything
//! that is wrong with it, and folded into one [`Effect`] for each row; the effects are applied together or not at all.
//!
//! A table needs no definition: it is there as soon as it has a row, and a row has the columns that its insert named, the first of which
//! is its key. There is no SQL anywhere: names follow a rule, and values are only ever values.

mod cell;
mod column;
mod decimal;
mod effect;
mod identifier;
mod number;
mod read;

use std::collections::BTreeMap;

use serde_json::value::RawValue;

pub use cell::{Cell, NotACell};
pub use column::{ColumnType, NotAColumnType};
pub use effect::{After, Before, Effect};
pub use identifier::{Identifier, NotAnIdentifier};

use crate::schema::Violation;

/// How many activities a payload has at most: a transaction of `DynamoDB` takes 100 actions, and one of them is the marker by which a
/// repeat is recognised.
pub const MAX_ACTIVITIES: usize = 99;
/// How many columns an activity names at most: a delete compares each of them in one expression, which takes two operators and some 20 bytes
/// a column; it may have 300 and 4 KiB.
pub const MAX_COLUMNS: usize = 100;
/// The longest key of a row, in bytes of its text: half of what a sort key may have, so that a cursor can carry one.
pub const MAX_KEY_BYTES: usize = 512;

/// One thing that a payload asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Whether the row is to come or to go.
    pub operation: Operation,
    /// Where the row is.
    pub table: Identifier,
    /// Of an insert, the row; of a delete, what the row must have. The first is the row's key; there is always one.
    pub columns: Vec<Column>,
}

/// What an activity does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A row comes; one with its key must not be there.
    Insert,
    /// A row goes; one that is there must have every column that the delete names, the key's too. One that isn't there is as good as gone.
    Delete,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Identifier,
    /// Its value.
    pub cell: Cell,
}

/// What a payload comes to.
#[derive(Clone, Debug)]
pub struct Changes {
    /// One for each row that it touches, in the order in which it names them first; at most [`MAX_ACTIVITIES`].
    pub effects: Vec<Effect>,
    /// How many of its activities insert a row.
    pub inserted: usize,
    /// How many of its activities delete a row, there or not.
    pub deleted: usize,
}

impl Changes {
    /// Reads a payload: a pure function of it, so that a repeat comes to the same.
    ///
    /// # Errors
    /// Everything that is wrong with it, with `prefix` before each pointer.
    pub fn read(payload: &RawValue, prefix: &str) -> Result<Self, Vec<Violation>> {
        let activities = read::activities(payload, prefix)?;
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
    /// The value of its first column.
    pub key: Cell,
    /// All its columns by name, the first too.
    pub values: BTreeMap<Identifier, Cell>,
}

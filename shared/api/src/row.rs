use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use model::records::{Identifier, InvalidCell, Row};

/// A row of a table.
///
/// `INTEGER` and `FLOAT` are numbers, `BOOLEAN` is a boolean. `TEXT`, `DECIMAL` (without trailing
/// zeros), `DATE` and `TIMESTAMP` (in UTC) are strings.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowBody {
    /// Value of the key column, the first that its insert named.
    #[schema(value_type = Value, examples(7))]
    pub key: Box<RawValue>,
    /// Values by column name, including the key.
    #[schema(
        value_type = BTreeMap<String, Value>,
        examples(json!({"id": 7, "name": "Ada", "balance": "12.5"}))
    )]
    pub values: BTreeMap<Identifier, Box<RawValue>>,
}

impl TryFrom<Row> for RowBody {
    type Error = InvalidCell;

    fn try_from(row: Row) -> Result<Self, InvalidCell> {
        let values = row.values.into_iter().map(|(name, cell)| Ok((name, cell.raw()?)));
        Ok(Self { key: row.key.raw()?, values: values.collect::<Result<_, InvalidCell>>()? })
    }
}

//! Parses a payload into activities, or into the list of its violations.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    Activity, Cell, Column, ColumnType, Identifier, MAX_ACTIVITIES, MAX_COLUMNS, MAX_KEY_BYTES,
    Operation,
};
use crate::{
    json::Json,
    violation::{MAX_VIOLATIONS, Violation, escape},
};

type Members<'a> = BTreeMap<String, &'a RawValue>;

const NAMES: &str = "col_names";
const TYPES: &str = "col_types";
const VALUES: &str = "col_values";
/// Properties of a list of columns.
const COLUMNS: [&str; 3] = [NAMES, TYPES, VALUES];
const INSERT: [&str; 5] = ["operation", "table", NAMES, TYPES, VALUES];
const DELETE: [&str; 3] = ["operation", "table", "value_to_delete"];

/// Parses a payload's activities.
///
/// # Errors
/// All violations, at most [`MAX_VIOLATIONS`], with `prefix` before each pointer.
pub(super) fn activities(
    payload: &RawValue,
    prefix: &str,
) -> Result<Vec<Activity>, Vec<Violation>> {
    let mut reader = Parser { found: Vec::new() };
    let read = reader.payload(payload, prefix);
    let Parser { mut found } = reader;
    match read {
        Some(read) if found.is_empty() => Ok(read),
        _ => {
            found.truncate(MAX_VIOLATIONS);
            Err(found)
        }
    }
}

/// Collects violations. A method that returns `None` has added at least one.
struct Parser {
    found: Vec<Violation>,
}

impl Parser {
    fn violation<T>(&mut self, at: &str, why: impl Into<String>) -> Option<T> {
        self.found.push(Violation::new(at, why));
        None
    }

    fn payload(&mut self, payload: &RawValue, prefix: &str) -> Option<Vec<Activity>> {
        let members = self.object(payload, prefix)?;
        self.closed(&members, &["activities"], prefix);
        let at = format!("{prefix}/activities");
        let items = self.list(&members, "activities", prefix)?;
        if items.len() > MAX_ACTIVITIES {
            return self.violation(
                &at,
                format!("has {} items, must have at most {MAX_ACTIVITIES}", items.len()),
            );
        }
        let items = items.into_iter().enumerate();
        let read: Vec<_> =
            items.map(|(n, item)| self.activity(item, &format!("{at}/{n}"))).collect();
        read.into_iter().collect()
    }

    fn activity(&mut self, item: &RawValue, at: &str) -> Option<Activity> {
        let members = self.object(item, at)?;
        let operation = self.operation(&members, at);
        let table = self
            .text(&members, "table", at)
            .and_then(|text| self.name(&text, &format!("{at}/table")));
        let columns = match operation? {
            Operation::Insert => {
                self.closed(&members, &INSERT, at);
                self.columns(&members, at)
            }
            Operation::Delete => {
                self.closed(&members, &DELETE, at);
                let value = self.member(&members, "value_to_delete", at)?;
                let at = format!("{at}/value_to_delete");
                let members = self.object(value, &at)?;
                self.closed(&members, &COLUMNS, &at);
                self.columns(&members, &at)
            }
        };
        Some(Activity { operation: operation?, table: table?, columns: columns? })
    }

    fn operation(&mut self, members: &Members<'_>, at: &str) -> Option<Operation> {
        match self.text(members, "operation", at)?.to_ascii_lowercase().as_str() {
            "insert" => Some(Operation::Insert),
            "delete" => Some(Operation::Delete),
            _ => self.violation(&format!("{at}/operation"), "must be insert or delete"),
        }
    }

    fn columns(&mut self, members: &Members<'_>, at: &str) -> Option<Vec<Column>> {
        let names = self.list(members, NAMES, at);
        let types = self.list(members, TYPES, at);
        let values = self.list(members, VALUES, at);
        let names = names.and_then(|names| self.names(&names, &format!("{at}/{NAMES}")));
        let types = types.and_then(|types| self.types(&types, &format!("{at}/{TYPES}")));
        if let Some(names) = &names {
            let lengths =
                [(TYPES, types.as_ref().map(Vec::len)), (VALUES, values.as_ref().map(Vec::len))];
            for (part, length) in lengths {
                if let Some(length) = length.filter(|length| *length != names.len()) {
                    let why = format!("has {length} items, but {NAMES} has {}", names.len());
                    self.violation::<()>(&format!("{at}/{part}"), why);
                }
            }
        }
        let cells = self.cells(&types?, &values?, &format!("{at}/{VALUES}"));
        let columns = names?.into_iter().zip(cells);
        columns.map(|(name, cell)| Some(Column { name: name?, cell: cell? })).collect()
    }

    /// The names, with `None` for each invalid one; `None` if there are too many.
    fn names(&mut self, items: &[&RawValue], at: &str) -> Option<Vec<Option<Identifier>>> {
        if items.len() > MAX_COLUMNS {
            return self.violation(
                at,
                format!("has {} items, must have at most {MAX_COLUMNS}", items.len()),
            );
        }
        let mut first_at = BTreeMap::new();
        let mut names = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let at = format!("{at}/{n}");
            let name = self.string(item, &at).and_then(|text| self.name(&text, &at));
            if let Some(name) = &name
                && let Some(earlier) = first_at.get(name)
            {
                self.violation::<()>(&at, format!("duplicate of item {earlier}"));
            } else if let Some(name) = name.clone() {
                first_at.insert(name, n);
            }
            names.push(name);
        }
        Some(names)
    }

    fn types(&mut self, items: &[&RawValue], at: &str) -> Option<Vec<Option<ColumnType>>> {
        let items = items.iter().enumerate();
        let types = items.map(|(n, item)| {
            let at = format!("{at}/{n}");
            match self.string(item, &at)?.parse::<ColumnType>() {
                Ok(column) => Some(column),
                Err(error) => self.violation(&at, error.to_string()),
            }
        });
        Some(types.collect())
    }

    /// The values that have a type, with `None` for each invalid one.
    fn cells(
        &mut self,
        types: &[Option<ColumnType>],
        values: &[&RawValue],
        at: &str,
    ) -> Vec<Option<Cell>> {
        let mut cells = Vec::new();
        for (n, (column, value)) in types.iter().zip(values).enumerate() {
            let at = format!("{at}/{n}");
            cells.push(column.and_then(|column| match column.parse(value) {
                Ok(cell) if n == 0 => self.key(cell, &at),
                Ok(cell) => Some(cell),
                Err(why) => self.violation(&at, why),
            }));
        }
        cells
    }

    fn key(&mut self, cell: Cell, at: &str) -> Option<Cell> {
        if cell.is_null() {
            return self.violation(at, "must not be null: the first column is the row's key");
        }
        match cell.key().len() {
            0 => self.violation(at, "must not be empty: the first column is the row's key"),
            1..=MAX_KEY_BYTES => Some(cell),
            _ => self.violation(
                at,
                format!("must be at most {MAX_KEY_BYTES} bytes; the first column is the row's key"),
            ),
        }
    }

    fn name(&mut self, text: &str, at: &str) -> Option<Identifier> {
        match text.parse::<Identifier>() {
            Ok(name) => Some(name),
            Err(error) => self.violation(at, error.to_string()),
        }
    }

    fn member<'a>(&mut self, members: &Members<'a>, name: &str, at: &str) -> Option<&'a RawValue> {
        match members.get(name) {
            Some(value) => Some(value),
            None => self.violation(&format!("{at}/{name}"), "is required"),
        }
    }

    fn text(&mut self, members: &Members<'_>, name: &str, at: &str) -> Option<String> {
        let value = self.member(members, name, at)?;
        self.string(value, &format!("{at}/{name}"))
    }

    /// A non-empty array.
    fn list<'a>(
        &mut self,
        members: &Members<'a>,
        name: &str,
        at: &str,
    ) -> Option<Vec<&'a RawValue>> {
        let value = self.member(members, name, at)?;
        match Json::parse(value) {
            Json::Array(items) if items.is_empty() => {
                self.violation(&format!("{at}/{name}"), "must not be empty")
            }
            Json::Array(items) => Some(items),
            _ => self.violation(&format!("{at}/{name}"), "must be an array"),
        }
    }

    fn string(&mut self, value: &RawValue, at: &str) -> Option<String> {
        match Json::parse(value) {
            Json::Text(text) => Some(text),
            _ => self.violation(at, "must be a string"),
        }
    }

    fn object<'a>(&mut self, value: &'a RawValue, at: &str) -> Option<Members<'a>> {
        match Json::parse(value) {
            Json::Object(members) => Some(members),
            _ => self.violation(at, "must be an object"),
        }
    }

    fn closed(&mut self, members: &Members<'_>, known: &[&str], at: &str) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            self.violation::<()>(&format!("{at}/{}", escape(name)), "unknown property");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn read(payload: &Value) -> Result<Vec<Activity>, Vec<Violation>> {
        activities(&serde_json::value::to_raw_value(payload).unwrap(), "")
    }

    /// Any JSON with property names of a payload, valid or not.
    fn any_payload() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            proptest::sample::select(
                &["insert", "DELETE", "users", "id", "INTEGER", "text", "a b", ""][..]
            )
            .prop_map(str::to_owned),
            ".{0,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        let names =
            ["activities", "operation", "table", NAMES, TYPES, VALUES, "value_to_delete", "more/~"];
        let name =
            prop_oneof![proptest::sample::select(names.to_vec()).prop_map(str::to_owned), text];
        leaf.prop_recursive(5, 64, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(name.clone(), inner, 0..7)
                    .prop_map(|all| json!(all)),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_upsets_it(payload in any_payload()) {
            for payload in
                [json!({"activities": payload}), json!({"activities": [payload]}), payload]
            {
                if let Err(found) = read(&payload) {
                    prop_assert!(!found.is_empty() && found.len() <= MAX_VIOLATIONS);
                }
            }
        }

        #[test]
        fn what_is_right_is_read(
            names in proptest::collection::btree_set("[a-z_][a-z0-9_]{0,8}", 1..6),
            value in "[a-z ]{1,20}",
            deletes: bool,
        ) {
            let count = names.len();
            let columns = json!({
                NAMES: names, TYPES: vec!["Text"; count], VALUES: vec![value.clone(); count],
            });
            let mut activity = if deletes { json!({"value_to_delete": columns}) } else { columns };
            (activity["operation"], activity["table"]) =
                (if deletes { "Delete" } else { "INSERT" }.into(), "t".into());
            let read = read(&json!({"activities": [activity]})).unwrap();
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].operation == Operation::Delete, deletes);
            prop_assert_eq!(read[0].columns.len(), count);
            prop_assert!(read[0].columns.iter().all(|column| column.cell.key() == value));
        }
    }

    #[test]
    fn violations_are_bounded() {
        let found =
            read(&json!({"activities": vec![json!({"more": 1}); MAX_ACTIVITIES]})).unwrap_err();
        assert_eq!(found.len(), MAX_VIOLATIONS);
    }
}

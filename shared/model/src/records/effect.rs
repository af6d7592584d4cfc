use std::collections::{HashMap, hash_map::Entry};

use super::{Activity, Column, Identifier, Operation};
use crate::violation::Violation;

/// Combined effect of a payload's activities on one row. A `DynamoDB` transaction allows one action
/// per item, so activities on the same row are merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    pub table: Identifier,
    /// The row's key as text.
    pub key: String,
    /// Index of the first activity on this row. It is reported as failed if the row does not meet
    /// `before`.
    pub activity: usize,
    pub before: Precondition,
    pub after: RowResult,
}

/// Required state of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The row does not exist.
    Absent,
    /// The row does not exist, or it has at least these columns.
    AbsentOrHas(Vec<Column>),
}

/// Resulting state of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowResult {
    /// The row exists with these columns; the first is its key.
    Row(Vec<Column>),
    /// The row does not exist.
    Gone,
    /// The row did not exist, was inserted and deleted again: nothing to write.
    Untouched,
}

/// Folds activities, in order, into one effect per row.
///
/// # Errors
/// One violation per activity that can never succeed, because an earlier activity leaves its row in
/// a conflicting state.
pub(super) fn fold(activities: &[Activity], prefix: &str) -> Result<Vec<Effect>, Vec<Violation>> {
    let (mut effects, mut found) = (Vec::<Effect>::new(), Vec::new());
    // By row: index of its effect, and of the last activity that changed it.
    let mut known = HashMap::new();
    for (n, activity) in activities.iter().enumerate() {
        let Some(key) = activity.columns.first().map(|column| column.cell.key()) else { continue };
        match known.entry((&activity.table, key.clone())) {
            Entry::Vacant(new) => {
                new.insert((effects.len(), n));
                effects.push(initial(n, activity, key));
            }
            Entry::Occupied(mut at) => {
                let (effect, latest) = at.get_mut();
                match effects[*effect].add(activity) {
                    Ok(()) => *latest = n,
                    Err(how) => {
                        let why = format!("conflict: activity {latest} inserts this row {how}");
                        found.push(Violation::new(format!("{prefix}/activities/{n}"), why));
                    }
                }
            }
        }
    }
    if found.is_empty() { Ok(effects) } else { Err(found) }
}

fn initial(n: usize, activity: &Activity, key: String) -> Effect {
    let columns = activity.columns.clone();
    let (before, after) = match activity.operation {
        Operation::Insert => (Precondition::Absent, RowResult::Row(columns)),
        Operation::Delete => (Precondition::AbsentOrHas(columns), RowResult::Gone),
    };
    Effect { table: activity.table.clone(), key, activity: n, before, after }
}

impl Effect {
    /// Adds a later activity. The row's state after the earlier ones is known, whatever its initial
    /// state.
    fn add(&mut self, activity: &Activity) -> Result<(), &'static str> {
        match (&self.after, activity.operation) {
            (RowResult::Row(_), Operation::Insert) => return Err("already"),
            (RowResult::Row(row), Operation::Delete) => {
                if !activity.columns.iter().all(|column| row.contains(column)) {
                    return Err("with other values");
                }
                self.after = match self.before {
                    Precondition::Absent => RowResult::Untouched,
                    Precondition::AbsentOrHas(_) => RowResult::Gone,
                };
            }
            (RowResult::Gone | RowResult::Untouched, Operation::Insert) => {
                self.after = RowResult::Row(activity.columns.clone());
            }
            (RowResult::Gone | RowResult::Untouched, Operation::Delete) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Cell;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Table and key, to the row's columns by name.
    type Rows = BTreeMap<(String, String), BTreeMap<String, String>>;

    /// Reference model: applies one activity after the other, and none if any fails.
    fn one_by_one(activities: &[Activity], rows: &Rows) -> Option<Rows> {
        let mut rows = rows.clone();
        for activity in activities {
            let at = (activity.table.to_string(), activity.columns[0].cell.key());
            let columns = named(&activity.columns);
            match (activity.operation, rows.get(&at)) {
                (Operation::Insert, Some(_)) => return None,
                (Operation::Insert, None) => drop(rows.insert(at, columns)),
                (Operation::Delete, Some(row)) if !has(row, &columns) => return None,
                (Operation::Delete, _) => drop(rows.remove(&at)),
            }
        }
        Some(rows)
    }

    /// Applies effects as the store does.
    fn at_once(effects: &[Effect], rows: &Rows) -> Option<Rows> {
        let mut after = rows.clone();
        for effect in effects {
            let at = (effect.table.to_string(), effect.key.clone());
            let fits = match (&effect.before, rows.get(&at)) {
                (_, None) => true,
                (Precondition::Absent, Some(_)) => false,
                (Precondition::AbsentOrHas(columns), Some(row)) => has(row, &named(columns)),
            };
            if !fits {
                return None;
            }
            match &effect.after {
                RowResult::Row(columns) => drop(after.insert(at, named(columns))),
                RowResult::Gone => drop(after.remove(&at)),
                RowResult::Untouched => {}
            }
        }
        Some(after)
    }

    fn named(columns: &[Column]) -> BTreeMap<String, String> {
        columns
            .iter()
            .map(|column| (column.name.to_string(), column.cell.json().to_owned()))
            .collect()
    }

    fn has(row: &BTreeMap<String, String>, columns: &BTreeMap<String, String>) -> bool {
        columns.iter().all(|(name, cell)| row.get(name) == Some(cell))
    }

    fn any_columns() -> impl Strategy<Value = Vec<Column>> {
        let column = |name: &str, json: String| Column {
            name: name.parse().unwrap(),
            cell: Cell::from_canonical(json),
        };
        (0..3u8, proptest::option::of(0..2u8), any::<bool>()).prop_map(
            move |(key, more, as_text)| {
                let key = if as_text { format!("\"{key}\"") } else { key.to_string() };
                let more = more.map(|value| column("v", value.to_string()));
                [column("id", key)].into_iter().chain(more).collect()
            },
        )
    }

    fn any_activities() -> impl Strategy<Value = Vec<Activity>> {
        let operation = prop_oneof![Just(Operation::Insert), Just(Operation::Delete)];
        let activity = (operation, prop_oneof![Just("a"), Just("b")], any_columns()).prop_map(
            |(operation, table, columns)| Activity {
                operation,
                table: table.parse().unwrap(),
                columns,
            },
        );
        proptest::collection::vec(activity, 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn all_at_once_is_one_by_one(activities in any_activities(), there in any_activities()) {
            // Initial rows: all insertable ones of `there`.
            let rows = there.iter().fold(Rows::new(), |rows, activity| {
                one_by_one(std::slice::from_ref(activity), &rows).unwrap_or(rows)
            });
            match fold(&activities, "") {
                Ok(effects) =>
                    prop_assert_eq!(at_once(&effects, &rows), one_by_one(&activities, &rows)),
                Err(_) => prop_assert_eq!(one_by_one(&activities, &rows), None),
            }
        }

        #[test]
        fn what_can_never_succeed_fails_on_an_empty_table(activities in any_activities()) {
            let possible = one_by_one(&activities, &Rows::new()).is_some();
            prop_assert_eq!(fold(&activities, "").is_ok(), possible);
        }

        #[test]
        fn no_row_comes_twice(activities in any_activities()) {
            if let Ok(effects) = fold(&activities, "") {
                let mut rows: Vec<_> =
                    effects.iter().map(|effect| (&effect.table, &effect.key)).collect();
                rows.sort();
                let count = rows.len();
                rows.dedup();
                prop_assert_eq!(rows.len(), count);
            }
        }
    }
}

//! What a transaction on rows is made of, and why one was cancelled.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};

use super::RowItem;
use crate::{
    aws::{
        Error,
        key::Key,
        table::{Item, item, text},
    },
    id::AccountId,
    records::{After, Before, Column, Effect},
};

const NO_ITEM: &str = "attribute_not_exists(pk)";

/// Why a transaction of a marker and then rows was cancelled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// It was applied before.
    MarkerThere,
    /// It may succeed in a moment.
    Passing,
    /// The first row that isn't as it has to be, from 0.
    RowUnfit(usize),
    /// `DynamoDB` can't take it at all.
    Otherwise,
}

impl Cancelled {
    /// From the reasons' codes, one for each action and in their order
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>). While another transaction is at one of
    /// the items, what the others say may be half of its work.
    pub fn because(reasons: &[&str]) -> Self {
        const REFUSED: &str = "ConditionalCheckFailed";
        const PASSING: [&str; 3] =
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
        match reasons.split_first() {
            Some((&REFUSED, _)) => Self::MarkerThere,
            _ if reasons.iter().any(|reason| PASSING.contains(reason)) => Self::Passing,
            Some((_, rows)) => rows
                .iter()
                .position(|reason| *reason == REFUSED)
                .map_or(Self::Otherwise, Self::RowUnfit),
            None => Self::Otherwise,
        }
    }
}

/// One row's effect.
pub(super) fn action(
    name: &str,
    account: AccountId,
    effect: &Effect,
) -> Result<TransactWriteItem, Error> {
    let key = Key::row(account, &effect.table, &effect.key);
    let checks = match &effect.before {
        Before::Absent => Checks::no_item(),
        Before::AbsentOrHas(columns) => Checks::absent_or_has(columns),
    };
    match &effect.after {
        After::Row(columns) => put(name, item(&key, &RowItem::of(columns)?)?, checks),
        After::Gone => {
            let delete = Delete::builder().table_name(name).set_key(Some(key.attributes()));
            let delete = delete
                .condition_expression(checks.expression)
                .set_expression_attribute_names(checks.names)
                .set_expression_attribute_values(checks.values);
            Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
        }
        After::Untouched => {
            let check = ConditionCheck::builder().table_name(name).set_key(Some(key.attributes()));
            let check = check
                .condition_expression(checks.expression)
                .set_expression_attribute_names(checks.names)
                .set_expression_attribute_values(checks.values);
            Ok(TransactWriteItem::builder()
                .condition_check(check.build().map_err(incomplete)?)
                .build())
        }
    }
}

/// Puts an item.
pub(super) fn put(name: &str, item: Item, checks: Checks) -> Result<TransactWriteItem, Error> {
    let put = Put::builder().table_name(name).set_item(Some(item));
    let put = put
        .condition_expression(checks.expression)
        .set_expression_attribute_names(checks.names)
        .set_expression_attribute_values(checks.values);
    Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
}

fn incomplete(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Refused(error.to_string())
}

/// What an item must be, as an expression with its names and values.
pub(super) struct Checks {
    expression: String,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Checks {
    /// Not there.
    pub fn no_item() -> Self {
        Self { expression: NO_ITEM.to_owned(), names: None, values: None }
    }

    /// Not there, or with these columns.
    fn absent_or_has(columns: &[Column]) -> Self {
        let mut names = HashMap::from([("#c".to_owned(), "cells".to_owned())]);
        let mut values = HashMap::new();
        let mut equal = Vec::new();
        for (n, column) in columns.iter().enumerate() {
            names.insert(format!("#{n}"), column.name.to_string());
            values.insert(format!(":{n}"), text(column.cell.json()));
            equal.push(format!("#c.#{n} = :{n}"));
        }
        let expression = format!("{NO_ITEM} OR ({})", equal.join(" AND "));
        Self { expression, names: Some(names), values: Some(values) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_a_cancellation() {
        let (none, refused, conflict) = ("None", "ConditionalCheckFailed", "TransactionConflict");
        for (reasons, meaning) in [
            (&[refused, none][..], Cancelled::MarkerThere),
            (&[refused, refused, conflict], Cancelled::MarkerThere),
            (&[none, conflict, refused], Cancelled::Passing),
            (&[conflict, none], Cancelled::Passing),
            (&[none, "ThrottlingError"], Cancelled::Passing),
            (&[none, none, refused, refused], Cancelled::RowUnfit(1)),
            (&[none, "ValidationError"], Cancelled::Otherwise),
            (&[], Cancelled::Otherwise),
        ] {
            assert_eq!(Cancelled::because(reasons), meaning, "{reasons:?}");
        }
    }
}

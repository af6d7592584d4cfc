//! Building row transactions, and the reasons for their cancellation.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};

use super::RowItem;
use crate::{
    Error,
    key::Key,
    table::{Item, item, text},
};
use model::{
    id::AccountId,
    records::{Column, Effect, Precondition, RowResult},
};

const NO_ITEM: &str = "attribute_not_exists(pk)";

/// Why a transaction, consisting of a marker and then rows, was cancelled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// The job was applied before.
    AlreadyApplied,
    /// Transient; a retry may succeed.
    Transient,
    /// Index of the first row that violates its precondition.
    PreconditionFailed(usize),
    /// DynamoDB rejects the transaction permanently.
    Permanent,
}

impl Cancelled {
    /// Classifies the reason codes, one per action in order
    /// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
    /// If another transaction holds one of the items, the other reasons may reflect its partial
    /// state.
    pub fn from_reasons(reasons: &[&str]) -> Self {
        const REFUSED: &str = "ConditionalCheckFailed";
        const TRANSIENT: [&str; 3] =
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
        match reasons.split_first() {
            Some((&REFUSED, _)) => Self::AlreadyApplied,
            _ if reasons.iter().any(|reason| TRANSIENT.contains(reason)) => Self::Transient,
            Some((_, rows)) => rows
                .iter()
                .position(|reason| *reason == REFUSED)
                .map_or(Self::Permanent, Self::PreconditionFailed),
            None => Self::Permanent,
        }
    }
}

/// The write for one effect.
pub(super) fn action(
    name: &str,
    account: AccountId,
    effect: &Effect,
) -> Result<TransactWriteItem, Error> {
    let key = Key::row(account, &effect.table, &effect.key);
    let checks = match &effect.before {
        Precondition::Absent => Checks::no_item(),
        Precondition::AbsentOrHas(columns) => Checks::absent_or_has(columns),
    };
    match &effect.after {
        RowResult::Row(columns) => put(name, item(&key, &RowItem::of(columns)?)?, checks),
        RowResult::Gone => {
            let delete = Delete::builder().table_name(name).set_key(Some(key.attributes()));
            let delete = delete
                .condition_expression(checks.expression)
                .set_expression_attribute_names(checks.names)
                .set_expression_attribute_values(checks.values);
            Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
        }
        RowResult::Untouched => {
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

/// A condition expression with its names and values.
pub(super) struct Checks {
    expression: String,
    names: Option<HashMap<String, String>>,
    values: Option<HashMap<String, AttributeValue>>,
}

impl Checks {
    pub fn no_item() -> Self {
        Self { expression: NO_ITEM.to_owned(), names: None, values: None }
    }

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
    fn classifies_cancellation_reasons() {
        let (none, refused, conflict) = ("None", "ConditionalCheckFailed", "TransactionConflict");
        for (reasons, meaning) in [
            (&[refused, none][..], Cancelled::AlreadyApplied),
            (&[refused, refused, conflict], Cancelled::AlreadyApplied),
            (&[none, conflict, refused], Cancelled::Transient),
            (&[conflict, none], Cancelled::Transient),
            (&[none, "ThrottlingError"], Cancelled::Transient),
            (&[none, none, refused, refused], Cancelled::PreconditionFailed(1)),
            (&[none, "ValidationError"], Cancelled::Permanent),
            (&[], Cancelled::Permanent),
        ] {
            assert_eq!(Cancelled::from_reasons(reasons), meaning, "{reasons:?}");
        }
    }
}

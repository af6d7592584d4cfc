//! Building and sending usage transactions.

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Put, TransactWriteItem, Update},
};

use crate::{
    Error,
    key::Key,
    table::{Item, number},
};

/// Writes that are applied together or not at all.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    table: &'a str,
    writes: Vec<TransactWriteItem>,
}

/// The transaction was not applied. Holds the indices of the writes whose conditions failed.
#[derive(Debug)]
pub(super) struct FailedConditions(pub Vec<usize>);

/// A condition or update expression with its values.
#[derive(Debug, Default)]
pub(super) struct Expression {
    pub text: String,
    pub values: Vec<(String, AttributeValue)>,
}

impl Expression {
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.push((name.to_owned(), value));
        self
    }

    /// Adds amounts to attributes; `amounts` must not be empty.
    pub fn add(&mut self, amounts: impl IntoIterator<Item = (String, u64)>) {
        let mut each = Vec::new();
        for (name, amount) in amounts {
            each.push(format!("{name} :{name}"));
            self.values.push((format!(":{name}"), number(amount)));
        }
        self.text = format!("{} ADD {}", self.text, each.join(", ")).trim_start().to_owned();
    }
}

impl<'a> Transaction<'a> {
    pub const fn new(table: &'a str) -> Self {
        Self { table, writes: Vec::new() }
    }

    pub fn put(
        &mut self,
        key: &Key,
        mut item: Item,
        condition: Option<Expression>,
    ) -> Result<(), Error> {
        item.extend(key.attributes());
        let mut put = Put::builder().table_name(self.table).set_item(Some(item));
        if let Some(Expression { text, values }) = condition {
            put = put.condition_expression(text).set_expression_attribute_values(named(values));
        }
        self.writes
            .push(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build());
        Ok(())
    }

    /// Updates an item if the condition holds. The values of the condition are among those of the
    /// change.
    pub fn update(
        &mut self,
        key: &Key,
        change: Expression,
        condition: Option<&str>,
    ) -> Result<(), Error> {
        let update = Update::builder()
            .table_name(self.table)
            .set_key(Some(key.attributes()))
            .update_expression(change.text)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_values(named(change.values));
        self.writes
            .push(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build());
        Ok(())
    }

    /// Sends the transaction. The SDK adds a client request token, so that a retry after a lost
    /// response is not applied twice.
    pub async fn send(self, client: &Client) -> Result<Result<(), FailedConditions>, Error> {
        const TRANSIENT: [&str; 3] =
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
        let answer =
            client.transact_write_items().set_transact_items(Some(self.writes)).send().await;
        let Err(error) = answer else { return Ok(Ok(())) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return Err(Error::of("TransactWriteItems", &error));
        };
        let codes: Vec<_> = cancelled
            .cancellation_reasons()
            .iter()
            .map(|reason| reason.code().unwrap_or_default())
            .collect();
        // If another transaction holds one of the items, the other reasons may reflect its partial
        // state.
        if codes.iter().any(|code| TRANSIENT.contains(code)) {
            return Err(Error::Unavailable(format!("TransactWriteItems: {}", codes.join(", "))));
        }
        let refused: Vec<_> =
            (0..codes.len()).filter(|nth| codes[*nth] == "ConditionalCheckFailed").collect();
        if refused.is_empty() {
            return Err(Error::Refused(format!("TransactWriteItems: {}", codes.join(", "))));
        }
        Ok(Err(FailedConditions(refused)))
    }
}

fn named(values: Vec<(String, AttributeValue)>) -> Option<Item> {
    Some(values.into_iter().collect::<Item>()).filter(|values| !values.is_empty())
}

fn incomplete(error: BuildError) -> Error {
    Error::Refused(error.to_string())
}

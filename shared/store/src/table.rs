use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, update_item::UpdateItemError,
    },
    types::{AttributeValue, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{Error, backoff::Backoff, key::Key};
use model::time::Time;

pub(super) type Item = HashMap<String, AttributeValue>;

/// The DynamoDB table and the calls that the stores share.
#[derive(Clone, Debug)]
pub struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// Result of a conditional write.
#[derive(Debug)]
pub(super) enum Conditional<T> {
    Done(T),
    /// The current item; `None` if there is none.
    Refused(Option<Item>),
}

/// A condition expression with its names and values.
#[derive(Debug)]
pub(super) struct Condition {
    pub expression: &'static str,
    pub names: Vec<(&'static str, &'static str)>,
    pub values: Vec<(&'static str, AttributeValue)>,
}

/// An update expression with its optional condition.
#[derive(Debug, Default)]
pub(super) struct Update<'a> {
    pub expression: String,
    pub condition: Option<&'static str>,
    pub names: Vec<(&'static str, &'a str)>,
    pub values: Vec<(&'static str, AttributeValue)>,
    pub returns: Option<ReturnValue>,
}

impl Table {
    #[must_use]
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub(super) async fn get(&self, key: &Key, consistent: bool) -> Result<Option<Item>, Error> {
        let call = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        let answer =
            call.consistent_read(consistent).send().await.map_err(|e| Error::of("GetItem", &e))?;
        Ok(answer.item)
    }

    /// Reads up to 100 items, unordered, without missing ones. One call, and more with backoff for
    /// keys that DynamoDB leaves unprocessed because of throttling or the 16 MB limit.
    pub(super) async fn batch_get(
        &self,
        mut wanted: KeysAndAttributes,
    ) -> Result<Vec<Item>, Error> {
        let (mut items, mut backoff) = (Vec::new(), Backoff::start());
        loop {
            let call = self.client.batch_get_item().request_items(&self.name, wanted);
            let answer = call.send().await.map_err(|e| Error::of("BatchGetItem", &e))?;
            items.extend(
                answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default(),
            );
            let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
            let Some(left) = left.filter(|left| !left.keys.is_empty()) else { return Ok(items) };
            if !backoff.retry().await {
                return Err(Error::Unavailable("BatchGetItem: unprocessed keys remain".into()));
            }
            wanted = left;
        }
    }

    /// Returns up to `limit` items of a partition after the sort key `after`, and whether there may
    /// be more. One query, limited to 1 MB.
    pub(super) async fn page(
        &self,
        partition: &str,
        after: Option<&str>,
        limit: usize,
        consistent: bool,
    ) -> Result<(Vec<Item>, bool), Error> {
        let call = self.client.query().table_name(&self.name);
        let answer = call
            .key_condition_expression("pk = :partition AND sk > :after")
            .expression_attribute_values(":partition", text(partition))
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(consistent)
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let more = answer.last_evaluated_key.is_some();
        Ok((answer.items.unwrap_or_default(), more))
    }

    /// Returns all items of a partition, or those whose sort keys have a prefix.
    pub(super) async fn partition(
        &self,
        partition: &str,
        prefix: Option<&str>,
    ) -> Result<Vec<Item>, Error> {
        let call = self.client.query().table_name(&self.name);
        let call = call.expression_attribute_values(":pk", text(partition));
        let call = match prefix {
            None => call.key_condition_expression("pk = :pk"),
            Some(prefix) => call
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix)),
        };
        let mut pages = call.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|e| Error::of("Query", &e))?);
        }
        Ok(items)
    }

    pub(super) async fn put(&self, key: &Key, content: &impl Serialize) -> Result<(), Error> {
        let call =
            self.client.put_item().table_name(&self.name).set_item(Some(item(key, content)?));
        call.send().await.map(drop).map_err(|e| Error::of("PutItem", &e))
    }

    pub(super) async fn put_if(
        &self,
        key: &Key,
        content: &impl Serialize,
        condition: Condition,
    ) -> Result<Conditional<()>, Error> {
        self.put_item_if(item(key, content)?, condition).await
    }

    /// Like [`put_if`](Self::put_if) for an item that contains its key.
    pub(super) async fn put_item_if(
        &self,
        item: Item,
        condition: Condition,
    ) -> Result<Conditional<()>, Error> {
        let call = self.client.put_item().table_name(&self.name).set_item(Some(item));
        let answer = call
            .condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Conditional::Done(())),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Conditional::Refused(refused.item.clone()))
                }
                _ => Err(Error::of("PutItem", &error)),
            },
        }
    }

    pub(super) async fn update(
        &self,
        key: &Key,
        update: Update<'_>,
    ) -> Result<Conditional<Option<Item>>, Error> {
        self.send_update(key, update, Some(ReturnValuesOnConditionCheckFailure::AllOld)).await
    }

    /// Updates without reading the item, for functions whose IAM policy forbids that. Returns
    /// `false` if the condition failed.
    pub(super) async fn update_without_read(
        &self,
        key: &Key,
        update: Update<'_>,
    ) -> Result<bool, Error> {
        let done = self.send_update(key, update, None).await?;
        Ok(matches!(done, Conditional::Done(_)))
    }

    async fn send_update(
        &self,
        key: &Key,
        update: Update<'_>,
        refusing: Option<ReturnValuesOnConditionCheckFailure>,
    ) -> Result<Conditional<Option<Item>>, Error> {
        let own = |(name, value): (&str, AttributeValue)| (name.to_owned(), value);
        let names: HashMap<_, _> =
            update.names.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(update.expression)
            .set_condition_expression(update.condition.map(str::to_owned))
            .set_expression_attribute_names(Some(names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(
                Some(update.values.into_iter().map(own).collect::<Item>())
                    .filter(|values| !values.is_empty()),
            )
            .set_return_values(update.returns)
            .set_return_values_on_condition_check_failure(refusing)
            .send()
            .await;
        match answer {
            Ok(done) => Ok(Conditional::Done(done.attributes)),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(Conditional::Refused(refused.item.clone()))
                }
                _ => Err(Error::of("UpdateItem", &error)),
            },
        }
    }

    /// Deletes an item and returns it.
    pub(super) async fn delete(
        &self,
        key: &Key,
        condition: Option<Condition>,
    ) -> Result<Conditional<Option<Item>>, Error> {
        let condition = condition.as_ref();
        let answer = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_condition_expression(condition.map(|condition| condition.expression.to_owned()))
            .set_expression_attribute_names(condition.and_then(Condition::names))
            .set_expression_attribute_values(condition.and_then(Condition::values))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        match answer {
            Ok(done) => Ok(Conditional::Done(done.attributes)),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => {
                    Ok(Conditional::Refused(None))
                }
                _ => Err(Error::of("DeleteItem", &error)),
            },
        }
    }
}

impl Condition {
    pub fn no_item() -> Self {
        Self { expression: "attribute_not_exists(pk)", names: Vec::new(), values: Vec::new() }
    }

    fn names(&self) -> Option<HashMap<String, String>> {
        let names: HashMap<_, _> =
            self.names.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Some(names).filter(|names| !names.is_empty())
    }

    fn values(&self) -> Option<Item> {
        let values: Item = self.values.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
        Some(values).filter(|values| !values.is_empty())
    }
}

/// Joins a key and content into an item.
pub(super) fn item(key: &Key, content: &impl Serialize) -> Result<Item, Error> {
    let mut item: Item = serde_dynamo::to_item(content)
        .map_err(|e| Error::Corrupt("this version", e.to_string()))?;
    item.extend(key.attributes());
    Ok(item)
}

pub(super) fn parse_item<T: DeserializeOwned>(what: &'static str, item: Item) -> Result<T, Error> {
    serde_dynamo::from_item(item).map_err(|error| Error::Corrupt(what, error.to_string()))
}

pub(super) fn to_attribute(content: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(content)
        .map_err(|e| Error::Corrupt("this version", e.to_string()))
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn millis(time: Time) -> AttributeValue {
    number(time.millis())
}

/// In seconds, as TTL requires; rounded up.
pub(super) fn seconds(time: Time) -> AttributeValue {
    number(time.seconds_ceil())
}

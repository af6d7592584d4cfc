use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    primitives::Blob,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use futures::future::try_join_all;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    Error, Table,
    key::Key,
    table::{Item as TableItem, number, text},
};
use runtime::metrics::{Item, OTHER, Totals, item_pair};

/// Number of process tokens per item. A token takes about ten bytes of the 1 KB that a write unit
/// covers.
const TOKENS: u8 = 32;
/// Number of items per shard for names from outside. About 40 names get an item of their own.
const ITEMS_PER_SHARD: u16 = 128;
/// Attribute that stores the external name of an item.
const NAME_ATTRIBUTE: &str = "of";

/// Write access of one process to the totals.
#[derive(Clone, Debug)]
pub(crate) struct CounterStore {
    table: Table,
    process: Uuid,
}

impl CounterStore {
    pub fn new(table: Table) -> Self {
        Self { table, process: Uuid::new_v4() }
    }

    pub const fn process(&self) -> Uuid {
        self.process
    }

    /// Adds to an item as write number `nth` of the process. A repeat of the same number changes
    /// nothing.
    ///
    /// The number of items for external names is bounded. Each name has two candidate items, and
    /// the first name to use an item keeps it. A name that finds both taken is counted as
    /// [`OTHER`].
    pub async fn add(
        &self,
        nth: u64,
        item: &Item,
        fields: &BTreeMap<String, u64>,
    ) -> Result<(), Error> {
        let Item { prefix, name, has_external_labels: is_open } = item;
        if !is_open {
            let key = self.key(prefix, name);
            return self.add_to(&key, None, nth, fields).await.map(drop);
        }
        for place in candidate_items(name) {
            if self.add_to(&self.key(prefix, &place), Some(name), nth, fields).await? {
                return Ok(());
            }
        }
        self.add_to(&self.key(prefix, OTHER), Some(OTHER), nth, fields).await.map(drop)
    }

    fn key(&self, prefix: &str, name: &str) -> Key {
        Key::counters(self.process, prefix, name)
    }

    /// Returns `false` if the item belongs to another name.
    async fn add_to(
        &self,
        key: &Key,
        of: Option<&str>,
        nth: u64,
        fields: &BTreeMap<String, u64>,
    ) -> Result<bool, Error> {
        let slot = format!("t{}", self.process.as_bytes()[1] % TOKENS);
        let mut names = HashMap::from([("#token".to_owned(), slot)]);
        let mut values = HashMap::from([(":token".to_owned(), AttributeValue::B(self.token(nth)))]);
        let mut added = Vec::new();
        for (at, (field, amount)) in fields.iter().enumerate() {
            names.insert(format!("#{at}"), field.clone());
            values.insert(format!(":{at}"), number(amount));
            added.push(format!("#{at} :{at}"));
        }
        let (mut set, mut condition) = (
            "#token = :token".to_owned(),
            "(attribute_not_exists(#token) OR #token <> :token)".to_owned(),
        );
        if let Some(of) = of {
            names.insert("#of".to_owned(), NAME_ATTRIBUTE.to_owned());
            values.insert(":of".to_owned(), text(of));
            set.push_str(", #of = :of");
            condition.push_str(" AND (attribute_not_exists(#of) OR #of = :of)");
        }
        let call = self.table.client.update_item().table_name(&self.table.name);
        let answer = call
            .set_key(Some(key.attributes()))
            .update_expression(format!("SET {set} ADD {}", added.join(", ")))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .set_return_values_on_condition_check_failure(
                of.map(|_| ReturnValuesOnConditionCheckFailure::AllOld),
            )
            .send()
            .await;
        let Err(error) = answer else { return Ok(true) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                // The condition failed because of this write's own token, unless the item belongs
                // to another name.
                let found =
                    refused.item.as_ref().and_then(|item| item.get(NAME_ATTRIBUTE)?.as_s().ok());
                Ok(of.is_none() || found.map(String::as_str) == of)
            }
            _ => Err(Error::of("UpdateItem", &error)),
        }
    }

    /// Processes that share a token slot differ in four random bytes, and writes of a process in
    /// their number.
    fn token(&self, nth: u64) -> Blob {
        let mut token = self.process.as_bytes()[12..].to_vec();
        token.extend(nth.to_be_bytes().into_iter().skip_while(|byte| *byte == 0));
        Blob::new(token)
    }

    pub async fn totals(&self) -> Result<Totals, Error> {
        let mut totals = Totals::default();
        let shards = Key::counter_shards();
        let read = shards.iter().map(async |shard| {
            let table = &self.table;
            let call = table.client.query().table_name(&table.name).consistent_read(true);
            let call = call
                .key_condition_expression("pk = :shard")
                .expression_attribute_values(":shard", text(shard));
            let items = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
            items.map_err(|error| Error::of("Query", &error))
        });
        for item in try_join_all(read).await?.into_iter().flatten() {
            add_item(&mut totals, &item);
        }
        Ok(totals)
    }
}

/// The two candidate items of an external name.
fn candidate_items(name: &str) -> [String; 2] {
    let digest = Sha256::digest(name);
    let place = |at: usize| {
        format!("{:02x}", u16::from_be_bytes([digest[at], digest[at + 1]]) % ITEMS_PER_SHARD)
    };
    [place(0), place(2)]
}

fn add_item(totals: &mut Totals, item: &TableItem) {
    let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let Some((prefix, name)) = string("sk").and_then(|sk| sk.split_once('#')) else { return };
    let name = string(NAME_ATTRIBUTE).map_or(name, String::as_str);
    let count = |value: &AttributeValue| value.as_n().ok()?.parse().ok();
    let fields = item.iter().filter_map(|(field, value)| Some((field.as_str(), count(value)?)));
    let fields: Vec<_> = fields.collect();
    for (prefix, name, first) in item_pair::split(prefix, name) {
        let own =
            fields.iter().filter_map(|(field, number)| Some((field.strip_prefix(first)?, *number)));
        totals.add(prefix, name, own);
    }
}

//! Blocks of an account's requests by exhausted quotas.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AccountStore;
use crate::{
    Error,
    key::Key,
    table::{Update, to_attribute},
};
use model::{
    id::AccountId,
    name::Name,
    quota::{Block, Period},
    time::Time,
};

#[derive(Serialize, Deserialize)]
pub(super) struct BlockItem {
    limit_bytes: u64,
    since: i64,
    until: i64,
}

pub(super) fn read(account: AccountId, blocks: BTreeMap<Name, BlockItem>) -> BTreeMap<Name, Block> {
    let read = |BlockItem { limit_bytes, since, until }| {
        let period = Period { start: Time::from_millis(since), end: Time::from_millis(until) };
        Block { account, period, limit_bytes }
    };
    blocks.into_iter().map(|(quota, block)| (quota, read(block))).collect()
}

impl AccountStore {
    /// Blocks an account's requests because of a quota, or lifts that block with `None`. Other
    /// processes see the change within the cache lifetime of 8 s.
    ///
    /// The update leaves all other attributes unchanged and does not create a missing account.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn set_block(
        &self,
        account: AccountId,
        quota: &Name,
        block: Option<&Block>,
    ) -> Result<(), Error> {
        let key = Key::account(account);
        let names = || vec![("#quota", quota.as_str())];
        let Some(block) = block else {
            let lift = Update {
                expression: "REMOVE blocks.#quota".into(),
                condition: Some("attribute_exists(blocks.#quota)"),
                names: names(),
                ..Update::default()
            };
            return self.table.update_without_read(&key, lift).await.map(drop);
        };
        let Period { start, end } = block.period;
        let item = BlockItem {
            limit_bytes: block.limit_bytes,
            since: start.millis(),
            until: end.millis(),
        };
        let add_to_existing = async || {
            let place = Update {
                expression: "SET blocks.#quota = :block".into(),
                condition: Some("attribute_exists(blocks)"),
                names: names(),
                values: vec![(":block", to_attribute(&item)?)],
                ..Update::default()
            };
            self.table.update_without_read(&key, place).await
        };
        let add_first = async || {
            let place = Update {
                expression: "SET blocks = :blocks".into(),
                condition: Some("attribute_exists(pk) AND attribute_not_exists(blocks)"),
                values: vec![(":blocks", to_attribute(&BTreeMap::from([(quota, &item)]))?)],
                ..Update::default()
            };
            self.table.update_without_read(&key, place).await
        };
        // If another quota adds the first block at the same time, this block is added next to it.
        if !add_to_existing().await? && !add_first().await? {
            add_to_existing().await?;
        }
        Ok(())
    }
}

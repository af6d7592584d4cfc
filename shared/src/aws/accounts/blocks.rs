//! What an account's requests are turned away with, by the quotas that are used up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AccountStore;
use crate::{
    aws::{
        Error,
        key::Key,
        table::{Update, value},
    },
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
    /// Has an account's requests turned away because of a quota, or with no block not any more because of that one. Elsewhere it counts
    /// within the 8 s for which accounts are kept. It touches nothing else of the account, and an account that isn't there stays so.
    ///
    /// # Errors
    /// When the table can't be written.
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
            return self.table.update_blindly(&key, lift).await.map(drop);
        };
        let Period { start, end } = block.period;
        let item = BlockItem {
            limit_bytes: block.limit_bytes,
            since: start.millis(),
            until: end.millis(),
        };
        let beside_others = async || {
            let place = Update {
                expression: "SET blocks.#quota = :block".into(),
                condition: Some("attribute_exists(blocks)"),
                names: names(),
                values: vec![(":block", value(&item)?)],
                ..Update::default()
            };
            self.table.update_blindly(&key, place).await
        };
        let first = async || {
            let place = Update {
                expression: "SET blocks = :blocks".into(),
                condition: Some("attribute_exists(pk) AND attribute_not_exists(blocks)"),
                values: vec![(":blocks", value(&BTreeMap::from([(quota, &item)]))?)],
                ..Update::default()
            };
            self.table.update_blindly(&key, place).await
        };
        // The first may be another quota's in the same moment; then it is beside that.
        if !beside_others().await? && !first().await? {
            beside_others().await?;
        }
        Ok(())
    }
}

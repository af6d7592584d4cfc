use futures::future::try_join_all;

use super::JobStore;
use crate::{
    Error,
    key::{Key, SHARDS},
    table::text,
};
use model::{id::AccountId, name::Name};

impl JobStore {
    /// Whether an account has unfinished jobs of a kind. Reads the account's jobs until it finds
    /// one, possibly all. Use it only for rare operator requests, with a timeout.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn has_unfinished(&self, account: AccountId, kind: &Name) -> Result<bool, Error> {
        let shards =
            (0..SHARDS).map(|shard| self.has_unfinished_in(Key::jobs(account, shard), kind));
        Ok(try_join_all(shards).await?.contains(&true))
    }

    async fn has_unfinished_in(&self, shard: String, kind: &Name) -> Result<bool, Error> {
        let mut start = None;
        loop {
            let call = self.table.client.query().table_name(&self.table.name);
            let answer = call
                .key_condition_expression("pk = :jobs")
                .filter_expression("kind = :kind AND #status IN (:queued, :running)")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":jobs", text(shard.clone()))
                .expression_attribute_values(":kind", text(kind.as_str()))
                .expression_attribute_values(":queued", text("queued"))
                .expression_attribute_values(":running", text("running"))
                .select(aws_sdk_dynamodb::types::Select::Count)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| Error::of("Query", &e))?;
            start = answer.last_evaluated_key;
            if answer.count > 0 || start.is_none() {
                return Ok(answer.count > 0);
            }
        }
    }
}

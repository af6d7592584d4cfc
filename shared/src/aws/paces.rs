use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Item, number, seconds},
};
use crate::{id::AccountId, job::Pace, name::Name, time::Time};

/// For how long a pace that was read counts.
const KEEP: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);

/// How long jobs have taken, by account, kind and hour. For show: a count that is lost or doubled shifts a mean a little.
#[derive(Debug)]
pub struct PaceStore {
    table: Table,
    known: Cache<AccountId, Arc<BTreeMap<String, Pace>>>,
}

impl PaceStore {
    /// The paces of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, known: Cache::new(KEEP) }
    }

    /// Adds what a batch's jobs of one account took, in one write.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn add(
        &self,
        account: AccountId,
        paces: &BTreeMap<Name, Pace>,
        now: Time,
    ) -> Result<(), Error> {
        let mut update = self.table.client.update_item().table_name(&self.table.name);
        let mut sums = Vec::new();
        for (n, (kind, pace)) in paces.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#n{n}"), format!("n:{kind}"))
                .expression_attribute_names(format!("#t{n}"), format!("t:{kind}"))
                .expression_attribute_values(format!(":n{n}"), number(pace.jobs))
                .expression_attribute_values(format!(":t{n}"), number(pace.took_ms));
            sums.push(format!("#n{n} :n{n}, #t{n} :t{n}"));
        }
        update
            .set_key(Some(Key::pace(account, now).attributes()))
            .update_expression(format!("SET expires_at = :gone ADD {}", sums.join(", ")))
            .expression_attribute_values(":gone", seconds(now + 3 * HOUR))
            .send()
            .await
            .map(drop)
            .map_err(|e| Error::of("UpdateItem", &e))
    }

    /// How long jobs of this kind took in this hour, or if there was none in the hour before.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn pace(&self, account: AccountId, kind: &Name, now: Time) -> Result<Pace, Error> {
        let known = match self.known.get(&account, now) {
            Some(known) => known,
            None => self.read(account, now).await?,
        };
        Ok(known.get(kind.as_str()).copied().unwrap_or_default())
    }

    async fn read(&self, account: AccountId, now: Time) -> Result<Arc<BTreeMap<String, Pace>>, Error> {
        let mut item = self.table.get(&Key::pace(account, now), false).await?;
        if item.is_none() {
            let hour_ago = Time::from_millis(now.millis() - 3_600_000);
            item = self.table.get(&Key::pace(account, hour_ago), false).await?;
        }
        let paces = Arc::new(item.as_ref().map(read).unwrap_or_default());
        self.known.put(account, paces.clone(), now);
        Ok(paces)
    }
}

fn read(item: &Item) -> BTreeMap<String, Pace> {
    let mut paces = BTreeMap::<String, Pace>::new();
    for (name, value) in item {
        let Some(value) = value.as_n().ok().and_then(|text| text.parse().ok()) else { continue };
        match name.split_once(':') {
            Some(("n", kind)) => paces.entry(kind.to_owned()).or_default().jobs = value,
            Some(("t", kind)) => paces.entry(kind.to_owned()).or_default().took_ms = value,
            _ => {}
        }
    }
    paces
}

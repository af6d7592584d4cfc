use std::{collections::HashMap, time::Duration};

use futures::future::try_join;

use super::{
    Error, Table,
    definitions::{Definition, DefinitionStore},
    key::{Key, SOURCE_STATES, SOURCES},
    table::{Item, Update, seconds, text},
};
use model::{
    name::Name,
    time::Time,
    usage::{Source, SourceSpec, SourceState},
};

/// How long the usage of a deleted source counts toward quotas: longer than any quota period.
const STATE_TTL: Duration = Duration::from_secs(35 * 86400);

/// Usage source definitions and their collection states.
///
/// A state is a separate item that only the collecting run writes. It is kept for 35 days after its
/// source is deleted.
#[derive(Clone, Debug)]
pub struct SourceStore {
    items: DefinitionStore<SourceSpec>,
    table: Table,
}

impl SourceStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { items: DefinitionStore::new(table.clone(), SOURCES, "a source"), table }
    }

    /// Returns a source and its collection state by consistent reads.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<(Source, SourceState)>, Error> {
        let key = Key::definition(SOURCE_STATES, name);
        let (found, state) = try_join(self.items.find(name), self.table.get(&key, true)).await?;
        Ok(found.map(|found| (found.into(), state.as_ref().map(read).unwrap_or_default())))
    }

    /// Creates or replaces a source. Returns `true` if it is new. A source that counts as unchanged
    /// keeps its version, so that its counters continue.
    ///
    /// # Errors
    /// Fails when the table can't be read or written.
    pub async fn put(
        &self,
        name: &Name,
        spec: &SourceSpec,
        version: &str,
        now: Time,
    ) -> Result<(Source, bool), Error> {
        let before =
            self.items.find(name).await?.filter(|before| before.spec.has_same_counters(spec));
        let version = before.as_ref().map_or(version, |before| &before.version);
        let (written, new) = self.items.put(name, spec, version, now).await?;
        let remembered = Update { expression: "REMOVE expires_at".into(), ..Update::default() };
        self.table.update(&Key::definition(SOURCE_STATES, name), remembered).await?;
        Ok((written.into(), new))
    }

    /// Deletes a source. Returns `false` if there is none. Its usage is kept.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete(&self, name: &Name, now: Time) -> Result<bool, Error> {
        let forgotten = Update {
            expression: "SET expires_at = :gone".into(),
            condition: Some("attribute_exists(pk)"),
            values: vec![(":gone", seconds(now + STATE_TTL))],
            ..Update::default()
        };
        // The state is written first, so that after a failure a repeat still finds the definition
        // to delete.
        self.table.update(&Key::definition(SOURCE_STATES, name), forgotten).await?;
        self.items.delete(name).await
    }

    /// Returns up to `limit` sources after `after` by name, with their states, and whether there
    /// are more. Two queries.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(Source, SourceState)>, bool), Error> {
        let ((found, more), states) =
            try_join(self.items.page(after, limit), self.states()).await?;
        Ok((with_states(found, states), more))
    }

    /// Returns all sources with their states. One query per MB, and one for the states.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn all(&self) -> Result<Vec<(Source, SourceState)>, Error> {
        let (found, states) = try_join(self.items.all(), self.states()).await?;
        Ok(with_states(found, states))
    }

    /// Stores the collection state of a source.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put_state(&self, name: &Name, state: &SourceState) -> Result<(), Error> {
        let json = serde_json::to_string(state)
            .map_err(|e| Error::Corrupt("this version", e.to_string()))?;
        let update = Update {
            expression: "SET progress = :progress".into(),
            values: vec![(":progress", text(json))],
            ..Update::default()
        };
        self.table.update(&Key::definition(SOURCE_STATES, name), update).await.map(drop)
    }

    async fn states(&self) -> Result<HashMap<Name, SourceState>, Error> {
        let items = self.table.partition(SOURCE_STATES, None).await?;
        let named = |item: &Item| Some((item.get("sk")?.as_s().ok()?.parse().ok()?, read(item)));
        Ok(items.iter().filter_map(named).collect())
    }
}

/// Joins sources with their states.
fn with_states(
    found: Vec<Definition<SourceSpec>>,
    mut states: HashMap<Name, SourceState>,
) -> Vec<(Source, SourceState)> {
    let with_state = |source: Definition<SourceSpec>| {
        let state = states.remove(&source.name).unwrap_or_default();
        (source.into(), state)
    };
    found.into_iter().map(with_state).collect()
}

/// States are informational except for pauses and new series, so an unreadable one counts as
/// absent.
fn read(item: &Item) -> SourceState {
    let json = item.get("progress").and_then(|progress| progress.as_s().ok());
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

impl From<Definition<SourceSpec>> for Source {
    fn from(definition: Definition<SourceSpec>) -> Self {
        let Definition { name, version, spec, disabled: _, created_at, updated_at } = definition;
        Self { name, spec, generation: version, created_at, updated_at }
    }
}

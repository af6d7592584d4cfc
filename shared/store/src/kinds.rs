mod validation;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;

use super::{
    Error, Table,
    cache::Cache,
    definitions::{Definition, DefinitionStore},
    key::KINDS,
};
use model::{
    job::Payload,
    kind::{Callback, Kind, KindSpec},
    name::Name,
    time::Time,
    violation::{MAX_VIOLATIONS, Violation},
};
use schema::Schema;

pub use validation::InvalidJob;

/// Cache lifetime of a kind. Reads become cheap, and a change takes effect soon.
const CACHE_TTL: Duration = Duration::from_secs(5);
/// Cache lifetime while the table can't be read. All processes read kinds from one partition and
/// must not fail because it is throttled.
const OUTAGE_CACHE_TTL: Duration = Duration::from_secs(60);

/// Kinds and their compiled schemas.
#[derive(Debug)]
pub struct KindStore {
    items: DefinitionStore<KindSpec>,
    known: Cache<Name, Arc<CachedKind>>,
}

/// A kind with its schema, which is compiled on first use.
#[derive(Debug)]
pub struct CachedKind {
    pub kind: Kind,
    schema: OnceLock<Result<Schema, Violation>>,
}

/// Why a kind rejects a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindRejection {
    /// Disabled because its target responded with 410.
    Disabled,
    /// This version can't compile the schema, although it was valid when stored. Holds the reason.
    Schema(String),
    /// The payload violates the schema. Pointers start with the given prefix.
    Payload(Vec<Violation>),
}

impl CachedKind {
    /// Checks a job's payload, given as text and as JSON. `prefix` is its pointer in the enclosing
    /// document.
    ///
    /// # Errors
    /// Returns why the job is rejected.
    pub fn check_job(
        &self,
        payload: &Payload,
        json: &Value,
        prefix: &str,
    ) -> Result<(), KindRejection> {
        if self.kind.disabled {
            return Err(KindRejection::Disabled);
        }
        let violations = self.payload_violations(payload, json, prefix);
        let violations = violations.map_err(|error| KindRejection::Schema(error.detail.clone()))?;
        if violations.is_empty() { Ok(()) } else { Err(KindRejection::Payload(violations)) }
    }

    /// The compiled schema.
    ///
    /// # Errors
    /// Fails when the schema no longer compiles, because the validator's rules have changed since
    /// it was stored.
    pub fn schema(&self) -> Result<&Schema, &Violation> {
        self.schema.get_or_init(|| Schema::compile(&self.kind.spec.schema)).as_ref()
    }

    /// Returns all violations of a payload, given as text and as JSON. These are those of the
    /// schema, and at other pointers those of the target's own rules. At most [`MAX_VIOLATIONS`],
    /// each pointer prefixed with `prefix`.
    ///
    /// # Errors
    /// Fails when the schema doesn't compile; see [`CachedKind::schema`].
    pub fn payload_violations(
        &self,
        payload: &Payload,
        json: &Value,
        prefix: &str,
    ) -> Result<Vec<Violation>, &Violation> {
        let mut found = self.schema()?.violations(json, prefix);
        let mut more = self.kind.spec.target.payload_violations(payload, prefix);
        more.retain(|violation| found.iter().all(|known| known.pointer != violation.pointer));
        found.extend(more);
        found.sort();
        found.truncate(MAX_VIOLATIONS);
        Ok(found)
    }
}

impl KindStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { items: DefinitionStore::new(table, KINDS, "a kind"), known: Cache::new(CACHE_TTL) }
    }

    /// Returns a kind, cached for 5 s, or for one minute while the table can't be read. Missing
    /// kinds are not cached, so that a new kind is usable immediately. Tollgate's own kinds need no
    /// read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn cached(&self, name: &Name, now: Time) -> Result<Option<Arc<CachedKind>>, Error> {
        if let Some(known) = self.known.get(name, now) {
            return Ok(Some(known));
        }
        let found = if name.is_reserved() { Ok(builtin_kind(name)) } else { self.find(name).await };
        let found = match (found, self.known.get_within(name, OUTAGE_CACHE_TTL, now)) {
            (Err(Error::Unavailable(cause)), Some(known)) => {
                tracing::warn!(kind = %name, cause, "kind refresh failed");
                return Ok(Some(known));
            }
            (found, _) => found?,
        };
        let Some(kind) = found else { return Ok(None) };
        let stale = self.known.get_stale(name);
        let fresh = match stale {
            // Unchanged, so its schema is already compiled.
            Some(stale)
                if stale.kind.version == kind.version && stale.kind.disabled == kind.disabled =>
            {
                stale
            }
            _ => Arc::new(CachedKind { kind, schema: OnceLock::new() }),
        };
        self.known.put(name.clone(), fresh.clone(), now);
        Ok(Some(fresh))
    }

    /// Returns a kind by a consistent read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Kind>, Error> {
        Ok(self.items.find(name).await?.map(Kind::from))
    }

    /// Creates or replaces a kind, and enables it. Returns `true` if it is new.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put(
        &self,
        name: &Name,
        spec: &KindSpec,
        version: &str,
        now: Time,
    ) -> Result<(Kind, bool), Error> {
        let (written, new) = self.items.put(name, spec, version, now).await?;
        self.known.evict(name);
        Ok((written.into(), new))
    }

    /// Disables a kind, unless it was redefined since `version`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn disable(&self, name: &Name, version: &str) -> Result<(), Error> {
        self.known.evict(name);
        self.items.disable(name, version).await
    }

    /// Deletes a kind. Returns `false` if there is none.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.known.evict(name);
        self.items.delete(name).await
    }

    /// Returns up to `limit` kinds after `after` by name, and whether there are more. One query,
    /// limited to 1 MB: more schema text would exceed a function's response size.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Kind>, bool), Error> {
        let (found, more) = self.items.page(after, limit).await?;
        Ok((found.into_iter().map(Kind::from).collect(), more))
    }
}

fn builtin_kind(name: &Name) -> Option<Kind> {
    Some(Callback::kind()).filter(|kind| kind.name == *name)
}

impl From<Definition<KindSpec>> for Kind {
    fn from(definition: Definition<KindSpec>) -> Self {
        let Definition { name, version, spec, disabled, created_at, updated_at } = definition;
        Self { name, version, spec, disabled, created_at, updated_at }
    }
}

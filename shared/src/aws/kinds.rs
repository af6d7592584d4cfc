use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;

use super::{
    Error, Table,
    cache::Cache,
    key::KINDS,
    named::{Definition, Named},
};
use crate::{
    job::Payload,
    kind::{Callback, Kind, KindSpec},
    name::Name,
    schema::{MAX_VIOLATIONS, Schema, Violation},
    time::Time,
};

/// For how long a kind that was read counts: long enough to cost nothing, short enough to wait for after a change.
const KEEP: Duration = Duration::from_secs(5);
/// For how long it counts while the table can't be read: all processes read the kinds in one
/// partition, and must not fail because that is throttled.
const KEEP_IN_OUTAGE: Duration = Duration::from_secs(60);

/// The kinds, and their compiled schemas.
#[derive(Debug)]
pub struct KindStore {
    items: Named<KindSpec>,
    known: Cache<Name, Arc<CachedKind>>,
}

/// A kind with its schema, compiled when it is first needed.
#[derive(Debug)]
pub struct CachedKind {
    /// The kind.
    pub kind: Kind,
    schema: OnceLock<Result<Schema, Violation>>,
}

/// Why a kind takes no job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is disabled, since its target answered 410.
    Disabled,
    /// Its schema is none to this version, though it was when the kind was put: the detail says why.
    Schema(String),
    /// The payload breaks its schema, in these places below the prefix.
    Payload(Vec<Violation>),
}

impl CachedKind {
    /// Whether the kind takes a job with this payload, given as it came and as JSON. It is found at `prefix` in what carries it.
    ///
    /// # Errors
    /// Why it doesn't.
    pub fn takes(&self, payload: &Payload, json: &Value, prefix: &str) -> Result<(), Unfit> {
        if self.kind.disabled {
            return Err(Unfit::Disabled);
        }
        let violations = self.payload_violations(payload, json, prefix);
        let violations = violations.map_err(|error| Unfit::Schema(error.detail.clone()))?;
        if violations.is_empty() { Ok(()) } else { Err(Unfit::Payload(violations)) }
    }

    /// The compiled schema.
    ///
    /// # Errors
    /// When it doesn't compile, though it did when it was put: the validator's rules have changed since.
    pub fn schema(&self) -> Result<&Schema, &Violation> {
        self.schema.get_or_init(|| Schema::compile(&self.kind.spec.schema)).as_ref()
    }

    /// Everything that is wrong with a payload, given as it came and as JSON: what breaks the kind's schema, and at other places what its
    /// target could never take; at most [`MAX_VIOLATIONS`], with `prefix` before each pointer.
    ///
    /// # Errors
    /// When the schema doesn't compile, as [`CachedKind::schema`] has it.
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
    /// The kinds of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { items: Named::new(table, KINDS, "a kind"), known: Cache::new(KEEP) }
    }

    /// Opens a connection to the table with the cheapest call that every function may make.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn touch(&self) -> Result<(), Error> {
        self.items.touch().await
    }

    /// A kind, at most 5 s old, or a minute while the table can't be read. One that was never there
    /// is looked for each time, so that a new kind can be used at once; Tollgate's own need no
    /// looking for.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn cached(&self, name: &Name, now: Time) -> Result<Option<Arc<CachedKind>>, Error> {
        if let Some(known) = self.known.get(name, now) {
            return Ok(Some(known));
        }
        let found = if name.is_own() { Ok(own(name)) } else { self.find(name).await };
        let found = match (found, self.known.within(name, KEEP_IN_OUTAGE, now)) {
            (Err(Error::Unavailable(cause)), Some(known)) => {
                tracing::warn!(kind = %name, cause, "kind not read again");
                return Ok(Some(known));
            }
            (found, _) => found?,
        };
        let Some(kind) = found else { return Ok(None) };
        let stale = self.known.stale(name);
        let fresh = match stale {
            // Unchanged: its schema is compiled already.
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

    /// A kind as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Kind>, Error> {
        Ok(self.items.find(name).await?.map(Kind::from))
    }

    /// Defines a kind, and enables it; `true` if it is a new one.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn put(
        &self,
        name: &Name,
        spec: &KindSpec,
        version: &str,
        now: Time,
    ) -> Result<(Kind, bool), Error> {
        let (written, new) = self.items.put(name, spec, version, now).await?;
        self.known.forget(name);
        Ok((written.into(), new))
    }

    /// Lets a kind take no more jobs, unless it was defined anew since `version`.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn disable(&self, name: &Name, version: &str) -> Result<(), Error> {
        self.known.forget(name);
        self.items.disable(name, version).await
    }

    /// Removes a kind; `false` if there is none.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.known.forget(name);
        self.items.delete(name).await
    }

    /// Up to `limit` kinds by name, those after `after`, and whether there are more. One query, which ends at a megabyte: more than that in
    /// large schemas would be more than a function may answer.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Kind>, bool), Error> {
        let (found, more) = self.items.page(after, limit).await?;
        Ok((found.into_iter().map(Kind::from).collect(), more))
    }
}

fn own(name: &Name) -> Option<Kind> {
    Some(Callback::kind()).filter(|kind| kind.name == *name)
}

impl From<Definition<KindSpec>> for Kind {
    fn from(definition: Definition<KindSpec>) -> Self {
        let Definition { name, version, spec, disabled, created_at, updated_at } = definition;
        Self { name, version, spec, disabled, created_at, updated_at }
    }
}

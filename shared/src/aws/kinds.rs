use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_sdk_dynamodb::types::ReturnValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Error, Table,
    cache::Cache,
    key::{KINDS, Key},
    table::{Conditional, Item, Update, content, millis, text},
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

/// The kinds, and their compiled schemas.
#[derive(Debug)]
pub struct KindStore {
    table: Table,
    known: Cache<Name, Arc<CachedKind>>,
}

/// A kind with its schema, compiled when it is first needed.
#[derive(Debug)]
pub struct CachedKind {
    /// The kind.
    pub kind: Kind,
    schema: OnceLock<Result<Schema, Violation>>,
}

impl CachedKind {
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

#[derive(Serialize, Deserialize)]
struct KindItem {
    version: String,
    spec: String,
    #[serde(default)]
    disabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl KindStore {
    /// The kinds of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, known: Cache::new(KEEP) }
    }

    /// Opens a connection to the table with the cheapest call that every function may make.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn touch(&self) -> Result<(), Error> {
        self.table.get(&Key { pk: KINDS.to_owned(), sk: "-".to_owned() }, false).await.map(drop)
    }

    /// A kind, at most 5 s old. One that was never there is looked for each time, so that a new kind can be used at once; Tollgate's own
    /// need no looking for.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn cached(&self, name: &Name, now: Time) -> Result<Option<Arc<CachedKind>>, Error> {
        if let Some(known) = self.known.get(name, now) {
            return Ok(Some(known));
        }
        let found = if name.is_own() { own(name) } else { self.find(name).await? };
        let Some(kind) = found else { return Ok(None) };
        let stale = self.known.stale(name);
        let fresh = match stale {
            // Unchanged: its schema is compiled already.
            Some(stale) if stale.kind.version == kind.version && stale.kind.disabled == kind.disabled => {
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
        self.table.get(&Key::kind(name), true).await?.map(read).transpose()
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
        let text_of_spec =
            serde_json::to_string(spec).map_err(|e| Error::Corrupt("this version", e.to_string()))?;
        let update = Update {
            expression: "SET version = :version, spec = :spec, updated_at = :now, \
                         created_at = if_not_exists(created_at, :now) REMOVE disabled"
                .into(),
            values: vec![(":version", text(version)), (":spec", text(text_of_spec)), (":now", millis(now))],
            returns: Some(ReturnValue::AllNew),
            ..Update::default()
        };
        let written = match self.table.update(&Key::kind(name), update).await? {
            Conditional::Done(item) | Conditional::Refused(item) => item,
        };
        self.known.forget(name);
        let kind = read(written.ok_or_else(|| Error::Corrupt("a kind", "it did not come back".into()))?)?;
        // Made now: also when an answer was lost and the SDK wrote twice.
        let new = kind.created_at == now;
        Ok((kind, new))
    }

    /// Lets a kind take no more jobs, unless it was defined anew since `version`.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn disable(&self, name: &Name, version: &str) -> Result<(), Error> {
        let update = Update {
            expression: "SET disabled = :true".into(),
            condition: Some("version = :version"),
            values: vec![
                (":true", aws_sdk_dynamodb::types::AttributeValue::Bool(true)),
                (":version", text(version)),
            ],
            ..Update::default()
        };
        self.known.forget(name);
        self.table.update(&Key::kind(name), update).await.map(drop)
    }

    /// Removes a kind; `false` if there is none.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.known.forget(name);
        match self.table.delete(&Key::kind(name), None).await? {
            Conditional::Done(before) | Conditional::Refused(before) => Ok(before.is_some()),
        }
    }

    /// Up to `limit` kinds by name, those after `after`, and whether there are more. One query, which ends at a megabyte: more than that in
    /// large schemas would be more than a function may answer.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<(Vec<Kind>, bool), Error> {
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression("pk = :kinds AND sk > :after")
            .expression_attribute_values(":kinds", text(KINDS))
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let more = answer.last_evaluated_key.is_some();
        let kinds = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
        Ok((kinds, more))
    }
}

fn own(name: &Name) -> Option<Kind> {
    Some(Callback::kind()).filter(|kind| kind.name == *name)
}

fn read(item: Item) -> Result<Kind, Error> {
    let corrupt = |why: String| Error::Corrupt("a kind", why);
    let name = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
    let KindItem { version, spec, disabled, created_at, updated_at } = content("a kind", item)?;
    Ok(Kind {
        name: name.parse().map_err(|_| corrupt("its key is no name".into()))?,
        version,
        spec: serde_json::from_str(&spec).map_err(|e| corrupt(e.to_string()))?,
        disabled,
        created_at: Time::from_millis(created_at),
        updated_at: Time::from_millis(updated_at),
    })
}

use std::marker::PhantomData;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, Item, Update, millis, parse_item, text},
};
use model::{name::Name, time::Time};

/// Definitions per query when all are read. A query is limited to 1 MB, which is about as many.
const DEFINITIONS_PER_QUERY: usize = 1000;

/// Definitions by operators, such as kinds: one partition with an item per name.
#[derive(Clone, Debug)]
pub(super) struct DefinitionStore<S> {
    table: Table,
    partition: &'static str,
    /// The noun for error messages.
    noun: &'static str,
    spec: PhantomData<fn() -> S>,
}

/// A stored definition.
#[derive(Clone, Debug)]
pub(super) struct Definition<S> {
    pub name: Name,
    /// Changes with every definition.
    pub version: String,
    pub spec: S,
    /// Whether it was disabled since it was last defined.
    pub disabled: bool,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Serialize, Deserialize)]
struct DefinitionItem {
    version: String,
    /// JSON.
    spec: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl<S: Serialize + DeserializeOwned> DefinitionStore<S> {
    pub const fn new(table: Table, partition: &'static str, noun: &'static str) -> Self {
        Self { table, partition, noun, spec: PhantomData }
    }

    pub async fn find(&self, name: &Name) -> Result<Option<Definition<S>>, Error> {
        let item = self.table.get(&Key::definition(self.partition, name), true).await?;
        item.map(|item| self.read(item)).transpose()
    }

    /// Creates or replaces a definition, and enables it. Returns `true` if it is new.
    pub async fn put(
        &self,
        name: &Name,
        spec: &S,
        version: &str,
        now: Time,
    ) -> Result<(Definition<S>, bool), Error> {
        let update = Update {
            expression: "SET version = :version, spec = :spec, updated_at = :now, \
                         created_at = if_not_exists(created_at, :now) REMOVE disabled"
                .into(),
            values: vec![
                (":version", text(version)),
                (":spec", text(json(spec)?)),
                (":now", millis(now)),
            ],
            returns: Some(ReturnValue::AllNew),
            ..Update::default()
        };
        let written =
            match self.table.update(&Key::definition(self.partition, name), update).await? {
                Conditional::Done(item) | Conditional::Refused(item) => item,
            };
        let definition = self.read(
            written.ok_or_else(|| Error::Corrupt(self.noun, "response has no item".into()))?,
        )?;
        // Created by this call, even if the SDK wrote twice because a response was lost.
        let new = definition.created_at == now;
        Ok((definition, new))
    }

    /// Disables a definition, unless it was redefined since `version`.
    pub async fn disable(&self, name: &Name, version: &str) -> Result<(), Error> {
        let update = Update {
            expression: "SET disabled = :true".into(),
            condition: Some("version = :version"),
            values: vec![(":true", AttributeValue::Bool(true)), (":version", text(version))],
            ..Update::default()
        };
        self.table.update(&Key::definition(self.partition, name), update).await.map(drop)
    }

    /// Returns `false` if there is none.
    pub async fn delete(&self, name: &Name) -> Result<bool, Error> {
        match self.table.delete(&Key::definition(self.partition, name), None).await? {
            Conditional::Done(before) | Conditional::Refused(before) => Ok(before.is_some()),
        }
    }

    /// Rolls the definition `version` back to `before`, unless it was redefined since.
    pub async fn roll_back(
        &self,
        name: &Name,
        version: &str,
        before: Option<&Definition<S>>,
    ) -> Result<(), Error> {
        let mine = Condition {
            expression: "version = :version",
            names: Vec::new(),
            values: vec![(":version", text(version))],
        };
        let key = Key::definition(self.partition, name);
        let Some(before) = before else {
            return self.table.delete(&key, Some(mine)).await.map(drop);
        };
        let item = DefinitionItem {
            version: before.version.clone(),
            spec: json(&before.spec)?,
            disabled: before.disabled,
            created_at: before.created_at.millis(),
            updated_at: before.updated_at.millis(),
        };
        self.table.put_if(&key, &item, mine).await.map(drop)
    }

    /// Returns up to `limit` definitions after `after` by name, and whether there are more. One
    /// query, limited to 1 MB: more would exceed a function's response size.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Definition<S>>, bool), Error> {
        self.query_page(after, limit, false).await
    }

    async fn query_page(
        &self,
        after: Option<&str>,
        limit: usize,
        consistent: bool,
    ) -> Result<(Vec<Definition<S>>, bool), Error> {
        let (items, more) = self.table.page(self.partition, after, limit, consistent).await?;
        let found = items.into_iter().map(|item| self.read(item));
        Ok((found.collect::<Result<_, _>>()?, more))
    }

    /// Returns all definitions by name. One query per MB.
    pub async fn all(&self) -> Result<Vec<Definition<S>>, Error> {
        self.read_all(false).await
    }

    /// Returns all definitions by name. One consistent query per MB, at one read unit per 4 KB,
    /// twice the eventually consistent cost.
    pub async fn all_consistent(&self) -> Result<Vec<Definition<S>>, Error> {
        self.read_all(true).await
    }

    async fn read_all(&self, consistent: bool) -> Result<Vec<Definition<S>>, Error> {
        let mut all: Vec<Definition<S>> = Vec::new();
        loop {
            let after = all.last().map(|one| one.name.to_string());
            let (found, more) =
                self.query_page(after.as_deref(), DEFINITIONS_PER_QUERY, consistent).await?;
            all.extend(found);
            if !more {
                return Ok(all);
            }
        }
    }

    fn read(&self, item: Item) -> Result<Definition<S>, Error> {
        let corrupt = |why: String| Error::Corrupt(self.noun, why);
        let name = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        let DefinitionItem { version, spec, disabled, created_at, updated_at } =
            parse_item(self.noun, item)?;
        Ok(Definition {
            name: name.parse().map_err(|_| corrupt("invalid name in key".into()))?,
            version,
            spec: serde_json::from_str(&spec).map_err(|e| corrupt(e.to_string()))?,
            disabled,
            created_at: Time::from_millis(created_at),
            updated_at: Time::from_millis(updated_at),
        })
    }
}

fn json(spec: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(spec).map_err(|e| Error::Corrupt("this version", e.to_string()))
}

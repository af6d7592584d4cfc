//! What operators define by name and file: kinds, schedules, quotas, sources.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};

use crate::{
    client::{Call, Client},
    failure::Failure,
    list::Extent,
    output::{self, Format},
};

/// A noun whose things are put in place by name.
#[derive(Clone, Copy, Debug)]
pub struct Noun {
    /// As it stands in the API's paths.
    pub path: &'static str,
    /// What a list shows of each.
    pub columns: &'static [&'static str],
}

/// Files with definitions.
#[derive(Debug, Args)]
pub struct Files {
    /// Files with the JSON that the API takes; - is standard input. Each is called what its field `name` says, or else what the file is called, without .json.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

/// One thing.
#[derive(Debug, Args)]
pub struct Named {
    /// Its name.
    pub name: String,
}

impl Noun {
    /// Puts what the files define in its place, and says for each whether that is new. One that is refused doesn't stop the others.
    pub async fn apply(
        self,
        client: &Client,
        format: Format,
        files: &Files,
    ) -> Result<(), Failure> {
        let mut first = Ok(());
        for file in &files.files {
            if let Err(failure) = self.apply_one(client, format, file).await {
                output::note(&format!("tollgate: {file}: {failure}"));
                first = first.and(Err(failure));
            }
        }
        first.map_err(|failure| {
            failure.briefly(format!("Not everything could be applied to {}.", self.path))
        })
    }

    async fn apply_one(self, client: &Client, format: Format, file: &str) -> Result<(), Failure> {
        let (name, definition) = read(file)?;
        let answer = client.send(&Call::put(&["v1", self.path, &name]).body(&definition)?).await?;
        if format == Format::Json {
            return output::line(&answer.body);
        }
        output::line(&format!(
            "{name}\t{}",
            if answer.status == 201 { "created" } else { "updated" }
        ))
    }

    /// Lists them; `account` is whose, where that matters.
    pub async fn list(
        self,
        client: &Client,
        format: Format,
        extent: &Extent,
        account: Option<&str>,
    ) -> Result<(), Failure> {
        let call = || Call::get(&["v1", self.path]).query("account", account);
        extent.print(client, format, self.columns, call).await
    }

    /// Shows one.
    pub async fn show(self, client: &Client, format: Format, named: &Named) -> Result<(), Failure> {
        let answer = client.send(&Call::get(&["v1", self.path, &named.name])).await?;
        output::line(&output::item(format, &answer.body)?)
    }

    /// Takes one away.
    pub async fn delete(self, client: &Client, named: &Named) -> Result<(), Failure> {
        client.send(&Call::delete(&["v1", self.path, &named.name])).await?;
        output::line(&format!("{}\tdeleted", named.name))
    }
}

/// A file's definition, and what it is called.
fn read(file: &str) -> Result<(String, Map<String, Value>), Failure> {
    let mut definition: Map<String, Value> = serde_json::from_str(&output::read(file)?)
        .map_err(|error| Failure::Usage(format!("It isn't a JSON object: {error}")))?;
    // The name stands in the address; the API's own answers have it in the body too.
    let name = match definition.remove("name") {
        Some(Value::String(name)) => Some(name),
        Some(other) => return Err(Failure::Usage(format!("Its name is no text but {other}."))),
        None if file == "-" => None,
        None => {
            let file = Path::new(file).file_name().and_then(|name| name.to_str());
            file.map(|name| name.strip_suffix(".json").unwrap_or(name).to_owned())
        }
    };
    let name =
        name.ok_or_else(|| Failure::Usage("What is it called? Give it a field `name`.".into()))?;
    Ok((name, definition))
}

//! Operations shared by resources that operators define by name, from files: kinds, schedules,
//! quotas and sources.

use std::path::Path;

use clap::Args;
use serde_json::{Map, Value};

use crate::{
    client::{Client, Request},
    failure::Failure,
    list::Paging,
    output::{self, Format},
};

/// A resource whose items are defined with `PUT /v1/{path}/{name}`.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Path segment in the API.
    pub path: &'static str,
    /// Columns of the list output.
    pub columns: &'static [&'static str],
}

#[derive(Debug, Args)]
pub struct Files {
    /// Files with JSON in the API's format; - is standard input. The name is the field `name`, or
    /// else the file name without .json
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

#[derive(Debug, Args)]
pub struct NameArg {
    /// Name
    pub name: String,
}

impl Resource {
    /// Creates or updates the item in each file and prints which it was. A rejected file does not
    /// stop the others.
    pub async fn apply(
        self,
        client: &Client,
        format: Format,
        files: &Files,
    ) -> Result<(), Failure> {
        let mut first = Ok(());
        for file in &files.files {
            if let Err(failure) = self.apply_one(client, format, file).await {
                output::print_message(&format!("tollgate: {file}: {failure}"));
                first = first.and(Err(failure));
            }
        }
        first
            .map_err(|failure| failure.with_message(format!("Failed to apply some {}.", self.path)))
    }

    async fn apply_one(self, client: &Client, format: Format, file: &str) -> Result<(), Failure> {
        let (name, definition) = read(file)?;
        let answer =
            client.send(&Request::put(&["v1", self.path, &name]).body(&definition)?).await?;
        if format == Format::Json {
            return output::print_line(&answer.body);
        }
        output::print_line(&format!(
            "{name}\t{}",
            if answer.status == 201 { "created" } else { "updated" }
        ))
    }

    /// Lists the items; `account` filters, for resources that belong to an account.
    pub async fn list(
        self,
        client: &Client,
        format: Format,
        extent: &Paging,
        account: Option<&str>,
    ) -> Result<(), Failure> {
        let call = || Request::get(&["v1", self.path]).query("account", account);
        extent.print(client, format, self.columns, call).await
    }

    pub async fn show(
        self,
        client: &Client,
        format: Format,
        named: &NameArg,
    ) -> Result<(), Failure> {
        let answer = client.send(&Request::get(&["v1", self.path, &named.name])).await?;
        output::print_line(&output::format_item(format, &answer.body)?)
    }

    pub async fn delete(self, client: &Client, named: &NameArg) -> Result<(), Failure> {
        client.send(&Request::delete(&["v1", self.path, &named.name])).await?;
        output::print_line(&format!("{}\tdeleted", named.name))
    }
}

/// Reads a definition and its name from a file.
fn read(file: &str) -> Result<(String, Map<String, Value>), Failure> {
    let mut definition: Map<String, Value> = serde_json::from_str(&output::read_input(file)?)
        .map_err(|error| Failure::Usage(format!("not a JSON object: {error}")))?;
    // The name is part of the URL. The API's responses have it in the body too, so accept it
    // there.
    let name = match definition.remove("name") {
        Some(Value::String(name)) => Some(name),
        Some(other) => return Err(Failure::Usage(format!("name must be a string, not {other}"))),
        None if file == "-" => None,
        None => {
            let file = Path::new(file).file_name().and_then(|name| name.to_str());
            file.map(|name| name.strip_suffix(".json").unwrap_or(name).to_owned())
        }
    };
    let name = name.ok_or_else(|| Failure::Usage("missing field `name`".into()))?;
    Ok((name, definition))
}

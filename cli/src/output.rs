//! Output: tables for people, JSON for programs.

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
};

use api::Page;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, value::RawValue};

use crate::failure::Failure;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Table for people.
    #[default]
    Table,
    /// The server's JSON: one document, or one per line for a stream.
    Json,
}

/// Prints a line to standard output and flushes it.
pub fn print_line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end_matches('\n'))?;
    Ok(out.flush()?)
}

/// Prints a message to standard error.
pub fn print_message(text: &str) {
    // Nothing can be done if standard error is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Formats one item with all its fields, including those this client does not know.
pub fn format_item(format: Format, body: &str) -> Result<String, Failure> {
    if format == Format::Json {
        return Ok(body.to_owned());
    }
    let Value::Object(fields) = parse(body)? else { return Ok(body.to_owned()) };
    let mut table = borderless_table();
    for (name, value) in &fields {
        table.add_row([name.clone(), cell(value)]);
    }
    Ok(render(table))
}

/// Formats a page of a list: `columns` of each item as a table, or the whole page as JSON.
pub fn format_page(
    format: Format,
    page: &Page<Box<RawValue>>,
    columns: &[&str],
) -> Result<String, Failure> {
    if format == Format::Json {
        return serde_json::to_string(page).map_err(|error| Failure::Local(error.to_string()));
    }
    let mut table = borderless_table();
    table.set_header(columns.iter().map(|column| column.replace('_', " ").to_uppercase()));
    for item in &page.items {
        let item = parse(item.get())?;
        table.add_row(columns.iter().map(|column| cell(&item[*column])));
    }
    Ok(render(table))
}

/// Formats a list that is not paged.
pub fn format_list(format: Format, body: &str, columns: &[&str]) -> Result<String, Failure> {
    #[derive(serde::Deserialize)]
    struct Unpaged {
        items: Vec<Box<RawValue>>,
    }
    if format == Format::Json {
        return Ok(body.to_owned());
    }
    let whole: Unpaged = serde_json::from_str(body).map_err(invalid_response)?;
    format_page(format, &Page { items: whole.items, next_cursor: None }, columns)
}

/// A table without borders, as wide as the terminal.
fn borderless_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some((_, width)) = console::Term::stdout().size_checked() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

fn render(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => escape_controls(text),
        other => escape_controls(&other.to_string()),
    }
}

/// Escapes control characters, so that untrusted text cannot move the cursor or send terminal
/// commands.
#[must_use]
pub fn escape_controls(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

fn parse(body: &str) -> Result<Value, Failure> {
    serde_json::from_str(body).map_err(invalid_response)
}

/// Error for a response that cannot be parsed.
#[must_use]
pub fn invalid_response(error: serde_json::Error) -> Failure {
    Failure::Local(format!("unexpected response from the server: {error}"))
}

/// Reads a file, or standard input if `file` is `-`.
pub fn read_input(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let done = if file == "-" {
        io::stdin().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(file).map(|read| text = read)
    };
    done.map_err(|error| Failure::Local(format!("{file} can't be read: {error}")))?;
    Ok(text)
}

/// Whether standard error is a terminal.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

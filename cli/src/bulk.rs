//! Reads items from a file and splits them into requests.

use serde_json::value::RawValue;

use crate::{failure::Failure, output};

/// Most items per request.
const MAX_ITEMS: usize = 100;
/// Most bytes per request; the API accepts 256 KiB.
const MAX_REQUEST_BYTES: usize = 250 * 1024;

/// Reads a JSON array, or one item per line. Each item keeps its exact text.
pub fn read(file: &str) -> Result<Vec<Box<RawValue>>, Failure> {
    let text = output::read_input(file)?;
    let unreadable = |error: serde_json::Error| Failure::Usage(format!("invalid JSON: {error}"));
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).map_err(unreadable);
    }
    serde_json::Deserializer::from_str(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(unreadable)
}

/// Splits items into as few requests as possible.
pub fn chunks(things: &[Box<RawValue>]) -> Vec<Vec<&RawValue>> {
    let mut chunks: Vec<Vec<&RawValue>> = Vec::new();
    let mut bytes = 0;
    for thing in things.iter().map(AsRef::as_ref) {
        let size = thing.get().len() + 1;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < MAX_ITEMS && bytes + size <= MAX_REQUEST_BYTES => {
                bytes += size;
                chunk.push(thing);
            }
            _ => {
                bytes = size;
                chunks.push(vec![thing]);
            }
        }
    }
    chunks
}

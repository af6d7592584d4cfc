//! Requests of the functions, recorded for a check against AWS's own service models.
//!
//! A run of the suite makes millions of calls. A request is recorded if it shows something that no
//! earlier one of the process did: another set of members, a longer or shorter text, a larger or
//! smaller number, another word, another character. These are what models constrain, so the
//! extremes are in the record, and the record stays small.

mod novelty;

use crate::iam::VARIABLE;
use novelty::Seen;
use serde_json::{Value, json};
use std::{
    env, fs,
    io::Write as _,
    path::Path,
    sync::{LazyLock, Mutex},
};

/// Appends a request to `<folder>/<process>.jsonl` if it is news; the folder is that of
/// `TOLLGATE_CALLS`. `service` is the prefix of its IAM actions.
pub(crate) fn record(function: &str, service: &str, operation: &str, request: &Value) {
    static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);
    static FOLDER: LazyLock<Option<String>> = LazyLock::new(|| env::var(VARIABLE).ok());
    let Some(folder) = &*FOLDER else { return };
    let mut seen = SEEN.lock().unwrap();
    if !seen.is_news(&format!("{service}:{operation}"), request) {
        return;
    }
    fs::create_dir_all(folder).unwrap();
    let file = Path::new(folder).join(format!("{}.jsonl", std::process::id()));
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
    let call = json!({"function": function, "service": service, "operation": operation,
        "request": request});
    writeln!(file, "{call}").unwrap();
}

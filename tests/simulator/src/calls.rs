//! Records the functions' requests for a check against AWS's service models.
//!
//! A run of the suite makes millions of calls. A request is recorded only if it shows something new
//! in this process: another set of members, a longer or shorter text, a larger or smaller number,
//! another word, another character. Models constrain exactly these, so the record holds the
//! extremes and stays small.

mod novelty;

use crate::iam::RECORD_DIR_VARIABLE;
use novelty::SeenValues;
use serde_json::{Value, json};
use std::{
    env, fs,
    io::Write as _,
    path::Path,
    sync::{LazyLock, Mutex},
};

/// Appends a novel request to `<folder>/<process>.jsonl`, where `TOLLGATE_CALLS` names the folder.
/// `service` is the prefix of its IAM actions.
pub(crate) fn record(function: &str, service: &str, operation: &str, request: &Value) {
    static SEEN: LazyLock<Mutex<SeenValues>> = LazyLock::new(Mutex::default);
    static FOLDER: LazyLock<Option<String>> = LazyLock::new(|| env::var(RECORD_DIR_VARIABLE).ok());
    let Some(folder) = &*FOLDER else { return };
    let mut seen = SEEN.lock().unwrap();
    if !seen.is_novel(&format!("{service}:{operation}"), request) {
        return;
    }
    fs::create_dir_all(folder).unwrap();
    let file = Path::new(folder).join(format!("{}.jsonl", std::process::id()));
    let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
    let call = json!({"function": function, "service": service, "operation": operation,
        "request": request});
    writeln!(file, "{call}").unwrap();
}

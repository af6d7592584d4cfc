use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::Path,
    sync::{LazyLock, Mutex},
};

/// Environment variable with the folder of the records.
pub const RECORD_DIR_VARIABLE: &str = "TOLLGATE_CALLS";

/// The grants that were used, and the calls that were denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Grants in their `Display` form.
    pub used: BTreeSet<String>,
    /// Calls that no policy allows.
    pub denied: BTreeSet<String>,
}

impl Record {
    /// All records in a folder.
    ///
    /// # Panics When the folder doesn't exist.
    pub fn read(folder: &Path) -> Self {
        let files = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make test`", folder.display()));
        let mut record = Self::default();
        let files = files.map(|file| file.unwrap().path());
        // The recorded requests are `.jsonl` files in the same folder.
        for file in files.filter(|file| file.extension().is_some_and(|is| is == "tsv")) {
            for line in fs::read_to_string(file).unwrap().lines() {
                match line.split_once('\t') {
                    Some(("used", grant)) => record.used.insert(grant.to_owned()),
                    Some(("denied", call)) => record.denied.insert(call.to_owned()),
                    _ => panic!("invalid record {line:?}"),
                };
            }
        }
        record
    }
}

/// Records grants or denials of this process, each once.
pub(super) fn record(became: &str, what: impl Iterator<Item = String>) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    static FOLDER: LazyLock<Option<String>> = LazyLock::new(|| env::var(RECORD_DIR_VARIABLE).ok());
    let Some(folder) = &*FOLDER else { return };
    let mut noted = NOTED.lock().unwrap();
    for thing in what {
        if noted.insert(thing.clone()) {
            fs::create_dir_all(folder).unwrap();
            let file = Path::new(folder).join(format!("{}.tsv", std::process::id()));
            let mut file = fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(file, "{became}\t{thing}").unwrap();
        }
    }
}

use std::{
    collections::BTreeSet,
    env, fs,
    io::Write as _,
    path::Path,
    sync::{LazyLock, Mutex},
};

/// The environment variable that names the folder where it is recorded what was used.
pub const VARIABLE: &str = "TOLLGATE_CALLS";

/// What was used of the policies, and what was asked for without being allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Grants, as they are shown.
    pub used: BTreeSet<String>,
    /// Calls that no policy allows.
    pub denied: BTreeSet<String>,
}

impl Record {
    /// All that was recorded in a folder.
    ///
    /// # Panics
    /// When there is none.
    pub fn read(folder: &Path) -> Self {
        let files = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("{}: {error}; run `make test`", folder.display()));
        let mut record = Self::default();
        let files = files.map(|file| file.unwrap().path());
        // Requests are next to it, in files of another kind.
        for file in files.filter(|file| file.extension().is_some_and(|is| is == "tsv")) {
            for line in fs::read_to_string(file).unwrap().lines() {
                match line.split_once('\t') {
                    Some(("used", grant)) => record.used.insert(grant.to_owned()),
                    Some(("denied", call)) => record.denied.insert(call.to_owned()),
                    _ => panic!("{line:?} is no record"),
                };
            }
        }
        record
    }
}

/// Records what this process used, or was denied, each thing once.
pub(super) fn note(became: &str, what: impl Iterator<Item = String>) {
    static NOTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    static FOLDER: LazyLock<Option<String>> = LazyLock::new(|| env::var(VARIABLE).ok());
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

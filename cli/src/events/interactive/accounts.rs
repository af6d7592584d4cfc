//! The known accounts and the selection.

use api::{MAX_LIMIT, Page};
use model::account::ApiKey;
use serde::Deserialize;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output,
};

#[derive(Debug)]
pub struct Accounts {
    all: Vec<Account>,
    /// Ids, in order of selection.
    chosen: Vec<String>,
    visibility: Visibility,
    own: Option<String>,
}

/// The accounts that the key can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    /// Not loaded yet.
    Unknown,
    /// Only its own account.
    Own,
    /// All accounts.
    All,
}

#[derive(Debug, Deserialize)]
struct Account {
    id: String,
    name: String,
    #[serde(default = "default_true")]
    is_active: bool,
}

fn default_true() -> bool {
    true
}

impl Accounts {
    pub fn new(client: &Client) -> Self {
        let own = client.key().and_then(|key| key.reveal().parse::<ApiKey>().ok());
        let own = own.map(|key| key.account.to_string());
        Self { all: Vec::new(), chosen: Vec::new(), visibility: Visibility::Unknown, own }
    }

    /// Loads the accounts. A key that may not list accounts sees its own only, which is then
    /// selected.
    pub async fn load(&mut self, client: &Client) -> Result<(), Failure> {
        let client = client.without_retries();
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let call = Request::get(&["v1", "accounts"])
                .query("limit", Some(MAX_LIMIT))
                .query("cursor", cursor);
            let page: Page<Account> = match client.send(&call).await {
                Ok(answer) => answer.json()?,
                Err(failure) if failure.status() == Some(403) => {
                    self.select_own();
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            };
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        self.all = all;
        self.visibility = Visibility::All;
        Ok(())
    }

    fn select_own(&mut self) {
        let id = self.own.clone().unwrap_or_else(|| "own".into());
        self.all = vec![Account { id: id.clone(), name: id.clone(), is_active: true }];
        self.chosen = vec![id];
        self.visibility = Visibility::Own;
    }

    /// Whether the accounts are loaded.
    pub fn is_known(&self) -> bool {
        self.visibility != Visibility::Unknown
    }

    /// Selects the account named `names`, or else each account whose name or id is one of its
    /// words. Returns the words that match no account.
    pub fn choose(&mut self, names: &str) -> Vec<String> {
        let found = self.matching_ids(names);
        let (words, mut unknown) = if found.is_empty() {
            (names.split_whitespace().collect(), vec![])
        } else {
            (vec![names], vec![])
        };
        for word in words {
            let ids = self.matching_ids(word);
            if ids.is_empty() {
                unknown.push(output::escape_controls(word));
            }
            for id in ids {
                if !self.chosen.contains(&id) {
                    self.chosen.push(id);
                }
            }
        }
        unknown
    }

    /// Ids of the accounts with this name or id; names are not unique.
    fn matching_ids(&self, name: &str) -> Vec<String> {
        let called = self.all.iter().filter(|account| account.id == name || account.name == name);
        called.map(|account| account.id.clone()).collect()
    }

    pub fn clear(&mut self) {
        self.chosen.clear();
    }

    /// Accounts to query; empty for the key's own, `None` if none is selected.
    pub fn chosen_ids(&self) -> Option<Vec<String>> {
        match self.visibility {
            Visibility::Own => Some(Vec::new()),
            _ if self.chosen.is_empty() => None,
            _ => Some(self.chosen.clone()),
        }
    }

    pub fn chosen_names(&self) -> Vec<String> {
        self.chosen.iter().map(|id| output::escape_controls(self.name_of(id))).collect()
    }

    /// An account's name, or its id if it is unknown.
    pub fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.all.iter().find(|account| account.id == id).map_or(id, |account| &account.name)
    }

    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|account| account.name.clone()).collect()
    }

    /// Completions at the first prompt.
    pub fn commands(&self, commands: &[&str]) -> Vec<String> {
        let chosen = self.all.iter().map(|account| format!("accounts {}", account.name));
        commands.iter().map(ToString::to_string).chain(chosen).collect()
    }

    /// The accounts, one per line, with a mark on the selected ones.
    pub fn list(&self) -> String {
        if self.all.is_empty() {
            return "There are no accounts.".into();
        }
        let line = |account: &Account| {
            let mark = if self.chosen.contains(&account.id) { '*' } else { ' ' };
            let inactive_mark = if account.is_active { "" } else { " (inactive)" };
            format!("{mark} {}{inactive_mark}", output::escape_controls(&account.name))
        };
        self.all.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

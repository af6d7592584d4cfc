//! An operator that creates accounts and publishes their events.

use serde_json::Value;

use crate::{home::Home, server::Server};

pub struct Operator {
    home: Home,
    accounts: Vec<(String, String)>,
}

impl Operator {
    /// Creates these accounts.
    pub fn with_accounts(server: &Server, names: &[&str]) -> Self {
        let home = Home::with(&server.url, &server.operator);
        let make = |name: &&str| {
            let made = home.run(&["accounts", "create", name, "-o", "json"]).ok();
            let made: Value = serde_json::from_str(&made).unwrap();
            ((*name).to_owned(), made["id"].as_str().unwrap().to_owned())
        };
        let accounts = names.iter().map(make).collect();
        Self { home, accounts }
    }

    pub fn id(&self, name: &str) -> &str {
        &self.accounts.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// Publishes an event of this account. `data` is JSON, or else a plain string.
    pub fn publish(&self, account: &str, data: &str) {
        let id = self
            .home
            .run(&["events", "publish", data, "--account", self.id(account), "--source", "host-1"])
            .ok();
        assert!(id.starts_with("evt_"), "{id}");
    }
}

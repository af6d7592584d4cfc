//! Profiles: server addresses and keys, stored in a file that only its owner can read.

mod file;

use std::{
    fmt,
    io::{self, IsTerminal, Read},
};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::{
    client::{Client, Request},
    failure::Failure,
    output,
};
use file::{Profile, ProfileFile};

/// An API key or token. `Debug` does not reveal it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The key in plain text, for the `Authorization` header.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Clone, Debug, Args)]
pub struct Connection {
    /// Server address; defaults to $TOLLGATE_URL, then to the profile's. The key is
    /// $TOLLGATE_KEY, or that of a profile with this address
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    url: Option<String>,
    /// Profile to use; overrides the environment. By default the environment takes precedence
    /// over the current profile
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = "Connection",
        conflicts_with = "url"
    )]
    profile: Option<String>,
}

impl Connection {
    /// A client for the selected server. Flags take precedence over the environment, and the
    /// environment over the current profile.
    ///
    /// A profile's key is only sent to that profile's address.
    pub fn client(&self) -> Result<Client, Failure> {
        if let Some(name) = &self.profile {
            let profile = ProfileFile::read()?.profile(name)?;
            return Client::new(&profile.url, Some(profile.key));
        }
        let key = env_var("TOLLGATE_KEY").map(Secret);
        match (self.url.clone().or_else(|| env_var("TOLLGATE_URL")), key) {
            (Some(url), Some(key)) => Client::new(&url, Some(key)),
            (Some(url), None) => {
                let key = ProfileFile::read()?.key_for(&url).ok_or_else(|| {
                    Failure::Usage(format!(
                        "There is no key for {url}: set TOLLGATE_KEY, \
                     or save one with `tollgate login --url {url}`."
                    ))
                })?;
                Client::new(&url, Some(key))
            }
            (None, key) => {
                let profile = ProfileFile::read()?.current()?;
                Client::new(&profile.url, Some(key.unwrap_or(profile.key)))
            }
        }
    }

    /// A client for endpoints that need no key.
    pub fn client_without_key(&self) -> Result<Client, Failure> {
        match self.url.clone().or_else(|| env_var("TOLLGATE_URL")) {
            Some(url) if self.profile.is_none() => Client::new(&url, None),
            _ => self.client(),
        }
    }
}

/// An environment variable, if it is set and not empty.
fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save an address and a key under a name. Prompts for the key, or reads it from standard
    /// input
    Add(Add),
    /// List the profiles, without their keys
    List,
    /// Make a profile the current one
    Use {
        /// Profile name
        name: String,
    },
    /// Delete a profile and its key
    Remove {
        /// Profile name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// Profile name
    #[arg(default_value = "default")]
    name: String,
    /// Save the key without checking it against the server
    #[arg(long)]
    no_check: bool,
}

impl Command {
    pub async fn run(self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(connection, false).await,
            Self::List => {
                let file = ProfileFile::read()?;
                for (name, profile) in &file.profiles {
                    let mark = if file.current.as_ref() == Some(name) { '*' } else { ' ' };
                    output::print_line(&format!("{mark} {name}  {}", profile.url))?;
                }
                Ok(())
            }
            Self::Use { name } => ProfileFile::update(|file| {
                file.profile(&name)?;
                file.current = Some(name);
                Ok(())
            }),
            Self::Remove { name } => ProfileFile::update(|file| {
                file.profile(&name)?;
                file.profiles.remove(&name);
                file.current.take_if(|current| *current == name);
                Ok(())
            }),
        }
    }
}

impl Add {
    /// Saves the address and key. Makes the profile current if `used`, or if no profile is
    /// current.
    pub async fn run(self, connection: &Connection, used: bool) -> Result<(), Failure> {
        let url = connection.url.clone().or_else(|| env_var("TOLLGATE_URL"));
        let url = url.ok_or_else(|| Failure::Usage("missing --url".into()))?;
        let url = url.trim_end_matches('/').to_owned();
        let key = read_key(&url)?;
        let client = Client::new(&url, Some(key.clone()))?;
        if client.sends_key_unencrypted() {
            output::print_message(
                "The connection is not encrypted (http): the key can be read on the network.",
            );
        }
        if !self.no_check {
            // Every key may list kinds.
            client.send(&Request::get(&["v1", "kinds"]).query("limit", Some(1))).await?;
        }
        ProfileFile::update(|file| {
            file.profiles.insert(self.name.clone(), Profile { url: url.clone(), key });
            if used || file.current.is_none() {
                file.current = Some(self.name.clone());
            }
            Ok(())
        })?;
        output::print_message(&format!("The profile {} holds the key for {url}.", self.name));
        Ok(())
    }
}

/// Reads a key from a hidden prompt or from standard input. It is never an argument, because
/// other users can see those.
fn read_key(url: &str) -> Result<Secret, Failure> {
    let typed = if io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        terminal.write_str(&format!("Key for {url}: "))?;
        terminal.read_secure_line()?
    } else {
        let mut piped = String::new();
        io::stdin().read_to_string(&mut piped)?;
        piped
    };
    let key = typed.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(Failure::Usage("invalid key: expected tg_… or a token, without spaces".into()));
    }
    Ok(Secret(key.to_owned()))
}

//! The file that stores the profiles.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use super::Secret;
use crate::failure::Failure;

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ProfileFile {
    /// Name of the current profile.
    pub current: Option<String>,
    /// Profiles by name.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Profile {
    /// The server's address, without a trailing slash.
    pub url: String,
    pub key: Secret,
}

impl ProfileFile {
    /// Reads the file; a missing file is empty. Fails if the group or others have any access.
    pub fn read() -> Result<Self, Failure> {
        let path = path()?;
        let about =
            |error: &dyn std::fmt::Display| Failure::Local(format!("{}: {error}", path.display()));
        let mode = match fs::metadata(&path) {
            Ok(metadata) => metadata.permissions().mode(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(about(&error)),
        };
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(Failure::Local(format!(
                "{path} contains keys and is accessible to other users (mode {:03o}). \
                 Run `chmod 600 {path}`; \
                 revoke keys that others may have read.",
                mode & 0o777
            )));
        }
        let text = fs::read_to_string(&path).map_err(|error| about(&error))?;
        // `message()` only: the parser's `Display` quotes the line, which may hold a key.
        toml::from_str(&text).map_err(|error| about(&error.message()))
    }

    pub fn update(change: impl FnOnce(&mut Self) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut file = Self::read()?;
        change(&mut file)?;
        file.write()
    }

    /// Replaces the file atomically: concurrent readers see the old or the new version.
    fn write(&self) -> Result<(), Failure> {
        let path = path()?;
        let about =
            |error: &dyn std::fmt::Display| Failure::Local(format!("{}: {error}", path.display()));
        let text = toml::to_string(self).map_err(|error| about(&error))?;
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| about(&error))?;
        }
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)
            .map_err(|error| about(&error))?;
        let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
        written.and_then(|()| fs::rename(&new, &path)).map_err(|error| {
            let _ = fs::remove_file(&new);
            about(&error)
        })
    }

    pub fn profile(&self, name: &str) -> Result<Profile, Failure> {
        self.profiles.get(name).cloned().ok_or_else(|| {
            let known: Vec<_> = self.profiles.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::Usage(format!("profile {name} not found; known profiles: {known}"))
        })
    }

    pub fn current(&self) -> Result<Profile, Failure> {
        let name = self.current.as_ref().ok_or_else(|| {
            Failure::Usage(
                "No server is configured. \
                 Run `tollgate login --url URL`, \
                 or set TOLLGATE_URL and TOLLGATE_KEY."
                    .into(),
            )
        })?;
        self.profile(name)
    }

    /// A key for the server at `url`: the current profile's if its address matches, else any
    /// match.
    pub fn key_for(&self, url: &str) -> Option<Secret> {
        let url = url.trim_end_matches('/');
        let current = self.current.as_ref().and_then(|name| self.profiles.get(name));
        current
            .into_iter()
            .chain(self.profiles.values())
            .find(|profile| profile.url == url)
            .map(|profile| profile.key.clone())
    }
}

fn path() -> Result<PathBuf, Failure> {
    let places =
        etcetera::choose_base_strategy().map_err(|error| Failure::Local(error.to_string()))?;
    Ok(places.config_dir().join("tollgate").join("profiles.toml"))
}

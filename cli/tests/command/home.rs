//! A home directory to run the command in.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

pub const TOLLGATE: &str = env!("CARGO_BIN_EXE_tollgate");

/// A temporary home directory with environment variables.
pub struct Home {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// Result of a run.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// An empty home without a server or key.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// An empty home whose environment selects this server and key.
    pub fn with(url: &str, key: &str) -> Self {
        let environment = vec![("TOLLGATE_URL", url.to_owned()), ("TOLLGATE_KEY", key.to_owned())];
        Self { environment, ..Self::new() }
    }

    /// A path below the home directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let file = self.file(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// The command, with this home and environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TOLLGATE);
        command.args(arguments).env_clear().env("HOME", self.folder.path()).env("TERM", "xterm");
        command.env("XDG_CONFIG_HOME", self.file("config")).envs(self.environment.iter().cloned());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, "")
    }

    /// Runs the command with `input` on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Run {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have exited already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// Standard output of a successful run.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out.trim_end().to_owned()
    }
}

//! Shell completions and man pages, generated from the clap definition.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{command::Arguments, failure::Failure, output};

pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tollgate", &mut script);
    output::print_line(&String::from_utf8_lossy(&script))
}

/// Prints the man page of `tollgate`, or writes it and one page per subcommand to `folder`.
pub fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let command = Arguments::command();
    if let Some(folder) = folder {
        return Ok(clap_mangen::generate_to(command, folder)?);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    output::print_line(&String::from_utf8_lossy(&page))
}

//! The `--watch` option: polls and prints changes.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use crate::{
    failure::Failure,
    output::{self, stderr_is_terminal},
};

/// Interval between polls.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Prints the result of `look` whenever it changes, until Ctrl-C. On a terminal it replaces the
/// previous output. An outage is reported once and then waited out.
pub async fn watch(look: impl AsyncFn() -> Result<String, Failure>) -> Result<(), Failure> {
    let mut last_printed = None;
    let mut is_down = false;
    loop {
        match look().await {
            Ok(seen) => {
                if is_down {
                    output::print_message("The server is back.");
                }
                is_down = false;
                if last_printed.as_ref() != Some(&seen) {
                    let terminal = console::Term::stdout();
                    if io::stdout().is_terminal() && stderr_is_terminal() {
                        terminal.clear_screen()?;
                    }
                    output::print_line(&seen)?;
                    last_printed = Some(seen);
                }
            }
            Err(failure) if failure.is_outage() => {
                if !is_down {
                    output::print_message(&format!(
                        "{failure}\nRetrying until the server is back …"
                    ));
                }
                is_down = true;
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

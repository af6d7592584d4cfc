//! Ctrl-C and end of input while a task runs.

use std::{
    io::{self, IsTerminal, Read},
    os::fd::AsFd,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;

/// How the user ended a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Ctrl-C.
    Interrupted,
    /// End of input.
    End,
}

/// Runs a task until it completes or the user ends it. Input typed during the task is discarded.
pub async fn until_interrupted<T>(
    task: impl Future<Output = T>,
) -> Result<Result<T, Ended>, Failure> {
    tokio::select! {
        done = task => Ok(Ok(done)),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Err(Ended::Interrupted))?),
        ended = end_of_input() => Ok(ended.map(|()| Err(Ended::End))?),
    }
}

/// Interval of the checks for end of input. A blocking read would need a thread, and after the
/// task has ended it would consume the line meant for the next prompt.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Waits for end of input if it is a terminal. Lines from other input belong to the next prompts.
async fn end_of_input() -> io::Result<()> {
    let mut stdin = io::stdin();
    if !stdin.is_terminal() {
        return std::future::pending().await;
    }
    loop {
        let ready = poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)?;
        if ready == 0 {
            tokio::time::sleep(POLL_INTERVAL).await;
        } else if stdin.read(&mut [0; 4096])? == 0 {
            return Ok(());
        }
    }
}

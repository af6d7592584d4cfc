//! Ctrl-C and the input's end while something else goes on.

use std::{
    io::{self, IsTerminal, Read},
    os::fd::AsFd,
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;

/// What ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Ctrl-C.
    Interrupted,
    /// The input's end.
    End,
}

/// Does something until it is done, or until the person ends it. What is typed meanwhile is dropped.
pub async fn until_ended<T>(task: impl Future<Output = T>) -> Result<Result<T, Ended>, Failure> {
    tokio::select! {
        done = task => Ok(Ok(done)),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted.map(|()| Err(Ended::Interrupted))?),
        ended = end_of_input() => Ok(ended.map(|()| Err(Ended::End))?),
    }
}

/// How often it is looked whether the input has ended. A read would wait in a thread of its own, and when nobody waits for it any more, take
/// away the line that the next prompt is for.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits for the input's end, if it is a terminal's: lines from elsewhere are for the next prompts.
async fn end_of_input() -> io::Result<()> {
    let mut stdin = io::stdin();
    if !stdin.is_terminal() {
        return std::future::pending().await;
    }
    loop {
        let ready = poll(&mut [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)?;
        if ready == 0 {
            tokio::time::sleep(PAUSE).await;
        } else if stdin.read(&mut [0; 4096])? == 0 {
            return Ok(());
        }
    }
}

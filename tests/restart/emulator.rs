//! The emulator, stopped and started again.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;

use crate::stack::{PATIENCE, stack};

/// Stops and starts the stack. Functions die in the midst of what they do. What services hold is kept: MiniStack saves it when it ends, and at
/// no other time, so that a kill of its own process would lose what AWS doesn't.
pub async fn restart() {
    let up = std::env::var("TOLLGATE_UP")
        .unwrap_or_else(|_| panic!("TOLLGATE_UP names no process; run `make test-all`"));
    assert!(Command::new("kill").args(["-USR1", &up]).status().unwrap().success());
    heartbeat(false).await;
    heartbeat(true).await;
}

/// Waits until the stack is there, or is away.
async fn heartbeat(there: bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = stack().try_as("", Method::GET, "/heartbeat", &[], None).await;
        if answer.is_ok_and(|answer| answer.status == 200) == there {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the stack should be {}",
            if there { "there" } else { "away" }
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

//! Restarts the emulator.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;

use crate::{JOB_TIMEOUT, stack};

/// Stops and starts the stack. Functions are killed while they run. Service state is kept:
/// MiniStack saves it only when it exits, so killing its own process would lose what AWS keeps.
pub async fn restart() {
    let up = std::env::var("TOLLGATE_UP")
        .unwrap_or_else(|_| panic!("TOLLGATE_UP is not set; run `make test-all`"));
    assert!(Command::new("kill").args(["-USR1", &up]).status().unwrap().success());
    heartbeat(false).await;
    heartbeat(true).await;
}

/// Waits until the stack is up, or down.
async fn heartbeat(there: bool) {
    let deadline = Instant::now() + JOB_TIMEOUT;
    loop {
        let answer = stack().try_as("", Method::GET, "/heartbeat", &[], None).await;
        if answer.is_ok_and(|answer| answer.status == 200) == there {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the stack should be {}",
            if there { "up" } else { "down" }
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

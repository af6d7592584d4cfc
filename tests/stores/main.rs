//! The store suite against dynoxide; `e2e` runs the same against the emulator that it is given.

mod suite;

use shared::aws::{Clients, Table};
use sim::{Aws, TABLE};

macro_rules! on_dynoxide {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let aws = Aws::new();
            let clients = Clients::of(&aws.sdk_config());
            suite::$name(Table::new(clients.dynamodb, TABLE)).await;
        }
    )* };
}

suite::for_each!(on_dynoxide);

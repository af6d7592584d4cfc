//! The store suite against dynoxide and the simulated queue. `e2e` runs it against the emulator,
//! `moto` against moto.

mod suite;

use sim::{Aws, JOBS, TABLE};
use store::{Clients, Table};

macro_rules! on_dynoxide {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let aws = Aws::new();
            let clients = Clients::of(&aws.sdk_config());
            suite::$name(Table::new(clients.dynamodb(), TABLE)).await;
        }
    )* };
}

suite::for_each!(on_dynoxide);

macro_rules! queues_on_the_sim {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let aws = Aws::new();
            suite::$name(suite::ConsumedQueue::new(aws.sqs(), aws.queue_url(JOBS))).await;
        }
    )* };
}

suite::for_each_of_queues!(queues_on_the_sim);

//! The store suite against dynoxide and the simulated queue. `e2e` runs it against the emulator,
//! `moto` against moto.

use sim::{Aws, JOBS, TABLE};
use store::{Clients, Table};
use store_suite::ConsumedQueue;

macro_rules! on_dynoxide {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let aws = Aws::new();
            let clients = Clients::of(&aws.sdk_config());
            store_suite::$name(Table::new(clients.dynamodb(), TABLE)).await;
        }
    )* };
}

store_suite::for_each_table_test!(on_dynoxide);

macro_rules! queues_on_the_sim {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let aws = Aws::new();
            store_suite::$name(ConsumedQueue::new(aws.sqs(), aws.queue_url(JOBS))).await;
        }
    )* };
}

store_suite::for_each_queue_test!(queues_on_the_sim);

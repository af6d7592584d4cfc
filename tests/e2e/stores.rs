//! The store suite on the emulator's table and queues.

use live_stack::stack;
use store::Table;
use store_suite::new_queue;

macro_rules! on_the_emulator {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            let stack = stack();
            store_suite::$name(Table::new(stack.aws().dynamodb(), &stack.table)).await;
        }
    )* };
}

store_suite::for_each_table_test!(on_the_emulator);

macro_rules! queues_on_the_emulator {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            store_suite::$name(new_queue(stack().aws().sqs()).await).await;
        }
    )* };
}

store_suite::for_each_queue_test!(queues_on_the_emulator);

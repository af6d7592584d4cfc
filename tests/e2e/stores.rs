//! The store suite on the emulator's table and queues.

use store::Table;

use crate::{new_queue::new_queue, stack::stack, suite};

macro_rules! on_the_emulator {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            let stack = stack();
            suite::$name(Table::new(stack.aws().dynamodb(), &stack.table)).await;
        }
    )* };
}

suite::for_each!(on_the_emulator);

macro_rules! queues_on_the_emulator {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            suite::$name(new_queue(stack().aws().sqs()).await).await;
        }
    )* };
}

suite::for_each_of_queues!(queues_on_the_emulator);

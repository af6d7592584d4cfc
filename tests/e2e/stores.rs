//! The store suite against the emulator's table.

use shared::aws::Table;

use crate::{stack::stack, suite};

macro_rules! on_the_emulator {
    ($($name:ident),* $(,)?) => { $(
        #[tokio::test]
        async fn $name() {
            let stack = stack();
            suite::$name(Table::new(stack.aws().dynamodb, &stack.table)).await;
        }
    )* };
}

suite::for_each!(on_the_emulator);

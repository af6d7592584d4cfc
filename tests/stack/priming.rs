//! What functions do at their start.

use sim::Stack;

/// It opens a connection to each service that the first request needs, with calls that the functions may make.
#[tokio::test(start_paused = true)]
async fn opens_connections_and_changes_nothing() {
    let stack = Stack::new().await;
    let before = stack.aws.items().len();
    stack.prime().await;
    let ledger = stack.aws.ledger();
    assert_eq!(
        (ledger.count("GetItem"), ledger.count("GetQueueAttributes"), ledger.calls()),
        (3, 1, 4)
    );
    assert_eq!(stack.aws.items().len(), before);
}

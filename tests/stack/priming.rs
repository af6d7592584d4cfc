//! Initialization of functions.

use sim::Stack;

/// Opens a connection to each service that the first request needs, with calls that the functions'
/// IAM policies allow.
#[tokio::test(start_paused = true)]
async fn priming_opens_connections_and_writes_nothing() {
    let stack = Stack::new().await;
    let before = stack.aws.items().len();
    stack.prime().await;
    let ledger = stack.aws.ledger();
    assert_eq!(
        (ledger.count("GetItem"), ledger.count("GetQueueAttributes"), ledger.calls()),
        (4, 1, 5)
    );
    assert_eq!(stack.aws.items().len(), before);
}

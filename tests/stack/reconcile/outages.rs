//! Ticks that die or fail.

use serde_json::json;
use sim::{Fault, KillSwitch, Plan, run_until_killed};

use super::{
    HOUR, OVERDUE, assert_completed, lose_messages, queued_messages, stack_with_ordered_kind,
    submit,
};

#[tokio::test(start_paused = true)]
async fn check_killed_at_any_call_loses_no_job() {
    for nth in 1..=4 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = stack_with_ordered_kind().await;
            let client = stack.tenant();
            let ids = submit(&client, 25).await;
            lose_messages(&stack).await;
            tokio::time::sleep(OVERDUE).await;
            let checker = stack.checker();
            let died = run_until_killed(checker.check("dies", stack.now()), &switch).await;
            assert!(died.is_none(), "call {nth} was never made");
            // The retry of the killed run, and the next minute's run.
            stack.check().await.unwrap();
            stack.check().await.unwrap();
            assert!(stack.run_worker(HOUR).await.emptied);
            for id in &ids {
                let job = client.job(id).await.body;
                assert_eq!(
                    (&job["status"], &job["attempts"]),
                    (&json!("completed"), &json!(1)),
                    "{job}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn outage_fails_the_check_and_the_next_one_catches_up() {
    for operation in ["Scan", "GetQueueAttributes", "SendMessageBatch"] {
        let stack = stack_with_ordered_kind().await;
        let client = stack.tenant();
        let ids = submit(&client, 25).await;
        lose_messages(&stack).await;
        tokio::time::sleep(OVERDUE).await;
        stack.aws.inject(Plan::always(operation, Fault::Before));
        assert!(stack.check().await.is_err(), "{operation}");
        assert_eq!(queued_messages(&stack), 0, "{operation}");
        stack.aws.heal();
        stack.check().await.unwrap();
        assert_eq!(queued_messages(&stack), 25, "{operation}");
        assert!(stack.run_worker(HOUR).await.emptied);
        assert_completed(&client, &ids).await;
    }
}

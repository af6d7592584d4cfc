//! Checks that are killed and checks that overlap: each crossed threshold is still reported exactly
//! once.

use serde_json::json;
use sim::{Fault, KillSwitch, Plan, Stack, run_until_killed};

use super::evaluation::{
    MINUTE, define, get_daily, mailed_thresholds, next_check, quota_events, report_total,
};

const ONCE_EACH: [&str; 3] = ["quota.crossed 80", "quota.crossed 90", "quota.crossed 100"];
/// Total usage after each step, and the threshold that it crosses.
const STEPS: [(u64, &str); 3] = [(800, "80"), (950, "90"), (1010, "100")];

/// Number of mails that SES accepted but the quota state does not record.
async fn unrecorded_mails(stack: &Stack) -> usize {
    let alerts = get_daily(stack).await["alerts"].clone();
    let mails =
        alerts.as_array().unwrap().iter().flat_map(|alert| alert["mails"].as_array().unwrap());
    stack.aws.outbox().len() - mails.filter(|mail| !mail["sent_at"].is_null()).count()
}

/// In each step, a check dies at each of its calls in turn.
#[tokio::test(start_paused = true)]
async fn killed_check_loses_and_repeats_nothing() {
    for killed in 0..STEPS.len() {
        let mut repeats = 0;
        for nth in 1.. {
            let switch = KillSwitch::before(nth);
            repeats += run_steps_with_kill(killed, &switch).await;
            if switch.calls() < nth {
                assert!(nth > 10, "a check that crosses a threshold makes calls");
                break;
            }
        }
        // One mail repeats: the check died after SES accepted the mail and before it was recorded.
        assert_eq!(repeats, 1, "step {killed}");
    }
}

/// Runs all steps and kills a check in one of them. Returns the number of mails sent twice.
async fn run_steps_with_kill(killed: usize, switch: &KillSwitch) -> usize {
    let stack = Stack::new().await;
    define(&stack, json!({"enforce": true})).await;
    stack.check().await.unwrap();
    let (mut repeated, mut wanted) = (0, Vec::new());
    for (step, (total, threshold)) in STEPS.into_iter().enumerate() {
        tokio::time::sleep(MINUTE).await;
        report_total(&stack, total).await;
        if step == killed {
            let _ = run_until_killed(stack.checker().check("killed", stack.now()), switch).await;
            repeated = unrecorded_mails(&stack).await;
            wanted.extend(vec![threshold; repeated]);
        }
        next_check(&stack).await;
        next_check(&stack).await;
        wanted.push(threshold);
    }
    let about = format!("step {killed}, {switch:?}");
    assert_eq!(mailed_thresholds(&stack), wanted, "{about}");
    assert_eq!(quota_events(&stack).await, ONCE_EACH, "{about}");
    assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 429, "{about}");
    repeated
}

/// Three concurrent checks, whose calls take up to 900 ms each.
#[tokio::test(start_paused = true)]
async fn overlapping_checks_report_once() {
    for seed in 0..15u64 {
        let stack = Stack::new().await;
        define(&stack, json!({"enforce": true})).await;
        for (total, _) in STEPS {
            tokio::time::sleep(MINUTE).await;
            report_total(&stack, total).await;
            stack.aws.inject(Plan::new(move |name, n| {
                let draw = sim::Seed(seed).draw(name, n);
                Fault::Delay(std::time::Duration::from_millis(draw % 900))
            }));
            let checkers = [stack.checker(), stack.checker(), stack.checker()];
            let now = stack.now();
            let late = async {
                tokio::time::sleep(std::time::Duration::from_millis(seed * 97 % 2000)).await;
                checkers[2].check("late", now).await
            };
            let (one, two, three) =
                tokio::join!(checkers[0].check("one", now), checkers[1].check("two", now), late);
            for outcome in [one, two, three] {
                outcome.unwrap();
            }
            stack.aws.heal();
            next_check(&stack).await;
        }
        assert_eq!(mailed_thresholds(&stack), ["80", "90", "100"], "{seed}");
        assert_eq!(quota_events(&stack).await, ONCE_EACH, "{seed}");
    }
}

/// Every call of a check fails in each way, and the next checks catch up. Only a mail with a lost
/// response may be sent again.
#[tokio::test(start_paused = true)]
async fn outage_loses_and_repeats_nothing() {
    for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
        for operation in [
            "Query",
            "GetItem",
            "PutItem",
            "UpdateItem",
            "SendEmail",
            "GetSuppressedDestination",
            "PutMetricData",
        ] {
            let stack = Stack::new().await;
            define(&stack, json!({"enforce": true})).await;
            let mut wanted = Vec::new();
            for (total, threshold) in STEPS {
                tokio::time::sleep(MINUTE).await;
                report_total(&stack, total).await;
                stack.aws.inject(Plan::always(operation, fault));
                let _ = stack.check().await;
                stack.aws.heal();
                next_check(&stack).await;
                next_check(&stack).await;
                let may_repeat =
                    operation == "SendEmail" && matches!(fault, Fault::After | Fault::Twice);
                wanted.extend(vec![threshold; 1 + usize::from(may_repeat)]);
            }
            assert_eq!(mailed_thresholds(&stack), wanted, "{operation} {fault:?}");
            assert_eq!(quota_events(&stack).await, ONCE_EACH, "{operation} {fault:?}");
            assert_eq!(
                stack.tenant().submit("echo", json!(1)).await.status,
                429,
                "{operation} {fault:?}"
            );
        }
    }
}

//! Checks that die, and outages while processes write: each byte is counted once all the same.

use sim::{Fault, KillSwitch, Plan, run_until_killed};

use super::*;

/// Some minutes over the turn of an hour, and something late of each: in the third of them a check dies.
async fn die(switch: &KillSwitch) {
    let stack = metered().await;
    tokio::time::sleep(57 * MINUTE).await;
    let (scribe, mut late) = (Scribe::new(stack.tenant()), 0);
    for minute in 0..5u64 {
        scribe.submit(json!({"n": minute})).await;
        scribe.send(Method::GET, "/v1/kinds", "GET /v1/kinds", None).await;
        tokio::time::sleep(30 * SECOND).await;
        late += late::land(&stack, stack.now() - 2 * MINUTE, minute).await;
        let left = 60_000 - stack.now().millis().rem_euclid(60_000);
        tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
        if minute == 3 {
            let _ = run_until_killed(stack.checker().check("killed", stack.now()), switch).await;
        } else {
            stack.check().await.unwrap();
        }
    }
    collect(&stack).await;
    let mut wanted = scribe.noted();
    wanted.insert(late::ROUTE.to_owned(), late);
    assert_eq!(charted(&stack.tenant(), "").await, wanted, "{switch:?}");
}

#[tokio::test(start_paused = true)]
async fn a_check_that_dies_anywhere_loses_nothing_and_doubles_nothing() {
    for nth in 1.. {
        let switch = KillSwitch::before(nth);
        die(&switch).await;
        if switch.calls() < nth {
            assert!(nth > 15, "a check that collects makes calls");
            break;
        }
    }
}

/// Three checks at once, each of whose calls takes its time, while readings land late.
#[tokio::test(start_paused = true)]
async fn checks_that_overlap_count_once() {
    for seed in 0..15u64 {
        let stack = metered().await;
        tokio::time::sleep(57 * MINUTE).await;
        let (scribe, mut late) = (Scribe::new(stack.tenant()), 0);
        for minute in 0..6u64 {
            scribe.submit(json!({"n": minute})).await;
            tokio::time::sleep(40 * SECOND).await;
            late += late::land(&stack, stack.now() - 3 * MINUTE, minute).await;
            let left = 60_000 - stack.now().millis().rem_euclid(60_000);
            tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
            stack.aws.inject(Plan::new(move |name, n| {
                Fault::Delay(Duration::from_millis(sim::Seed(seed).draw(name, n) % 900))
            }));
            let (checkers, now) = ([stack.checker(), stack.checker(), stack.checker()], stack.now());
            let delayed = async {
                tokio::time::sleep(Duration::from_millis(seed * 97 % 2000)).await;
                checkers[2].check("late", now).await
            };
            let (one, two, three) =
                tokio::join!(checkers[0].check("one", now), checkers[1].check("two", now), delayed);
            stack.aws.heal();
            for outcome in [one, two, three] {
                outcome.unwrap();
            }
            let left = 60_000 - stack.now().millis().rem_euclid(60_000);
            tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
        }
        collect(&stack).await;
        let mut wanted = scribe.noted();
        wanted.insert(late::ROUTE.to_owned(), late);
        assert_eq!(charted(&stack.tenant(), "").await, wanted, "{seed}");
    }
}

/// Writes of two processes fail in each way, for some seconds and for longer than a minute: what they counted is charted once, and what
/// comes meanwhile too.
#[tokio::test(start_paused = true)]
async fn an_outage_delays_and_doubles_nothing() {
    for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
        for seconds in [3u64, 20, 200, 2000] {
            let stack = metered().await;
            let processes = [Scribe::new(stack.tenant()), Scribe::new(stack.tenant())];
            // Queries alone: their process puts nothing but readings.
            let ask = async || {
                for process in &processes {
                    process.send(Method::GET, "/v1/kinds", "GET /v1/kinds", None).await;
                }
            };
            ask().await;
            tokio::time::sleep(40 * SECOND).await;
            stack.aws.inject(Plan::always("PutItem", fault));
            for _ in 0..10 {
                ask().await;
                tokio::time::sleep(Duration::from_millis(seconds * 100)).await;
            }
            assert!(stack.aws.heal() > 0);
            collect(&stack).await;
            collect(&stack).await;
            let mut wanted = BTreeMap::<String, u64>::new();
            for (of, bytes) in processes.iter().flat_map(Scribe::noted) {
                *wanted.entry(of).or_default() += bytes;
            }
            assert_eq!(charted(&stack.tenant(), "").await, wanted, "{fault:?} {seconds}");
        }
    }
}

/// Any call of a check fails in each way, in one minute after the other; the next ones make up for it.
#[tokio::test(start_paused = true)]
async fn checks_that_fail_are_made_up_for() {
    for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
        for operation in ["Query", "GetItem", "PutItem", "TransactWriteItems"] {
            let stack = metered().await;
            tokio::time::sleep(56 * MINUTE).await;
            let scribe = Scribe::new(stack.tenant());
            for minute in 0..8u64 {
                scribe.send(Method::GET, "/v1/kinds", "GET /v1/kinds", None).await;
                let left = 60_000 - stack.now().millis().rem_euclid(60_000);
                tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
                if minute < 7 {
                    stack.aws.inject(Plan::always(operation, fault));
                }
                let _ = stack.check().await;
                stack.aws.heal();
            }
            collect(&stack).await;
            assert_eq!(charted(&stack.tenant(), "").await, scribe.noted(), "{operation} {fault:?}");
        }
    }
}

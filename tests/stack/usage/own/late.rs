//! Processes that are frozen, and readings that land late.

use shared::{
    time::Time,
    usage::{
        Direction, Reading,
        meter::{Place, Write, own},
    },
};
use sim::{Fault, Plan};

use super::*;

/// What [`land`] counts for.
pub const ROUTE: &str = "egress GET /late";

/// Lets a reading of the tenant's land now, which a process that isn't there any more took in the minute of `taken`; how many bytes it is.
pub async fn land(stack: &Stack, taken: Time, number: u64) -> u64 {
    let bytes = 1000 + number;
    let series = own(Some(stack.tenant_account()), Direction::Egress, "GET /late");
    let minute = Time::from_millis(taken.millis() - taken.millis().rem_euclid(60_000));
    let reading = Reading { minute, number, bytes: [(series, bytes)].into() };
    let place = readings(stack).write(uuid::Uuid::from_u128(7), &Write::Put(reading)).await.unwrap();
    assert_eq!(place, Place::Filled);
    bytes
}

/// Readings land up to six minutes after their minute was over, when it was looked at long ago, and in the next hour.
#[tokio::test(start_paused = true)]
async fn what_lands_late_counts_for_its_minute() {
    for begin in [10, 55] {
        let stack = metered().await;
        tokio::time::sleep(begin * MINUTE).await;
        let mut landed = 0;
        for minute in 0..12u64 {
            let now = stack.now();
            landed += land(&stack, now, 1000 + minute).await;
            for behind in (1..=5).filter(|behind| *behind <= minute) {
                landed +=
                    land(&stack, now - MINUTE * u32::try_from(behind).unwrap(), 10 * minute + behind).await;
            }
            collect(&stack).await;
            assert_eq!(charted(&stack.tenant(), "").await[ROUTE], landed, "{begin} {minute}");
        }
        // By the minute it is the same as by the hour, and by the day.
        for step in ["1m", "5m", "1d"] {
            let query = format!("service=tollgate&route=GET /late&lookback_duration=6h&step={step}")
                .replace(' ', "%20");
            let bytes = points(&stack.tenant(), &query).await.into_iter().filter_map(|(_, bytes)| bytes);
            assert_eq!(bytes.sum::<u64>(), landed, "{begin} {step}");
        }
    }
}

/// The check is away for two hours, or it is the first; whatever was written meanwhile is charted when it is there.
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_check_is_made_up_for() {
    for stack in [metered().await, Stack::with(on()).await] {
        let scribe = Scribe::new(stack.tenant());
        for _ in 0..24 {
            scribe.submit(json!(1)).await;
            tokio::time::sleep(5 * MINUTE).await;
        }
        collect(&stack).await;
        assert_eq!(charted(&stack.tenant(), "").await, scribe.noted());
    }
}

/// A process is frozen with its answer under way, and thawed after some time: whether its write got there or not, each byte counts once.
#[tokio::test(start_paused = true)]
async fn a_frozen_process_goes_on_when_it_is_thawed() {
    for fault in [Fault::Before, Fault::After] {
        for frozen in [1u32, 2, 20, 240] {
            let stack = metered().await;
            let scribe = Scribe::new(stack.tenant());
            let ask = async || {
                scribe.send(Method::GET, "/v1/kinds", "GET /v1/kinds", None).await;
            };
            // Its writer finds out what became of the first put only when it is thawed.
            stack.aws.inject(Plan::new(move |name, nth| match (name, nth) {
                ("PutItem", 1) => fault,
                ("PutItem", 2) => Fault::Before,
                _ => Fault::None,
            }));
            ask().await;
            ask().await;
            tokio::time::sleep(SECOND).await;
            for _ in 0..frozen {
                tokio::time::sleep(MINUTE).await;
                stack.check().await.unwrap();
            }
            ask().await;
            collect(&stack).await;
            collect(&stack).await;
            assert_eq!(charted(&stack.tenant(), "").await, scribe.noted(), "{fault:?} {frozen}");
        }
    }
}

/// What is counted after a pause is written at once, since its process may never be thawed; the rest is lost with it.
#[tokio::test(start_paused = true)]
async fn the_first_request_after_a_pause_is_written_at_once() {
    let stack = metered().await;
    let written = || {
        let items = stack.aws.items();
        let is_reading = |item: &&Value| item["pk"]["S"].as_str().unwrap().starts_with("METER#");
        items.iter().filter(is_reading).count()
    };
    tokio::time::sleep(SECOND).await;
    let before = written();
    for nth in 1..4 {
        let scribe = Scribe::new(stack.tenant());
        scribe.send(Method::GET, "/v1/kinds", "GET /v1/kinds", None).await;
        // The turn that Lambda gives a process to send its answer.
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(written() - before, nth);
    }
}

//! Many workers that share a ready queue.

use std::time::Duration;

use sim::{EventSource, JOBS};

use super::{HOUR, submit, with_kind};

/// The number of jobs that overtook a job or that it overtook, whichever is larger.
fn displacement(starts: &[String], place: usize) -> usize {
    let start = &starts[place];
    let passed_by = starts[place + 1..].iter().filter(|other| *other < start).count();
    let ahead_of = starts[..place].iter().filter(|other| *other > start).count();
    passed_by.max(ahead_of)
}

/// Worst case: five concurrent workers on one ready queue, with targets that take no time. At most
/// about 1.5 claims per job are lost to contention. If all workers claimed the same next job, it
/// would be four. 99 % of the jobs are off by at most as many places as jobs are in flight, and no
/// job by more than twice that.
#[tokio::test(start_paused = true)]
async fn concurrent_workers_share_a_ready_queue() {
    const WORKERS: usize = 5;
    const BATCH: usize = 10;
    for (discipline, seed) in [("lifo", 3), ("priority", 3), ("lifo", 4), ("priority", 4)] {
        let stack = with_kind(discipline).await;
        let client = stack.tenant();
        let ids = submit(&client, vec![0; 600]).await;
        // Calls take 5 to 25 ms at random, so that workers overlap realistically.
        let seed = sim::Seed(seed);
        let slow = move |name: &str, n| {
            sim::Fault::Delay(Duration::from_millis(5 + seed.draw(name, n) % 20))
        };
        stack.aws.inject(sim::Plan::new(slow));
        stack.aws.reset_ledger();
        let workers = (0..WORKERS).map(async |_| {
            let worker = stack.worker();
            let source =
                EventSource::new(&stack.aws, JOBS, BATCH).function_timeout(stack.timing.function());
            source
                .run_until_idle(HOUR, async |event| {
                    Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
                })
                .await
        });
        futures::future::join_all(workers).await;
        stack.aws.heal();
        let ledger = stack.aws.reset_ledger();
        // Updates are one claim and one end per job, completion times per batch, and failed claims.
        let in_vain = ledger.count("UpdateItem") - 600 * 2;
        assert!(in_vain < 600 * 3 / 2, "{discipline}: {in_vain} for 600 jobs\n{ledger}");
        let mut starts = Vec::new();
        for id in &ids {
            starts.push(client.job(id).await.body["started_at"].as_str().unwrap().to_owned());
        }
        if discipline == "lifo" {
            starts.reverse();
        }
        let off: Vec<_> = (0..starts.len()).map(|place| displacement(&starts, place)).collect();
        let (most, in_flight) = (*off.iter().max().unwrap(), WORKERS * BATCH);
        let beyond = off.iter().filter(|off| **off > in_flight).count();
        // Workers that collide choose a random job, which delays some others.
        assert!(
            beyond <= 6 && most <= 2 * in_flight,
            "{discipline}: {beyond} beyond {in_flight}, {most} at most"
        );
    }
}

//! Runs the functions: pollers that invoke workers, and the minute tick.

use crate::world::SimulatedWorld;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use model::time::Time;
use sim::{DEAD_LETTERS, EventSource, JOBS, Killed, Seed, Worker, run_until_killed};
use std::{cell::RefCell, rc::Rc, time::Duration};
use workload::{ActorRng, World};

/// One worker per entry; the last one receives dead letters.
const QUEUES: [&str; 4] = [JOBS, JOBS, JOBS, DEAD_LETTERS];
/// Timeout of the minute tick, as in the template.
const TICK_TIMEOUT: Duration = Duration::from_secs(50);
const MINUTE: Duration = Duration::from_secs(60);
/// Interval of TTL sweeps: items vanish soon after they expire.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum seconds between losses of messages.
const MAX_LOSS_INTERVAL_SECONDS: u64 = 60;

/// Runs workers and ticks forever.
pub async fn run(world: &SimulatedWorld) {
    let pollers = join_all(QUEUES.iter().enumerate().map(|(n, queue)| poll(world, queue, n)));
    let sweeps = async {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            world.stack.aws.sweep_ttl();
        }
    };
    tokio::join!(pollers, run_ticks(world), sweeps, lose_messages(world));
}

/// Loses jobs' messages while there are faults, as a purge or the end of the retention does.
/// Messages that announce a job's end stay, because nothing replaces them.
async fn lose_messages(world: &SimulatedWorld) {
    let dice = ActorRng::new(world.seed, "losses");
    let is_jobs = |message: &sim::Message| message.body.starts_with(r#"{"job":"#);
    loop {
        tokio::time::sleep(dice.seconds(1..MAX_LOSS_INTERVAL_SECONDS)).await;
        let nth = usize::try_from(dice.draw() % 1000).unwrap();
        if !world.is_calm() && world.stack.aws.lose_message(JOBS, nth, is_jobs).is_some() {
            world.losses.set(world.losses.get() + 1);
        }
    }
}

/// A poller and its worker process, which is replaced when it dies.
struct Process<'a> {
    world: &'a SimulatedWorld,
    dice: ActorRng,
    skew: i64,
    worker: RefCell<Rc<Worker>>,
}

async fn poll(world: &SimulatedWorld, queue: &'static str, n: usize) {
    let dice = ActorRng::new(world.seed, format!("worker {n}"));
    let skew = dice.skew();
    let worker = RefCell::new(Rc::new(world.stack.worker_with_clock_skew(skew)));
    let source = EventSource::new(&world.stack.aws, queue, if n == 0 { 1 } else { 10 });
    let source = match dice.chance(50) {
        true => source.with_small_batches(Seed(world.seed.draw("batches", n as u64))),
        false => source,
    };
    let process = Process { world, dice, skew, worker };
    loop {
        source.run_until_idle(MINUTE, async |event| process.handle(event).await).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        process.freeze().await;
    }
}

impl Process<'_> {
    /// Lambda freezes an idle process. It thaws with its state, or ends without a signal.
    async fn freeze(&self) {
        if self.world.is_calm() || !self.dice.chance(5) {
            return;
        }
        tokio::time::sleep(self.dice.seconds(60..900)).await;
        if self.dice.chance(50) {
            *self.worker.borrow_mut() = Rc::new(self.world.stack.worker_with_clock_skew(self.skew));
        }
    }

    async fn handle(&self, event: SqsEvent) -> Result<SqsBatchResponse, Killed> {
        let (switch, worker) =
            (self.world.kill_switch(&self.dice, 15, 20), self.worker.borrow().clone());
        let ends = Time::from_millis(self.world.stack.deadline().millis() + self.skew);
        let work = run_until_killed(worker.handle(event, "run", ends), &switch);
        let done = tokio::time::timeout(self.world.timing().function(), work).await.ok().flatten();
        if done.is_none() {
            self.world.count_kill();
            *self.worker.borrow_mut() = Rc::new(self.world.stack.worker_with_clock_skew(self.skew));
        }
        done.ok_or(Killed)
    }
}

/// Starts a tick every minute, and sometimes a second one.
async fn run_ticks(world: &SimulatedWorld) {
    let dice = ActorRng::new(world.seed, "checks");
    let mut minutes = futures::stream::FuturesUnordered::new();
    loop {
        let left = MINUTE
            - Duration::from_millis(u64::try_from(world.now_ms().rem_euclid(60_000)).unwrap());
        let next = tokio::time::sleep(left);
        tokio::pin!(next);
        loop {
            tokio::select! {
                biased;
                () = &mut next => break,
                Some(()) = futures::StreamExt::next(&mut minutes) => {}
            }
        }
        let due = world.stack.now();
        minutes.push(invoke(
            world,
            ActorRng::new(world.seed, format!("check {due}")),
            due,
            Duration::ZERO,
        ));
        if dice.chance(50) {
            let late = dice.millis(0..200);
            minutes.push(invoke(
                world,
                ActorRng::new(world.seed, format!("check {due} again")),
                due,
                late,
            ));
        }
    }
}

/// One invocation, which Lambda retries twice.
async fn invoke(world: &SimulatedWorld, dice: ActorRng, due: Time, late: Duration) {
    tokio::time::sleep(late).await;
    for _ in 0..3 {
        if run_tick(world, &dice, due).await {
            return;
        }
        tokio::time::sleep(dice.seconds(5..70)).await;
    }
}

/// A tick in a new process; returns whether it succeeded.
async fn run_tick(world: &SimulatedWorld, dice: &ActorRng, due: Time) -> bool {
    let switch = world.kill_switch(dice, 30, 30);
    let checker = world.stack.checker_with_clock_skew(dice.skew());
    let work = run_until_killed(checker.check("check", due), &switch);
    let done = tokio::time::timeout(TICK_TIMEOUT, work).await.ok().flatten();
    if done.is_none() {
        world.count_kill();
    }
    let is_done = done.is_some_and(|done| done.is_ok());
    let is_sent = switch.completed_operations().iter().any(|operation| operation == "SendEmail");
    if is_sent && !is_done && holds_lease(world) {
        world.notes.borrow_mut().mails_interrupted += 1;
    }
    is_done
}

/// Whether a tick took a quota's lease and did not release it. It may have sent a mail that the
/// table doesn't show as sent.
fn holds_lease(world: &SimulatedWorld) -> bool {
    let items = world.stack.aws.items();
    items.iter().any(|item| item["pk"]["S"] == "QUOTA_STATES" && item["leased_until"].is_object())
}

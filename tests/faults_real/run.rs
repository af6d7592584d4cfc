//! One run: all actors at once, then the final reads.

use crate::{log::MailStep, world::RealWorld};
use futures::future::join_all;
use reqwest::Method;
use sim::{
    Seed,
    promises::{BrokenPromise, broken_promises},
};
use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};
use workload::{ActorRng, World, events, final_reads, jobs, scenario::FAULT_PERIOD, usage};

/// Time after the last fault when waiting messages no longer matter. By then messages of killed
/// workers have returned, after the two minutes of `WorkerTiming` quick. Superfluous messages may
/// look for work for longer.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(150);
/// Runs with fewer jobs are short.
const SHORT_RUN_JOBS: u64 = 50;
const MINUTE: Duration = Duration::from_secs(60);

pub struct Report {
    seed: Seed,
    jobs: u64,
    pub broken: Vec<BrokenPromise>,
    /// Calls that the policies deny.
    pub denied: Vec<String>,
    pub suffered: u64,
    pub kills: u64,
    restarts: u64,
    took: Duration,
    log: PathBuf,
}

/// Runs a seed, which determines the fault of each call and the kills. The interleaving of
/// processes is not reproducible.
pub async fn run(seed: Seed, jobs: u64) -> Report {
    let begun = Instant::now();
    let world = RealWorld::new(seed, pace(jobs)).await;
    world.define_kinds().await;
    usage::prepare(&world).await;
    jobs::insert_existing_rows(&world).await;
    while !final_reads::all_jobs_ended(&world).await {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let subscribers = events::permanent_subscribers(&world);
    world.start_faults();
    let clients = async {
        let calm = async {
            world.sleep(FAULT_PERIOD).await;
            world.stop_faults();
            Instant::now() + DRAIN_TIMEOUT
        };
        let told = tokio::join!(
            jobs::clients(&world, jobs),
            events::publishers(&world, (jobs / 8).max(10)),
            usage::reporters(&world, (jobs / 8).max(10)),
            usage::gateway(&world, steps(jobs)),
            calm,
            restart(&world),
        );
        wait_until_idle(&world, told.4).await;
        world.proxy.log().write("run finished");
        told
    };
    let forever = async {
        tokio::join!(checks(&world), join_all(subscribers.iter().map(|s| s.read_forever())))
    };
    let ((), (), reported, mut quota, _, restarts) = tokio::select! {
        told = clients => told,
        _ = forever => unreachable!("these never end"),
    };
    usage::record_mails(&world, &mut quota).await;
    let usage = usage::charts(&world, &reported, quota.used).await;
    let mut notes = world.notes.take();
    (notes.usage, notes.quotas, notes.deliveries) =
        (usage, vec![quota], world.targets.deliveries());
    notes.mails_interrupted = world.proxy.log().mails_interrupted();
    final_reads::read_all(&world, &mut notes).await;
    events::read_all(&world, &subscribers, &mut notes).await;
    world.proxy.close().await;
    for path in [usage::source_path(&world), usage::quota_path(&world)] {
        world.operate(Method::DELETE, &path, None).await;
    }
    let log = world.proxy.log();
    let broken = broken_promises(&notes);
    broken.iter().for_each(|broken| log.write(&broken.to_string()));
    if !broken.is_empty() {
        log.write(&format!("{notes:#?}"));
    }
    let (denied, suffered) = (world.proxy.denied(), world.proxy.faulted_calls());
    let (kills, took) = (world.proxy.kills(), begun.elapsed());
    Report { seed, jobs, broken, denied, suffered, kills, restarts, took, log: log.path.clone() }
}

/// Speed relative to the simulator; small runs have less to wait for.
fn pace(jobs: u64) -> u32 {
    if jobs < SHORT_RUN_JOBS { 40 } else { 10 }
}

/// Steps of the quota's usage; each waits for a collection of the minute tick.
fn steps(jobs: u64) -> &'static [(u64, Option<u64>)] {
    if jobs < SHORT_RUN_JOBS { &usage::STEPS[3..] } else { &usage::STEPS }
}

/// Waits until the queues are empty, or until `until`.
async fn wait_until_idle(world: &RealWorld, until: Instant) {
    while world.queued_messages().await > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Invokes ticks forever, sometimes two at once, in addition to the stack's own.
async fn checks(world: &RealWorld) {
    let dice = ActorRng::new(world.seed, "checks");
    loop {
        world.sleep(MINUTE).await;
        if dice.chance(50) {
            tokio::join!(world.check(), world.check());
        } else {
            world.check().await;
        }
    }
}

/// Restarts the emulator during the faults. Returns the number of restarts.
async fn restart(world: &RealWorld) -> u64 {
    let dice = ActorRng::new(world.seed, "restarts");
    let most = u64::try_from(FAULT_PERIOD.as_millis()).unwrap();
    world.sleep(dice.millis(most / 4..most * 3 / 4)).await;
    world.proxy.log().write("restarting emulator");
    world.proxy.log().record_mail_step(MailStep::Interrupted);
    live_stack::restart().await;
    world.proxy.log().record_mail_step(MailStep::Interrupted);
    world.proxy.log().write("emulator restarted");
    1
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, jobs, suffered, kills, restarts, .. } = self;
        write!(
            f,
            "seed {seed}: {jobs} jobs, {suffered} calls with faults, {kills} functions killed, \
             the emulator restarted {restarts} times, "
        )?;
        write!(f, "in {:.0} s; log: {}", self.took.as_secs_f32(), self.log.display())?;
        let seen = self.broken.iter().map(ToString::to_string).chain(self.denied.iter().cloned());
        seen.take(10).try_for_each(|seen| write!(f, "\n  {seen}"))
    }
}

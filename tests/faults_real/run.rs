//! One run: all actors at once, then the final reads.

use crate::{
    dice::Dice, emulator, events, jobs, last_look, log::Mail, scenario::SUFFERING, usage,
    world::World,
};
use futures::future::join_all;
use reqwest::Method;
use sim::{
    Seed,
    promises::{Broken, Notes, broken},
};
use std::{
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Time after the last fault when waiting messages no longer matter. By then messages of killed
/// workers have returned, after the two minutes of `WorkerTiming` quick. Superfluous messages may
/// look for work for longer.
const LAST_MESSAGES: Duration = Duration::from_secs(150);
/// Runs with fewer jobs are short.
const FEW: u64 = 50;
const MINUTE: Duration = Duration::from_secs(60);

pub struct Report {
    seed: Seed,
    jobs: u64,
    pub broken: Vec<Broken>,
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
    let world = World::new(seed, pace(jobs)).await;
    world.define_kinds().await;
    usage::prepare(&world).await;
    jobs::take_rows(&world).await;
    while !last_look::all_over(&world).await {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let subscribers = events::present(&world);
    world.suffer();
    let clients = async {
        let calm = async {
            world.sleep(SUFFERING).await;
            world.calm();
            Instant::now() + LAST_MESSAGES
        };
        let told = tokio::join!(
            jobs::clients(&world, jobs),
            events::publishers(&world, (jobs / 8).max(10)),
            usage::reporters(&world, (jobs / 8).max(10)),
            usage::gateway(&world, steps(jobs)),
            calm,
            restart(&world),
        );
        settled(&world, told.4).await;
        world.proxy.log().say("run finished");
        told
    };
    let forever =
        async { tokio::join!(checks(&world), join_all(subscribers.iter().map(|s| s.read_on()))) };
    let ((), (), reported, mut quota, _, restarts) = tokio::select! {
        told = clients => told,
        _ = forever => unreachable!("these never end"),
    };
    usage::mailed(&world, &mut quota).await;
    let usage = usage::charts(&world, &reported, quota.used).await;
    let mut notes = world.notes.take();
    (notes.usage, notes.quotas, notes.deliveries) =
        (usage, vec![quota], world.targets.deliveries());
    notes.mails_interrupted = world.proxy.log().mails_interrupted();
    last_look::take(&world, &mut notes).await;
    read_out(&world, &subscribers, &mut notes).await;
    world.proxy.close().await;
    for path in [usage::source_path(&world), usage::quota_path(&world)] {
        world.operate(Method::DELETE, &path, None).await;
    }
    let log = world.proxy.log();
    let broken = broken(&notes);
    broken.iter().for_each(|broken| log.say(&broken.to_string()));
    if !broken.is_empty() {
        log.say(&format!("{notes:#?}"));
    }
    let (denied, suffered) = (world.proxy.denied(), world.proxy.suffered());
    let (kills, took) = (world.proxy.kills(), begun.elapsed());
    Report { seed, jobs, broken, denied, suffered, kills, restarts, took, log: log.path.clone() }
}

/// Speed relative to the simulator; small runs have less to wait for.
fn pace(jobs: u64) -> u32 {
    if jobs < FEW { 40 } else { 10 }
}

/// Steps of the quota's usage; each waits for a collection of the minute tick.
fn steps(jobs: u64) -> &'static [(u64, Option<u64>)] {
    if jobs < FEW { &usage::STEPS[3..] } else { &usage::STEPS }
}

/// Reads all events, with the subscribers of the run and with new ones.
async fn read_out(world: &World, subscribers: &[events::Subscriber<'_>], notes: &mut Notes) {
    for subscriber in subscribers {
        notes.subscribers.push(subscriber.read_out("who was there").await);
    }
    for tenant in &world.tenants {
        let late = events::Subscriber::new(world, tenant, "late");
        notes.subscribers.push(late.read_out("who came late").await);
    }
}

/// Waits until the queues are empty, or until `until`.
async fn settled(world: &World, until: Instant) {
    while world.waiting().await > 0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Invokes ticks forever, sometimes two at once, in addition to the stack's own.
async fn checks(world: &World) {
    let dice = Dice::new(world.seed, "checks");
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
async fn restart(world: &World) -> u64 {
    let dice = Dice::new(world.seed, "restarts");
    let most = u64::try_from(SUFFERING.as_millis()).unwrap();
    world.sleep(dice.millis(most / 4..most * 3 / 4)).await;
    world.proxy.log().say("restarting emulator");
    world.proxy.log().mail(Mail::Interrupted);
    emulator::restart().await;
    world.proxy.log().mail(Mail::Interrupted);
    world.proxy.log().say("emulator restarted");
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
        write!(
            f,
            "in {:.0} s; log: {}",
            self.took.as_secs_f32(),
            self.log.display()
        )?;
        let seen = self.broken.iter().map(ToString::to_string).chain(self.denied.iter().cloned());
        seen.take(10).try_for_each(|seen| write!(f, "\n  {seen}"))
    }
}

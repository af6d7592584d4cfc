//! One run: all actors at once, then the final reads.

use crate::{
    functions, limited_jobs, planted_bugs::PlantedBug, schedule, seeded_random,
    world::SimulatedWorld,
};
use futures::future::join_all;
use sim::{
    DEAD_LETTERS, JOBS, Seed, Trace,
    promises::{BrokenPromise, broken_promises},
};
use std::{
    fmt,
    sync::Once,
    thread,
    time::{Duration, Instant},
};
use workload::{World, events, final_reads, jobs, scenario::FAULT_PERIOD, usage};

/// Time after which an event is certainly visible.
const EVENT_VISIBILITY_DELAY: Duration = Duration::from_secs(30);

pub struct Report {
    pub seed: Seed,
    pub jobs: u64,
    pub broken: Vec<BrokenPromise>,
    /// Digest of all calls to AWS and all responses to clients.
    pub trace: Trace,
    pub kills: u64,
    pub losses: u64,
    /// Real duration and simulated duration.
    pub took: Duration,
    pub lasted: Duration,
}

/// Runs a seed, which determines all random decisions.
pub fn run(seed: Seed, jobs: u64, planted: Option<PlantedBug>) -> Report {
    // Libraries draw some random numbers once per process. They do so here, not in the first run.
    static DRAWN: Once = Once::new();
    DRAWN.call_once(|| {
        in_own_thread(Seed(0), async || SimulatedWorld::new(Seed(0)).await.define_kinds().await)
            .unwrap()
    });
    in_own_thread(seed, async move || run_with_faults(seed, jobs, planted).await).unwrap_or_else(
        |panic| {
            eprintln!("seed {seed} panicked; {}", repeat_command(seed, jobs));
            std::panic::resume_unwind(panic)
        },
    )
}

/// Runs `work` in its own thread, with its own clock and seed.
fn in_own_thread<T: Send + 'static>(
    seed: Seed,
    work: impl AsyncFnOnce() -> T + Send + 'static,
) -> thread::Result<T> {
    let work = move || {
        seeded_random::follow(seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(work())
    };
    // A run's futures are large in an unoptimized build.
    thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap().join()
}

async fn run_with_faults(seed: Seed, jobs: u64, planted: Option<PlantedBug>) -> Report {
    let (began, started) = (Instant::now(), tokio::time::Instant::now());
    let world = SimulatedWorld::new(seed).await;
    if let Some(planted) = planted {
        planted.plant(&world.stack.aws);
    }
    prepare(&world).await;
    let subscribers = events::permanent_subscribers(&world);
    world.start_faults();
    let clients = async {
        let calm = async {
            tokio::time::sleep(FAULT_PERIOD).await;
            world.stop_faults()
        };
        let told = tokio::join!(
            async {
                limited_jobs::submit(&world, &world.tenants[2]).await;
                Box::pin(jobs::clients(&world, jobs)).await;
            },
            Box::pin(events::publishers(&world, (jobs / 8).max(10))),
            Box::pin(usage::reporters(&world, (jobs / 8).max(10))),
            Box::pin(usage::gateway(&world, &usage::STEPS)),
            calm,
        );
        schedule::end(&world).await;
        wait_until_idle(&world).await;
        told
    };
    let forever = async {
        tokio::join!(functions::run(&world), join_all(subscribers.iter().map(|s| s.read_forever())))
    };
    let ((), (), reported, mut quota, _) = tokio::select! {
        biased;
        told = Box::pin(clients) => told,
        _ = Box::pin(forever) => unreachable!("these never end"),
    };
    usage::record_mails(&world, &mut quota).await;
    let usage = usage::charts(&world, &reported, quota.used).await;
    let mut notes = world.notes.take();
    (notes.usage, notes.quotas, notes.deliveries) =
        (usage, vec![quota], world.targets.deliveries());
    final_reads::read_all(&world, &mut notes).await;
    notes.occurrences = schedule::occurrences(&world, &notes.lists[&world.tenants[0].account]);
    notes.dropped_invocations = world.stack.aws.dropped_invocations();
    notes.dead_letters = world.stack.aws.messages(DEAD_LETTERS).len();
    tokio::time::sleep(EVENT_VISIBILITY_DELAY).await;
    events::read_all(&world, &subscribers, &mut notes).await;
    let trace = world.stack.aws.trace().with(&format!("{notes:?}"));
    let (kills, losses, took, lasted) =
        (world.kills.get(), world.losses.get(), began.elapsed(), started.elapsed());
    Report { seed, jobs, broken: broken_promises(&notes), trace, kills, losses, took, lasted }
}

/// Defines what the run uses, and waits until its first jobs have ended.
async fn prepare(world: &SimulatedWorld) {
    world.define_kinds().await;
    usage::prepare(world).await;
    jobs::insert_existing_rows(world).await;
    limited_jobs::prepare(world, &world.tenants[2]).await;
    assert!(world.stack.run_worker(Duration::from_secs(60)).await.emptied);
    schedule::prepare(world).await;
}

/// Waits until the queues are empty and no job is unfinished. Superfluous messages look for work
/// for a while, and a job with a lost message is found within hours.
async fn wait_until_idle(world: &SimulatedWorld) {
    let is_idle =
        || [JOBS, DEAD_LETTERS].iter().all(|queue| world.stack.aws.messages(queue).is_empty());
    for _ in 0..120 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        if is_idle() && !world.has_unfinished_jobs() {
            break;
        }
    }
}

/// The command that repeats a run.
fn repeat_command(seed: Seed, jobs: u64) -> String {
    format!("repeat: make faults SEED={seed} SEEDS=1 JOBS={jobs}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, jobs, kills, losses, trace, .. } = self;
        let (lasted, took) = (self.lasted.as_secs() / 60, self.took.as_secs_f32());
        write!(
            f,
            "seed {seed}: {jobs} jobs, {kills} kills, {losses} losses, {trace}, \
             {lasted} min in {took:.1} s"
        )?;
        if !self.broken.is_empty() {
            write!(f, "; {}", repeat_command(*seed, *jobs))?;
        }
        self.broken.iter().take(10).try_for_each(|broken| write!(f, "\n  {broken}"))
    }
}

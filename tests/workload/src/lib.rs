//! The workload of the fault tests, for simulated and real runs: clients that submit jobs, events
//! and usage, the targets they use, the faults they meet, and the final reads.
//!
//! A run implements [`World`]. All random decisions follow its seed.

mod actor_rng;
pub mod events;
pub mod final_reads;
pub mod jobs;
pub mod plan;
pub mod scenario;
pub mod target;
pub mod usage;
mod world;

pub use actor_rng::ActorRng;
pub use world::World;

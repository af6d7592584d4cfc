//! The size of the modelled world, and deliberate flaws.

/// Limits that make the world finite. Each budget is shared by all participants of a run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Jobs that may be submitted, in the order of their ids: priority and possible start delays.
    pub jobs: &'static [(u8, &'static [Delay])],
    /// Concurrent workers.
    pub workers: usize,
    /// Messages per batch.
    pub batch: usize,
    /// Attempts per job.
    pub attempts: u8,
    /// Possible delays of a retry; empty if every attempt is the last.
    pub retries: &'static [Delay],
    /// How often a new message has already polled. Polls are alike and need no states of their
    /// own.
    pub used_polls: u8,
    /// Most jobs that a worker skips because others are claiming them.
    pub max_skipped: usize,
    /// Whether the index may lag behind the table.
    pub index_lag: bool,
    /// Whether a permit polls for the last time only while no write is half done and the index is
    /// current.
    pub last_poll_isolated: bool,
    pub faults: Faults,
}

/// How often each fault, and each optional client request, may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A worker crashes.
    pub crashes: u8,
    /// A write's response is lost, and the writer repeats the write.
    pub lost_responses: u8,
    /// A message is in the queue twice.
    pub duplicates: u8,
    /// A message is delivered twice at the same time; the first to finish deletes it for both.
    pub double_deliveries: u8,
    /// A message arrives early.
    pub early_deliveries: u8,
    /// A lease expires while its holder continues.
    pub lease_overruns: u8,
    /// A client's request ends between its send and its write.
    pub aborted_requests: u8,
    /// A client cancels a queued job.
    pub cancels: u8,
    /// A client retries a failed or cancelled job.
    pub job_retries: u8,
}

/// Delay until a job starts or is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Delay {
    /// No delay.
    None,
    /// So short that the message can arrive before the write that follows the send is done.
    Soon,
    /// Longer than that.
    Late,
}

/// A deliberate flaw in the protocol. The model must detect each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A retry's `queued` is written before the job's message is sent.
    QueuedBeforeSent,
    /// A permit is used for another job without listing its own first.
    NotListedFirst,
    /// The index alone decides which jobs are due.
    IndexTrustedAlone,
    /// A job's row is written before its message is sent.
    WrittenBeforeSent,
    /// A delayed job is never listed, however soon its message arrives.
    SoonUnlisted,
    /// Listing a job makes it due, although it was claimed and requeued with a delay since.
    ListedTooLate,
    /// A permit is dropped after its last poll, although it saw running jobs or lost claims to
    /// others.
    DroppedWhileJobsInSight,
}

//! How large a world is, and what is wrong with it on purpose.

/// What makes the world finite. Budgets are spent once in a run, by whatever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The jobs that may be handed in, in the order of their ids: for each its priority and what may be asked of its start.
    pub jobs: &'static [(u8, &'static [Delay])],
    /// How many workers there are at once.
    pub workers: usize,
    /// How many messages a worker gets at once.
    pub batch: usize,
    /// How many attempts a job has.
    pub attempts: u8,
    /// After what an attempt may be repeated; none if every attempt is the last.
    pub retries: &'static [Delay],
    /// How often a fresh message has looked already: looks that are alike need no states of their own.
    pub looks: u8,
    /// How many jobs a worker passes over, at most, as others are taking them.
    pub passed: usize,
    /// Whether the index may be behind the table.
    pub lag: bool,
    /// Whether a permit takes its last look only while no write is half done and the index is current.
    pub apart: bool,
    /// What may go wrong, and how often.
    pub faults: Faults,
}

/// What may happen how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A worker dies.
    pub crashes: u8,
    /// A write's answer is lost, and the writer repeats it.
    pub unheard: u8,
    /// A message is there twice.
    pub copies: u8,
    /// A message is delivered twice at the same time: whoever is done first deletes it for both.
    pub twins: u8,
    /// A message comes before its time.
    pub hurries: u8,
    /// A lease ends though its holder goes on.
    pub overruns: u8,
    /// A client's request ends between its send and its write.
    pub refusals: u8,
    /// A client calls a waiting job off.
    pub cancels: u8,
    /// A client puts a failed or cancelled job back.
    pub reopens: u8,
}

/// When a job is to start, or to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Delay {
    /// At once.
    None,
    /// So soon that its message can come before the write that follows the send is done.
    Soon,
    /// Later than that.
    Late,
}

/// A way in which the protocol could be wrong. The model has to notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A retry's `queued` is written before the job's own message is sent.
    QueuedBeforeSent,
    /// A permit is used for another job, and its own is not listed first.
    NotListedFirst,
    /// The index alone says what is due.
    IndexAlone,
    /// A job's row is put before its message is sent.
    PutBeforeSent,
    /// A job that waits is never listed, however soon its message comes.
    SoonUnlisted,
    /// Listing a job makes it due, though it was taken and put back to wait in the meantime.
    ListedTooLate,
    /// A permit is dropped after its last look though it saw jobs that run, or that others were quicker to claim.
    DroppedInSight,
}

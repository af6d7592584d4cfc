use serde_json::value::to_raw_value;

use super::JobBody;
use crate::{
    id,
    job::{Job, Payload},
    kind::Callback,
};

/// The job, and its payload, that delivers to a job's `callback_url` how it ended; nothing if it has none, or has not ended. Its id follows
/// from that end, of which `owner` is the token: the same for the same end, however often it is announced.
///
/// # Errors
/// When the job can't be written as JSON.
pub fn delivery_of(job: Job, owner: &str) -> serde_json::Result<Option<(Job, Payload)>> {
    let (Some(url), Some(finished_at)) = (job.callback_url.clone(), job.finished_at) else {
        return Ok(None);
    };
    let kind = Callback::kind();
    let id = id::derived(finished_at, &[&job.id.to_string(), owner]);
    let made = Job::waiting(id, job.account, kind.name, kind.spec.retry.max_attempts, finished_at);
    let job = to_raw_value(&JobBody::from(job))?;
    Ok(Some((made, Payload(to_raw_value(&Callback { url, job })?))))
}

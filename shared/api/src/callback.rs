use serde_json::value::to_raw_value;

use super::JobBody;
use model::{
    id,
    job::{Job, Payload},
    kind::Callback,
};

/// The callback job that posts the result of `job` to its `callback_url`, with its payload; `None`
/// if the job has no callback URL or isn't finished. `owner` is the token of the job's end: the id
/// of the callback job is derived from it, so that repeated calls for the same end give the same
/// job.
///
/// # Errors
/// When the body can't be serialized.
pub fn callback_job(job: Job, owner: &str) -> serde_json::Result<Option<(Job, Payload)>> {
    let (Some(url), Some(finished_at)) = (job.callback_url.clone(), job.finished_at) else {
        return Ok(None);
    };
    let kind = Callback::kind();
    let id = id::derived(finished_at, &[&job.id.to_string(), owner]);
    let made = Job::queued(id, job.account, kind.name, kind.spec.retry.max_attempts, finished_at);
    let job = to_raw_value(&JobBody::from(job))?;
    Ok(Some((made, Payload(to_raw_value(&Callback { url, job })?))))
}

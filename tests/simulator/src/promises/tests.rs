//! Each check detects its broken promise.

use super::*;
use serde_json::{Value, json};

fn answered(at: i64, status: u16, body: Value) -> RequestOutcome {
    RequestOutcome { span: Span { begun: at, ended: at }, status: Some(status), body }
}

fn job(status: &str) -> Value {
    json!({
        "id": "job_1",
        "status": status,
        "attempts": 1,
        "result": null,
        "expires_at": "2026-11-20T16:00:00.000Z",
    })
}

fn note() -> JobHistory {
    JobHistory {
        account: "acc_1".into(),
        mark: "m".into(),
        keyed: true,
        max_attempts: 2,
        tries: vec![answered(0, 202, job("queued"))],
        reads: vec![answered(1, 200, job("running")), answered(2, 200, job("completed"))],
        ..JobHistory::default()
    }
}

fn promises(notes: &History) -> Vec<&'static str> {
    broken_promises(notes).into_iter().map(|broken| broken.promise).collect()
}

fn of_job(change: impl FnOnce(&mut JobHistory)) -> Vec<&'static str> {
    let mut note = note();
    change(&mut note);
    promises(&History { jobs: vec![note], ..History::default() })
}

#[test]
fn kept_promises_are_not_reported() {
    assert_eq!(of_job(|_| {}), [""; 0]);
    let again = of_job(|job| {
        job.retries.push(answered(5, 202, Value::Null));
        job.reads.extend([
            answered(6, 200, self::job("running")),
            answered(7, 200, self::job("failed")),
        ]);
    });
    assert_eq!(again, [""; 0]);
}

#[test]
fn reports_accepted_listed_jobs_that_have_not_ended() {
    let of = |status| {
        let lists = [("acc_1".to_owned(), vec![job(status)])].into();
        let accepted = ["job_1".to_owned()].into();
        promises(&History { lists, accepted, ..History::default() })
    };
    assert_eq!(of("failed"), [""; 0]);
    assert_eq!(of("queued"), ["every accepted job ends"]);
}

#[test]
fn reports_missing_occurrences_and_dropped_loops() {
    let of = |is_delivered, jobs: Vec<Value>| {
        let occurrences = vec![OccurrenceHistory { at: "16:00".into(), is_delivered, jobs }];
        promises(&History { occurrences, ..History::default() })
    };
    assert_eq!(of(true, vec![job("failed")]), [""; 0]);
    assert_eq!(of(false, vec![]), [""; 0]);
    for (is_delivered, jobs) in [
        (true, vec![]),
        (true, vec![job("queued")]),
        (true, vec![job("completed"), job("completed")]),
        (false, vec![job("completed")]),
    ] {
        assert_eq!(of(is_delivered, jobs), ["each delivered occurrence makes one job"]);
    }
    let looped = History { dropped_invocations: 1, ..History::default() };
    assert_eq!(promises(&looped), ["recursive loop detection refuses no message"]);
}

#[test]
fn reports_each_broken_promise_to_a_job() {
    assert_eq!(of_job(|job| job.reads.clear()), ["a 202 is durable"]);
    assert_eq!(of_job(|job| job.reads.truncate(1)), ["every accepted job ends"]);
    let vanished = of_job(|job| job.reads.push(answered(3, 404, Value::Null)));
    assert_eq!(vanished, ["nothing vanishes before its retention ends"]);
    let two = of_job(|job| job.tries.push(answered(1, 202, json!({"id": "job_2"}))));
    assert_eq!(two, ["repeats are safe"]);
    let changed = of_job(|job| job.reads.push(answered(3, 200, self::job("failed"))));
    assert_eq!(changed, ["a job has one outcome"]);
    let many = of_job(|job| job.reads[1].body["attempts"] = json!(3));
    assert_eq!(many, ["attempts are counted, and no more than allowed"]);
    let numbers = of_job(|job| job.attempts = vec![json!({"number": 2}), json!({"number": 2})]);
    assert_eq!(numbers, ["attempts are counted, and no more than allowed"]);
    assert_eq!(of_job(|job| job.payload = json!(7)), ["a job has one outcome"]);
    let unreached = of_job(|job| job.action = TargetAction::Http);
    assert_eq!(unreached, ["targets get each job at least once, with recognizable repeats"]);
    assert_eq!(of_job(|job| job.has_callback = true), ["requested callbacks arrive, once per end"]);
    let partly = History {
        jobs: vec![JobHistory {
            action: TargetAction::Rows(vec!["acc_1/a".into(), "acc_1/b".into()]),
            ..note()
        }],
        rows: [("acc_1".into(), vec![json!({"key": "acc_1/a"})])].into(),
        ..History::default()
    };
    assert_eq!(promises(&partly), ["a job's rows are applied all or none"]);
}

fn event(id: &str, data: u64) -> Value {
    json!({"id": id, "account_id": "acc_1", "type": "data", "data": data})
}

fn seen(events: Vec<Value>) -> Vec<&'static str> {
    let subscriber = SubscriberHistory { name: "s".into(), account: "acc_1".into(), events };
    let published = (1..3).map(|n| EventHistory {
        account: "acc_1".into(),
        writer: "w".into(),
        data: json!(n),
        tries: vec![answered(0, 202, Value::Null)],
    });
    promises(&History {
        subscribers: vec![subscriber],
        published: published.collect(),
        ..History::default()
    })
}

#[test]
fn reports_each_broken_promise_to_a_subscriber() {
    assert_eq!(seen(vec![event("a", 1), event("b", 2)]), [""; 0]);
    assert_eq!(seen(vec![event("a", 1)]), ["subscribers miss nothing"]);
    assert_eq!(
        seen(vec![event("a", 1), event("b", 2), event("c", 2)]),
        ["subscribers get no event twice"]
    );
    assert_eq!(seen(vec![event("b", 2), event("a", 1)]), ["a writer's events arrive in order"]);
    let mut others = event("b", 2);
    others["account_id"] = json!("acc_2");
    assert_eq!(seen(vec![event("a", 1), others]), ["tenants can't see each other's data"]);
    let mut notes =
        History { jobs: vec![JobHistory { publishes_end: true, ..note() }], ..History::default() };
    notes
        .subscribers
        .push(SubscriberHistory { account: "acc_1".into(), ..SubscriberHistory::default() });
    assert_eq!(promises(&notes), ["each end of a job is published once"]);
}

#[test]
fn reports_unhandled_dead_letters() {
    assert_eq!(
        promises(&History { dead_letters: 1, ..History::default() }),
        ["every dead letter is handled"]
    );
}

#[test]
fn reports_wrong_usage_and_mail_counts() {
    let quota = QuotaHistory { reached: vec![80], mailed: vec![80], ..QuotaHistory::default() };
    let of = |quota: QuotaHistory, mails_interrupted| {
        promises(&History { quotas: vec![quota], mails_interrupted, ..History::default() })
    };
    assert_eq!(of(quota.clone(), 0), [""; 0]);
    assert_eq!(
        of(QuotaHistory { mailed: vec![], ..quota.clone() }, 0),
        ["one mail per threshold, quota and period"]
    );
    let twice = QuotaHistory { mailed: vec![80, 80], ..quota.clone() };
    assert_eq!(of(twice.clone(), 0), ["one mail per threshold, quota and period"]);
    assert_eq!(of(twice, 1), [""; 0]);
    assert_eq!(of(QuotaHistory { used: 1, ..quota }, 0), ["usage is counted once"]);
    let usage = vec![UsageTotals { series: "s".into(), accepted: 7, shown: 14 }];
    assert_eq!(promises(&History { usage, ..History::default() }), ["usage is counted once"]);
}

//! Mails: recipients, retries and how long they are sent.

use serde_json::{Value, json};

use super::*;

fn refused(why: &str) -> MailFailure {
    MailFailure { why: why.to_owned(), unanswered: false }
}

#[test]
fn unsent_mails_go_to_current_recipients() {
    let to_whom = |recipients: Value| quota(json!({"recipients": recipients}));
    let one = to_whom(json!(["a@example.com", "b@example.com"]));
    let mut standing = begun(&one).seen(&one, 1000, noon());
    let to = |standing: &QuotaState| {
        let mails = standing.current.alerts.last().unwrap().mails.iter();
        mails.map(|mail| mail.to.as_str().chars().next().unwrap()).collect::<String>()
    };
    let mails = &mut standing.current.alerts.last_mut().unwrap().mails;
    mails[0].record_result(Ok(()), noon());
    mails[1].record_result(Err(refused("no such mailbox")), noon());
    let other = to_whom(json!(["c@example.com"]));
    let mut standing = standing.seen(&other, 1000, noon());
    assert_eq!(to(&standing), "ac");
    standing.current.alerts.last_mut().unwrap().mails[1].record_result(Ok(()), noon());
    assert_eq!(to(&standing.seen(&to_whom(json!(["d@example.com"])), 1000, noon())), "ac");
}

#[test]
fn failed_mail_is_retried_with_backoff() {
    let mut mail = MailDelivery::new("a@example.com".parse().unwrap(), noon());
    let mut now = noon();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(mail.is_due(now));
        mail.record_result(Err(refused("SES is away")), now);
        pauses.push(mail.next_try.since(now).as_secs());
        now = mail.next_try;
    }
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 3600, 3600]);
    mail.record_result(Ok(()), now);
    assert!(!mail.is_due(now + MINUTE * 1000) && mail.error.is_none() && mail.sent_at == Some(now));
}

/// A mail that SES accepts without ever responding is sent at most twice.
#[test]
fn mail_without_response_is_sent_twice() {
    let mut mail = MailDelivery::new("a@example.com".parse().unwrap(), noon());
    let unanswered = || MailFailure { unanswered: true, ..refused("SES says nothing") };
    mail.record_result(Err(unanswered()), noon());
    assert!(mail.is_due(noon() + MINUTE));
    mail.record_result(Err(unanswered()), noon() + MINUTE);
    assert!(!mail.is_pending() && mail.error.is_some() && mail.tries == 2);
}

#[test]
fn mails_are_sent_for_a_day_after_the_period() {
    let quota = quota(json!({"period": "hour"}));
    let mut standing = begun(&quota);
    let mut now = noon();
    for n in 1..=10 {
        standing = standing.seen(&quota, n * 1000, now);
        now = now + MINUTE * 60;
        standing =
            standing.evaluate_ended(&quota, &counted(n * 1000), at(now)).roll_over(&quota, now);
    }
    // After an outage of several hours only the latest periods are kept.
    let starts: Vec<_> = standing.past.iter().map(|past| past.period.start.to_string()).collect();
    assert_eq!((starts.len(), starts[0].as_str()), (MAX_PAST_PERIODS, "2026-11-20T16:00:00.000Z"));
    let errand = standing.due_mail(now).unwrap();
    assert_eq!(errand.period, standing.past[0].period);
    standing.record_result(&errand, Ok(()), now);
    let standing = standing.seen(&quota, 10_000, now);
    assert_eq!(standing.past.len(), MAX_PAST_PERIODS - 1);
    let next_day = now + MINUTE * 60 * 24;
    let turned =
        standing.evaluate_ended(&quota, &counted(10_000), at(next_day)).roll_over(&quota, next_day);
    assert_eq!((turned.past.len(), turned.due_mail(next_day)), (0, None));
}

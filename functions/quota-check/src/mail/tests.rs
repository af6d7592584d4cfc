use model::{
    id::generate,
    quota::{QuotaState, ReadTimes},
    usage::Origin,
};
use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Time {
    text.parse().unwrap()
}

fn quota(properties: Value) -> Quota {
    let mut spec = json!({
        "limit_bytes": 1_000_000_000_000u64, "type": "egress", "period": "month",
        "timezone": "Europe/Berlin", "recipients": ["ops@example.com"],
    });
    spec.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    let created_at = at("2026-01-01T00:00:00Z");
    let (name, version) = ("shop-egress".parse().unwrap(), "1".to_owned());
    Quota {
        name,
        version,
        spec: serde_json::from_value(spec).unwrap(),
        created_at,
        updated_at: created_at,
    }
}

/// The mail of a quota with these totals of usage at these times.
fn mail_after(quota: &Quota, totals: &[(Time, u64)]) -> Mail {
    let state = state_after(quota, totals);
    let threshold = state.current.alerts.last().unwrap().threshold;
    mail(quota, &state.current, threshold, state.block.as_ref(), totals.last().unwrap().0).unwrap()
}

fn state_after(quota: &Quota, totals: &[(Time, u64)]) -> QuotaState {
    let mut state = QuotaState::start(quota, None, totals[0].0);
    state.set_start_totals([(Origin::Pushed, 0)].into(), totals[0].0);
    for (now, total) in totals.iter().copied() {
        state = state.evaluate(
            quota,
            &[(Origin::Pushed, total)].into(),
            ReadTimes { started: now, now },
        );
    }
    state
}

fn full_text(mail: &Mail) -> String {
    format!("{}\n\n{}\n\n{}", mail.subject, mail.text, mail.html)
}

/// Writes the mail to a folder for viewing: `MAILS=<folder> cargo test -p quota-check mail`.
fn save(name: &str, mail: &Mail) {
    if let Some(folder) = std::env::var_os("MAILS") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), &mail.html)
            .unwrap();
    }
}

#[test]
fn month_by_days() {
    let quota = quota(json!({
        "service": "shop <b>",
        "account": generate::<model::id::AccountPrefix>(at("2026-01-01T00:00:00Z"), [1; 10]),
    }));
    let start = at("2026-10-31T23:00:00Z");
    let days = (0..20u32).map(|day| {
        let used = u64::from(day + 1) * 40_000_000_000 + u64::from(day * day) * 330_000_000;
        (start + std::time::Duration::from_secs(u64::from(day) * 86_400 + 3600), used)
    });
    let mail = mail_after(&quota, &days.collect::<Vec<_>>());
    save("month", &mail);
    assert!(
        mail.html.contains("shop &#60;b&#62;") && mail.text.contains("shop <b>"),
        "{}",
        mail.text
    );
    insta::assert_snapshot!(full_text(&mail));
}

#[test]
fn exhausted_enforced_day() {
    let account = generate::<model::id::AccountPrefix>(at("2026-01-01T00:00:00Z"), [1; 10]);
    let quota = quota(json!({
        "period": "day", "timezone": "UTC", "enforce": true, "account": account,
        "limit_bytes": 1500, "route": "list",
    }));
    let totals = [
        (at("2026-11-20T00:00:30Z"), 100),
        (at("2026-11-20T07:10:00Z"), 900),
        (at("2026-11-20T16:00:00Z"), 1700),
    ];
    let mail = mail_after(&quota, &totals);
    save("day", &mail);
    insta::assert_snapshot!(full_text(&mail));
}

/// A quota defined in the middle of a period: the time of its usage is unknown, and it is too early
/// for a projection.
#[test]
fn quota_defined_late() {
    let quota =
        quota(json!({"period": "day", "timezone": "UTC", "limit_bytes": 100, "thresholds": [50]}));
    let mail = mail_after(&quota, &[(at("2026-11-20T00:50:00Z"), 55)]);
    insta::assert_snapshot!(full_text(&Mail { html: String::new(), ..mail }));
}

/// SES accepts mails again at two in the morning, after the end of the period.
#[test]
fn ended_period() {
    let account = generate::<model::id::AccountPrefix>(at("2026-01-01T00:00:00Z"), [1; 10]);
    let quota = quota(json!({
        "period": "day", "timezone": "UTC", "enforce": true, "account": account,
        "limit_bytes": 1500, "route": "list",
    }));
    let totals = [(at("2026-11-20T00:00:30Z"), 100), (at("2026-11-20T23:58:00Z"), 1400)];
    let ended = state_after(&quota, &totals).roll_over(&quota, at("2026-11-21T00:00:05Z"));
    let now = at("2026-11-21T02:00:00Z");
    let pending = ended.due_mail(now).unwrap();
    let mail =
        mail(&quota, ended.period_usage(pending.period).unwrap(), pending.threshold, None, now)
            .unwrap();
    save("late", &mail);
    insta::assert_snapshot!(full_text(&Mail { html: String::new(), ..mail }));
}

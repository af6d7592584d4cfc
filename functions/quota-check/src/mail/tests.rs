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

fn quota(others: Value) -> Quota {
    let mut spec = json!({
        "limit_bytes": 1_000_000_000_000u64, "type": "egress", "period": "month",
        "timezone": "Europe/Berlin", "recipients": ["ops@example.com"],
    });
    spec.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
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
fn mail_after(quota: &Quota, uses: &[(Time, u64)]) -> Mail {
    let standing = standing_after(quota, uses);
    let threshold = standing.current.alerts.last().unwrap().threshold;
    mail(quota, &standing.current, threshold, standing.block.as_ref(), uses.last().unwrap().0)
        .unwrap()
}

fn standing_after(quota: &Quota, uses: &[(Time, u64)]) -> QuotaState {
    let mut standing = QuotaState::start(quota, None, uses[0].0);
    standing.set_start_totals([(Origin::Pushed, 0)].into(), uses[0].0);
    for (now, total) in uses.iter().copied() {
        standing = standing.evaluate(
            quota,
            &[(Origin::Pushed, total)].into(),
            ReadTimes { started: now, now },
        );
    }
    standing
}

fn whole(mail: &Mail) -> String {
    format!("{}\n\n{}\n\n{}", mail.subject, mail.text, mail.html)
}

/// Writes the mail to a folder for viewing: `MAILS=<folder> cargo test -p quota-check mail`.
fn keep(name: &str, mail: &Mail) {
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
    keep("month", &mail);
    assert!(
        mail.html.contains("shop &#60;b&#62;") && mail.text.contains("shop <b>"),
        "{}",
        mail.text
    );
    insta::assert_snapshot!(whole(&mail));
}

#[test]
fn exhausted_enforced_day() {
    let account = generate::<model::id::AccountPrefix>(at("2026-01-01T00:00:00Z"), [1; 10]);
    let quota = quota(json!({
        "period": "day", "timezone": "UTC", "enforce": true, "account": account,
        "limit_bytes": 1500, "route": "list",
    }));
    let uses = [
        (at("2026-11-20T00:00:30Z"), 100),
        (at("2026-11-20T07:10:00Z"), 900),
        (at("2026-11-20T16:00:00Z"), 1700),
    ];
    let mail = mail_after(&quota, &uses);
    keep("day", &mail);
    insta::assert_snapshot!(whole(&mail));
}

/// A quota defined in the middle of a period: the time of its usage is unknown, and it is too early
/// for a projection.
#[test]
fn quota_defined_late() {
    let quota =
        quota(json!({"period": "day", "timezone": "UTC", "limit_bytes": 100, "thresholds": [50]}));
    let mail = mail_after(&quota, &[(at("2026-11-20T00:50:00Z"), 55)]);
    insta::assert_snapshot!(whole(&Mail { html: String::new(), ..mail }));
}

/// SES accepts mails again at two in the morning, after the end of the period.
#[test]
fn ended_period() {
    let account = generate::<model::id::AccountPrefix>(at("2026-01-01T00:00:00Z"), [1; 10]);
    let quota = quota(json!({
        "period": "day", "timezone": "UTC", "enforce": true, "account": account,
        "limit_bytes": 1500, "route": "list",
    }));
    let uses = [(at("2026-11-20T00:00:30Z"), 100), (at("2026-11-20T23:58:00Z"), 1400)];
    let ended = standing_after(&quota, &uses).roll_over(&quota, at("2026-11-21T00:00:05Z"));
    let now = at("2026-11-21T02:00:00Z");
    let errand = ended.due_mail(now).unwrap();
    let mail =
        mail(&quota, ended.period_usage(errand.period).unwrap(), errand.threshold, None, now)
            .unwrap();
    keep("late", &mail);
    insta::assert_snapshot!(whole(&Mail { html: String::new(), ..mail }));
}

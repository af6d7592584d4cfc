//! Quotas, from definition to enforcement.

use std::time::{Duration, Instant};

use crate::{home::Home, server::Server};

#[test]
fn quotas_are_applied_listed_shown_enforced_and_deleted() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.operator);
    // An API key contains its account's id.
    let account = format!("acc_{}", server.tenant.split('_').nth(1).unwrap());
    let file = home.write(
        "daily.json",
        &format!(
            r#"{{"limit_bytes": 1000, "type": "egress", "account": "{account}",
                "period": "day", "recipients": ["ops@example.com"], "enforce": true}}"#
        ),
    );
    assert_eq!(home.run(&["quotas", "apply", &file]).ok(), "daily\tcreated");
    assert_eq!(home.run(&["quotas", "apply", &file]).ok(), "daily\tupdated");

    let tenant = Home::with(&server.url, &server.tenant);
    let event = r#"{"specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop",
        "id": "1", "data": {"service": "shop", "type": "egress", "bytes": 1010}}"#;
    let reported = tenant.run_with(&["usage", "report", "-"], event);
    assert_eq!(reported.code, 0, "{reported:?}");
    // Wait until the quota check has run and the cached account is read again.
    let begun = Instant::now();
    while tenant.run(&["submit", "echo", "1"]).code != 7 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", tenant.run(&["quotas", "list"]));
    }
    let refused = tenant.run(&["submit", "echo", "1"]);
    assert!(refused.err.contains("The quota daily of 1000 bytes is used up"), "{refused:?}");
    let list = tenant.run(&["quotas", "list"]).ok();
    assert!(list.starts_with("NAME") && list.contains("1010") && list.contains("101"), "{list}");
    assert!(tenant.run(&["quotas", "show", "daily"]).ok().contains("crossed_at"));
    assert_eq!(home.run(&["quotas", "delete", "daily"]).ok(), "daily\tdeleted");
    assert_eq!(home.run(&["quotas", "show", "daily"]).code, 5);
}

//! Sources defined in files; usage reports and charts.

use serde_json::Value;

use crate::{home::Home, server::Server};

const KONG: &str =
    r#"{"type": "prometheus", "url": "https://kong.example:8100/metrics", "preset": "kong3"}"#;

fn event(id: &str, bytes: u64) -> String {
    let source = r#""specversion":"1.0","type":"tollgate.bandwidth","source":"/shop""#;
    let data = format!(r#"{{"service":"shop","route":"/cart","type":"egress","bytes":{bytes}}}"#);
    format!(r#"{{{source},"id":"{id}","data":{data}}}"#)
}

#[test]
fn sources_are_applied_listed_shown_and_deleted() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.operator);
    let file = home.write("kong.json", KONG);
    assert_eq!(home.run(&["sources", "apply", &file]).ok(), "kong\tcreated");
    insta::assert_snapshot!("sources", home.run(&["sources", "list"]).ok());
    assert!(home.run(&["sources", "show", "kong"]).ok().contains("kong3"));
    assert_eq!(home.run(&["sources", "delete", "kong"]).ok(), "kong\tdeleted");
    assert_eq!(home.run(&["sources", "show", "kong"]).code, 5);
}

#[test]
fn usage_is_counted_once_and_charted() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    assert_eq!(home.run(&["usage"]).ok(), "No usage was reported.");
    let file = home.write("events.jsonl", &format!("{}\n{}\n", event("1", 1500), event("2", 500)));
    assert_eq!(home.run(&["usage", "report", &file]).ok(), "2 counted, 0 duplicates, 0 refused");
    let again = home
        .run_with(&["usage", "report", "-"], &format!("[{},{}]", event("2", 500), event("3", 1)));
    assert_eq!(again.ok(), "1 counted, 1 duplicates, 0 refused");
    let refused = home.run_with(&["usage", "report", "-"], &event("4", 1).replace("egress", "up"));
    assert_eq!(
        (refused.code, refused.out.as_str()),
        (3, "0 counted, 0 duplicates, 1 refused\n"),
        "{refused:?}"
    );
    assert!(refused.err.contains("/data/type"), "{refused:?}");
    let drawn = home.run(&["usage", "--service", "shop", "--lookback", "5m"]).ok();
    assert!(drawn.starts_with("shop /cart egress\n") && drawn.contains("2.0 kB in all"), "{drawn}");
    let json: Value =
        serde_json::from_str(&home.run(&["usage", "--type", "egress", "-o", "json"]).ok()).unwrap();
    let sum: u64 = json["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|point| point["bandwidth_used"].as_u64())
        .sum();
    assert_eq!(sum, 2001);
    assert_eq!(home.run(&["usage", "--lookback", "32d"]).code, 3);
}

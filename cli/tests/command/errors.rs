//! Each failure has its exit code and a helpful message, which never contains the key.

use crate::{home::Home, server::Server};

#[test]
fn each_failure_has_its_exit_code_and_a_helpful_message() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    let stranger = Home::with(&server.url, "tg_nobody");
    let job = "job_01kadz9p00e8zsf5wk2c1a2b3c";
    let runs = [
        home.run(&["submit", "echo", "not json"]),
        home.run(&["jobs", "show", "job_7"]),
        home.run(&["submit", "nothing-of-the-sort"]),
        stranger.run(&["jobs", "list"]),
        home.run(&[
            "kinds",
            "apply",
            &home.write("echo.json", r#"{"schema": {}, "target": {"type": "echo"}}"#),
        ]),
        home.run(&["jobs", "show", job]),
        Home::with(&server.url.replace("live", "dead"), &server.tenant).run(&["jobs", "list"]),
        Home::new().run(&["jobs", "list"]),
        home.run(&["jobs", "list", "--limit", "0"]),
        home.run(&["jobs", "show", ".."]),
        home.run(&["submit", "echo", "--timeout", "5s"]),
        home.run(&["--url", "ftp://example.com", "jobs", "list"]),
    ];
    let codes: Vec<_> = runs.iter().map(|run| run.code).collect();
    assert_eq!(codes, [2, 3, 3, 4, 4, 5, 5, 2, 2, 2, 2, 2], "{runs:#?}");
    let said: Vec<_> = runs.iter().map(|run| run.err.trim_end()).collect();
    let said = said.join("\n\n").replace(home.file("").to_str().unwrap(), "~/");
    let said = without_requests(&said);
    insta::assert_snapshot!(said);
    for run in &runs {
        assert!(run.out.is_empty(), "{run:?}");
        assert!(!run.err.contains(&server.tenant), "the key is shown: {run:?}");
    }
}

/// Replaces request ids, which differ from run to run.
fn without_requests(text: &str) -> String {
    let mut parts = text.split(", request ");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once(')').unwrap().1);
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(", request …)")
}

#[test]
fn reports_an_unreachable_server() {
    // A port that was free a moment ago, so that the connection is refused.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = Home::with(&format!("http://127.0.0.1:{port}"), "tg_secret").run(&["jobs", "list"]);
    assert_eq!(run.code, 9, "{run:?}");
    assert!(
        run.err.contains(&format!("cannot reach http://127.0.0.1:{port}: Connection refused")),
        "{run:?}"
    );
    assert!(!run.err.contains("tg_secret"), "{run:?}");
}

#[test]
fn prints_the_idempotency_key_after_an_outage() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let home = Home::with(&format!("http://127.0.0.1:{port}"), "tg_secret");
    let run = home.run(&["submit", "echo", "--idempotency-key", "once"]);
    assert_eq!(run.code, 9, "{run:?}");
    assert!(run.err.contains("--idempotency-key once"), "{run:?}");
}

#[test]
fn exits_with_141_when_the_output_is_closed() {
    let home = Home::new();
    let mut command = home.command(&["completions", "bash"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(141), vec![]));
}

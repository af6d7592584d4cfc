//! Profiles, and the protection of their keys.

use std::{fs, os::unix::fs::PermissionsExt};

use rexpect::{reader::Options, session::spawn_with_options};

use crate::{home::Home, server::Server};

#[test]
fn key_file_is_private_and_keys_are_never_printed() {
    let server = Server::start();
    let home = Home::new();
    let login = home.run_with(&["login", "--url", &server.url], &server.tenant);
    assert_eq!(login.code, 0, "{login:?}");
    let folder = home.file("config/tollgate");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("profiles.toml"))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "unexpected files");

    assert_eq!(
        home.run(&["jobs", "list", "-o", "json"]).ok(),
        r#"{"items":[],"next_cursor":null}"#
    );
    let list = home.run(&["profile", "list"]);
    assert_eq!(list.out, format!("* default  {}\n", server.url));
    for run in [login, list] {
        assert!(!run.out.contains("tg_") && !run.err.contains("tg_"), "{run:?}");
    }

    fs::set_permissions(folder.join("profiles.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = home.run(&["jobs", "list"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("chmod 600"), "{refused:?}");
}

#[test]
fn does_not_echo_a_typed_key() {
    let server = Server::start();
    let home = Home::new();
    let login = home.command(&["login", "--url", &server.url]);
    let mut terminal = spawn_with_options(login, Options::new().timeout_ms(Some(20_000))).unwrap();
    terminal.exp_string(&format!("Key for {}: ", server.url)).unwrap();
    terminal.send_line(&server.tenant).unwrap();
    let shown = terminal.exp_eof().unwrap();
    assert!(
        shown.contains("The profile default holds the key") && !shown.contains("tg_"),
        "{shown}"
    );
    home.run(&["jobs", "list"]).ok();
}

#[test]
fn login_does_not_save_an_invalid_key() {
    let server = Server::start();
    let home = Home::new();
    let login = home.run_with(&["login", "--url", &server.url], "tg_nobody\n");
    assert_eq!(login.code, 4, "{login:?}");
    assert_eq!(home.run(&["profile", "list"]).ok(), "");
    assert_eq!(home.run_with(&["login", "--url", &server.url], " \n").code, 2);
}

#[test]
fn flags_override_the_environment_which_overrides_the_profile() {
    let server = Server::start();
    let home = Home::with(&server.url, &server.tenant);
    for (name, key) in [("tenant", &server.tenant), ("operator", &server.operator)] {
        home.run_with(&["profile", "add", name, "--url", &server.url], key).ok();
    }
    assert_eq!(home.run(&["profile", "list"]).ok().lines().count(), 2);
    let id = home.run(&["submit", "echo"]).ok();
    let show = ["jobs", "show", &id];
    home.run(&show).ok();
    // A job of another account is not found: the flag selects the operator's key, which reads its
    // own account.
    assert_eq!(home.run(&["--profile", "operator", "jobs", "show", &id]).code, 5);
    assert_eq!(home.run(&["--profile", "nobody", "jobs", "show", &id]).code, 2);
    home.run(&["profile", "use", "operator"]).ok();
    home.run(&show).ok();
    home.run(&["profile", "remove", "operator"]).ok();
    assert!(!home.run(&["profile", "list"]).ok().contains('*'));
}

#[test]
fn sends_a_profiles_key_only_to_its_own_server() {
    let server = Server::start();
    let home = Home::new();
    home.run_with(&["login", "--url", &server.url], &server.tenant).ok();
    home.run(&["--url", &server.url, "jobs", "list"]).ok();
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let run = home.run(&[
        "--url",
        &format!("http://{}", elsewhere.local_addr().unwrap()),
        "jobs",
        "list",
    ]);
    assert_eq!(run.code, 2, "{run:?}");
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err(), "a server was contacted");
}

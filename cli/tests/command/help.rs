//! Help, completions and man pages.

use crate::home::Home;

#[test]
fn help_names_every_command_and_exit_code() {
    insta::assert_snapshot!(Home::new().run(&["--help"]).ok());
}

#[test]
fn every_command_has_help() {
    let home = Home::new();
    let commands = [
        "login",
        "profile",
        "submit",
        "jobs",
        "kinds",
        "schedules",
        "tables",
        "events",
        "rate",
        "usage",
        "quotas",
        "sources",
        "accounts",
        "keys",
        "secrets",
        "whoami",
        "heartbeat",
        "metrics",
    ];
    for command in commands {
        let help = home.run(&[command, "--help"]).ok();
        assert!(help.contains("Usage: tollgate"), "{help}");
    }
    insta::assert_snapshot!(home.run(&["submit", "--help"]).ok());
}

#[test]
fn generates_completions_and_man_pages() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]).ok();
        assert!(script.contains("idempotency-key") && script.contains("schedules"), "{shell}");
    }
    let page = home.run(&["man"]).ok();
    assert!(page.contains(".TH tollgate 1") && page.contains("ended by Ctrl"), "{page}");
    let folder = home.file("");
    home.run(&["man", "--into", folder.to_str().unwrap()]).ok();
    let page = std::fs::read_to_string(home.file("tollgate-jobs-cancel.1")).unwrap();
    assert!(page.contains("tollgate\\-jobs\\-cancel"), "{page}");
}

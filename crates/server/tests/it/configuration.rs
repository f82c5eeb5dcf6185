//! The configuration as an operator meets it.

use crate::binary::{keel, run};

#[test]
fn the_printed_configuration_shows_flag_over_variable_over_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("keel.toml");
    std::fs::write(&file, "ring_timeout_s = 11\n[http]\nport = 1111\n[media]\nport = 11111\n")
        .expect("written");
    let output = keel(dir.path(), &["--config", "keel.toml", "--media-port", "33333", "--print-config"])
        .env("KEEL_MEDIA_PORT", "22222")
        .env("KEEL_HTTP_PORT", "2222")
        .output()
        .expect("keel runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success());
    for line in ["ring_timeout_s = 11", "port = 2222", "port = 33333", "shutdown_deadline_s = 10"] {
        assert!(text.lines().any(|found| found == line), "{line:?} is missing:\n{text}");
    }
}

#[test]
fn the_printed_configuration_is_a_configuration_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = keel(dir.path(), &["--print-config", "--workers=3"]).output().expect("keel runs");
    std::fs::write(dir.path().join("again.toml"), &first.stdout).expect("written");
    let again =
        keel(dir.path(), &["--print-config"]).env("KEEL_CONFIG", "again.toml").output().expect("keel runs");
    assert!(String::from_utf8_lossy(&first.stdout).contains("workers = 3"));
    assert_eq!(first.stdout, again.stdout);
}

#[test]
fn secrets_do_not_reach_the_terminal() {
    let variables =
        [("KEEL_ACCESS_TOKENS", "aaaaaaaaaaaaaaaaaaaa"), ("KEEL_ADMIN_TOKEN", "bbbbbbbbbbbbbbbbbbbb")];
    let output = run(&["--print-config"], &variables);
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success() && text.matches("(hidden)").count() == 2, "{text}");
    assert!(!text.contains("aaaa") && !text.contains("bbbb"), "{text}");
}

#[test]
fn a_public_bind_without_tokens_does_not_start() {
    let output = run(&["--http-addresses", "0.0.0.0"], &[]);
    let reason = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(reason.contains("KEEL_ACCESS_TOKENS") && reason.contains("KEEL_ACCESS=open"), "{reason}");
}

#[test]
fn mistakes_of_all_sources_are_reported_together() {
    let output = run(&["--http-port", "99999"], &[("KEEL_LOG_FORMAT", "xml"), ("KEEL_WORKERS", "two")]);
    let reason = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    for part in [
        "--http-port: ",
        "KEEL_LOG_FORMAT: ",
        "expected `text` or `json`",
        "KEEL_WORKERS: expected a whole number",
    ] {
        assert!(reason.contains(part), "{part:?} is missing:\n{reason}");
    }
}

#[test]
fn help_and_version_are_there() {
    let help = run(&["--help"], &[]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("--tls-self-signed"));
    let version = run(&["--version"], &[]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("keel 0."));
}

#[test]
fn a_token_is_made_with_the_configured_secret() {
    let secret = ("KEEL_TOKEN_SECRET", "0123456789abcdef0123456789abcdef");
    let made = run(&["token", "--room", "tea", "--name", "Ann", "--valid-s", "60"], &[secret]);
    let token = String::from_utf8(made.stdout).expect("text");
    assert!(made.status.success() && token.trim().split('.').count() == 3, "{token}");

    for (arguments, variables, reason) in [
        (vec!["token", "--call"], vec![], "KEEL_TOKEN_SECRET"),
        (vec!["token", "--name", " "], vec![secret], "the name is empty"),
        (vec!["token", "--room", ""], vec![secret], "--room: names are"),
        (vec!["token", "--valid-s", "0"], vec![secret], "--valid-s"),
    ] {
        let refused = run(&arguments, &variables);
        let words = String::from_utf8(refused.stderr).expect("text");
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{arguments:?}");
        assert!(words.contains(reason), "{arguments:?}: {words}");
    }
}

#[test]
fn keys_that_cannot_be_read_stop_the_start() {
    let output = run(&["--token-keys", "nowhere.json"], &[]);
    let reason = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success());
    assert!(
        reason.contains("tokens.keys: nowhere.json") && reason.contains("cannot read the file"),
        "{reason}"
    );
}

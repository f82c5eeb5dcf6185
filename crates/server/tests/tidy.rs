//! Rules of the source text that the compiler and clippy do not know. Each is a line of ARCHITECTURE.md's
//! invariants or of CONTRIBUTING.md; a finding names file, line and rule.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders that hold our text.
const FOLDERS: [&str; 8] = [".ci", "benches", "crates", "examples", "fuzz", "scripts", "tests", "web"];

/// The endings of files that are read; scripts have none.
const ENDINGS: [&str; 9] = ["rs", "toml", "js", "mjs", "css", "html", "svg", "sh", ""];

/// A file this long holds a second idea.
const LINES_MAX: usize = 800;

/// Names of layers, not of things.
const NAMES: [&str; 11] = [
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "handler", "handlers", "types",
    "misc",
];

/// Split, so that this file does not find itself.
const UNFINISHED: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
];

const CLOCKS: [&str; 3] = ["Instant::now(", "SystemTime::now(", ".elapsed()"];

#[test]
fn the_sources_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository");
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let forward = root.join("crates/media/src/forward/mod.rs");
    assert!(files.contains(&forward), "the search misses {}", forward.display());

    let mut findings = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        findings.extend(check(file.strip_prefix(&root).expect("below the root"), &text));
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    // Not every folder of the list exists in every state of the repository.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["node_modules", "target", "corpus", "artifacts", "fixtures"].contains(&name.as_str()) {
                collect(&path, files);
            }
        } else if ENDINGS.contains(&path.extension().unwrap_or_default().to_string_lossy().as_ref()) {
            files.push(path);
        }
    }
}

/// What is wrong with the file at `path`, relative to the repository.
fn check(path: &Path, text: &str) -> Vec<String> {
    let shown = path.display().to_string();
    let mut findings = Vec::new();
    for part in path.with_extension("").iter() {
        if NAMES.contains(&part.to_string_lossy().as_ref()) {
            findings.push(format!("{shown}: {part:?} names a layer, not a thing"));
        }
    }
    let count = text.lines().count();
    if count > LINES_MAX {
        findings.push(format!("{shown}: {count} lines; look for a second idea"));
    }
    let place = Place::of(&shown);
    let mut above = "";
    let mut in_tests = shown.ends_with("/tests.rs") || shown.contains("/tests/");
    for (number, line) in text.lines().enumerate() {
        in_tests |= line.starts_with("#[cfg(test)]");
        let code = if shown.ends_with(".rs") { line.split("//").next().unwrap_or_default() } else { line };
        let mut find = |rule: String| findings.push(format!("{shown}:{}: {rule}", number + 1));
        for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
            find(format!("{word}: finish it, or write an issue"));
        }
        if place.is_forward && !in_tests {
            let forbidden =
                ["Instant::now", "SystemTime", ".elapsed()", "rand::rng", "thread_rng", "tokio", "std::net"];
            for word in forbidden.iter().filter(|word| code.contains(**word)) {
                find(format!("{word}: media::forward has no clock, no chance, no socket and no runtime"));
            }
        }
        if place.explains_clocks && !in_tests && !line.contains("clock:") && !above.contains("clock:") {
            for word in CLOCKS.iter().filter(|word| code.contains(**word)) {
                find(format!("{word}: a clock read needs `clock:` and its reason on the line or above"));
            }
        }
        // Tests may: as a second implementation to compare with.
        if place.is_apart_from_webrtc_rs && !in_tests {
            for name in webrtc_rs_paths(code) {
                find(format!("{name}: only media/src/session and turn/src/stun name webrtc-rs"));
            }
        }
        above = line;
    }
    findings
}

/// Which rules apply to a file.
struct Place {
    is_forward: bool,
    explains_clocks: bool,
    is_apart_from_webrtc_rs: bool,
}

impl Place {
    fn of(path: &str) -> Self {
        let is_rust = path.ends_with(".rs");
        let names_webrtc_rs =
            // TURN's messages are STUN's: numbers and encoding come from rtc-stun there, too.
            ["crates/media/src/session/", "crates/turn/src/stun/", "crates/load/src/peer/", "crates/testkit/", "examples/"]
                .iter()
                .any(|part| path.starts_with(part));
        Self {
            is_forward: is_rust && path.starts_with("crates/media/src/forward/"),
            explains_clocks: is_rust
                && ["crates/media/src/", "crates/signaling/src/", "crates/turn/src/"]
                    .iter()
                    .any(|part| path.starts_with(part)),
            is_apart_from_webrtc_rs: is_rust && path.contains("/src/") && !names_webrtc_rs,
        }
    }
}

/// The paths in a line of code that begin with a webrtc-rs crate. A module of ours with such a name is
/// reached through its parent or `crate`, `self`, `super`.
fn webrtc_rs_paths(code: &str) -> Vec<String> {
    let is_word = |byte: char| byte.is_ascii_alphanumeric() || byte == '_';
    let mut found = Vec::new();
    for (place, _) in code.match_indices("::") {
        let before = code.get(..place).unwrap_or_default();
        let name = before.rsplit(|byte| !is_word(byte)).next().unwrap_or_default();
        let begins_path = !before.get(..before.len() - name.len()).unwrap_or_default().ends_with(':');
        if begins_path && (name.starts_with("rtc_") || name == "rtcp" || name == "webrtc") {
            found.push(name.to_owned());
        }
    }
    found
}

#[test]
fn each_rule_finds_what_it_forbids() {
    for (path, text, rule) in [
        ("crates/media/src/forward/layer.rs", "let now = Instant::now();", "no clock"),
        ("crates/media/src/forward/layer.rs", "use tokio::sync::mpsc;", "no runtime"),
        ("crates/media/src/forward/layer.rs", "let coin = rand::rng();", "no chance"),
        ("crates/media/src/forward/layer.rs", "use rtc_sdp::Session;", "only media/src/session"),
        ("crates/turn/src/server/mod.rs", "use rtc_stun::message::Message;", "turn/src/stun"),
        ("crates/turn/src/nonce.rs", "let now = Instant::now();", "needs `clock:`"),
        ("crates/media/src/worker/mod.rs", "let now = Instant::now();", "needs `clock:`"),
        ("crates/signaling/src/call/mod.rs", "if start.elapsed() > limit {", "needs `clock:`"),
        ("crates/media/src/rtp/rtcp.rs", "use rtcp::packet::Packet;", "only media/src/session"),
        ("crates/server/src/app.rs", "let peer = webrtc::PeerConnection::new();", "only media/src/session"),
        ("crates/media/src/worker/utils.rs", "", "names a layer"),
        ("web/common/call.js", "", "names a layer"),
        ("web/call.js", concat!("// TO", "DO later"), "finish it"),
        ("crates/media/src/lib.rs", concat!("dbg", "!(packet);"), "finish it"),
        ("benches/forward.rs", &"\n".repeat(LINES_MAX + 1), "second idea"),
    ] {
        let findings = check(Path::new(path), text);
        assert!(findings.iter().any(|finding| finding.contains(rule)), "{path}: {text:?} gave {findings:?}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, text) in [
        ("crates/media/src/forward/layer.rs", "//! Never names tokio; `now: Instant` is passed in."),
        ("crates/media/src/forward/layer.rs", "#[cfg(test)]\nmod tests {\n    let now = Instant::now();"),
        ("crates/media/src/worker/mod.rs", "let now = Instant::now(); // clock: once per tick"),
        ("crates/media/src/worker/mod.rs", "// clock: once per tick\nlet now = Instant::now();"),
        ("crates/media/src/session/dtls.rs", "use rtc_dtls::endpoint::Endpoint;"),
        ("crates/turn/src/stun/mod.rs", "use rtc_stun::message::MAGIC_COOKIE;"),
        ("crates/media/src/srtp/mod.rs", "use self::rtcp::SendContext; use crate::rtp::rtcp::Feedback;"),
        ("crates/media/src/srtp/tests/interop.rs", "use rtc_srtp::context::Context;"),
        ("crates/testkit/src/peer.rs", "use webrtc::PeerConnection;"),
        ("crates/media/src/pipeline/mod.rs", "pub use endpoint::webrtc::WebRtcEndpoint;"),
    ] {
        let findings = check(Path::new(path), text);
        assert!(findings.is_empty(), "{path}: {text:?} gave {findings:?}");
    }
}

//! `docs/performance.md`.

use super::{Aim, PAYLOAD, Row, Settings, Verdict, shape_name};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const METHOD: &str = "\
One worker on one core, the load (`keel-load`: real ICE, DTLS and SRTP peers, AES-128-GCM) on another, both on
loopback, where the sender pays for the receiver's half of the kernel's work. *Carried* is the highest rate found at
which no more than 0.1 % is lost. Beside each row stands the reference of the same minutes: plain `sendto`, flat out,
nothing sealed, to as many sockets (*sendto*), and the same copies sealed and sent in segmented runs with nothing
around them (*bare*). Only ratios to `sendto` can be compared between machines. Where other programs share the two
cores, rates fall with the share that is left, while CPU time for each packet (in microseconds) hardly changes.
";

/// The whole page.
pub(super) fn write(settings: &Settings, rows: &[Row], aims: &[Aim]) -> String {
    let mut page = String::from("# Performance\n\n");
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line(&format!(
        "Written by `scripts/bench`{}, {}.\n",
        if settings.quick { " --quick" } else { "" },
        machine()
    ));
    line(METHOD);
    line(&format!("![ratio to sendto](performance.svg)\n\nPayloads of {PAYLOAD} bytes; packets/s.\n"));
    line(
        "| scenario | packets | carried | sendto | ratio | CPU us each | sendto's us | bare | frame p50, p99 ms |",
    );
    line("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        line(&cells(row));
    }
    if rows.iter().any(|row| !row.found.generator_limit.is_empty()) {
        line(
            "\n`≥`: the load generator was at its own limit at the next higher rate; the server may do more.",
        );
    }
    line("\n## Aims\n\n| what | wanted | found | |\n| --- | --- | --- | --- |");
    for Aim { name, wanted, found, verdict } in aims {
        let verdict = match verdict {
            Verdict::Met => "met".to_owned(),
            Verdict::Missed => "**missed**".to_owned(),
            Verdict::Void(reason) => format!("void: {reason}"),
        };
        line(&format!("| {name} | {wanted} | {found} | {verdict} |"));
    }
    page
}

fn cells(row: &Row) -> String {
    let report = &row.found.report;
    let at_least = if row.found.generator_limit.is_empty() { "" } else { "≥ " };
    let cost = report.server.and_then(|server| server.microseconds_per_packet);
    let [cost, p50, p99] = [cost, report.frame_latency.p50_ms, report.frame_latency.p99_ms]
        .map(|value| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}")));
    format!(
        "| {} | {} | {at_least}{:.0} | {:.0} | {at_least}{:.2} | {cost} | {:.2} | {:.0} | {p50}, {p99} |",
        row.name.replace("->", "→"),
        shape_name(row.shape),
        report.delivered_per_second,
        row.sendto.packets_per_second,
        row.ratio(),
        row.sendto.microseconds_per_packet,
        row.segmented.packets_per_second,
    )
}

/// Date, processor, kernel, and how busy the machine was with other things.
fn machine() -> String {
    let mut text = said_by("date", &["-u", "+%F %H:%M UTC"]);
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().nth(2).unwrap_or("unknown");
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        ", {} ({cores} cores), Linux {}; load average of the last 15 minutes {load} (about 1.5 is this benchmark's \
         own, more is other programs')",
        model.unwrap_or("an unknown processor"),
        said_by("uname", &["-r"]),
    );
    text
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

//! Bandwidth estimation, and what watchers notice, on networks that misbehave, in virtual time: the same seed gives the same figures.

mod camera;
mod conference;
mod controller;
mod hall;
mod layers;
mod microphone;
mod receiver;
mod room;
mod scenario;
mod sender;
mod stories;
mod table;
mod viewer;
mod watcher;

use controller::Controller;
use std::path::Path;

const BEGIN: &str = "<!-- The rest is made by running them: KEEL_WRITE_DOCS=1 cargo test -p keel-testkit --test networks docs_tables -->\n";
const SEED: u64 = 4;

#[test]
fn the_docs_tables_are_what_the_networks_give() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/networks.md");
    let text = std::fs::read_to_string(&file).expect("docs/networks.md is there");
    let (prose, tables) =
        text.split_once(BEGIN).expect("docs/networks.md has the mark where its tables begin");
    let (sender, watcher, layers) = (table::table(SEED), stories::table(SEED), layers::table(SEED));
    let hall = hall::table(SEED);
    let wanted = format!(
        "\n## A sender that always has more to send\n{sender}\n## A watcher behind the whole core\n{watcher}\n\
         ## Watchers of three encodings behind the whole core\n{layers}\n\
         ## A room of twenty\n{hall}"
    );
    if std::env::var_os("KEEL_WRITE_DOCS").is_some() {
        std::fs::write(&file, format!("{prose}{BEGIN}{wanted}")).expect("docs/networks.md can be written");
        return;
    }
    assert!(
        tables == wanted,
        "docs/networks.md differs from what the networks give:\n{wanted}\nwrite it anew with\n  \
         KEEL_WRITE_DOCS=1 cargo test -p keel-testkit --test networks docs_tables"
    );
}

#[test]
fn a_fall_of_capacity_is_followed_and_its_return_too_whatever_the_seed() {
    let step = table::step();
    for seed in 0..8 {
        let outcomes = step.run(seed, Controller::keel);
        step.check(&outcomes[0], &format!("seed {seed}"));
    }
}

#[test]
fn the_encoding_follows_a_fall_of_capacity_and_its_return_whatever_the_seed() {
    for seed in 0..8 {
        layers::step().check_with(seed);
    }
}

/// Why the estimator is our own (ARCHITECTURE.md, "Decisions").
#[test]
fn rtc_interceptor_uses_less_queues_longer_and_recovers_later() {
    let step = table::step();
    let ours = &step.run(SEED, Controller::keel)[0];
    let theirs = &step.run(SEED, |_| Controller::interceptor())[0];
    assert!(step.used(theirs) < 0.6 * step.used(ours), "{} of {}", step.used(theirs), step.used(ours));
    assert!(theirs.long_wait > 5 * ours.long_wait, "{:?} against {:?}", theirs.long_wait, ours.long_wait);
    let recovery = |outcome| step.recovery(outcome);
    assert!(
        recovery(theirs).is_none_or(|after| after > 2 * recovery(ours).expect("ours recovers")),
        "it recovers as fast"
    );
}

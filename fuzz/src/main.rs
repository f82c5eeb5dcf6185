//! `keel-fuzz TARGET RUNS [SEED]`: runs one target for long; `keel-fuzz` names the targets.

use anyhow::{Context, Result};
use keel_fuzz::{TARGETS, Target};
use std::io::Write;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout();
    let [name, runs, rest @ ..] = arguments.as_slice() else {
        for target in TARGETS {
            writeln!(out, "{}", target.name)?;
        }
        return Ok(());
    };
    let target = Target::find(name).with_context(|| format!("there is no target {name}"))?;
    let runs = runs.parse().context("RUNS is a number")?;
    let seed = rest.first().map_or(Ok(1), |seed| seed.parse()).context("SEED is a number")?;
    target.fuzz(seed, runs)?;
    writeln!(out, "{name}: {runs} inputs from seed {seed}, no failure")?;
    Ok(())
}

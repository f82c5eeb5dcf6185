//! Fuzz targets for everything in Keel that reads bytes from the network.
//!
//! A target is a plain function: it must not panic, and it checks what a reader may rely on afterwards.
//! Two drivers feed it. The seeded [`mutate`] runs on stable Rust: a bounded number of inputs in
//! `cargo test -p keel-fuzz`, as many as wished by `scripts/fuzz`. `fuzz_targets/` holds the entry points
//! for cargo-fuzz, which sees the code's coverage but needs a nightly compiler.

pub mod mutate;
pub mod seeds;
pub mod targets;

pub use targets::TARGETS;

use mutate::mutated;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One parser under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, as in `fuzz_targets/`.
    pub name: &'static str,
    /// Inputs that the parser accepts, to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Panics when the parser is wrong.
    pub run: fn(&[u8]),
}

/// An input on which a target panicked.
#[derive(Debug)]
pub struct Failure {
    target: &'static str,
    seed: u64,
    input: Vec<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, seed, input } = self;
        write!(f, "{target} panicked; again: cargo run -p keel-fuzz -- {target} 1 {seed}; input: ")?;
        input.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::error::Error for Failure {}

impl Target {
    /// The target of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        TARGETS.iter().copied().find(|target| target.name == name)
    }

    /// Runs the seeds themselves, then `runs` mutations of them. Run `n` follows from `seed + n` alone.
    ///
    /// # Errors
    /// The first input on which the target panicked.
    pub fn fuzz(&self, seed: u64, runs: u64) -> Result<(), Failure> {
        let seeds = (self.seeds)();
        for input in &seeds {
            self.try_input(seed, input)?;
        }
        for seed in (0..runs).map(|run| seed.wrapping_add(run)) {
            self.try_input(seed, &mutated(seed, &seeds))?;
        }
        Ok(())
    }

    fn try_input(&self, seed: u64, input: &[u8]) -> Result<(), Failure> {
        catch_unwind(AssertUnwindSafe(|| (self.run)(input))).map_err(|_| Failure {
            target: self.name,
            seed,
            input: input.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_and_its_seed_finds_it_again() {
        let target = Target {
            name: "picky",
            seeds: || vec![b"seed".to_vec()],
            run: |input| assert!(input.len() < 6, "a parser that cannot bear six bytes"),
        };
        let failure = target.fuzz(1, 10_000).expect_err("mutation makes longer inputs");
        let again = target.fuzz(failure.seed, 1).expect_err("the seed alone decides the input");
        assert_eq!(failure.input, again.input);
        assert!(failure.to_string().contains("cargo run -p keel-fuzz -- picky 1 "), "{failure}");
    }
}

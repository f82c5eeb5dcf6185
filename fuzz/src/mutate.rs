//! Turns inputs that a parser accepts into ones that it nearly accepts.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// No input grows past this: longer than any datagram, and than any message that signaling reads.
const INPUT_BYTES_MAX: usize = 70_000;
/// Changes made to one input at most.
const CHANGES_MAX: u32 = 8;
/// Numbers at which length fields and counters go wrong.
const NUMBERS: [u32; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0xffff_ffff];

/// The input that `seed` makes of `seeds`.
#[must_use]
pub fn mutated(seed: u64, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut input = pick(&mut rng, seeds).to_vec();
    for _ in 0..rng.random_range(1..=CHANGES_MAX) {
        change(&mut rng, &mut input, seeds);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn pick<'a>(rng: &mut StdRng, seeds: &'a [Vec<u8>]) -> &'a [u8] {
    if seeds.is_empty() { &[] } else { &seeds[rng.random_range(0..seeds.len())] }
}

fn change(rng: &mut StdRng, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let length = input.len();
    if length == 0 {
        input.push(rng.random());
        return;
    }
    let at = rng.random_range(0..length);
    match rng.random_range(0..9) {
        0 => input[at] ^= 1 << rng.random_range(0..8),
        1 => input[at] = rng.random(),
        2 => input.truncate(at),
        3 => input.insert(at, rng.random()),
        4 => {
            let end = rng.random_range(at..length) + 1;
            input.drain(at..end);
        }
        5 => {
            let end = rng.random_range(at..length) + 1;
            let copy = input[at..end].to_vec();
            insert(input, at, &copy);
        }
        6 => {
            let other = pick(rng, seeds);
            if !other.is_empty() {
                let from = rng.random_range(0..other.len());
                let to = rng.random_range(from..other.len()) + 1;
                insert(input, at, &other[from..to]);
            }
        }
        7 => {
            let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_be_bytes();
            let width = [1, 2, 4][rng.random_range(0..3)];
            for (place, byte) in input[at..].iter_mut().zip(&number[4 - width..]) {
                *place = *byte;
            }
        }
        _ => replace_decimal(rng, input, at),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if input.len() + bytes.len() <= INPUT_BYTES_MAX {
        input.splice(at..at, bytes.iter().copied());
    }
}

/// Replaces the digits around `at`, in texts, by another number.
fn replace_decimal(rng: &mut StdRng, input: &mut Vec<u8>, at: usize) {
    let is_digit = |index: &usize| input.get(*index).is_some_and(u8::is_ascii_digit);
    let end = (at..input.len()).take_while(is_digit).last().map_or(at, |last| last + 1);
    let number = NUMBERS[rng.random_range(0..NUMBERS.len())].to_string();
    input.splice(at..end, number.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_decides_its_input_and_seeds_differ() {
        let seeds = vec![b"a=candidate:1 1 udp 2130706431".to_vec(), vec![0x80; 40]];
        let inputs: BTreeSet<_> = (0..1_000).map(|seed| mutated(seed, &seeds)).collect();
        assert!(inputs.len() > 900, "{} of 1000 are different", inputs.len());
        assert!((0..1_000).all(|seed| inputs.contains(&mutated(seed, &seeds))));
    }

    #[test]
    fn no_input_grows_without_bound_and_an_empty_seed_grows_at_all() {
        let long = vec![vec![7; INPUT_BYTES_MAX]];
        assert!((0..500).all(|seed| mutated(seed, &long).len() <= INPUT_BYTES_MAX));
        assert!((0..50).any(|seed| mutated(seed, &[vec![]]).len() > 1));
    }
}

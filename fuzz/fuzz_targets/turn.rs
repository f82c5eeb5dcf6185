//! cargo-fuzz entry point: `cargo +nightly fuzz run --features libfuzzer turn`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| keel_fuzz::targets::turn(input));

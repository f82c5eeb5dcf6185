//! The call protocol.

/// Three browsers send the lines of `play`; whatever they are, nothing is left once all have gone.
pub fn signaling(play: &[u8]) {
    keel_signaling::fuzz_call_protocol(play);
}

//! The protocols of pages and of applications.

/// Three browsers send the lines of `play`; whatever they are, nothing is left once all have gone.
pub fn signaling(play: &[u8]) {
    keel_signaling::fuzz_call_protocol(play);
}

/// Three clients of group calls send the lines of `play`, in either form; whatever they are, nothing is left once
/// all have gone.
pub fn rooms(play: &[u8]) {
    keel_signaling::fuzz_room_protocol(play);
}

/// Two pages and a client of WHIP and WHEP send the lines of `play` for one stream; whatever they are, nothing is
/// left once all have gone.
pub fn streams(play: &[u8]) {
    keel_signaling::fuzz_stream_protocol(play);
}

/// Two applications send the lines of `play` as Kurento requests; the objects they make are those of a model,
/// and nothing is left once all have gone.
pub fn kurento(play: &[u8]) {
    keel_signaling::fuzz_kurento_protocol(play);
}

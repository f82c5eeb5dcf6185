//! Datagrams in a stream: each behind its length (RFC 4571 §2).

/// Bytes of the length.
pub(super) const HEADER: usize = 2;
/// The longest datagram that is taken, as on the UDP sockets: what paths carry is below 1,500 bytes, and
/// libwebrtc's largest below 1,300.
pub(super) const FRAME_MAX: usize = 2048;

/// Cuts datagrams off the bytes of a stream, to be decrypted where they lie.
pub(crate) struct Frames<'a> {
    rest: &'a mut [u8],
    is_too_long: bool,
}

impl<'a> Frames<'a> {
    pub(crate) const fn new(bytes: &'a mut [u8]) -> Self {
        Self { rest: bytes, is_too_long: false }
    }

    /// Whether a length came that no datagram of a peer has. Nothing behind it can be read.
    pub(crate) const fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// The beginning of a datagram whose end has not come.
    pub(crate) fn rest(&self) -> &[u8] {
        self.rest
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a mut [u8];

    fn next(&mut self) -> Option<&'a mut [u8]> {
        let header = self.rest.first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes(*header));
        if length > FRAME_MAX {
            self.is_too_long = true;
            return None;
        }
        if self.rest.len() < HEADER + length {
            return None;
        }
        let (frame, rest) = std::mem::take(&mut self.rest).split_at_mut(HEADER + length);
        self.rest = rest;
        frame.get_mut(HEADER..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The datagrams of a stream that comes in pieces of these lengths, in turns.
    fn received(stream: &[u8], pieces: &[usize]) -> (Vec<Vec<u8>>, bool) {
        let (mut datagrams, mut buffer, mut at) = (Vec::new(), Vec::new(), 0);
        for piece in pieces.iter().cycle() {
            let end = stream.len().min(at + piece);
            buffer.extend_from_slice(&stream[at..end]);
            at = end;
            let mut frames = Frames::new(&mut buffer);
            datagrams.extend((&mut frames).map(|frame| frame.to_vec()));
            if frames.is_too_long() {
                return (datagrams, true);
            }
            let rest = frames.rest().to_vec();
            assert!(rest.len() < HEADER + FRAME_MAX, "what is kept has a bound");
            buffer = rest;
            if at == stream.len() {
                break;
            }
        }
        (datagrams, false)
    }

    // covers: RFC 4571 §2
    proptest! {
        #[test]
        fn datagrams_survive_any_cut(
            lengths in prop::collection::vec(0..=FRAME_MAX, 0..8),
            pieces in prop::collection::vec(1..3000_usize, 1..8),
        ) {
            let datagrams: Vec<Vec<u8>> =
                lengths.iter().zip(1..).map(|(length, fill)| vec![fill; *length]).collect();
            let stream: Vec<u8> = datagrams
                .iter()
                .flat_map(|datagram| [&(datagram.len() as u16).to_be_bytes(), &datagram[..]].concat())
                .collect();
            prop_assert_eq!(received(&stream, &pieces), (datagrams, false));
        }
    }

    #[test]
    fn a_length_that_no_datagram_has_ends_it() {
        let stream = [[0, 1, 7].as_slice(), &(FRAME_MAX as u16 + 1).to_be_bytes(), &[0; 10]].concat();
        for piece in [1, 2, 100] {
            assert_eq!(received(&stream, &[piece]), (vec![vec![7]], true));
        }
    }
}

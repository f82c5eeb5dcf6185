//! What a server must know of a ClientHello before it can configure an association: `use_srtp`, which
//! chooses the profile, and random and cookie, which tell one client's hello from another's.

/// The parts of a ClientHello that Keel acts on (RFC 5246 §7.4.1.2, RFC 6347 §4.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientHello<'a> {
    /// The client's random, the same in a hello and its repetition with a cookie.
    pub random: &'a [u8; 32],
    /// The cookie from a HelloVerifyRequest; empty in a first hello. At most 255 bytes.
    pub cookie: &'a [u8],
    /// The IANA numbers of `use_srtp` in the client's order, two bytes each; empty without the extension.
    profiles: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the body of a reassembled ClientHello. `None` where the bytes are no ClientHello of DTLS 1.2
    /// or lengths contradict each other.
    #[must_use]
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(body);
        // RFC 8446 §4.1.2: a client that also speaks a later version still says 1.2 here.
        if reader.array::<2>()? != &[0xfe, 0xfd] {
            return None;
        }
        let random = reader.array::<32>()?;
        let session_id = reader.vector8()?;
        let cookie = reader.vector8()?;
        let cipher_suites = reader.vector16()?;
        let compression_methods = reader.vector8()?;
        if session_id.len() > 32 || cipher_suites.len() % 2 != 0 || compression_methods.is_empty() {
            return None;
        }
        let mut hello = Self { random, cookie, profiles: &[] };
        if reader.0.is_empty() {
            // RFC 5246 §7.4.1.2: a hello may end here, without extensions.
            return Some(hello);
        }
        let mut extensions = Reader(reader.vector16()?);
        if !reader.0.is_empty() {
            return None;
        }
        while !extensions.0.is_empty() {
            let kind = u16::from_be_bytes(*extensions.array::<2>()?);
            let value = extensions.vector16()?;
            if kind == USE_SRTP {
                hello.profiles = parse_use_srtp(value)?;
            }
        }
        Some(hello)
    }

    /// The SRTP protection profiles offered, as IANA numbers in the client's order.
    pub fn profiles(&self) -> impl Iterator<Item = u16> + use<'a> {
        let (pairs, _) = self.profiles.as_chunks::<2>();
        pairs.iter().map(|pair| u16::from_be_bytes(*pair))
    }
}

/// RFC 5764 §9: the number of the extension.
const USE_SRTP: u16 = 14;

/// RFC 5764 §4.1.1: a list of profiles and a master key identifier, which WebRTC leaves empty.
fn parse_use_srtp(value: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader(value);
    let profiles = reader.vector16()?;
    reader.vector8()?;
    (profiles.len() % 2 == 0 && reader.0.is_empty()).then_some(profiles)
}

/// Takes from the front; every step is `None` where too little is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let [length] = *self.array()?;
        self.bytes(usize::from(length))
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_be_bytes(*self.array()?);
        self.bytes(usize::from(length))
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{fragments, records};
    use super::*;
    use proptest::prelude::*;

    /// The body of a ClientHello as a browser's datagrams carried it, in order and unbroken.
    fn captured(datagrams: [&[u8]; 2]) -> Vec<u8> {
        let mut body = Vec::new();
        for datagram in datagrams {
            for record in records(datagram) {
                for fragment in fragments(record.expect("a captured record").body) {
                    body.extend_from_slice(fragment.expect("a captured fragment").data);
                }
            }
        }
        body
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/dtls/", $name))
        };
    }

    #[test]
    fn chromiums_hello_offers_the_gcm_profiles_after_its_favourite() {
        let first = captured([fixture!("chromium156.first.0.bin"), fixture!("chromium156.first.1.bin")]);
        let hello = ClientHello::parse(&first).expect("Chromium's hello parses");
        assert_eq!(hello.profiles().collect::<Vec<_>>(), [1, 8, 7]);
        assert!(hello.cookie.is_empty());

        let second = captured([fixture!("chromium156.second.0.bin"), fixture!("chromium156.second.1.bin")]);
        let answered = ClientHello::parse(&second).expect("its repetition parses");
        assert_eq!(answered.cookie, b"keel-cookie-keel-coo");
        assert_eq!(answered.random, hello.random);
    }

    #[test]
    fn firefoxs_hello_offers_gcm_first() {
        let first = captured([fixture!("firefox153.first.0.bin"), fixture!("firefox153.first.1.bin")]);
        let hello = ClientHello::parse(&first).expect("Firefox's hello parses");
        assert_eq!(hello.profiles().collect::<Vec<_>>(), [7, 8, 1, 2]);
    }

    #[test]
    fn a_hello_cut_short_anywhere_is_refused() {
        let whole = captured([fixture!("chromium156.first.0.bin"), fixture!("chromium156.first.1.bin")]);
        let bare = 2 + 32 + 1 + 1 + 2 + usize::from(u16::from_be_bytes([whole[36], whole[37]])) + 2;
        for length in (0..whole.len()).filter(|length| *length != bare) {
            assert_eq!(ClientHello::parse(&whole[..length]), None, "cut at {length}");
        }
    }

    proptest! {
        #[test]
        fn a_damaged_hello_never_panics(place in 0usize..1175, value: u8) {
            let mut whole = captured([fixture!("chromium156.first.0.bin"), fixture!("chromium156.first.1.bin")]);
            whole[place] = value;
            if let Some(hello) = ClientHello::parse(&whole) {
                prop_assert!(hello.profiles().count() <= whole.len() / 2);
            }
        }
    }
}

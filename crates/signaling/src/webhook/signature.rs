//! How a receiver knows that a delivery is Keel's, and fresh (docs/webhooks.md).

use ring::hmac;
use std::fmt::Write;

/// The value of `Keel-Signature`: `t=` Unix seconds, `,v1=` and, in hexadecimal, the HMAC-SHA256 of those
/// seconds as text, a dot, and the body. The time is under the signature, so that a delivery cannot be
/// replayed later.
pub(super) fn signature(key: &hmac::Key, seconds: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    let mut text = format!("t={seconds},v1=");
    for byte in context.sign().as_ref() {
        write!(text, "{byte:02x}").expect("a string grows");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_time_and_body() {
        // printf '1800000000.{"id":"x"}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
        let expected = "t=1800000000,v1=3116d2bc5677450dc691e3d4296ccb5c2f3a6aca02f60697badd4aebdb7b148c";
        assert_eq!(signature(&key, 1_800_000_000, br#"{"id":"x"}"#), expected);
        assert_ne!(signature(&key, 1_800_000_001, br#"{"id":"x"}"#)[13..], expected[13..]);
    }
}

//! ICE connectivity checks (RFC 8445 §7.2.2) as a peer sends them that knows the credentials.

use anyhow::{Context, Result};
use rtc::crypto::default_provider;
use rtc::stun::fingerprint::FINGERPRINT;
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

/// A binding request with these attributes (RFC 8489 §14, each padded to four bytes), followed by its
/// integrity under `password` and its fingerprint.
///
/// # Errors
/// When the attributes are longer than a message holds.
pub fn binding_request(attributes: &[u8], password: &str) -> Result<Vec<u8>> {
    let mut message = Message::new();
    message.transaction_id = TransactionId([7; 12]);
    message.set_type(BINDING_REQUEST);
    message.write_header();
    message.raw.extend_from_slice(attributes);
    message.length = u32::from(u16::try_from(attributes.len()).context("attributes of a message")?);
    message.write_length();
    let provider = default_provider()?;
    let integrity =
        MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), provider.crypto());
    integrity.add_to(&mut message)?;
    FINGERPRINT.add_to(&mut message)?;
    Ok(message.raw)
}

/// The attributes of a check: who checks whom, with which priority, as the controlling agent that nominates
/// (RFC 8445 §7.1).
#[must_use]
pub fn nominating(local_ufrag: &str, remote_ufrag: &str) -> Vec<u8> {
    let username = format!("{remote_ufrag}:{local_ufrag}");
    let attribute = |kind: u16, value: &[u8]| {
        let mut attribute = [kind.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat();
        attribute.extend_from_slice(value);
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        attribute
    };
    [
        attribute(0x0006, username.as_bytes()),
        attribute(0x0024, &[0x6e, 0, 0x1e, 0xff]), // PRIORITY
        attribute(0x802a, &[9; 8]),                // ICE-CONTROLLING
        attribute(0x0025, &[]),                    // USE-CANDIDATE
    ]
    .concat()
}

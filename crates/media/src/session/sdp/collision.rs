//! Numbers that mean two things within one transport.

use super::parse::RemoteDescription;
use crate::codec::{Codec, CodecParameters};
use crate::rtp::{Extension, ExtensionId, PayloadType, Ssrc};
use std::collections::{BTreeMap, BTreeSet};

/// What a payload type stands for.
#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Media(Codec, CodecParameters),
    Retransmission(PayloadType),
}

/// Leaves out of each m-line what would give a number that an earlier one uses a second meaning: payload
/// types (RFC 9143 §9.1), extension ids (RFC 9143 §14) and SSRCs (RFC 3550 §8). A peer that offers such a
/// thing could not be understood on one port.
pub(super) fn remove(description: &mut RemoteDescription) {
    let mut meanings: BTreeMap<PayloadType, Meaning> = BTreeMap::new();
    let mut extensions: BTreeMap<ExtensionId, Extension> = BTreeMap::new();
    let mut ssrcs: BTreeSet<Ssrc> = BTreeSet::new();
    let usable: Vec<bool> = description.media.iter().map(|section| description.is_usable(section)).collect();
    for (section, _) in description.media.iter_mut().zip(usable).filter(|(_, usable)| *usable) {
        section.formats.retain_mut(|entry| {
            let format = &mut entry.format;
            let meaning = Meaning::Media(format.codec, format.parameters);
            if *meanings.entry(format.payload_type).or_insert(meaning) != meaning {
                return false;
            }
            let repair = Meaning::Retransmission(format.payload_type);
            format.rtx = format.rtx.filter(|rtx| *meanings.entry(*rtx).or_insert(repair) == repair);
            true
        });
        super::codecs::drop_stray_red(&mut section.formats);
        section
            .extensions
            .retain(|entry| *extensions.entry(entry.id).or_insert(entry.extension) == entry.extension);
        section.streams.remove(|ssrc| ssrcs.contains(&ssrc));
        for stream in section.streams.iter() {
            ssrcs.insert(stream.ssrc);
            ssrcs.extend(stream.rtx);
        }
    }
}

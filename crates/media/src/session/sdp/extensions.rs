//! Header extensions: `a=extmap` (RFC 8285 §5).

use crate::rtp::{Direction, Extension, ExtensionId, ExtensionMap};
use rtc_sdp::description::common::Attribute;

/// One `a=extmap` of an extension that Keel understands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SdpExtension {
    /// The number on this peer's wire.
    pub id: ExtensionId,
    /// What it stands for.
    pub extension: Extension,
    /// Which ways it is used, seen from Keel.
    pub direction: Direction,
}

/// Reads the extensions of one m-line that Keel understands. Where an id stands twice, the first counts;
/// ids above 14 need `two_byte`, the consent to mix both forms of header extensions in one stream.
pub(super) fn read_extensions(attributes: &[Attribute], two_byte: bool) -> Vec<SdpExtension> {
    let mut ids = Vec::new();
    let mut extensions: Vec<SdpExtension> = Vec::new();
    for value in attributes.iter().filter(|a| a.key == "extmap").filter_map(|a| a.value.as_deref()) {
        let mut fields = value.split_ascii_whitespace();
        let (Some(subject), Some(uri)) = (fields.next(), fields.next()) else { continue };
        let (number, direction) = match subject.split_once('/') {
            Some((number, direction)) => (number, direction_seen_from_keel(direction)),
            None => (subject, Some(Direction::SendRecv)),
        };
        // RFC 8285 §5: ids from 4096 up ask us to choose; no browser does, and they do not fit here.
        let (Ok(number), Some(direction)) = (number.parse::<u8>(), direction) else { continue };
        let Some(id) = ExtensionId::new(number).filter(|id| two_byte || id.number() <= 14) else { continue };
        if ids.contains(&id) {
            continue;
        }
        ids.push(id);
        let Some(extension) = Extension::from_uri(uri) else { continue };
        // A peer that will never use it (`inactive`) has no use for our consent.
        let known = extensions.iter().any(|e| e.extension == extension);
        if !known && direction != Direction::Inactive {
            extensions.push(SdpExtension { id, extension, direction });
        }
    }
    extensions
}

/// The peer's word for a direction, turned round.
pub(super) fn direction_seen_from_keel(text: &str) -> Option<Direction> {
    match text {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::RecvOnly),
        "recvonly" => Some(Direction::SendOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// Keel's own word for it.
pub(super) const fn direction_text(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// What the packet path needs of them.
pub(super) fn extension_map(extensions: &[SdpExtension]) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for extension in extensions {
        map.insert(extension.id, extension.extension);
    }
    map
}

impl SdpExtension {
    /// The value of `a=extmap` in Keel's own description.
    pub(super) fn extmap(&self) -> String {
        let (id, uri) = (self.id.number(), self.extension.uri());
        match self.direction {
            Direction::SendRecv => format!("{id} {uri}"),
            direction => format!("{id}/{} {uri}", direction_text(direction)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], two_byte: bool) -> Vec<String> {
        let attributes: Vec<Attribute> = lines
            .iter()
            .map(|value| Attribute::new("extmap".to_owned(), Some((*value).to_owned())))
            .collect();
        read_extensions(&attributes, two_byte).iter().map(SdpExtension::extmap).collect()
    }

    const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
    const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    const DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

    // covers: RFC 8285 §5
    #[test]
    fn directions_are_mirrored() {
        let lines = [format!("6/recvonly {DELAY}"), format!("3 {MID}"), format!("4/inactive {RID}")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(read(&lines, false), [format!("6/sendonly {DELAY}"), format!("3 {MID}")]);
    }

    #[test]
    fn of_two_lines_with_one_id_the_first_counts() {
        assert_eq!(read(&[&format!("3 {MID}"), &format!("3 {RID}")], false), [format!("3 {MID}")]);
        assert_eq!(read(&["3 urn:unknown", &format!("3 {RID}")], false), [""; 0]);
        assert_eq!(read(&[&format!("3 {MID}"), &format!("4 {MID}")], false), [format!("3 {MID}")]);
    }

    #[test]
    fn large_ids_need_the_two_byte_form() {
        let line = format!("16 {MID}");
        assert_eq!(read(&[&line], false), [""; 0]);
        assert_eq!(read(&[&line], true), [line]);
        for number in ["0", "15", "256", "4096", "-1", "x", "1/somewhere"] {
            assert_eq!(read(&[&format!("{number} {MID}")], true), [""; 0], "{number}");
        }
    }
}

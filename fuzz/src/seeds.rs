//! Inputs to begin from: what peers and browsers really send.

use keel_testkit::forged;
use keel_testkit::recording::{RecordedPacket, Recording};
use keel_testkit::source::{AudioSource, VideoConfig, VideoSource};

/// Offers of Chromium 156 and Firefox 153, audio and video.
#[must_use]
pub fn offers() -> Vec<Vec<u8>> {
    [
        include_str!("../seeds/sdp/chromium156-kurento-utils-sendrecv.offer.sdp"),
        include_str!("../seeds/sdp/firefox153-sendrecv.offer.sdp"),
    ]
    .map(|offer| offer.as_bytes().to_vec())
    .into()
}

/// RTP packets: video and audio, with and without extensions and padding.
#[must_use]
pub fn rtp() -> Vec<Vec<u8>> {
    let video =
        VideoSource::new(VideoConfig { payload_bytes: 60, ..VideoConfig::default() }).next_frame(true);
    let audio = AudioSource::new(0).next_packet();
    // RFC 3550 §5.1: version 2, marker and payload type, sequence number, timestamp, SSRC.
    let plain = [0x80, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xca, 0xfe, 0, 1];
    let with_source = [0x81, 0x6f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 7, 0, 0, 0, 8];
    // RFC 8285 §4.2 and §4.3: a block of one-byte and one of two-byte elements.
    let one_byte = [0xbe, 0xde, 0, 2, 0x10, 0xaa, 0, 0x31, 1, 2, 0, 0];
    let two_byte = [0x10, 0, 0, 2, 1, 0, 2, 3, 9, 9, 9, 0];
    let extended = |mut header: Vec<u8>, block: &[u8]| {
        header[0] |= 0x10;
        header.extend_from_slice(block);
        header
    };
    let mut padded = extended(plain.to_vec(), &one_byte);
    padded[0] |= 0x20;
    padded.extend_from_slice(&[1, 2, 3, 0, 0, 3]);
    vec![
        [&plain, &video.payloads[0][..]].concat(),
        [&with_source, &audio.payload[..]].concat(),
        [&extended(with_source.to_vec(), &two_byte), &video.payloads[1][..]].concat(),
        padded,
    ]
}

/// Packets of each recording to begin from: keyframes with their structures, and some of every layer.
const RECORDED: usize = 12;

/// The beginnings of payloads as Chromium sends them, of every codec with every kind of layers.
#[must_use]
pub fn payloads() -> Vec<Vec<u8>> {
    let start = |packet: &RecordedPacket| packet.payload().iter().copied().take(40).collect();
    recordings().iter().flat_map(|recording| recording.packets.iter().take(RECORDED).map(start)).collect()
}

/// The same with four bytes of numbers before them.
#[must_use]
pub fn numbered_payloads() -> Vec<Vec<u8>> {
    payloads().into_iter().map(|payload| [vec![0x7f, 0xff, 9, 1], payload].concat()).collect()
}

/// The dependency descriptors at the start of each recording, each behind its length.
#[must_use]
pub fn descriptors() -> Vec<Vec<u8>> {
    let all = |recording: &Recording| {
        let values =
            recording.packets.iter().filter_map(|packet| packet.dependency_descriptor(&recording.parameters));
        values.take(RECORDED).flat_map(|value| [&[value.len() as u8], value].concat()).collect()
    };
    recordings().iter().map(all).filter(|values: &Vec<u8>| !values.is_empty()).collect()
}

fn recordings() -> Vec<Recording> {
    let load = |name| Recording::load(name).expect("the recordings are part of the sources");
    Recording::NAMES.into_iter().map(load).collect()
}

/// Candidate lines: host, server-reflexive, relayed, mDNS and TCP ones.
#[must_use]
pub fn candidates() -> Vec<Vec<u8>> {
    [
        "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0 ufrag ab network-id 1",
        "candidate:2 1 udp 1686052607 198.51.100.7 50000 typ srflx raddr 192.0.2.1 rport 50000",
        "a=candidate:3 1 udp 41885439 2001:db8::1 3478 typ relay raddr :: rport 9",
        "candidate:4 1 udp 2113937151 6bc7f7a4-6a2c-4b5d-9d55-9f0e3d4c2b1a.local 51234 typ host",
        "candidate:5 1 tcp 2105524479 192.0.2.1 9 typ host tcptype active",
        "",
    ]
    .map(|line| line.as_bytes().to_vec())
    .into()
}

/// Plays for three browsers, a line each message with the sender's number before it: a call that is
/// accepted and hung up, one that is rejected, and one that is taken back.
#[must_use]
pub fn plays() -> Vec<Vec<u8>> {
    let names = [
        r#"0{"id":"register","name":"ann","secret":"s"}"#,
        r#"1{"id":"register","name":"ben","resumeToken":"00112233445566778899aabbccddeeff"}"#,
        r#"2{"id":"register","name":"cleo"}"#,
    ];
    let calls: [&[&str]; 3] = [
        &[
            r#"0{"id":"call","from":"ann","to":"ben","sdpOffer":"v=0\r\n"}"#,
            r#"0{"id":"onIceCandidate","candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0}}"#,
            r#"1{"id":"incomingCallResponse","from":"ann","callResponse":"accept","sdpOffer":"v=0\r\n"}"#,
            r#"1{"id":"onIceCandidate","candidate":{"candidate":"","sdpMid":"0","sdpMLineIndex":0}}"#,
            r#"2{"id":"call","from":"cleo","to":"ben","sdpOffer":"v=0"}"#,
            r#"1{"id":"stop"}"#,
        ],
        &[
            r#"2{"id":"watchOnline"}"#,
            r#"2{"id":"call","from":"cleo","to":"ann","sdpOffer":"v=0"}"#,
            r#"0{"id":"incomingCallResponse","from":"cleo","callResponse":"reject","message":"not now"}"#,
        ],
        &[
            r#"1{"id":"call","from":"ben","to":"cleo","sdpOffer":"v=0"}"#,
            r#"2{"id":"call","from":"cleo","to":"ben","sdpOffer":"v=0"}"#,
            r#"1{"id":"stop"}"#,
        ],
    ];
    calls.map(|call| [&names[..], call].concat().join("\n").into_bytes()).into()
}

/// Plays for three clients of group calls, a line each message with the sender's number before it: a room in both
/// forms, a moderator at work, a room made in advance.
#[must_use]
pub fn rooms() -> Vec<Vec<u8>> {
    let plays: [&[&str]; 3] = [
        &[
            r#"0{"id":"join","room":"tide","name":"ann","request":1}"#,
            r#"1{"id":"join","room":"tide","name":"ben","resumeToken":"00112233445566778899aabbccddeeff"}"#,
            r#"2{"id":"joinRoom","room":"tide","name":"old"}"#,
            r#"0{"id":"publish","sdpOffer":"v=0","tracks":[{"mid":"0","source":"microphone"},{"mid":"1","source":"camera","muted":true,"width":1280,"height":720}]}"#,
            r#"1{"id":"answer","version":1,"sdpAnswer":"v=0"}"#,
            r#"1{"id":"view","tracks":[{"track":"t5","width":320,"height":180,"priority":2}],"lastN":1}"#,
            r#"2{"id":"receiveVideoFrom","sender":"old","sdpOffer":"v=0"}"#,
            r#"2{"id":"receiveVideoFrom","sender":"ann","sdpOffer":"v=0"}"#,
            r#"2{"id":"onIceCandidate","name":"ann","candidate":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host"}}"#,
            r#"1{"id":"openData","request":3}"#,
            r#"1{"id":"restartIce"}"#,
            r#"2{"id":"openData"}"#,
            r#"2{"id":"leaveRoom"}"#,
        ],
        &[
            r#"0{"id":"join","room":"tide","name":"ann"}"#,
            r#"1{"id":"join","room":"tide","name":"ben"}"#,
            r#"1{"id":"chat","text":"hello"}"#,
            r#"1{"id":"typing","typing":true}"#,
            r#"1{"id":"react","reaction":"+1"}"#,
            r#"0{"id":"history","before":9,"count":3}"#,
            r#"0{"id":"moderate","action":"lock","locked":true}"#,
            r#"0{"id":"moderate","action":"remove","participant":"p4","reason":"noise"}"#,
            r#"0{"id":"moderate","action":"end"}"#,
        ],
        &[
            r#"0{"id":"createRoom","room":"tide","sizeMax":2}"#,
            r#"1{"id":"join","room":"tide","name":"ann","token":"x"}"#,
            r#"1{"id":"join","room":"tide","name":"ann"}"#,
            r#"1{"id":"onIceCandidate","connection":"publish","candidate":{"candidate":"","sdpMid":"0","sdpMLineIndex":0}}"#,
            r#"1{"id":"leave"}"#,
        ],
    ];
    plays.map(|play| play.join("\n").into_bytes()).into()
}

/// Plays for two applications of Kurento, a line each request with the sender's number before it; `@0` is the
/// newest object: a pipeline with elements, shared sessions, a transaction.
#[must_use]
pub fn kurento() -> Vec<Vec<u8>> {
    let offer = include_str!("../seeds/sdp/chromium156-kurento-utils-sendrecv.offer.sdp");
    let offer = offer.replace("\r\n", "\n").replace('\n', "\\r\\n");
    let process = format!(
        r#"0{{"jsonrpc":"2.0","id":5,"method":"invoke","params":{{"object":"@0","operation":"processOffer","operationParams":{{"offer":"{offer}"}}}}}}"#
    );
    let plays: [&[&str]; 3] = [
        &[
            r#"0{"jsonrpc":"2.0","id":0,"method":"ping","params":{"interval":5000}}"#,
            r#"0{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":"MediaPipeline","properties":{}}}"#,
            r#"0{"jsonrpc":"2.0","id":2,"method":"create","params":{"type":"WebRtcEndpoint","constructorParams":{"mediaPipeline":"@0"}}}"#,
            r#"0{"jsonrpc":"2.0","id":3,"method":"subscribe","params":{"object":"@0","type":"IceCandidateFound"}}"#,
            r#"0{"jsonrpc":"2.0","id":4,"method":"invoke","params":{"object":"@0","operation":"connect","operationParams":{"sink":"@0","mediaType":"VIDEO"}}}"#,
            &process,
            r#"0{"jsonrpc":"2.0","id":6,"method":"invoke","params":{"object":"@0","operation":"gatherCandidates"}}"#,
            r#"0{"jsonrpc":"2.0","id":7,"method":"invoke","params":{"object":"@0","operation":"getStats","operationParams":{"mediaType":"AUDIO"}}}"#,
            r#"0{"jsonrpc":"2.0","id":8,"method":"release","params":{"object":"@1"}}"#,
            r#"0{"jsonrpc":"2.0","id":9,"method":"describe","params":{"object":"@0"}}"#,
        ],
        &[
            r#"0{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":"MediaPipeline","sessionId":"123456"}}"#,
            r#"1{"jsonrpc":"2.0","id":1,"method":"connect","params":{"sessionId":"123456"}}"#,
            r#"1{"jsonrpc":"2.0","id":2,"method":"create","params":{"type":"Dispatcher","constructorParams":{"mediaPipeline":"@0"}}}"#,
            r#"1{"jsonrpc":"2.0","id":3,"method":"create","params":{"type":"HubPort","constructorParams":{"hub":"@0"}}}"#,
            r#"0{"jsonrpc":"2.0","id":4,"method":"unref","params":{"object":"@2","sessionId":"123456"}}"#,
            r#"0{"jsonrpc":"2.0","id":5,"method":"closeSession","params":{"sessionId":"123456","release":true}}"#,
            r#"1{"jsonrpc":"2.0","id":6,"method":"invoke","params":{"object":"@0","operation":"getName"}}"#,
        ],
        &[
            r#"0{"jsonrpc":"2.0","id":1,"method":"transaction","params":{"operations":[{"jsonrpc":"2.0","id":0,"method":"create","params":{"type":"MediaPipeline"}},{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":"PassThrough","constructorParams":{"mediaPipeline":"newref:0"}}},{"jsonrpc":"2.0","id":2,"method":"invoke","params":{"object":"newref:1","operation":"addTag","operationParams":{"key":"a","value":"b"}}}]}}"#,
            r#"1{"jsonrpc":"2.0","id":2,"method":"ref","params":{"object":"@0"}}"#,
            r#"1{"jsonrpc":"2.0","method":"release","params":{"object":{"id":"@0"}}}"#,
            r#"0{"jsonrpc":"2.0","id":3,"method":"invoke","params":{"object":"@9","operation":"getInfo"}}"#,
        ],
    ];
    plays.map(|play| play.join("\n").into_bytes()).into()
}

/// A DTLS ClientHello, whole and in two fragments, and an alert.
#[must_use]
pub fn dtls() -> Vec<Vec<u8>> {
    let hello = forged::client_hello();
    // RFC 6347 §4.1 and §4.2.2: a record header has 13 bytes, a handshake header 12 with offset and length
    // of the fragment in its last six.
    let (head, body) = hello.split_at(25);
    let fragment = |offset: usize, part: &[u8]| {
        let mut record = head.to_vec();
        record.extend_from_slice(part);
        record[11..13].copy_from_slice(&(12 + part.len() as u16).to_be_bytes());
        record[19..22].copy_from_slice(&(offset as u32).to_be_bytes()[1..]);
        record[22..25].copy_from_slice(&(part.len() as u32).to_be_bytes()[1..]);
        record
    };
    let (first, second) = body.split_at(body.len() / 2);
    let fragments = [fragment(0, first), fragment(first.len(), second)].concat();
    let alert = vec![21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0];
    vec![hello, fragments, alert]
}

/// Plays for the forwarder, three bytes a step: frames that are forwarded, repairs, a pause, viewers who come
/// late, change and come back.
#[must_use]
pub fn forwarding() -> Vec<Vec<u8>> {
    let key = [[0, 4, 40], [7, 0, 0], [11, 11, 3]].concat();
    let frame = [[0, 12, 9], [7, 0, 0], [11, 11, 3]].concat();
    let other = [[0, 3, 9], [0, 13, 9], [7, 0, 0]].concat();
    let repair = [[8, 0, 5], [8, 1, 3], [7, 0, 0]].concat();
    let gap = [[0, 14, 0xc3], [7, 0, 0], [4, 0, 0], [7, 0, 0], [5, 0, 2], [6, 0, 0]].concat();
    let pause = [[11, 200, 7], [9, 0, 0], [11, 201, 7]].concat();
    let late = [[10, 2, 2], [7, 0, 0]].concat();
    let away = [[10, 0, 1], [7, 0, 0], [0, 5, 9], [10, 0, 2], [10, 1, 0], [10, 1, 3]].concat();
    vec![
        [key.clone(), frame.repeat(3), repair.clone(), late.clone(), frame.clone()].concat(),
        [key.clone(), gap, pause.clone(), late, frame.clone(), key.clone(), repair].concat(),
        [key.clone(), other, away, frame.repeat(2), pause, key, frame].concat(),
    ]
}

/// Plays of three bytes a call, as `targets::layers` reads them: pictures of all cameras while targets change, while
/// a path narrows and widens, and while viewers and relays come and go.
#[must_use]
pub fn layered() -> Vec<Vec<u8>> {
    let pictures = [[0, 0, 0], [0, 1, 0], [0, 2, 0], [18, 33, 1]].concat();
    let second = [pictures.repeat(8), [[17, 0, 2], [18, 33, 1]].concat()].concat();
    let keys = [[0, 0xc0, 0], [0, 0xc1, 0], [0, 0xc2, 0], [18, 33, 1]].concat();
    let low = [[13, 0, 5], [13, 1, 9], [13, 2, 5], [13, 4, 4]].concat();
    let best = [[13, 0, 0], [13, 1, 0], [13, 2, 0], [13, 4, 0]].concat();
    let narrow = [[15, 0, 1], [15, 2, 2], [15, 3, 1], [18, 50, 2]].concat();
    let wide = [[15, 0, 7], [15, 2, 7], [15, 3, 7], [18, 50, 2]].concat();
    let repair = [[0, 0x32, 0xd5], [9, 0, 0], [10, 0, 9], [10, 2, 9], [7, 2, 0], [7, 2, 0]].concat();
    let away = [[12, 0, 9], [12, 2, 17], [12, 4, 0], [17, 1, 0], [12, 4, 1], [12, 3, 6], [12, 3, 7]].concat();
    vec![
        [keys.clone(), second.clone(), low, second.clone(), best, keys.clone(), second.clone()].concat(),
        [keys.clone(), narrow.clone(), second.clone(), narrow, second.clone(), wide, second.clone()].concat(),
        [keys.clone(), second.clone(), repair, away, second.clone(), keys, second].concat(),
    ]
}

/// RTCP packets: a sender's compound, a receiver's, and each kind of feedback.
#[must_use]
pub fn rtcp() -> Vec<Vec<u8>> {
    const SENDER: [u8; 4] = [0, 0, 0, 1];
    const MEDIA: [u8; 4] = [0, 0, 0, 2];
    // RFC 3550 §6.4: version and count, type, length in words less one, then the words.
    let part = |count: u8, kind: u8, words: &[[u8; 4]]| {
        let mut part = vec![0x80 | count, kind, 0, words.len() as u8];
        words.iter().for_each(|word| part.extend_from_slice(word));
        part
    };
    let block = [MEDIA, [10, 0, 0, 3], [0, 0, 0x12, 0x34], [0, 0, 0, 9], [1, 2, 3, 4], [0, 1, 0, 0]];
    let sender_info = [SENDER, [0xe0; 4], [0; 4], [0, 0, 0x30, 0], [0, 0, 0, 50], [0, 0, 0xff, 0]];
    let sender_report = part(1, 200, &[&sender_info[..], &block].concat());
    let receiver_report = part(1, 201, &[&[SENDER][..], &block].concat());
    let names = part(1, 202, &[SENDER, *b"\x01\x04ke", *b"el\0\0"]);
    let bye = part(2, 203, &[SENDER, MEDIA]);
    let nack = part(1, 205, &[SENDER, MEDIA, [0x12, 0x34, 0x80, 1], [0xff, 0xff, 0, 0]]);
    let transport = part(15, 205, &[SENDER, MEDIA, [0, 1, 0, 2], [0, 0, 1, 0], [0x20, 2, 4, 8]]);
    let pli = part(1, 206, &[SENDER, MEDIA]);
    let fir = part(4, 206, &[SENDER, [0; 4], MEDIA, [7, 0, 0, 0]]);
    let remb = part(15, 206, &[SENDER, [0; 4], *b"REMB", [1, 0x0b, 0xff, 0xff], MEDIA]);
    vec![
        [sender_report, names.clone(), nack.clone()].concat(),
        [receiver_report, names, pli, fir].concat(),
        [transport, remb, bye].concat(),
        nack,
    ]
}

/// SCTP chunks in packets, each behind its length: a channel that is opened and used, whole messages and
/// fragments, on streams that exist and others, a gap skipped, a stream closed, the end.
#[must_use]
pub fn chunks() -> Vec<Vec<u8>> {
    const WHOLE: u8 = 3;
    const DCEP: u8 = 50;
    const TEXT: u8 = 51;
    // RFC 9260 §3.3.1: type, flags, length, number, stream, sequence on the stream, protocol, data.
    let data = |number: u8, flags: u8, stream: u8, sequence: u8, protocol: u8, payload: &[u8]| {
        let mut chunk = vec![0, flags, 0, 16 + payload.len() as u8, 0, 0, 0, number, 0, stream, 0, sequence];
        chunk.extend_from_slice(&[0, 0, 0, protocol]);
        chunk.extend_from_slice(payload);
        chunk.resize(chunk.len().next_multiple_of(4), 0);
        chunk
    };
    let packet = |chunks: &[Vec<u8>]| {
        let chunks = chunks.concat();
        [&(chunks.len() as u16).to_be_bytes()[..], &chunks].concat()
    };
    // RFC 8832 §5.1: type, kind, priority, reliability, lengths of label and protocol, the two.
    let open = [3, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, b'h', b'i'];
    let opened = packet(&[data(0, WHOLE, 0, 0, DCEP, &open)]);
    let said = packet(&[data(1, WHOLE, 0, 1, TEXT, b"hello"), data(2, WHOLE, 9, 0, TEXT, b"nowhere")]);
    let pieces = packet(&[
        data(3, 2, 0, 2, TEXT, b"beginning"),
        data(4, 0, 0, 2, TEXT, b"middle.."),
        data(5, 1, 0, 2, TEXT, b"end"),
    ]);
    let acknowledged = packet(&[vec![3, 0, 0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]);
    let skipped = packet(&[vec![192, 0, 0, 12, 0, 0, 0, 9, 0, 0, 0, 3]]);
    let closed = packet(&[vec![130, 0, 0, 22, 0, 13, 0, 18, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]);
    let beat = packet(&[vec![4, 0, 0, 12, 0, 1, 0, 8, 1, 2, 3, 4]]);
    let shutdown = packet(&[vec![7, 0, 0, 8, 0, 0, 0, 0], vec![14, 0, 0, 4]]);
    let abort = packet(&[vec![6, 0, 0, 8, 0, 12, 0, 4]]);
    vec![
        [opened.clone(), said.clone(), acknowledged.clone(), closed].concat(),
        [opened.clone(), pieces, skipped, beat, said].concat(),
        [opened.clone(), acknowledged, shutdown].concat(),
        [opened, abort].concat(),
    ]
}

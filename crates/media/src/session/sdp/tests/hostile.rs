//! Whatever text arrives, negotiation gives a valid result or a typed error, and never panics.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::{BTreeMap, BTreeSet};

/// One change to a description.
#[derive(Clone, Debug)]
enum Mutation {
    Remove {
        line: usize,
    },
    Repeat {
        line: usize,
        times: usize,
    },
    Swap {
        line: usize,
        other: usize,
    },
    /// A line of another browser's offer.
    Graft {
        line: usize,
        fixture: usize,
        from: usize,
    },
    Byte {
        at: usize,
        byte: u8,
    },
    /// One number in a line becomes another.
    Number {
        line: usize,
        value: u64,
    },
    Cut {
        at: usize,
    },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let line = 0..400usize;
    prop_oneof![
        line.clone().prop_map(|line| Mutation::Remove { line }),
        (line.clone(), 1..80usize).prop_map(|(line, times)| Mutation::Repeat { line, times }),
        (line.clone(), line.clone()).prop_map(|(line, other)| Mutation::Swap { line, other }),
        (line.clone(), 0..FIXTURES.len(), line.clone()).prop_map(|(line, fixture, from)| Mutation::Graft {
            line,
            fixture,
            from
        }),
        (0..10_000usize, any::<u8>()).prop_map(|(at, byte)| Mutation::Byte { at, byte }),
        (line, prop_oneof![0..256u64, any::<u64>()])
            .prop_map(|(line, value)| Mutation::Number { line, value }),
        (0..10_000usize).prop_map(|at| Mutation::Cut { at }),
    ]
}

fn mutated(sdp: &str, mutations: &[Mutation]) -> String {
    let mut lines: Vec<String> = sdp.lines().map(str::to_owned).collect();
    for mutation in mutations.iter() {
        let count = lines.len().max(1);
        match *mutation {
            _ if lines.is_empty() => break,
            Mutation::Remove { line } => drop(lines.remove(line % count)),
            Mutation::Repeat { line, times } => {
                let repeated = vec![lines[line % count].clone(); times];
                lines.splice(line % count..line % count, repeated);
            }
            Mutation::Swap { line, other } => lines.swap(line % count, other % count),
            Mutation::Graft { line, fixture, from } => {
                let grafts: Vec<&str> = FIXTURES[fixture].lines().collect();
                lines.insert(line % count, grafts[from % grafts.len()].to_owned());
            }
            Mutation::Number { line, value } => {
                let line = &mut lines[line % count];
                let start = line.find(|c: char| c.is_ascii_digit()).unwrap_or(line.len());
                let length = line[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len() - start);
                line.replace_range(start..start + length, &value.to_string());
            }
            Mutation::Byte { at, byte } => {
                let mut bytes = lines.join("\r\n").into_bytes();
                let at = at % bytes.len().max(1);
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
                lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
            }
            Mutation::Cut { at } => {
                let text = lines.join("\r\n");
                let cut = text.char_indices().map(|(start, _)| start).take_while(|start| *start <= at).last();
                lines = text[..cut.unwrap_or(0)].lines().map(str::to_owned).collect();
            }
        }
    }
    lines.join("\r\n") + "\r\n"
}

/// What holds for every answer, whatever was offered.
fn check(offer: &RemoteDescription, answer: &Answer) {
    let read = RemoteDescription::parse(&answer.sdp).expect("Keel understands its own answer");
    assert_eq!(read.media.len(), offer.media.len(), "as many m-lines as the offer");
    let mut payload_types = BTreeMap::new();
    let mut ssrcs = BTreeSet::new();
    let mut extensions = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for media in &answer.negotiated.media {
        assert!(kinds.insert(media.kind), "one m-line of each kind");
        let section = &read.media[usize::from(media.index)];
        assert_eq!(section.kind, offer.media[usize::from(media.index)].kind);
        assert_eq!(section.mid, offer.media[usize::from(media.index)].mid);
        assert!(!media.parameters.formats.is_empty(), "no m-line without a format");
        for format in &media.parameters.formats {
            assert!(payload_types.insert(format.payload_type, media.index).is_none(), "a payload type twice");
            if let Some(rtx) = format.rtx {
                assert!(payload_types.insert(rtx, media.index).is_none(), "a payload type twice");
            }
        }
        for (id, extension) in media.parameters.extensions.iter() {
            assert_eq!(*extensions.entry(id).or_insert(extension), extension, "an extension id twice");
        }
        let sent = media.send.into_iter().flat_map(|stream| [Some(stream.ssrc), stream.rtx]);
        let received = media.receive.iter().flat_map(|stream| [Some(stream.ssrc), stream.rtx]);
        for ssrc in sent.chain(received).flatten() {
            assert!(ssrcs.insert(ssrc), "an SSRC twice");
        }
    }
    for (index, section) in (0..).zip(&read.media) {
        let accepted = answer.negotiated.media.iter().any(|media| media.index == index);
        assert_eq!(section.rejected, !accepted, "the text and the result agree");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1500,
        rng_seed: RngSeed::Fixed(0x5d9),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_offers_are_answered_or_refused(
        fixture in 0..FIXTURES.len(),
        mutations in prop::collection::vec(mutation(), 1..6),
        connected in any::<bool>(),
    ) {
        let sdp = mutated(FIXTURES[fixture], &mutations);
        if let Ok(offer) = RemoteDescription::parse(&sdp) {
            let peer = parsed(FIREFOX);
            let video = if connected { vec![peer.formats(MediaKind::Video).expect("an m-line of the kind")] } else { Vec::new() };
            let peers = Peers { audio: Vec::new(), video };
            if let Ok(answer) = answer(&offer, &local(), &peers) {
                check(&offer, &answer);
            }
        }
    }

    #[test]
    fn damaged_answers_are_taken_or_refused(mutations in prop::collection::vec(mutation(), 1..6)) {
        let offered = super::super::offer(&local(), crate::OfferOptions::default(), &Peers::default())
            .expect("an offer of everything");
        let other = LocalDescription { audio: local().video, video: local().audio, ..local() };
        let good = answer(&parsed(&offered.sdp), &other, &Peers::default()).expect("an answer");
        let answer = RemoteDescription::parse(&mutated(&good.sdp, &mutations));
        if let Ok(negotiated) = answer.and_then(|answer| accept_answer(&offered, &answer)) {
            prop_assert!(negotiated.media.iter().all(|media| !media.parameters.formats.is_empty()));
        }
    }

    #[test]
    fn any_text_at_all_is_read_or_refused(text in "\\PC{0,200}", candidate in "candidate:[ -~]{0,120}") {
        let _ = RemoteDescription::parse(&text);
        let _ = RemoteCandidate::parse(&text);
        if let Ok(Trickled::Candidate(candidate)) = RemoteCandidate::parse(&candidate) {
            prop_assert!((1..=256).contains(&candidate.component) && candidate.priority > 0);
        }
    }
}

#[test]
fn most_damage_of_one_line_is_survived() {
    // Without this, the properties above could hold because everything is refused.
    let count = CHROMIUM.lines().count();
    let answered = (0..count)
        .filter(|line| {
            let sdp = mutated(CHROMIUM, &[Mutation::Remove { line: *line }]);
            let offer = RemoteDescription::parse(&sdp);
            offer.is_ok_and(|offer| answer(&offer, &local(), &Peers::default()).is_ok())
        })
        .count();
    assert!(answered * 10 > count * 8, "{answered} of {count}");
}

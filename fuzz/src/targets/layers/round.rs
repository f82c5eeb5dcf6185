//! What workers do in each of their rounds, and what is checked of all that leaves.

use super::camera::{Camera, DESCRIPTOR_ID, Encoding, FrameId, origin, unnumbered};
use super::viewer::Departed;
use super::{CODECS, FAR, House, NEAR, NUMBER_ID, Stage, Subscriber, Tells, publisher, relayed};
use keel_media::forward::Output;
use keel_media::rtp::rtcp::Report;
use keel_media::rtp::{AbsSendTime, ExtensionId, RtpHeader, SeqNo};
use std::time::Duration;

impl Stage {
    /// What workers do at the end of each of their rounds.
    pub(super) fn settle(&mut self) {
        self.relay();
        for home in [NEAR, FAR] {
            self.house[home].forwarder.handle_timeout(self.now);
            self.fan_out(home);
            // A stream that is resumed by timer begins with the next fan-out, which a worker runs at once.
            self.house[home].forwarder.handle_timeout(self.now);
        }
        self.serve(FAR);
        self.serve(NEAR);
    }

    fn relay(&mut self) {
        let Self { house: [near, far], relay_drops, now, .. } = self;
        let House { forwarder, tracks, taken, .. } = far;
        near.forwarder.relay(|way, packet, bytes| {
            if *relay_drops > 0 {
                *relay_drops -= 1;
                return;
            }
            let track = relayed(way.to);
            let source = forwarder.source_of(tracks[track], way.encoding).expect("as many encodings");
            let taking = forwarder.handle_relayed(source, &packet, bytes, *now);
            if taking.is_ok()
                && let Some((frame, place)) = origin(bytes).filter(|_| track < CODECS.len())
            {
                let index =
                    self.cameras[frame.camera].encodings[frame.encoding].indexes[&(frame.number, place)];
                taken.note(frame.camera, frame.encoding, index, Some(frame));
            }
        });
    }

    /// Carries out what a forwarder wants.
    fn serve(&mut self, home: usize) {
        while let Some(output) = self.house[home].forwarder.poll_output() {
            match output {
                Output::Rtcp { session, report: Report::Pli { media_ssrc } } => {
                    let asked = (0..CODECS.len()).find(|place| publisher(*place) == session);
                    let camera = asked.expect("only cameras are asked");
                    let is_it = |source: &Encoding| source.ssrc == media_ssrc;
                    let encoding = self.cameras[camera].encodings.iter().position(is_it);
                    self.requested(camera, encoding.expect("one of its encodings"));
                }
                Output::Relay { way, news } => {
                    let House { forwarder, tracks, .. } = &mut self.house[FAR];
                    let track = tracks[relayed(way.to)];
                    // One that has just been removed gets no news.
                    if let Some(source) = forwarder.source_of(track, way.encoding) {
                        forwarder.handle_relay_news(source, news, self.now);
                    }
                }
                Output::RelayedKeyframeWish { track, encoding } => {
                    if let Some(place) = self.house[FAR].tracks.iter().position(|known| *known == track) {
                        let House { forwarder, tracks, .. } = &mut self.house[NEAR];
                        forwarder.handle_keyframe_wish(tracks[place], encoding, self.now);
                    }
                }
                Output::RelayedDemand { track, demand } => {
                    if let Some(place) = self.house[FAR].tracks.iter().position(|known| *known == track) {
                        let House { forwarder, tracks, .. } = &mut self.house[NEAR];
                        forwarder.handle_demand(tracks[place], self.relays[place], demand);
                    }
                }
                _ => {}
            }
        }
    }

    /// A camera is asked for a keyframe: twice in any second at most.
    fn requested(&mut self, camera: usize, encoding: usize) {
        let requests = self.requests.entry((camera, encoding)).or_default();
        if let Some(before) = requests.len().checked_sub(2).map(|place| requests[place]) {
            assert!(self.now - before >= Duration::from_secs(1), "more than two requests in a second");
        }
        requests.push(self.now);
        self.cameras[camera].encodings[encoding].key_due = true;
    }

    fn fan_out(&mut self, home: usize) {
        let Self { house, viewers, cameras, now, start, .. } = self;
        let House { forwarder, taken, departed, repeated, .. } = &mut house[home];
        let send_time = AbsSendTime::since_origin(*now - *start);
        forwarder.fan_out(*now, send_time, |departure| {
            let is_it = |subscriber: &&mut Subscriber| subscriber.session == departure.session;
            let subscriber = viewers.iter_mut().find(is_it).expect("departures are for viewers");
            let mut bytes = vec![0; departure.packet_len()];
            assert_eq!(departure.write(&mut bytes), bytes.len());
            let header = RtpHeader::parse(&bytes).expect("what leaves is RTP");
            assert_eq!((header.ssrc, header.seq), (departure.ssrc, departure.index.seq()));
            let fresh = subscriber.sealed.insert((departure.ssrc.wire(), departure.index.value()));
            assert!(fresh, "{:?} {:?} left twice", departure.ssrc, departure.index);
            let id = |id| ExtensionId::new(id).expect("a valid id");
            let number = header.extension(&bytes, id(NUMBER_ID));
            assert_eq!(
                number.is_some(),
                subscriber.tells == Tells::Arrivals,
                "a number, where it was agreed"
            );
            if let Some(number) = number {
                let number = u16::from_be_bytes(number.try_into().expect("two bytes"));
                subscriber.path.departed(number, bytes.len(), *now);
            }
            let payload = header.payload(&bytes).expect("padded correctly");
            if departure.sink == subscriber.audio {
                *departed += 1;
                let word = u64::from_be_bytes(payload.try_into().expect("a word"));
                assert!(word >= subscriber.heard, "words come in order, each once");
                subscriber.heard = word + 1;
                return;
            }
            let repeats = departure.ssrc != subscriber.ssrc;
            let (original, payload) = match payload.split_first_chunk::<2>() {
                Some((original, payload)) if repeats => (u16::from_be_bytes(*original), payload),
                _ if repeats => return,
                _ => (0, payload),
            };
            let descriptor = header.extension(&bytes, id(DESCRIPTOR_ID));
            let frame_number = descriptor.and_then(|value| value.get(1..3)?.try_into().ok());
            let found = origin(payload);
            if let Some((frame, place)) = found {
                check_payload(cameras, frame, place, payload, descriptor);
            }
            let packet = Departed {
                out: departure.index,
                timestamp: header.timestamp,
                payload,
                frame_number: frame_number.map(u16::from_be_bytes),
                origin: found.map(|(frame, place)| {
                    let source = &cameras[frame.camera].encodings[frame.encoding];
                    (frame, place, source.indexes[&(frame.number, place)])
                }),
                now: *now,
            };
            let probed = subscriber.tells == Tells::Arrivals;
            if repeats {
                *repeated += 1;
                let (frame, _) = found.expect("only media is repeated");
                let codec = cameras[frame.camera].codec;
                subscriber.viewer.repaired(codec, SeqNo::new(original), &packet, probed);
            } else {
                *departed += 1;
                let paced = subscriber.tells != Tells::Nothing;
                subscriber.viewer.departed(cameras, taken, &packet, paced);
            }
        });
    }
}

/// What leaves is what its publisher made, but for the numbers of its picture.
fn check_payload(cameras: &[Camera], frame: FrameId, place: u8, payload: &[u8], descriptor: Option<&[u8]>) {
    let camera = &cameras[frame.camera];
    let source = &camera.encodings[frame.encoding];
    let made = &source.packets[&source.indexes[&(frame.number, place)]];
    assert_eq!(unnumbered(camera.codec, payload), unnumbered(camera.codec, &made.payload), "{frame:?}");
    let beside = |value: &[u8]| value.get(3..).map(<[u8]>::to_vec).unwrap_or_default();
    assert_eq!(descriptor.map(beside).unwrap_or_default(), beside(&made.descriptor), "{frame:?}");
}

//! Peer connections of many tracks: everybody publishes on one and receives everybody else on another, with
//! lines that come and go.

use crate::stage::{Stage, seeded, until_snapshot};
use anyhow::{Context, Result, ensure};
use keel_media::id::ElementId;
use keel_media::{
    EndpointEvent, IceRestart, LineError, LineOptions, MediaKind, NegotiationError, PeerConnection,
    PeerConnectionOptions, PipelineEvent,
};
use keel_testkit::peer::{AddedTrack, Part, Peer, PeerOptions, StreamLog};
use keel_testkit::source::VideoConfig;
use std::collections::BTreeMap;

/// Small and slow, so that many fit a busy machine.
const FRAMES: VideoConfig =
    VideoConfig { frame_rate: 15, packets_per_frame: 2, payload_bytes: 200, first_timestamp: 0 };

fn empty(seed: u64) -> PeerOptions {
    PeerOptions { audio: Part::None, video: Part::None, ..seeded(seed) }
}

/// One side of one transport: the test peer and the connection that serves it.
struct Link {
    peer: Peer,
    connection: PeerConnection,
    /// How often candidates were gathered.
    gathered: usize,
}

impl Link {
    async fn new(stage: &Stage, seed: u64) -> Result<Self> {
        let options = PeerConnectionOptions { label: format!("link {seed}"), ..Default::default() };
        let connection = stage.pipeline.create_peer_connection(options).await?;
        Ok(Self { peer: Peer::new(empty(seed)).await?, connection, gathered: 0 })
    }

    /// Gives the peer Keel's candidates. Keel, a lite agent, needs none of the peer's.
    async fn introduce(&mut self, stage: &Stage) -> Result<()> {
        self.connection.gather_candidates().await?;
        self.gathered += 1;
        let (id, gathered) = (self.connection.id(), self.gathered);
        let is_done = |e: &&PipelineEvent| e.endpoint == id && e.event == EndpointEvent::GatheringDone;
        let events =
            stage.until("the end of gathering", |e| e.iter().filter(is_done).count() >= gathered).await?;
        for PipelineEvent { endpoint, event } in events {
            if let EndpointEvent::CandidateFound(candidate) = event
                && endpoint == id
            {
                self.peer.add_candidate(&candidate).await?;
            }
        }
        Ok(())
    }
}

/// A participant with a microphone, a camera and a screen.
struct Participant {
    number: u64,
    publishing: Link,
    subscribing: Link,
    /// By the names that the peer gave them: microphone, camera, screen.
    tracks: Vec<AddedTrack>,
    /// Their lines, in the order of their m-lines.
    sources: Vec<(ElementId, MediaKind)>,
    /// The line for each source of somebody else, and the SSRC that it has.
    lines: BTreeMap<ElementId, (ElementId, u32)>,
}

impl Participant {
    async fn arrive(stage: &Stage, number: u64) -> Result<Self> {
        let publishing = Link::new(stage, number * 10).await?;
        let subscribing = Link::new(stage, number * 10 + 1).await?;
        let (tracks, sources, lines) = Default::default();
        let mut new = Self { number, publishing, subscribing, tracks, sources, lines };
        for (place, video) in [(2, false), (3, true), (4, true)] {
            let (peer, seed) = (&mut new.publishing.peer, number * 10 + place);
            new.tracks.push(if video {
                peer.add_video(seed, FRAMES).await?
            } else {
                peer.add_audio(seed).await?
            });
        }
        new.publish(stage).await?;
        new.publishing.introduce(stage).await?;
        new.publishing.peer.connected().await?;
        new.publishing.peer.publish_added().await?;
        Ok(new)
    }

    /// Offers what the peer sends now. Returns the lines that have ended.
    async fn publish(&mut self, stage: &Stage) -> Result<Vec<ElementId>> {
        let Link { peer, connection, .. } = &self.publishing;
        let applied = connection.apply_offer(&peer.offer().await?).await?;
        peer.take_answer(&applied.answer).await?;
        let receiving = applied.lines.iter().filter(|line| line.is_receiving);
        self.sources = receiving.map(|line| (line.element, line.kind)).collect();
        let graph = stage.pipeline.graph().await.context("the pipeline lives")?;
        for (line, _) in &self.sources {
            ensure!(graph.elements.iter().any(|element| element.element == *line), "{line} is no element");
        }
        Ok(applied.ended)
    }

    /// Receives what the others send and no longer what has ended, by one offer.
    async fn follow(&mut self, stage: &Stage, sources: &[(u64, ElementId, MediaKind)]) -> Result<String> {
        let connection = &self.subscribing.connection;
        let is_gone = |source: &ElementId| !sources.iter().any(|(_, known, _)| known == source);
        for source in self.lines.keys().copied().filter(is_gone).collect::<Vec<_>>() {
            let (line, _) = self.lines.remove(&source).context("it was there")?;
            connection.remove_line(line).await;
        }
        for (group, source, kind) in sources.iter().copied() {
            if let std::collections::btree_map::Entry::Vacant(place) = self.lines.entry(source) {
                let line = connection.add_line(LineOptions { kind, group }).await?;
                stage.pipeline.connect(source, line, kind.into()).await?;
                place.insert((line, 0));
            }
        }
        let offer = connection.create_offer(IceRestart::No).await?;
        for (line, ssrc) in self.lines.values_mut() {
            let mid = offer.lines.iter().find(|(known, _)| known == line).context("every line is offered")?.1;
            *ssrc = ssrc_of(&offer.sdp, mid.as_str()).context("it sends")?;
        }
        let answer = self.subscribing.peer.answer(&offer.sdp).await?;
        let refused = self.subscribing.connection.apply_answer(&answer).await?.refused;
        ensure!(refused.is_empty(), "{refused:?}");
        if self.subscribing.gathered == 0 {
            self.subscribing.introduce(stage).await?;
            self.subscribing.peer.connected().await?;
        }
        Ok(offer.sdp)
    }

    /// Waits until more has come on every line than there was.
    async fn goes_on(&self) -> Result<()> {
        let before = self.subscribing.peer.report();
        for (line, ssrc) in self.lines.values() {
            let count = |log: StreamLog| log.video.complete() + log.audio.packets();
            let enough = count(before.stream(*ssrc)) + 12;
            let what = format!("stream {ssrc} on {line} of {}", self.number);
            self.subscribing.peer.until(&what, |r| count(r.stream(*ssrc)) >= enough).await?;
        }
        Ok(())
    }

    /// Waits likewise, and sees that nothing is lost. Between the picture that a viewer is shown first and the
    /// keyframe that is asked for there may be a gap, so what counts is that it grows no further.
    async fn receives_on_all(&self) -> Result<()> {
        self.goes_on().await?;
        let begun = self.subscribing.peer.report();
        self.goes_on().await?;
        let report = self.subscribing.peer.report();
        for (line, ssrc) in self.lines.values() {
            let missing = |log: &StreamLog| log.video.missing() + log.audio.missing();
            let (before, after) = (begun.stream(*ssrc), report.stream(*ssrc));
            assert_eq!(missing(&after), missing(&before), "stream {ssrc} on {line} of {}", self.number);
            let StreamLog { video, audio, .. } = after;
            assert_eq!(video.corrupted + audio.corrupted, 0, "{ssrc}");
            assert!(video.complete() == 0 || video.decodable() >= 12, "{ssrc}: {}", video.decodable());
        }
        Ok(())
    }

    async fn leave(self) {
        self.publishing.connection.release().await;
        self.subscribing.connection.release().await;
    }
}

/// The SSRC that an offer has for an m-line's media.
fn ssrc_of(sdp: &str, mid: &str) -> Option<u32> {
    let section =
        sdp.split("\nm=").find(|section| section.lines().any(|line| line == format!("a=mid:{mid}")))?;
    let ssrc = section.lines().find_map(|line| line.strip_prefix("a=ssrc:"))?;
    ssrc.split(' ').next()?.parse().ok()
}

/// Everybody receives everybody else. Returns the m-lines of each offer.
async fn follow_all(stage: &Stage, room: &mut [Participant]) -> Result<Vec<usize>> {
    let mut m_lines = Vec::new();
    let all: Vec<_> = room
        .iter()
        .flat_map(|who| {
            let group = |place: usize| who.number * 2 + u64::from(place == 2);
            who.sources
                .iter()
                .enumerate()
                .map(move |(place, (source, kind))| (who.number, (group(place), *source, *kind)))
        })
        .collect();
    for viewer in room {
        let others = all.iter().filter(|(number, _)| *number != viewer.number).map(|(_, source)| *source);
        let offer = viewer.follow(stage, &others.collect::<Vec<_>>()).await?;
        m_lines.push(offer.matches("\nm=").count());
    }
    Ok(m_lines)
}

/// The whole story: three come, one leaves, another takes the lines, all is released.
async fn three_and_a_fourth(stage: Stage, relays: u64) -> Result<()> {
    let mut room = Vec::new();
    for number in 1..=3 {
        room.push(Participant::arrive(&stage, number).await?);
    }
    assert_eq!(follow_all(&stage, &mut room).await?, [6, 6, 6]);
    for viewer in &room {
        assert_eq!(viewer.lines.len(), 6);
        viewer.receives_on_all().await?;
        let stats = viewer.publishing.connection.stats().await.context("it lives")?;
        let flowing = stats.lines.iter().filter(|line| line.incoming.iter().any(|s| s.packets > 0));
        assert_eq!(flowing.count(), 3, "{stats:?}");
        let stats = viewer.subscribing.connection.stats().await.context("it lives")?;
        let sent = stats.lines.iter().filter_map(|line| line.outgoing.as_ref()).filter(|s| s.packets > 0);
        assert_eq!(sent.count(), 6, "{stats:?}");
    }
    assert_eq!(stage.server.snapshot().await.relays, relays);
    let ssrcs = |room: &[Participant]| -> Vec<u32> {
        room.iter().flat_map(|who| who.lines.values().map(|(_, ssrc)| *ssrc)).collect()
    };
    let before = ssrcs(&room[1..]);

    room.remove(0).leave().await;
    room.push(Participant::arrive(&stage, 4).await?);
    assert_eq!(follow_all(&stage, &mut room).await?, [6, 6, 6], "the lines of who left are used again");
    for viewer in &room {
        viewer.receives_on_all().await?;
    }
    let after = ssrcs(&room[..2]);
    let kept = after.iter().filter(|ssrc| before.contains(ssrc)).count();
    assert_eq!(kept, 6, "what stayed has kept its SSRC, what came has a new one");

    let Stage { server, pipeline, .. } = stage;
    room.pop().context("the fourth is here")?.leave().await;
    until_snapshot(&server, "four sessions left", |s| s.sessions == 4).await?;
    pipeline.release().await;
    let left = server.snapshot().await;
    assert_eq!((left.pipelines, left.endpoints, left.sessions, left.relays), (0, 0, 0, 0));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn three_share_microphone_camera_and_screen_and_a_fourth_takes_the_lines_of_one_who_left() -> Result<()>
{
    three_and_a_fourth(Stage::new().await?, 0).await
}

#[tokio::test]
async fn the_same_with_everybody_s_two_connections_on_different_workers() -> Result<()> {
    // All publish on the one worker and receive on the other: each of nine tracks is relayed once.
    three_and_a_fourth(Stage::apart(2).await?, 9).await
}

#[tokio::test]
async fn tracks_are_added_and_taken_away_while_others_go_on() -> Result<()> {
    let stage = Stage::new().await?;
    let mut room = [Participant::arrive(&stage, 1).await?, Participant::arrive(&stage, 2).await?];
    follow_all(&stage, &mut room).await?;
    room[1].receives_on_all().await?;

    // The screen ends: its line rests, and the viewer's is taken away.
    let [.., screen] = room[0].tracks[..] else { panic!("three tracks") };
    room[0].publishing.peer.remove_added(screen).await?;
    room[0].publish(&stage).await?;
    assert_eq!(room[0].sources.len(), 2);
    follow_all(&stage, &mut room).await?;
    assert_eq!(room[1].lines.len(), 2);
    room[1].receives_on_all().await?;

    // Another one begins, and is received on the m-line that has become free.
    room[0].publishing.peer.add_video(77, FRAMES).await?;
    room[0].publish(&stage).await?;
    room[0].publishing.peer.publish_added().await?;
    assert_eq!(follow_all(&stage, &mut room).await?[1], 3);
    room[1].receives_on_all().await?;
    Ok(())
}

#[tokio::test]
async fn media_goes_on_over_a_restart_of_ice_whoever_asks_for_it() -> Result<()> {
    let stage = Stage::new().await?;
    let mut room = [Participant::arrive(&stage, 1).await?, Participant::arrive(&stage, 2).await?];
    follow_all(&stage, &mut room).await?;
    room[1].receives_on_all().await?;

    let Link { peer, connection, .. } = &room[0].publishing;
    peer.restart_ice().await?;
    let applied = connection.apply_offer(&peer.offer().await?).await?;
    assert!(applied.restarted_ice);
    peer.take_answer(&applied.answer).await?;
    room[0].publishing.introduce(&stage).await?;
    room[1].goes_on().await?;

    let Link { peer, connection, .. } = &room[1].subscribing;
    let offer = connection.create_offer(IceRestart::Yes).await?;
    connection.apply_answer(&peer.answer(&offer.sdp).await?).await?;
    room[1].subscribing.introduce(&stage).await?;
    room[1].goes_on().await?;
    room[1].receives_on_all().await?;
    Ok(())
}

#[tokio::test]
async fn steps_out_of_turn_are_typed_errors_and_change_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let mut room = [Participant::arrive(&stage, 1).await?, Participant::arrive(&stage, 2).await?];
    follow_all(&stage, &mut room).await?;
    let Participant { publishing, subscribing, .. } = &room[0];
    let camera = LineOptions { kind: MediaKind::Video, group: 1 };
    assert_eq!(publishing.connection.add_line(camera).await, Err(LineError::PeerOffers));
    let offered = publishing.connection.create_offer(IceRestart::No).await;
    assert_eq!(offered, Err(NegotiationError::OtherSideOffers));
    let offer = publishing.peer.offer().await?;
    assert_eq!(subscribing.connection.apply_offer(&offer).await, Err(NegotiationError::OtherSideOffers));
    let unasked = subscribing.connection.apply_answer(&offer).await;
    assert_eq!(unasked, Err(NegotiationError::NoOffer));
    subscribing.connection.create_offer(IceRestart::No).await?;
    let second = subscribing.connection.create_offer(IceRestart::No).await;
    assert_eq!(second, Err(NegotiationError::OfferOutstanding));
    let nonsense = subscribing.connection.apply_answer("v=0 but not SDP").await;
    assert!(matches!(nonsense, Err(NegotiationError::Invalid(_))), "{nonsense:?}");
    for viewer in &room {
        viewer.receives_on_all().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_paused_line_gets_nothing_and_a_publisher_hears_that_nobody_watches() -> Result<()> {
    let stage = Stage::apart(2).await?;
    let mut room = [Participant::arrive(&stage, 1).await?, Participant::arrive(&stage, 2).await?];
    follow_all(&stage, &mut room).await?;
    room[1].receives_on_all().await?;
    let (camera, _) = room[0].sources[1];
    let (line, ssrc) = room[1].lines[&camera];
    let told = |wanted: bool| PipelineEvent {
        endpoint: camera,
        event: EndpointEvent::WantedEncodings { wanted: vec![(None, wanted)] },
    };
    // Before anybody watched, and when somebody began to, it may have been told, too.
    let count = |events: &Vec<PipelineEvent>, wanted| events.iter().filter(|e| **e == told(wanted)).count();
    let so_far = stage.until("the events so far", |_| true).await?;
    room[1].subscribing.connection.pause(line).await;
    let unwanted = count(&so_far, false);
    stage.until("nobody watches", |events| count(events, false) > unwanted).await?;
    let paused = room[1].subscribing.peer.report().stream(ssrc).video.complete();
    room[1].subscribing.connection.resume(line).await;
    let wanted = count(&so_far, true);
    stage.until("somebody watches", |events| count(events, true) > wanted).await?;
    let enough = paused + 20;
    let report = room[1]
        .subscribing
        .peer
        .until("the camera again", |r| r.stream(ssrc).video.complete() >= enough)
        .await?;
    // Two seconds at fifteen frames a second were not sent.
    assert!(report.stream(ssrc).video.missing() >= 20, "{:?}", report.stream(ssrc).video.missing());
    Ok(())
}

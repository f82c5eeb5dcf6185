//! Livestreams through the real binary: WHIP and WHEP with peers on the `webrtc` crate.

use anyhow::{Context, Result, ensure};
use keel_testkit::http::HttpClient;
use keel_testkit::kurento::KurentoClient;
use keel_testkit::live::LiveSeat;
use keel_testkit::peer::{Part, Peer, PeerOptions};
use keel_testkit::room::Source;
use keel_testkit::server::{KeelServer, ServerOptions};
use keel_testkit::signaling::Trust;
use keel_testkit::source::VideoConfig;
use serde_json::json;

/// Small and slow, so that many fit a busy machine.
pub(crate) const FRAMES: VideoConfig =
    VideoConfig { frame_rate: 15, packets_per_frame: 2, payload_bytes: 200, first_timestamp: 0 };

pub(crate) const SOURCES: [Source; 2] = [Source::Microphone, Source::Camera(FRAMES)];

/// A server and the way to ask it.
pub(crate) struct Studio {
    pub(crate) server: KeelServer,
    pub(crate) http: HttpClient,
}

impl Studio {
    pub(crate) fn open(workers: usize, flags: &[&str]) -> Result<Self> {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let server = KeelServer::start(&ServerOptions { workers, flags, ..ServerOptions::default() })?;
        let http = HttpClient::new(server.url(), Trust::Nobody);
        Ok(Self { server, http })
    }

    /// Nothing of any stream is left.
    pub(crate) async fn emptied(&self) -> Result<()> {
        self.server.emptied().await?;
        for gauge in ["keel_streams", "keel_streams_live", "keel_stream_viewers"] {
            ensure!(self.server.metric(gauge)? == 0.0, "{gauge}: {}", self.server.log()?);
        }
        Ok(())
    }
}

/// Waits until a viewer has `frames` more pictures, whole ones, and sound with them.
pub(crate) async fn plays(viewer: &LiveSeat, frames: u64) -> Result<()> {
    let before = viewer.peer.report();
    let (pictures, sound) = (before.video.complete() as u64 + frames, before.audio.packets() + 10);
    let report = viewer
        .peer
        .until("picture and sound", |now| {
            now.video.complete() as u64 >= pictures && now.audio.packets() >= sound
        })
        .await?;
    ensure!(report.video.corrupted == 0, "{report}");
    Ok(())
}

#[tokio::test]
async fn a_stream_is_published_and_watched_and_nothing_is_left_of_it() -> Result<()> {
    for workers in [1, 2] {
        let studio = Studio::open(workers, &["--placement=spread"])?;
        let mut presenter = LiveSeat::publish(&studio.http, "tide", 100, &SOURCES).await?;
        let mut viewers = Vec::new();
        for seed in [200, 300] {
            viewers.push(LiveSeat::watch(&studio.http, "tide", seed).await?);
        }
        for viewer in &viewers {
            plays(viewer, 20).await?;
        }
        for (gauge, count) in
            [("keel_streams", 1.0), ("keel_streams_live", 1.0), ("keel_stream_viewers", 2.0)]
        {
            ensure!(studio.server.metric(gauge)? == count, "{gauge}");
        }
        let trickled = presenter.trickle().await?;
        ensure!((trickled.status, trickled.header("etag")) == (204, None), "{trickled:?}");
        let status = studio.http.send("GET", "/api/live/tide", &[], "").await?;
        ensure!(status.body.contains("\"state\":\"live\""), "{}", status.body);
        ensure!(
            status.body.contains("\"viewers\":2") && status.body.contains("\"bitrate\":"),
            "{}",
            status.body
        );
        for viewer in viewers {
            viewer.close().await?;
        }
        presenter.close().await?;
        studio.emptied().await?;
        ensure!(studio.server.terminate()?, "an orderly end");
    }
    Ok(())
}

#[tokio::test]
async fn a_presenter_that_comes_back_is_seen_on_the_same_connections() -> Result<()> {
    let studio = Studio::open(1, &[])?;
    let lost = LiveSeat::publish(&studio.http, "tide", 400, &SOURCES).await?;
    let viewer = LiveSeat::watch(&studio.http, "tide", 500).await?;
    plays(&viewer, 15).await?;
    // Its network is gone: the server has noticed nothing when it comes back.
    let location = lost.location().to_owned();
    drop(lost);
    let back = LiveSeat::publish(&studio.http, "tide", 600, &SOURCES).await?;
    plays(&viewer, 15).await?;
    let before = studio.http.send("GET", &location, &[], "").await?;
    ensure!(before.status == 404, "the session before is gone: {before:?}");
    ensure!(studio.server.metric("keel_stream_viewers")? == 1.0);
    back.close().await?;
    viewer.close().await?;
    studio.emptied().await
}

#[tokio::test]
async fn a_viewer_that_came_first_sees_the_stream_when_it_begins() -> Result<()> {
    let studio = Studio::open(1, &[])?;
    let viewer = LiveSeat::watch(&studio.http, "tide", 700).await?;
    let presenter = LiveSeat::publish(&studio.http, "tide", 800, &SOURCES).await?;
    plays(&viewer, 15).await?;
    presenter.close().await?;
    // It waits for the next one, of the same name.
    let presenter = LiveSeat::publish(&studio.http, "tide", 900, &SOURCES).await?;
    plays(&viewer, 15).await?;
    viewer.close().await?;
    presenter.close().await?;
    studio.emptied().await
}

#[tokio::test]
async fn media_goes_on_over_a_restart_of_ice() -> Result<()> {
    let studio = Studio::open(1, &[])?;
    let mut presenter = LiveSeat::publish(&studio.http, "tide", 1000, &SOURCES).await?;
    let mut viewer = LiveSeat::watch(&studio.http, "tide", 1100).await?;
    plays(&viewer, 10).await?;
    for seat in [&mut presenter, &mut viewer] {
        let before = seat.tag().to_owned();
        seat.restart_ice().await?;
        ensure!(seat.tag() != before);
        let stale = seat.patch(&before, "a=end-of-candidates\r\n").await?;
        ensure!(stale.status == 412, "{stale:?}");
    }
    plays(&viewer, 30).await?;
    viewer.close().await?;
    presenter.close().await?;
    studio.emptied().await
}

#[tokio::test]
async fn who_vanishes_is_released_and_the_stream_ends() -> Result<()> {
    let studio = Studio::open(1, &["--live-resume-s=1"])?;
    let presenter = LiveSeat::publish(&studio.http, "tide", 1200, &SOURCES).await?;
    let viewer = LiveSeat::watch(&studio.http, "tide", 1300).await?;
    plays(&viewer, 5).await?;
    // Closed without a word to HTTP: DTLS tells.
    presenter.peer.close().await?;
    viewer.peer.until("the end", |report| report.connection != keel_testkit::peer::Connection::New).await?;
    studio.emptied().await
}

/// A peer of a Kurento application's endpoint that is in a stream by this tag. Its server is where `seat`'s is.
async fn endpoint(
    client: &mut KurentoClient,
    seat: &LiveSeat,
    tag: &str,
    part: Part,
    seed: u64,
) -> Result<Peer> {
    let pipeline = client.create("MediaPipeline", json!({})).await?;
    let object = client.create("WebRtcEndpoint", json!({"mediaPipeline": pipeline})).await?;
    let tagged = json!({"key": tag, "value": "tide"});
    let invoke = |operation: &str, params| json!({"object": object, "operation": operation, "operationParams": params});
    client.call("invoke", invoke("addTag", tagged)).await?;
    let options = PeerOptions { seed, audio: part, video: part, frames: FRAMES, ..PeerOptions::default() };
    let peer = Peer::new(options).await?;
    let answer = client.call("invoke", invoke("processOffer", json!({"offer": peer.offer().await?}))).await?;
    peer.take_answer(answer.as_str().context("an answer")?).await?;
    client.call("invoke", invoke("gatherCandidates", json!({}))).await?;
    peer.add_candidate(&seat.candidate().context("a candidate")?).await?;
    peer.connected().await?;
    Ok(peer)
}

#[tokio::test]
async fn a_kurento_pipeline_plays_a_stream_and_presents_it() -> Result<()> {
    let studio = Studio::open(1, &[])?;
    let presenter = LiveSeat::publish(&studio.http, "tide", 1400, &SOURCES).await?;
    let mut client = KurentoClient::connect(studio.server.kurento_url()).await?;
    let watching = endpoint(&mut client, &presenter, "keel.play", Part::Receive, 1500).await?;
    watching
        .until("the stream in a Kurento pipeline", |r| r.video.complete() >= 15 && r.audio.packets() > 10)
        .await?;
    let viewer = LiveSeat::watch(&studio.http, "tide", 1600).await?;
    plays(&viewer, 10).await?;

    let mut presenting = endpoint(&mut client, &presenter, "keel.publish", Part::Both, 1700).await?;
    presenting.publish().await?;
    plays(&viewer, 20).await?;
    let before = studio.http.send("GET", presenter.location(), &[], "").await?;
    ensure!(before.status == 404, "the presenter by WHIP was replaced: {before:?}");
    drop((client, watching, presenting, presenter));
    viewer.close().await?;
    Ok(())
}

//! A presenter by WHIP, and a viewer by WHEP, on the `webrtc` crate.

use crate::http::{HttpAnswer, HttpClient};
use crate::peer::{Part, Peer, PeerOptions};
use crate::room::Source;
use anyhow::{Context, Result, bail, ensure};
use keel_media::IceCandidate;

/// One session with its peer.
pub struct LiveSeat {
    http: HttpClient,
    /// The peer.
    pub peer: Peer,
    location: String,
    tag: String,
    answer: String,
}

impl LiveSeat {
    /// Publishes a stream of these sources and sends. `seed` decides the peer's numbers.
    ///
    /// # Errors
    /// When the server refuses, with its words, or the connection does not come up.
    pub async fn publish(http: &HttpClient, stream: &str, seed: u64, sources: &[Source]) -> Result<Self> {
        let bare = PeerOptions { seed, audio: Part::None, video: Part::None, ..PeerOptions::default() };
        let mut peer = Peer::new(bare).await?;
        for (place, source) in (1..).zip(sources) {
            match source {
                // A stream has one voice, whatever it is of.
                Source::Microphone | Source::ScreenSound => peer.add_audio(seed + place).await?,
                Source::Pattern { frame_rate } => peer.add_pattern(seed + place, *frame_rate).await?,
                Source::Camera(frames) => peer.add_video(seed + place, *frames).await?,
            };
        }
        let mut seat = Self::begin(http, &format!("/whip/{stream}"), peer).await?;
        seat.peer.connected().await?;
        seat.peer.publish_added().await?;
        Ok(seat)
    }

    /// Watches a stream.
    ///
    /// # Errors
    /// When the server refuses, with its words, or the connection does not come up.
    pub async fn watch(http: &HttpClient, stream: &str, seed: u64) -> Result<Self> {
        let options =
            PeerOptions { seed, audio: Part::Receive, video: Part::Receive, ..PeerOptions::default() };
        let seat = Self::begin(http, &format!("/whep/{stream}"), Peer::new(options).await?).await?;
        seat.peer.connected().await?;
        Ok(seat)
    }

    /// Has the server take an offer of the peer, and the peer its answer.
    async fn begin(http: &HttpClient, path: &str, peer: Peer) -> Result<Self> {
        let offer = peer.offer().await?;
        let answer = http.send("POST", path, &[("Content-Type", "application/sdp")], &offer).await?;
        ensure!(answer.status == 201, "{path} was refused: {} {}", answer.status, answer.body);
        peer.take_answer(&answer.body).await?;
        let field = |name| answer.header(name).map(str::to_owned).with_context(|| format!("no {name}"));
        let (location, tag) = (field("location")?, field("etag")?);
        Ok(Self { http: http.clone(), peer, location, tag, answer: answer.body })
    }

    /// Where the server receives media, as its answer says: its first candidate.
    #[must_use]
    pub fn candidate(&self) -> Option<IceCandidate> {
        let candidate = line(&self.answer, "a=candidate:")?.strip_prefix("a=")?.to_owned();
        Some(IceCandidate { candidate, sdp_mid: Some("0".to_owned()), sdp_mline_index: Some(0) })
    }

    /// The path of its session.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The entity tag of its ICE session.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Tells the server all candidates of the peer at once, as RFC 9725 wants it.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub async fn trickle(&mut self) -> Result<HttpAnswer> {
        let mut fragment = String::from("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
        let mut mid = None;
        while let Some(candidate) = self.peer.next_candidate().await {
            mid = mid.or_else(|| candidate.sdp_mid.clone());
            fragment += &format!("a={}\r\n", candidate.candidate);
        }
        fragment += &format!("a=mid:{}\r\na=end-of-candidates\r\n", mid.unwrap_or_default());
        self.patch(&self.tag, &fragment).await
    }

    /// Restarts ICE, and waits for nothing: media goes on meanwhile.
    ///
    /// # Errors
    /// When the server refuses, or the peer cannot.
    pub async fn restart_ice(&mut self) -> Result<()> {
        self.peer.restart_ice().await?;
        let offer = self.peer.offer().await?;
        let [ufrag, password] = ["a=ice-ufrag:", "a=ice-pwd:"].map(|name| line(&offer, name));
        let (ufrag, password) = ufrag.zip(password).context("an offer without credentials")?;
        let restarted = self.patch("*", &format!("{ufrag}\r\n{password}\r\n")).await?;
        ensure!(restarted.status == 200, "no restart: {} {}", restarted.status, restarted.body);
        self.tag = restarted.header("etag").context("no entity tag")?.to_owned();
        let mut answer = self.answer.clone();
        for name in ["a=ice-ufrag:", "a=ice-pwd:"] {
            let fresh = line(&restarted.body, name).context("a fragment without credentials")?.to_owned();
            let old = line(&answer, name).context("an answer without credentials")?.to_owned();
            answer = answer.replace(&old, &fresh);
        }
        self.peer.take_answer(&answer).await?;
        self.answer = answer;
        Ok(())
    }

    /// Sends a fragment.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub async fn patch(&self, condition: &str, fragment: &str) -> Result<HttpAnswer> {
        let headers = [("Content-Type", "application/trickle-ice-sdpfrag"), ("If-Match", condition)];
        self.http.send("PATCH", &self.location, &headers, fragment).await
    }

    /// Says goodbye: the session ends at once.
    ///
    /// # Errors
    /// When the server knows no such session, or the peer cannot be closed.
    pub async fn close(self) -> Result<()> {
        let ended = self.http.send("DELETE", &self.location, &[], "").await?;
        if ended.status != 200 {
            bail!("the session could not be ended: {} {}", ended.status, ended.body);
        }
        self.peer.close().await
    }
}

fn line<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    sdp.lines().find(|line| line.starts_with(name))
}

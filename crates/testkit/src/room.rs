//! A participant of a group call on the `webrtc` crate: one peer that publishes and one that receives, as a
//! browser's page has them.

use crate::peer::{PATIENCE, Part, Peer, PeerOptions, PeerReport};
use crate::signaling::{Candidate, SignalingClient, Trust};
use crate::source::VideoConfig;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::time::timeout;

/// Messages of the server that are kept for questions about them; older ones are forgotten.
const HEARD_MAX: usize = 1_000;

/// One participant in Keel's form of the protocol (`docs/group-calls.md`).
pub struct RoomSeat {
    client: SignalingClient,
    publishing: Peer,
    receiving: Peer,
    joined: Value,
    heard: VecDeque<Value>,
    /// What each line of audio is, in their order.
    sounds: Vec<&'static str>,
    requests: u64,
}

/// What a participant publishes.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Synthetic Opus.
    Microphone,
    /// The same as the sound of a shared screen.
    ScreenSound,
    /// Synthetic VP8, of frames that are complete and numbered and show nothing.
    Camera(VideoConfig),
    /// A camera with a picture that browsers can decode.
    Pattern {
        /// Pictures a second; 30 is as it was recorded.
        frame_rate: u32,
    },
}

impl RoomSeat {
    /// Joins a room under a name. `seed` decides the peers' numbers.
    ///
    /// # Errors
    /// When the server is not there, or refuses; the message says why.
    pub async fn join(url: &str, trust: &Trust, room: &str, name: &str, seed: u64) -> Result<Self> {
        let mut client = SignalingClient::connect(url, trust).await?;
        client.send_text(json!({"id": "join", "room": room, "name": name}).to_string()).await?;
        let joined: Value = serde_json::from_str(&client.next_text().await?)?;
        if joined["id"] != "joined" {
            bail!("{name} may not join {room}: {joined}");
        }
        let empty =
            |seed| PeerOptions { seed, audio: Part::None, video: Part::None, ..PeerOptions::default() };
        let publishing = Peer::new(empty(seed)).await?;
        let receiving = Peer::new(empty(seed + 1)).await?;
        Ok(Self {
            client,
            publishing,
            receiving,
            joined,
            heard: VecDeque::new(),
            sounds: Vec::new(),
            requests: 0,
        })
    }

    /// What the server said to the one that joined.
    #[must_use]
    pub fn joined(&self) -> &Value {
        &self.joined
    }

    /// What was received so far.
    #[must_use]
    pub fn received(&self) -> PeerReport {
        self.receiving.report()
    }

    /// What was sent so far.
    #[must_use]
    pub fn sent(&self) -> PeerReport {
        self.publishing.report()
    }

    /// What the server said since the joining and was not forgotten.
    pub fn heard(&self) -> impl Iterator<Item = &Value> {
        self.heard.iter()
    }

    /// Publishes these sources, beside those that are published already, and sends.
    ///
    /// # Errors
    /// When the server refuses, or the connection does not come about.
    pub async fn publish(&mut self, seed: u64, sources: &[Source]) -> Result<()> {
        for (place, source) in (0..).zip(sources) {
            match source {
                Source::Microphone | Source::ScreenSound => self.publishing.add_audio(seed + place).await?,
                Source::Pattern { frame_rate } => {
                    self.publishing.add_pattern(seed + place, *frame_rate).await?
                }
                Source::Camera(frames) => self.publishing.add_video(seed + place, *frames).await?,
            };
        }
        self.sounds.extend(sources.iter().filter_map(|source| match source {
            Source::Microphone => Some("microphone"),
            Source::ScreenSound => Some("screenAudio"),
            _ => None,
        }));
        let offer = self.publishing.offer().await?;
        let tracks: Vec<Value> =
            lines(&offer, &self.sounds).map(|(mid, source)| json!({"mid": mid, "source": source})).collect();
        let answer = self.ask(json!({"id": "publish", "sdpOffer": offer, "tracks": tracks})).await?;
        let sdp = answer["sdpAnswer"].as_str().with_context(|| format!("no answer: {answer}"))?;
        self.publishing.take_answer(sdp).await?;
        self.until("a publishing connection", |seat| {
            seat.publishing.report().connection == crate::peer::Connection::Connected
        })
        .await?;
        self.publishing.publish_added().await
    }

    /// Says something and waits for the answer to it; does meanwhile what the server asks for.
    ///
    /// # Errors
    /// When the connection closes or nothing comes.
    pub async fn ask(&mut self, mut request: Value) -> Result<Value> {
        self.requests += 1;
        let number = json!(self.requests);
        request["request"] = number.clone();
        self.client.send_text(request.to_string()).await?;
        loop {
            let message = self.next().await?;
            if message["request"] == number {
                return Ok(message);
            }
        }
    }

    /// Does what the server asks for until it has happened.
    ///
    /// # Errors
    /// When that does not happen within [`PATIENCE`]; the message holds `what` and the reports.
    pub async fn until(&mut self, what: &str, happened: impl Fn(&Self) -> bool) -> Result<()> {
        let mut received = self.receiving.reports();
        let mut sent = self.publishing.reports();
        let waiting = async {
            while !happened(self) {
                tokio::select! {
                    message = self.client.next_text() => self.take(serde_json::from_str(&message?)?).await?,
                    changed = received.changed() => changed?,
                    changed = sent.changed() => changed?,
                }
            }
            anyhow::Ok(())
        };
        match timeout(PATIENCE, waiting).await {
            Ok(done) => done,
            Err(_) => bail!("no {what} within {PATIENCE:?}: {}; {}", self.sent(), self.received()),
        }
    }

    /// Does what the server asks for, for so long.
    ///
    /// # Errors
    /// When the connection closes.
    pub async fn attend(&mut self, time: std::time::Duration) -> Result<()> {
        let end = tokio::time::Instant::now() + time; // clock: a participant in real time
        while let Ok(message) = tokio::time::timeout_at(end, self.client.next_text()).await {
            self.take(serde_json::from_str(&message?)?).await?;
        }
        Ok(())
    }

    /// How loud all that it sends is from now on, in -dBov: 0 the loudest, 127 silence (RFC 6464 §3).
    pub fn speak(&self, level: u8) {
        self.publishing.speak(level);
    }

    /// Leaves the room and ends both connections.
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn leave(mut self) -> Result<()> {
        let left = self.ask(json!({"id": "leave"})).await?;
        if left["id"] != "left" {
            bail!("could not leave: {left}");
        }
        self.publishing.close().await?;
        self.receiving.close().await
    }

    /// Vanishes without a word, as a page whose network is gone.
    pub fn vanish(self) {
        drop(self);
    }

    async fn next(&mut self) -> Result<Value> {
        let message: Value = serde_json::from_str(&self.client.next_text().await?)?;
        self.take(message.clone()).await?;
        Ok(message)
    }

    /// Does what a message asks for.
    async fn take(&mut self, message: Value) -> Result<()> {
        match message["id"].as_str() {
            Some("offer") => {
                let offer = message["sdpOffer"].as_str().context("an offer without its description")?;
                let answer = self.receiving.answer(offer).await?;
                let answer = json!({"id": "answer", "version": message["version"], "sdpAnswer": answer});
                self.client.send_text(answer.to_string()).await?;
            }
            Some("iceCandidate") => {
                let candidate: Candidate = serde_json::from_value(message["candidate"].clone())?;
                let peer = match message["connection"].as_str() {
                    Some("publish") => &self.publishing,
                    Some("subscribe") => &self.receiving,
                    other => bail!("a candidate for {other:?}"),
                };
                peer.add_candidate(&candidate.into()).await?;
            }
            _ => {}
        }
        if self.heard.len() >= HEARD_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back(message);
        Ok(())
    }
}

/// The lines of audio and video that an offer sends on, with what this participant has for each.
fn lines<'a>(offer: &'a str, sounds: &'a [&'static str]) -> impl Iterator<Item = (&'a str, &'static str)> {
    let mut sounds = sounds.iter();
    offer.split("\r\nm=").skip(1).filter_map(move |section| {
        let source = match section.split(' ').next()? {
            "audio" => sounds.next().copied().unwrap_or("microphone"),
            "video" => "camera",
            _ => return None,
        };
        let sends = section.lines().any(|line| matches!(line, "a=sendrecv" | "a=sendonly"));
        let mid = section.lines().find_map(|line| line.strip_prefix("a=mid:"))?;
        sends.then_some((mid, source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_an_offer_that_send_are_found() {
        let offer = "v=0\r\ns=-\r\nm=audio 9 X 111\r\na=mid:0\r\na=sendrecv\r\nm=video 9 X 96\r\na=sendonly\r\na=mid:v\r\n\
                     m=video 9 X 96\r\na=mid:2\r\na=inactive\r\nm=application 9 X y\r\na=mid:3\r\n";
        assert_eq!(lines(offer, &["microphone"]).collect::<Vec<_>>(), [("0", "microphone"), ("v", "camera")]);
    }
}

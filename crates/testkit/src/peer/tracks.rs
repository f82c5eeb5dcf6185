//! Tracks that come and go while a peer is connected, each told by an offer of its own or one for several.

use super::engine::AUDIO_LEVEL_URI;
use super::pattern::Pattern;
use super::publish::{AudioTrack, VideoTrack};
use super::{Peer, negotiated_extension, negotiated_payload_type};
use crate::source::VideoConfig;
use anyhow::{Context, Result};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8};
use std::sync::Arc;
use tokio::task::AbortHandle;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::rtp_transceiver::RtpSender;

/// A track that was added to a peer, named by its SSRC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AddedTrack(pub u32);

pub(super) struct Added {
    name: AddedTrack,
    sender: Arc<dyn RtpSender>,
    media: AddedMedia,
    task: Option<AbortHandle>,
}

enum AddedMedia {
    Audio(AudioTrack),
    Video(VideoTrack),
}

impl Peer {
    /// Adds a track of synthetic audio. It is part of the next offer.
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn add_audio(&mut self, seed: u64) -> Result<AddedTrack> {
        let track = AudioTrack::new(seed, self.codecs.audio());
        let sender = self.connection.add_track(track.local() as Arc<dyn TrackLocal>).await?;
        let name = AddedTrack(track.ssrc());
        self.added.push(Added { name, sender, media: AddedMedia::Audio(track), task: None });
        Ok(name)
    }

    /// Adds a track of synthetic video. It is part of the next offer.
    ///
    /// # Errors
    /// As the `webrtc` crate's.
    pub async fn add_video(&mut self, seed: u64, frames: VideoConfig) -> Result<AddedTrack> {
        let track = VideoTrack::new(seed, frames, self.repair, self.codecs.video());
        let sender = self.connection.add_track(track.local() as Arc<dyn TrackLocal>).await?;
        let name = AddedTrack(track.ssrc());
        self.added.push(Added { name, sender, media: AddedMedia::Video(track), task: None });
        Ok(name)
    }

    /// Adds a track with a picture that browsers can decode, so many times a second: 30 is as it was recorded. It
    /// is part of the next offer.
    ///
    /// # Errors
    /// When the recording is missing, or as the `webrtc` crate's.
    pub async fn add_pattern(&mut self, seed: u64, frame_rate: u32) -> Result<AddedTrack> {
        let frames = VideoConfig { frame_rate, ..VideoConfig::default() };
        let track = VideoTrack::new(seed, frames, self.repair, self.codecs.video()).showing(Pattern::load()?);
        let sender = self.connection.add_track(track.local() as Arc<dyn TrackLocal>).await?;
        let name = AddedTrack(track.ssrc());
        self.added.push(Added { name, sender, media: AddedMedia::Video(track), task: None });
        Ok(name)
    }

    /// Starts sending on every added track that was negotiated and does not send yet.
    ///
    /// # Errors
    /// When one was not negotiated.
    pub async fn publish_added(&mut self) -> Result<()> {
        self.shared.start_publishing();
        for added in self.added.iter_mut().filter(|added| added.task.is_none()) {
            let shared = Arc::clone(&self.shared);
            added.task = Some(match &added.media {
                AddedMedia::Audio(track) => {
                    let payload_type = negotiated_payload_type(&*added.sender, MIME_TYPE_OPUS).await?;
                    let level_id = negotiated_extension(&*added.sender, AUDIO_LEVEL_URI).await?;
                    self.publishing.spawn(track.clone().run(payload_type, level_id, shared))
                }
                AddedMedia::Video(track) => {
                    let payload_type = negotiated_payload_type(&*added.sender, MIME_TYPE_VP8).await?;
                    self.publishing.spawn(track.clone().run(payload_type, shared))
                }
            });
        }
        Ok(())
    }

    /// Ends an added track. The next offer tells the other side.
    ///
    /// # Errors
    /// When there is no such track.
    pub async fn remove_added(&mut self, track: AddedTrack) -> Result<()> {
        let place = self.added.iter().position(|added| added.name == track).context("no such track")?;
        let added = self.added.remove(place);
        if let Some(task) = added.task {
            task.abort();
        }
        Ok(self.connection.remove_track(&added.sender).await?)
    }

    /// Lets the next offer restart ICE (RFC 8445 §9).
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn restart_ice(&self) -> Result<()> {
        Ok(self.connection.restart_ice().await?)
    }
}

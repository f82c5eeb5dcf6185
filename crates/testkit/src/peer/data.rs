//! Data channels of a peer: what it opened and what was opened to it, found by their labels.

use super::Peer;
use super::report::Shared;
use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use std::sync::{Arc, PoisonError, Weak};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::PeerConnection;

/// Messages of one channel that the report keeps; later ones are counted only.
const MESSAGES_MAX: usize = 64;

/// A message, as the peer's application would get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerMessage {
    /// A string.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// What happened on the channels of one label.
#[derive(Clone, Debug, Default)]
pub struct ChannelLog {
    /// How often one was opened.
    pub opened: u32,
    /// How often one was closed.
    pub closed: u32,
    /// Messages received.
    pub messages: u64,
    /// The first of them, at most 64.
    pub first: Vec<PeerMessage>,
    /// The latest.
    pub latest: Option<PeerMessage>,
}

impl Peer {
    /// Opens a reliable data channel. Before the offer it makes the offer have data channels at all.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn open_channel(&self, label: &str) -> Result<()> {
        open(&*self.connection, &self.shared, label).await
    }

    /// Sends on the latest channel of this label.
    ///
    /// # Errors
    /// When there is none, or it is not open.
    pub async fn send(&self, label: &str, message: &PeerMessage) -> Result<()> {
        let channel = self.channel(label)?;
        match message {
            PeerMessage::Text(text) => channel.send_text(text).await?,
            PeerMessage::Binary(bytes) => channel.send(BytesMut::from(&bytes[..])).await?,
        }
        Ok(())
    }

    /// Closes the latest channel of this label.
    ///
    /// # Errors
    /// When there is none, or it is closed.
    pub async fn close_channel(&self, label: &str) -> Result<()> {
        Ok(self.channel(label)?.close().await?)
    }

    fn channel(&self, label: &str) -> Result<Arc<dyn DataChannel>> {
        let channels = self.shared.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.get(label).cloned().with_context(|| format!("no channel {label}"))
    }
}

pub(super) async fn open(connection: &dyn PeerConnection, shared: &Arc<Shared>, label: &str) -> Result<()> {
    let channel = connection.create_data_channel(label, None).await?;
    follow(shared, label.to_owned(), channel);
    Ok(())
}

/// Notes what happens on a channel from now on.
pub(super) fn follow(shared: &Arc<Shared>, label: String, channel: Arc<dyn DataChannel>) {
    let reader = read(Arc::clone(&channel), label.clone(), Arc::downgrade(shared));
    shared.channels.lock().unwrap_or_else(PoisonError::into_inner).insert(label, channel);
    shared.read(reader);
}

async fn read(channel: Arc<dyn DataChannel>, label: String, shared: Weak<Shared>) {
    while let Some(event) = channel.poll().await {
        let Some(shared) = shared.upgrade() else { return };
        shared.report.send_modify(|report| report.channels.entry(label.clone()).or_default().note(event));
    }
}

impl ChannelLog {
    fn note(&mut self, event: DataChannelEvent) {
        match event {
            DataChannelEvent::OnOpen => self.opened += 1,
            DataChannelEvent::OnClose => self.closed += 1,
            DataChannelEvent::OnMessage(message) => {
                let message = if message.is_string {
                    PeerMessage::Text(String::from_utf8_lossy(&message.data).into_owned())
                } else {
                    PeerMessage::Binary(message.data.freeze())
                };
                self.messages += 1;
                if self.first.len() < MESSAGES_MAX {
                    self.first.push(message.clone());
                }
                self.latest = Some(message);
            }
            _ => {}
        }
    }
}

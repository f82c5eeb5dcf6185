//! Opens what the peer sends. Nothing is remembered of a packet that is not authentic.

use super::MasterKey;
use super::cipher::Cipher;
use super::replay::ReplayWindow;
use crate::forward::DropReason;
use crate::rtp::{ExtSeq, RtpHeader, SeqNo, Ssrc};

/// Streams of one session, for RTP and for RTCP each: eight tracks of three layers with their repair
/// streams, and room for a few changes of SSRC. Beyond it new streams are refused.
const STREAMS_MAX: usize = 64;

/// 1024 indexes: a second of a 10 Mbit/s layer, longer than a repair is waited for. libwebrtc has the
/// same. RFC 3711 §3.3.2 asks for at least 64.
type Window = ReplayWindow<{ 1024 / 64 }>;

/// The receiving half of one association: session keys, rollover counters and replay windows.
pub struct ReceiveContext {
    cipher: Cipher,
    rtp: Streams,
    /// RFC 3711 §3.2.3: each sender's SRTCP index counts by itself, as Chromium's do.
    rtcp: Streams,
}

/// The windows of a session's few streams. The last one used is looked at first, since packets come in
/// bursts.
#[derive(Default)]
struct Streams {
    streams: Vec<Stream>,
    last_used: usize,
}

struct Stream {
    ssrc: Ssrc,
    /// Its newest index holds the rollover counter.
    window: Window,
}

/// Where an index belongs once its packet proves genuine.
enum Place {
    Known(usize),
    New,
}

impl ReceiveContext {
    /// The context that opens what was sealed with `key`.
    pub(super) fn new(key: &MasterKey) -> Self {
        Self { cipher: Cipher::new(key), rtp: Streams::default(), rtcp: Streams::default() }
    }

    /// Opens `packet`, whose parsed header is `header`, in place. Returns the length of the plain packet,
    /// header included, and its extended sequence number.
    ///
    /// # Errors
    /// In the order in which they are found, cheapest first: `RtpMalformed` when there is no room for a
    /// tag, `RtpTooManyStreams`, `SrtpTooOld`, `SrtpReplay`, `SrtpAuthentication`. After each of them the
    /// context is as before; the payload's bytes are not to be used.
    pub fn unprotect_rtp(
        &mut self,
        packet: &mut [u8],
        header: &RtpHeader,
    ) -> Result<(usize, ExtSeq), DropReason> {
        let plain_len = packet
            .len()
            .checked_sub(self.cipher.tag_length())
            .filter(|plain_len| *plain_len >= header.payload_start())
            .ok_or(DropReason::RtpMalformed)?;
        let place = self.rtp.place(header.ssrc)?;
        let index = self.rtp.estimate(&place, header.seq);
        self.rtp.check(&place, index.value())?;
        self.cipher
            .open_rtp(packet, header.payload_start(), header.ssrc, index)
            .map_err(|_| DropReason::SrtpAuthentication)?;
        self.rtp.accept(place, header.ssrc, index.value());
        Ok((plain_len, index))
    }

    /// Opens `packet`, an SRTCP packet, in place. Returns the length of the plain RTCP at its start.
    ///
    /// # Errors
    /// `RtcpMalformed` when it is shorter than header, index and tag; else as
    /// [`Self::unprotect_rtp`].
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropReason> {
        let index = self.cipher.rtcp_index(packet).ok_or(DropReason::RtcpMalformed)?;
        let place = self.rtcp.place(index.ssrc)?;
        self.rtcp.check(&place, index.index().into())?;
        self.cipher.open_rtcp(packet, index).map_err(|_| DropReason::SrtpAuthentication)?;
        self.rtcp.accept(place, index.ssrc, index.index().into());
        Ok(packet.len() - self.cipher.rtcp_overhead())
    }
}

impl Streams {
    fn place(&self, ssrc: Ssrc) -> Result<Place, DropReason> {
        if self.streams.get(self.last_used).is_some_and(|stream| stream.ssrc == ssrc) {
            return Ok(Place::Known(self.last_used));
        }
        match self.streams.iter().position(|stream| stream.ssrc == ssrc) {
            Some(known) => Ok(Place::Known(known)),
            None if self.streams.len() < STREAMS_MAX => Ok(Place::New),
            None => Err(DropReason::RtpTooManyStreams),
        }
    }

    /// RFC 3711 §3.3.1: the index nearest to the newest one authenticated; a new stream's rollover
    /// counter is zero.
    fn estimate(&self, place: &Place, seq: SeqNo) -> ExtSeq {
        match place {
            Place::Known(known) => seq.extend(ExtSeq::new(self.streams[*known].window.newest())),
            Place::New => ExtSeq::new(seq.wire().into()),
        }
    }

    fn check(&self, place: &Place, index: u64) -> Result<(), DropReason> {
        match place {
            Place::Known(known) => self.streams[*known].window.check(index),
            Place::New => Ok(()),
        }
    }

    fn accept(&mut self, place: Place, ssrc: Ssrc, index: u64) {
        match place {
            Place::Known(known) => {
                self.streams[known].window.accept(index);
                self.last_used = known;
            }
            Place::New => {
                self.last_used = self.streams.len();
                self.streams.push(Stream { ssrc, window: Window::starting_at(index) });
            }
        }
    }
}

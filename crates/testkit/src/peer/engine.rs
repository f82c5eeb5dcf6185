//! What a peer negotiates: its codecs, and the connection made with them.

use super::report::{Handler, Shared};
use super::wire::Wire;
use super::{PeerOptions, Repair, VideoCodec};
use anyhow::Result;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot,
    TwccReceiverBuilder,
};
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_simulcast_extension_headers, configure_twcc_sender_only,
};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8,
};
use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use std::sync::Arc;
use std::time::Duration;
use webrtc::peer_connection::{MediaEngine, PeerConnection, PeerConnectionBuilder, SettingEngineBuilder};

/// Often enough for a test of a few seconds to see several.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// Less than a browser waits, so that a repaired stream is repaired soon.
const NACK_INTERVAL: Duration = Duration::from_millis(50);
/// RFC 6464 §5.
pub(super) const AUDIO_LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// The codecs of one peer.
pub(super) struct Codecs {
    audio: RTCRtpCodecParameters,
    video: RTCRtpCodecParameters,
    rtx: Option<RTCRtpCodecParameters>,
}

impl Codecs {
    pub(super) fn new(video_codec: VideoCodec, repair: Repair) -> Self {
        let mut feedback = vec![("goog-remb", ""), ("ccm", "fir"), ("nack", "pli")];
        if repair != Repair::None {
            feedback.push(("nack", ""));
        }
        let feedback = feedback
            .into_iter()
            .map(|(typ, parameter)| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() })
            .collect();
        let (mime_type, fmtp, payload_type) = match video_codec {
            VideoCodec::Vp8 => (MIME_TYPE_VP8, "", 96),
            VideoCodec::H264 => (
                MIME_TYPE_H264,
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
                102,
            ),
        };
        let opus = "minptime=10;useinbandfec=1";
        Self {
            audio: codec(MIME_TYPE_OPUS, 48_000, 2, opus, vec![], 111),
            video: codec(mime_type, 90_000, 0, fmtp, feedback, payload_type),
            rtx: (repair == Repair::Rtx).then(|| {
                codec(MIME_TYPE_RTX, 90_000, 0, &format!("apt={payload_type}"), vec![], payload_type + 1)
            }),
        }
    }

    pub(super) fn audio(&self) -> &RTCRtpCodec {
        &self.audio.rtp_codec
    }

    pub(super) fn video(&self) -> &RTCRtpCodec {
        &self.video.rtp_codec
    }

    fn register(&self, engine: &mut MediaEngine) -> Result<()> {
        engine.register_codec(self.audio.clone(), RtpCodecKind::Audio)?;
        engine.register_codec(self.video.clone(), RtpCodecKind::Video)?;
        if let Some(rtx) = &self.rtx {
            engine.register_codec(rtx.clone(), RtpCodecKind::Video)?;
        }
        Ok(())
    }
}

fn codec(
    mime_type: &str,
    clock_rate: u32,
    channels: u16,
    fmtp: &str,
    rtcp_feedback: Vec<RTCPFeedback>,
    payload_type: u8,
) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: mime_type.to_owned(),
            clock_rate,
            channels,
            sdp_fmtp_line: fmtp.to_owned(),
            rtcp_feedback,
        },
        payload_type,
    }
}

/// A connection bound to one address, with reports, congestion control feedback and, where asked for,
/// repair.
pub(super) async fn build_connection(
    options: &PeerOptions,
    codecs: &Codecs,
    shared: &Arc<Shared>,
) -> Result<Arc<dyn PeerConnection>> {
    let mut engine = MediaEngine::default();
    codecs.register(&mut engine)?;
    configure_simulcast_extension_headers(&mut engine)?;
    let audio_level = RTCRtpHeaderExtensionCapability { uri: AUDIO_LEVEL_URI.to_owned() };
    engine.register_header_extension(audio_level, RtpCodecKind::Audio, None)?;
    let mut registry = configure_twcc_sender_only(Registry::new(), &mut engine)?
        // Before `Wire`, which takes repetitions away: they have arrived all the same, and a probe is nothing else.
        .with(Slot::from(400), TwccReceiverBuilder::new().build())
        .with(Slot::from(500), Wire::new(Arc::downgrade(shared)))
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().with_interval(REPORT_INTERVAL).build())
        .with(Slot::SenderReport, SenderReportBuilder::new().with_interval(REPORT_INTERVAL).build());
    if options.repair != Repair::None {
        registry = registry
            .with(Slot::NackResponder, NackResponderBuilder::new().build())
            .with(Slot::NackGenerator, NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).build());
    }
    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // Browsers take messages of 256 KiB; 64 KiB is what this stack says otherwise, and then sends itself.
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(256 << 10))
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_setting_engine(settings)
        .with_handler(Arc::new(Handler(Arc::downgrade(shared))))
        .with_udp_addrs(vec![(options.bind, 0)])
        .build()
        .await?;
    Ok(Arc::new(connection))
}

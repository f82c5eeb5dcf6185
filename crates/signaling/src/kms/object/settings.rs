//! What an endpoint's properties mean to the media server.

use super::endpoint::Endpoint;
use super::ice_server::TurnUrl;
use super::{Body, ObjectId, Tree};
use crate::kms::failure::{Code, Failure};
use crate::kms::model::{Call, Class, Get, Property, Value};
use futures_util::future::BoxFuture;
use keel_media::EndpointSettings;
use keel_media::codec::Codec;
use keel_media::rtp::Bitrate;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Interfaces that can be named; a host has few.
const INTERFACES_MAX: usize = 64;

/// The formats that `setAudioFormat` and `setVideoFormat` leave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Formats {
    pub(crate) audio: Option<Codec>,
    pub(crate) video: Option<Codec>,
}

/// Makes the properties of an endpoint effective.
///
/// # Errors
/// As [`settings`].
pub(crate) fn apply(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        let endpoint = call.tree.endpoint(&call.object);
        configure(call.tree, &call.object, endpoint).await?;
        Ok(Value::Null)
    })
}

/// Makes a property of the pipeline effective in all its endpoints.
///
/// # Errors
/// As [`settings`].
pub(crate) fn apply_to_all(call: Call<'_>) -> BoxFuture<'_, Result<Value, Failure>> {
    Box::pin(async move {
        for object in call.tree.objects() {
            if let Body::WebRtc(endpoint) = &object.body {
                configure(call.tree, &object.id, endpoint).await?;
            }
        }
        Ok(Value::Null)
    })
}

/// Tells the media server what the properties of an endpoint are now.
///
/// # Errors
/// As [`settings`].
pub(crate) async fn configure(tree: &Tree, id: &ObjectId, endpoint: &Endpoint) -> Result<(), Failure> {
    let settings = settings(|name| stored(tree, id, name), measures_latency(tree), endpoint.formats)?;
    let (stun_server, relays) = (endpoint.stun_server, endpoint.relays.clone());
    let settings = EndpointSettings { stun_server, relays, ..settings };
    endpoint.media.configure(settings).await;
    Ok(())
}

/// `latencyStats` of the pipeline.
pub(crate) fn measures_latency(tree: &Tree) -> bool {
    tree.object(tree.root()).stored("latencyStats") == Some(&Value::Bool(true))
}

/// The value of the property of this name.
pub(crate) fn stored(tree: &Tree, object: &ObjectId, name: &str) -> Value {
    tree.stored(object, property(object.class(), name))
}

/// The value that the property of this name begins with.
pub(crate) fn initial(class: &'static Class, name: &str) -> Value {
    match property(class, name).get {
        Get::Stored(literal) => literal.into(),
        Get::Run(_) => Value::Null,
    }
}

fn property(class: &'static Class, name: &str) -> &'static Property {
    std::iter::once(class)
        .chain(class.lineage())
        .flat_map(|class| class.properties)
        .find(|property| property.name == name)
        .expect("the name is that of a declaration")
}

/// The settings of an endpoint whose properties are what `property` says.
///
/// # Errors
/// 40107 for a negative bandwidth and for texts that are no address.
pub(crate) fn settings(
    property: impl Fn(&'static str) -> Value,
    latency_stats: bool,
    formats: Formats,
) -> Result<EndpointSettings, Failure> {
    let kilobits = |name| bandwidth(name, &property(name), 1000);
    // KMS: the encoder stands where media leaves the element for its sinks, which is where it limits. An SFU
    // has no encoder there but can ask the peer, whose encoder it is.
    let encoder_max = bandwidth("maxEncoderBitrate", &property("maxEncoderBitrate"), 1)?;
    let receive_max = kilobits("maxVideoRecvBandwidth")?;
    let mut external: Vec<IpAddr> = Vec::new();
    external.extend(address::<Ipv4Addr>("externalIPv4", &property("externalIPv4"))?.map(IpAddr::from));
    external.extend(address::<Ipv6Addr>("externalIPv6", &property("externalIPv6"))?.map(IpAddr::from));
    Ok(EndpointSettings {
        audio_receive_max: kilobits("maxAudioRecvBandwidth")?,
        video_receive_max: [receive_max, encoder_max].into_iter().flatten().min(),
        video_receive_min: kilobits("minVideoRecvBandwidth")?,
        video_send_max: kilobits("maxVideoSendBandwidth")?,
        video_send_min: kilobits("minVideoSendBandwidth")?,
        external,
        interfaces: interfaces(&property("networkInterfaces"))?,
        udp_only: property("iceTcp") == Value::Bool(false),
        stun_server: None,
        relays: Vec::new(),
        audio_codec: formats.audio,
        video_codec: formats.video,
        latency_stats,
    })
}

/// A property in units of so many bit/s. KMS: 0 is no limit.
fn bandwidth(name: &str, value: &Value, unit: u64) -> Result<Option<Bitrate>, Failure> {
    let value = value.as_int().and_then(|value| u64::try_from(value).ok());
    let value = value.ok_or_else(|| illegal(format!("'{name}' cannot be negative")))?;
    Ok((value > 0).then(|| Bitrate::bps(value.saturating_mul(unit))))
}

/// An address; none for an empty text.
fn address<A: std::str::FromStr>(name: &str, value: &Value) -> Result<Option<A>, Failure> {
    match value.as_text().unwrap_or_default().trim() {
        "" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|_| illegal(format!("'{name}' is not an address of its family")))
        }
    }
}

/// KMS: names with commas between them.
fn interfaces(value: &Value) -> Result<Vec<String>, Failure> {
    let names = value.as_text().unwrap_or_default().split(',').map(str::trim);
    let names: Vec<String> =
        names.filter(|name| !name.is_empty()).map(str::to_owned).take(INTERFACES_MAX + 1).collect();
    if names.len() > INTERFACES_MAX {
        return Err(illegal(format!("'networkInterfaces' names more than {INTERFACES_MAX}")));
    }
    Ok(names)
}

/// A STUN server's name or address, or nothing.
///
/// # Errors
/// 40107 for what is neither.
pub(crate) fn check_stun_address(text: &str) -> Result<(), Failure> {
    if text.is_empty() || is_host(text) {
        return Ok(());
    }
    Err(illegal("'stunServerAddress' is neither an address nor a name"))
}

/// `user:password@host:port`, with `?transport=udp`, `tcp` or `tls` behind it, or nothing.
///
/// # Errors
/// 40107 for another form. The message does not have the text: there is a password in it.
pub(crate) fn check_turn_url(text: &str) -> Result<(), Failure> {
    if text.is_empty() || TurnUrl::parse(text).is_some() {
        return Ok(());
    }
    Err(illegal("'turnUrl' is not of the form user:password@address:port[?transport=udp|tcp|tls]"))
}

/// RFC 1123 §2.1: labels of letters, digits and hyphens; or an address.
pub(super) fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(is_label))
}

pub(crate) fn illegal(words: impl Into<String>) -> Failure {
    Failure::new(Code::IllegalParam, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn with(changes: &[(&'static str, Value)]) -> Result<EndpointSettings, Failure> {
        let numbers = [
            "maxEncoderBitrate",
            "maxVideoRecvBandwidth",
            "maxAudioRecvBandwidth",
            "minVideoRecvBandwidth",
            "maxVideoSendBandwidth",
            "minVideoSendBandwidth",
        ];
        let texts = ["externalIPv4", "externalIPv6", "networkInterfaces"];
        let mut properties: BTreeMap<&str, Value> = numbers.map(|name| (name, Value::Int(0))).into();
        properties.extend(texts.map(|name| (name, Value::from(""))));
        properties.insert("iceTcp", Value::Bool(true));
        properties.extend(changes.iter().cloned());
        settings(|name| properties[name].clone(), false, Formats::default())
    }

    #[test]
    fn nothing_is_limited_by_zero() {
        assert_eq!(with(&[]), Ok(EndpointSettings::default()));
    }

    #[test]
    fn bandwidths_are_kilobits_and_the_encoders_are_bits() {
        let settings = with(&[
            ("maxVideoSendBandwidth", Value::Int(500)),
            ("maxVideoRecvBandwidth", Value::Int(300)),
            ("maxEncoderBitrate", Value::Int(200_000)),
        ])
        .expect("they are limits");
        assert_eq!(settings.video_send_max, Some(Bitrate::bps(500_000)));
        assert_eq!(settings.video_receive_max, Some(Bitrate::bps(200_000)), "the lower one of the two");
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        for (name, value) in [
            ("maxVideoSendBandwidth", Value::Int(-1)),
            ("externalIPv4", Value::from("300.1.1.1")),
            ("externalIPv4", Value::from("::1")),
            ("externalIPv6", Value::from("192.0.2.1")),
            ("networkInterfaces", Value::from("eth0,".repeat(100).as_str())),
        ] {
            let failure = with(&[(name, value)]).expect_err("it makes no sense");
            assert_eq!(failure.code, Code::IllegalParam);
            assert!(failure.message.contains(name), "{failure}");
        }
    }

    #[test]
    fn addresses_and_interfaces_are_taken_apart() {
        let settings = with(&[
            ("externalIPv4", Value::from("192.0.2.1")),
            ("externalIPv6", Value::from("2001:db8::1")),
            ("networkInterfaces", Value::from("eth0, wlan0,")),
        ])
        .expect("they are addresses");
        let external: Vec<String> = settings.external.iter().map(ToString::to_string).collect();
        assert_eq!(external, ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(settings.interfaces, ["eth0", "wlan0"]);
    }

    #[test]
    fn tcp_can_be_forbidden() {
        let settings = with(&[("iceTcp", Value::Bool(false))]).expect("a flag");
        assert!(settings.udp_only);
    }

    #[test]
    fn servers_are_checked_for_their_form() {
        for good in ["", "stun.example.org", "192.0.2.7", "2001:db8::7"] {
            assert_eq!(check_stun_address(good), Ok(()), "{good}");
        }
        for bad in ["stun:example.org", "a b", "example..org", "http://x/"] {
            assert!(check_stun_address(bad).is_err(), "{bad}");
        }
        for good in
            ["", "me:pass@192.0.2.1:3478", "me:p@ss@turn.example.org:443?transport=tls", "a:b@[::1]:1"]
        {
            assert_eq!(check_turn_url(good), Ok(()), "{good}");
        }
        for bad in
            ["192.0.2.1:3478", "me@host:1", "me:secret@host", "me:secret@host:0", "a:b@h:1?transport=sctp"]
        {
            let failure = check_turn_url(bad).expect_err(bad);
            assert!(!failure.message.contains("secret"), "passwords stay out of messages");
        }
    }
}

//! Somebody else sends to the media port. Whatever it is, it is dropped and counted under a reason, it is
//! not answered with more than it was, and the call goes on.

use crate::stage::{Guest, Stage, drops, seeded};
use anyhow::Result;
use keel_media::forward::DropReason;
use keel_testkit::check::{self, nominating};
use keel_testkit::forged::{binding_request, client_hello, rtp};
use keel_testkit::net::LinkConfig;
use keel_testkit::peer::Connection;
use keel_testkit::proxy::ProxyConfig;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;

/// A socket that no endpoint has heard of.
struct Stranger {
    socket: UdpSocket,
    target: SocketAddr,
    sent_bytes: usize,
    sent: u64,
}

impl Stranger {
    async fn new(target: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self { socket, target, sent_bytes: 0, sent: 0 })
    }

    async fn send(&mut self, datagram: &[u8]) -> Result<()> {
        self.sent_bytes += self.socket.send_to(datagram, self.target).await?;
        self.sent += 1;
        Ok(())
    }

    /// Bytes that came back so far.
    fn answered_bytes(&self) -> usize {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| self.socket.try_recv(&mut buffer).ok()).sum()
    }
}

async fn frames_go_on(guest: &Guest) -> Result<()> {
    let before = guest.peer.report().video.complete();
    let report = guest.peer.until("more frames", |r| r.video.complete() >= before + 30).await?;
    assert_eq!((report.video.missing(), report.video.corrupted), (0, 0), "{report}");
    Ok(())
}

#[tokio::test]
async fn forged_hellos_and_media_race_the_real_peers_and_lose() -> Result<()> {
    let stage = Stage::new().await?;
    let mut alice = stage.arrive(seeded(1)).await?;
    for kind in keel_media::MediaKind::ALL {
        alice.endpoint.connect(&alice.endpoint, kind).await?;
    }
    stage.seat(&mut alice, None).await?;
    let mut stranger = Stranger::new(stage.media_address()?).await?;
    let hello = client_hello();
    // Before, during and after alice's own handshake.
    let mut reports = alice.peer.reports();
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    loop {
        stranger.send(&hello).await?;
        stranger.send(&rtp(0xcafe_0001, stranger.sent as u16)).await?;
        tokio::select! {
            connected = reports.wait_for(|r| r.connection != Connection::New) => {
                connected?;
                break;
            }
            _ = pace.tick() => {}
        }
    }
    alice.peer.connected().await?;
    alice.peer.publish().await?;
    for _ in 0..20 {
        stranger.send(&hello).await?;
    }
    frames_go_on(&alice).await?;
    let sent = stranger.sent;
    stage
        .until_snapshot("count of what the stranger sent", |s| drops(s, DropReason::UnknownAddress) == sent)
        .await?;
    assert_eq!(stranger.answered_bytes(), 0);
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    assert_eq!(stats.incoming.len(), 2, "a forged stream is no stream: {stats:?}");
    Ok(())
}

#[tokio::test]
async fn garbage_is_counted_by_reason_and_never_amplified() -> Result<()> {
    let stage = Stage::new().await?;
    let [alice, _bob] = stage.call([seeded(2), seeded(3)], [None, None]).await?;
    alice.peer.until("a call under way", |r| r.video.complete() >= 10).await?;
    let mut stranger = Stranger::new(stage.media_address()?).await?;
    let before = stage.server.snapshot().await;

    let ufrag = alice.answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    let attributes = nominating("somebody", ufrag.expect("an answer has ICE credentials"));
    let insider = check::binding_request(&attributes, "not the session's password")?;
    let whole = [
        binding_request("nobody:knows"),
        insider,
        client_hello(),
        rtp(9, 9),
        vec![0x81, 201, 0, 1, 0, 0, 0, 9],
    ];
    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    for datagram in &whole {
        datagrams.extend((1..=datagram.len()).map(|length| datagram[..length].to_vec()));
    }
    // RFC 7983 §7: first bytes that no protocol on this port has.
    datagrams.extend([4, 19, 64, 100, 255].map(|first| vec![first; 50]));
    datagrams.push(vec![0x80; 1_500]);
    for datagram in &datagrams {
        stranger.send(datagram).await?;
    }
    let sent = stranger.sent;
    let dropped = |s: &keel_media::MediaSnapshot| s.drops.iter().map(|(_, count)| count).sum::<u64>();
    let start = dropped(&before);
    let after =
        stage.until_snapshot("count of what the stranger sent", |s| dropped(s) >= start + sent).await?;
    for reason in [
        DropReason::UnknownProtocol,
        DropReason::UnknownAddress,
        DropReason::StunMalformed,
        DropReason::StunUnknownUfrag,
        DropReason::StunIntegrity,
    ] {
        assert!(drops(&after, reason) > drops(&before, reason), "{reason:?}: {after:?}");
    }
    assert!(stranger.answered_bytes() <= stranger.sent_bytes);
    frames_go_on(&alice).await
}

#[tokio::test]
async fn forgeries_from_the_peers_own_address_fail_authentication() -> Result<()> {
    let stage = Stage::new().await?;
    let network = ProxyConfig::default();
    let [alice, bob] = stage.call([seeded(4), seeded(5)], [Some(&network), None]).await?;
    bob.peer.until("a call under way", |r| r.video.complete() >= 10).await?;
    let proxy = alice.proxy.as_ref().expect("alice is behind a proxy");
    let stats = alice.endpoint.stats().await.expect("the endpoint exists");
    let ssrc = stats.incoming.first().expect("alice sends").ssrc;
    let before = stage.server.snapshot().await;

    for seq in 0..50 {
        proxy.inject(&rtp(ssrc, seq)).await;
        proxy.inject(&rtp(ssrc ^ 0xffff, seq)).await;
    }
    let mut report = vec![0x81, 200, 0, 6];
    report.extend_from_slice(&ssrc.to_be_bytes());
    report.extend_from_slice(&[0x77; 60]);
    proxy.inject(&report).await;
    proxy.inject(&client_hello()).await;
    proxy.inject(&[0x80, 96, 0]).await;

    let forged = drops(&before, DropReason::SrtpAuthentication) + 51;
    let after = stage
        .until_snapshot("failed authentications", |s| {
            // A number too far back is refused before it is decrypted.
            let refused = drops(s, DropReason::SrtpAuthentication) + drops(s, DropReason::SrtpTooOld);
            refused >= forged && drops(s, DropReason::RtpMalformed) > drops(&before, DropReason::RtpMalformed)
        })
        .await?;
    assert!(drops(&after, DropReason::SrtpAuthentication) > 0, "{after:?}");
    frames_go_on(&bob).await?;
    frames_go_on(&Guest { proxy: None, ..alice }).await
}

#[tokio::test]
async fn replayed_packets_are_dropped() -> Result<()> {
    let stage = Stage::new().await?;
    let up = LinkConfig { duplicate: 1.0, ..LinkConfig::default() };
    let network = ProxyConfig { seed: 1, up, down: LinkConfig::default() };
    let [mut alice, bob] = stage.call([seeded(6), seeded(7)], [Some(&network), None]).await?;
    bob.peer.until("forty frames", |r| r.video.complete() >= 40).await?;
    let sent = alice.peer.stop_publishing().await;
    let report = bob.peer.until("every frame", |r| r.video.complete() == sent.frames_sent).await?;
    // What Keel itself repeats, to find out what the path carries, is another matter.
    let once = report.video.packets - report.rtx_received;
    assert_eq!(once, u64::from(sent.frames_sent) * 3, "each packet came once: {report}");
    let media = u64::from(sent.frames_sent) * 3 + u64::from(sent.audio_sent);
    stage.until_snapshot("a replay for each packet", |s| drops(s, DropReason::SrtpReplay) >= media).await?;
    Ok(())
}

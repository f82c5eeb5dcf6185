//! A media server in this process, and guests at it: a test peer each, with the endpoint that serves it.

use anyhow::{Context, Result, bail};
use keel_media::forward::DropReason;
use keel_media::{
    EndpointEvent, EndpointOptions, MediaConfig, MediaKind, MediaServer, MediaSnapshot, Pipeline,
    PipelineEvent, Placement, WebRtcEndpoint,
};
use keel_testkit::peer::{PATIENCE, Peer, PeerOptions};
use keel_testkit::proxy::{Proxy, ProxyConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A media server with one pipeline, whose events are kept.
pub(crate) struct Stage {
    pub(crate) server: MediaServer,
    pub(crate) pipeline: Pipeline,
    events: watch::Receiver<Vec<PipelineEvent>>,
    _collector: JoinSet<()>,
}

/// A peer that has made its offer, and its endpoint, which knows it.
pub(crate) struct Guest {
    pub(crate) peer: Peer,
    pub(crate) endpoint: WebRtcEndpoint,
    /// Keel's description, once there is one.
    pub(crate) answer: String,
    /// The network between the two, where there is a bad one.
    pub(crate) proxy: Option<Proxy>,
}

/// The settings of every server here: loopback only, free ports, repeatable.
pub(crate) fn config(workers: usize) -> MediaConfig {
    MediaConfig {
        workers,
        bind: vec![Ipv4Addr::LOCALHOST.into()],
        port_base: 0,
        announce: vec![Ipv4Addr::LOCALHOST.into()],
        // A bad network is one for UDP; `tcp.rs` has the stories without any.
        tcp: false,
        seed: Some(1),
        ..MediaConfig::default()
    }
}

pub(crate) fn seeded(seed: u64) -> PeerOptions {
    PeerOptions { seed, ..PeerOptions::default() }
}

impl Stage {
    pub(crate) async fn new() -> Result<Self> {
        Self::on(MediaServer::start(config(1))?).await
    }

    /// A server whose pipelines have each next guest on the next of its workers.
    pub(crate) async fn apart(workers: usize) -> Result<Self> {
        Self::on(MediaServer::start(MediaConfig { placement: Placement::Spread, ..config(workers) })?).await
    }

    /// One more pipeline on a running server.
    pub(crate) async fn on(server: MediaServer) -> Result<Self> {
        let (pipeline, mut received) = server.create_pipeline().await?;
        let (sender, events) = watch::channel(Vec::new());
        let mut collector = JoinSet::new();
        collector.spawn(async move {
            while let Some(event) = received.recv().await {
                sender.send_modify(|events| events.push(event));
            }
        });
        Ok(Self { server, pipeline, events, _collector: collector })
    }

    /// A guest whose offer its endpoint has taken, but not answered.
    pub(crate) async fn arrive(&self, options: PeerOptions) -> Result<Guest> {
        let wanted =
            EndpointOptions { data_channels: !options.channels.is_empty(), ..EndpointOptions::default() };
        let peer = Peer::new(options).await?;
        let endpoint = self.pipeline.create_webrtc_endpoint(wanted).await?;
        endpoint.set_remote_offer(&peer.offer().await?).await?;
        Ok(Guest { peer, endpoint, answer: String::new(), proxy: None })
    }

    /// Answers the guest's offer and exchanges candidates, through a bad network where one is given.
    pub(crate) async fn seat(&self, guest: &mut Guest, network: Option<&ProxyConfig>) -> Result<()> {
        guest.answer = guest.endpoint.create_answer().await?;
        guest.peer.take_answer(&guest.answer).await?;
        self.exchange_candidates(guest, network).await
    }

    pub(crate) async fn exchange_candidates(
        &self,
        guest: &mut Guest,
        network: Option<&ProxyConfig>,
    ) -> Result<()> {
        guest.endpoint.gather_candidates().await?;
        let id = guest.endpoint.id();
        let gathered = self
            .until("the end of gathering", |events| {
                events.iter().any(|e| e.endpoint == id && e.event == EndpointEvent::GatheringDone)
            })
            .await?;
        for PipelineEvent { endpoint, event } in gathered {
            let EndpointEvent::CandidateFound(mut candidate) = event else { continue };
            if endpoint != id {
                continue;
            }
            if let Some(network) = network {
                let proxy = Proxy::start(address(&candidate.candidate)?, network.clone()).await?;
                candidate.candidate = proxy.announce(&candidate.candidate);
                guest.proxy = Some(proxy);
            }
            guest.peer.add_candidate(&candidate).await?;
        }
        while let Some(candidate) = guest.peer.next_candidate().await {
            guest.endpoint.add_ice_candidate(candidate).await?;
        }
        Ok(())
    }

    /// A call that is on: both guests connected in both kinds, and sending.
    pub(crate) async fn call(
        &self,
        [alice, bob]: [PeerOptions; 2],
        networks: [Option<&ProxyConfig>; 2],
    ) -> Result<[Guest; 2]> {
        let mut alice = self.arrive(alice).await?;
        let mut bob = self.arrive(bob).await?;
        for kind in MediaKind::ALL {
            alice.endpoint.connect(&bob.endpoint, kind).await?;
            bob.endpoint.connect(&alice.endpoint, kind).await?;
        }
        self.seat(&mut alice, networks[0]).await?;
        self.seat(&mut bob, networks[1]).await?;
        for guest in [&alice, &bob] {
            guest.peer.connected().await?;
        }
        for guest in [&mut alice, &mut bob] {
            guest.peer.publish().await?;
        }
        Ok([alice, bob])
    }

    /// Waits until the events so far satisfy `enough`, and returns them.
    pub(crate) async fn until(
        &self,
        what: &str,
        enough: impl FnMut(&Vec<PipelineEvent>) -> bool,
    ) -> Result<Vec<PipelineEvent>> {
        self.within(PATIENCE, what, enough).await
    }

    /// The same, for what takes its time on a healthy machine.
    pub(crate) async fn within(
        &self,
        patience: Duration,
        what: &str,
        enough: impl FnMut(&Vec<PipelineEvent>) -> bool,
    ) -> Result<Vec<PipelineEvent>> {
        let mut events = self.events.clone();
        match tokio::time::timeout(patience, events.wait_for(enough)).await {
            Ok(events) => Ok(events.context("the pipeline is released")?.clone()),
            Err(_) => bail!("no {what} within {patience:?}: {:?}", self.events.borrow()),
        }
    }

    /// Where this pipeline's worker receives media.
    pub(crate) fn media_address(&self) -> Result<SocketAddr> {
        let events = self.events.borrow();
        let candidate = events.iter().find_map(|e| match &e.event {
            EndpointEvent::CandidateFound(candidate) => Some(candidate.candidate.clone()),
            _ => None,
        });
        address(&candidate.context("no candidate was found yet")?)
    }

    /// Waits until the server's counters satisfy `enough`. They have no events, so they are asked for
    /// again and again.
    pub(crate) async fn until_snapshot(
        &self,
        what: &str,
        enough: impl Fn(&MediaSnapshot) -> bool,
    ) -> Result<MediaSnapshot> {
        until_snapshot(&self.server, what, enough).await
    }
}

pub(crate) async fn until_snapshot(
    server: &MediaServer,
    what: &str,
    enough: impl Fn(&MediaSnapshot) -> bool,
) -> Result<MediaSnapshot> {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let looking = async {
        loop {
            looks.tick().await;
            let snapshot = server.snapshot().await;
            if enough(&snapshot) {
                return snapshot;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, looking).await {
        Ok(snapshot) => Ok(snapshot),
        Err(_) => bail!("no {what} within {PATIENCE:?}: {:?}", server.snapshot().await),
    }
}

pub(crate) fn drops(snapshot: &MediaSnapshot, reason: DropReason) -> u64 {
    snapshot.drops.iter().filter(|(found, _)| *found == reason).map(|(_, count)| count).sum()
}

/// RFC 8839 §5.1: foundation, component, protocol, priority, address, port.
pub(crate) fn address(candidate: &str) -> Result<SocketAddr> {
    let words: Vec<_> = candidate.split(' ').collect();
    let [_, _, _, _, ip, port, ..] = words.as_slice() else { bail!("no candidate: {candidate}") };
    Ok(SocketAddr::new(ip.parse()?, port.parse()?))
}

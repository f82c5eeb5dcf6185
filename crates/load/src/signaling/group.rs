//! Keel's form of the group call (`docs/group-calls.md`): of each participant one connection that it publishes on and
//! one that the server offers all others on.

use super::{Connection, Door};
use crate::peer::{Answerer, candidate};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Lets a group in: all join and publish, and then each takes what the others do.
pub(super) fn join(door: &Door<'_>, group: usize) -> anyhow::Result<Vec<Connection>> {
    // A room that another run, or one of before, has not made.
    let room = format!("load-{}-{}", process::id(), ROOMS.fetch_add(1, Ordering::Relaxed));
    let size = door.plan.participants();
    let mut participants = Vec::with_capacity(size);
    for place in 0..size {
        let mut participant = Participant::join(door, &room, place)?;
        participant.publish(door, group)?;
        participants.push(participant);
    }
    for participant in &mut participants {
        participant.subscribe(door, group, size)?;
    }
    Ok(participants.into_iter().map(|participant| participant.connection).collect())
}

/// Rooms that this process has filled.
static ROOMS: AtomicU64 = AtomicU64::new(0);

struct Participant {
    connection: Connection,
    /// Its number in the room, from 0.
    place: usize,
    is_ipv4: bool,
    /// The server's first candidate of our family, for each of the two connections.
    candidates: BTreeMap<String, SocketAddr>,
    /// Offers that were not answered yet.
    offers: VecDeque<Value>,
}

const PUBLISH: &str = "publish";
const SUBSCRIBE: &str = "subscribe";

impl Participant {
    fn join(door: &Door<'_>, room: &str, place: usize) -> anyhow::Result<Self> {
        let connection = Connection::open(door.plan)?;
        let is_ipv4 = door.plan.server.address()?.is_ipv4();
        let (candidates, offers) = (BTreeMap::new(), VecDeque::new());
        let mut participant = Self { connection, place, is_ipv4, candidates, offers };
        participant.say(&json!({"id": "join", "room": room, "name": format!("load {place}")}))?;
        participant.hear("joined")?;
        Ok(participant)
    }

    fn publish(&mut self, door: &Door<'_>, group: usize) -> anyhow::Result<()> {
        let peer = door.offer(group, self.place)?;
        let offered = SystemTime::now();
        let mut tracks = Vec::new();
        for (mid, section) in peer.offer().split("\r\nm=").skip(1).enumerate() {
            let source = if section.starts_with("video") { "camera" } else { "microphone" };
            tracks.push(json!({"mid": mid.to_string(), "source": source}));
        }
        self.say(&json!({"id": "publish", "sdpOffer": peer.offer(), "tracks": tracks}))?;
        let answer = self.hear("published")?;
        let server = self.server(PUBLISH)?;
        let answer = answer["sdpAnswer"].as_str().context("a description is text")?;
        door.connect(group, self.place, peer, answer, server, offered)
    }

    /// Answers offers until one carries everything that the others publish.
    fn subscribe(&mut self, door: &Door<'_>, group: usize, size: usize) -> anyhow::Result<()> {
        let seat = size + self.place;
        let mut waiting = Some((door.offer(group, seat)?, SystemTime::now()));
        let answerer = waiting.as_ref().map(|(peer, _)| peer.answerer()).context("just made")?;
        let wanted = (size - 1) * door.plan.kinds();
        loop {
            let offer = self.offer()?;
            let transport_number_id = self.answer(&answerer, &offer)?;
            if let Some((peer, offered)) = waiting.take() {
                let server = self.server(SUBSCRIBE)?;
                let sdp = offer["sdpOffer"].as_str().unwrap_or_default();
                door.connect_numbered(group, seat, peer, sdp, server, offered, transport_number_id)?;
            }
            if offer["tracks"].as_array().map_or(0, Vec::len) >= wanted {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, answerer: &Answerer, offer: &Value) -> anyhow::Result<Option<u8>> {
        let sdp = offer["sdpOffer"].as_str().context("a description is text")?;
        let answer = answerer.answer(sdp)?;
        self.say(&json!({"id": "answer", "version": offer["version"], "sdpAnswer": answer.sdp}))?;
        Ok(answer.transport_number_id)
    }

    /// The next offer.
    fn offer(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Some(offer) = self.offers.pop_front() {
                return Ok(offer);
            }
            self.next()?;
        }
    }

    /// Where the server listens for this connection.
    fn server(&mut self, connection: &str) -> anyhow::Result<SocketAddr> {
        loop {
            if let Some(candidate) = self.candidates.get(connection) {
                return Ok(*candidate);
            }
            self.next()?;
        }
    }

    fn say(&mut self, message: &Value) -> anyhow::Result<()> {
        self.connection.send(message.to_string())
    }

    /// The next message with this id.
    fn hear(&mut self, id: &str) -> anyhow::Result<Value> {
        loop {
            let message = self.next()?;
            if message["id"] == id {
                return Ok(message);
            }
        }
    }

    /// The next message; candidates and offers are kept.
    fn next(&mut self) -> anyhow::Result<Value> {
        let message = self.connection.receive()?;
        match message["id"].as_str() {
            Some("iceCandidate") => {
                let text = message["candidate"]["candidate"].as_str().unwrap_or_default();
                let name = message["connection"].as_str().unwrap_or_default();
                if let Some(address) = candidate(text).filter(|address| address.is_ipv4() == self.is_ipv4) {
                    self.candidates.entry(name.to_owned()).or_insert(address);
                }
            }
            Some("offer") => self.offers.push_back(message.clone()),
            Some("error" | "removed" | "roomEnded") => bail!("the server does not go on: {message}"),
            _ => {}
        }
        Ok(message)
    }
}

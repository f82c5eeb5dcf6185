//! The Kurento protocol: a pipeline for each group, an endpoint for each seat.

use super::{Connection, Door};
use crate::peer::candidate;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::SystemTime;

/// Lets all groups in over one connection.
pub(super) fn join(door: &Door<'_>) -> anyhow::Result<Connection> {
    let connection = Connection::open(door.plan)?;
    let is_ipv4 = door.plan.server.address()?.is_ipv4();
    let mut application =
        Application { connection, requests: 0, is_ipv4, negotiated: String::new(), candidate: None };
    for group in 0..door.plan.groups {
        application.join_group(door, group)?;
    }
    Ok(application.connection)
}

struct Application {
    connection: Connection,
    requests: u64,
    is_ipv4: bool,
    /// The endpoint that is being negotiated, and where it listens, once it has told.
    negotiated: String,
    candidate: Option<SocketAddr>,
}

impl Application {
    fn join_group(&mut self, door: &Door<'_>, group: usize) -> anyhow::Result<()> {
        let pipeline = self.create("MediaPipeline", json!({}))?;
        let mut endpoints: Vec<String> = Vec::new();
        for (place, seat) in door.seats.iter().enumerate() {
            let endpoint = self.create("WebRtcEndpoint", json!({"mediaPipeline": pipeline}))?;
            for heard in seat.hears.iter().filter_map(|heard| endpoints.get(*heard)) {
                self.invoke(heard, "connect", json!({"sink": endpoint}))?;
            }
            // Those that came before and hear this one.
            for (earlier, other) in door.seats.iter().zip(&endpoints) {
                if earlier.hears.contains(&place) {
                    self.invoke(&endpoint, "connect", json!({"sink": other}))?;
                }
            }
            let peer = door.offer(group, place)?;
            let offered = SystemTime::now();
            let (answer, server) = self.negotiate(&endpoint, peer.offer())?;
            door.connect(group, place, peer, &answer, server, offered)?;
            endpoints.push(endpoint);
        }
        Ok(())
    }

    /// The endpoint's description, and where it listens.
    fn negotiate(&mut self, endpoint: &str, offer: &str) -> anyhow::Result<(String, SocketAddr)> {
        endpoint.clone_into(&mut self.negotiated);
        self.candidate = None;
        self.request("subscribe", json!({"object": endpoint, "type": "IceCandidateFound"}))?;
        let answer = self.invoke(endpoint, "processOffer", json!({"offer": offer}))?;
        let answer = answer.as_str().context("a description is text")?.to_owned();
        self.invoke(endpoint, "gatherCandidates", json!({}))?;
        loop {
            if let Some(candidate) = self.candidate {
                return Ok((answer, candidate));
            }
            let event = self.connection.receive().context("the server tells no candidate")?;
            self.note(&event);
        }
    }

    /// Keeps the endpoint's first candidate of our family, if this event tells one.
    fn note(&mut self, event: &Value) {
        let value = &event["params"]["value"];
        if value["object"] != self.negotiated.as_str() {
            return;
        }
        let text = value["data"]["candidate"]["candidate"].as_str().unwrap_or_default();
        let usable = candidate(text).filter(|address| address.is_ipv4() == self.is_ipv4);
        self.candidate = self.candidate.or(usable);
    }

    fn create(&mut self, class: &str, parameters: Value) -> anyhow::Result<String> {
        let id = self.request("create", json!({"type": class, "constructorParams": parameters}))?;
        id.as_str().map(str::to_owned).context("an object's id is text")
    }

    fn invoke(&mut self, object: &str, operation: &str, parameters: Value) -> anyhow::Result<Value> {
        let params = json!({"object": object, "operation": operation, "operationParams": parameters});
        self.request("invoke", params).with_context(|| format!("{operation} of {object}"))
    }

    /// Sends a request; the value of its answer. Events that come before it are noted.
    fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        self.connection.send(request.to_string())?;
        loop {
            let mut answer = self.connection.receive()?;
            if answer["id"] != self.requests {
                self.note(&answer);
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!("the server refused {method}: {error}");
            }
            return Ok(answer["result"]["value"].take());
        }
    }
}

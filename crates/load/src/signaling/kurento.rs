//! The Kurento protocol: a pipeline for each group, an endpoint for each seat.

use super::{ANSWER_MAX, Connection, Door};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::time::{Instant, SystemTime};

/// Lets all groups in over one connection.
pub(super) fn join(door: &Door<'_>) -> anyhow::Result<Connection> {
    let mut application = Application { connection: Connection::open(door.plan)?, requests: 0 };
    for group in 0..door.plan.groups {
        application.join_group(door, group)?;
    }
    Ok(application.connection)
}

struct Application {
    connection: Connection,
    requests: u64,
}

impl Application {
    fn join_group(&mut self, door: &Door<'_>, group: usize) -> anyhow::Result<()> {
        let pipeline = self.create("MediaPipeline", json!({}))?;
        let mut endpoints: Vec<String> = Vec::new();
        for (place, seat) in door.seats.iter().enumerate() {
            let endpoint = self.create("WebRtcEndpoint", json!({"mediaPipeline": pipeline}))?;
            if let Some(heard) = seat.hears.and_then(|hears| endpoints.get(hears)).cloned() {
                self.invoke(&heard, "connect", json!({"sink": endpoint}))?;
            }
            // Those that came before and hear this one.
            for (earlier, other) in door.seats.iter().zip(&endpoints) {
                if earlier.hears == Some(place) {
                    self.invoke(&endpoint, "connect", json!({"sink": other}))?;
                }
            }
            let peer = door.offer(group, place)?;
            let offered = SystemTime::now();
            let answer = self.negotiate(&endpoint, peer.offer())?;
            door.connect(group, place, peer, &answer, None, offered)?;
            endpoints.push(endpoint);
        }
        Ok(())
    }

    /// The endpoint's description, with candidates.
    fn negotiate(&mut self, endpoint: &str, offer: &str) -> anyhow::Result<String> {
        self.invoke(endpoint, "processOffer", json!({"offer": offer}))?;
        self.invoke(endpoint, "gatherCandidates", json!({}))?;
        let until = Instant::now() + ANSWER_MAX;
        while Instant::now() < until {
            let description = self.invoke(endpoint, "getLocalSessionDescriptor", json!({}))?;
            let description = description.as_str().context("a description is text")?;
            if description.contains("a=candidate:") {
                return Ok(description.to_owned());
            }
        }
        bail!("the server gathers no candidate")
    }

    fn create(&mut self, class: &str, parameters: Value) -> anyhow::Result<String> {
        let id = self.request("create", json!({"type": class, "constructorParams": parameters}))?;
        id.as_str().map(str::to_owned).context("an object's id is text")
    }

    fn invoke(&mut self, object: &str, operation: &str, parameters: Value) -> anyhow::Result<Value> {
        let params = json!({"object": object, "operation": operation, "operationParams": parameters});
        self.request("invoke", params).with_context(|| format!("{operation} of {object}"))
    }

    /// Sends a request; the value of its answer. Events that come before it are passed over.
    fn request(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.requests += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.requests, "method": method, "params": params});
        self.connection.send(request.to_string())?;
        loop {
            let mut answer = self.connection.receive()?;
            if answer["id"] != self.requests {
                continue;
            }
            if let Some(error) = answer.get("error") {
                bail!("the server refused {method}: {error}");
            }
            return Ok(answer["result"]["value"].take());
        }
    }
}

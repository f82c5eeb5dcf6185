//! Keel's call protocol: two connections for each call, as two pages have them.

use super::{Connection, Door};
use crate::peer::candidate;
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process;
use std::time::SystemTime;

/// Registers two names, has one call the other, and connects both.
pub(super) fn join(door: &Door<'_>, group: usize) -> anyhow::Result<[Connection; 2]> {
    // Names that another run, or one of before, has not taken.
    let [caller_name, callee_name] = ["a", "b"].map(|side| format!("load-{}-{group}-{side}", process::id()));
    let mut caller = Party::register(door, &caller_name)?;
    let mut callee = Party::register(door, &callee_name)?;

    let [calling, called] = [door.offer(group, 0)?, door.offer(group, 1)?];
    let offered = SystemTime::now();
    caller.say(&json!({
        "id": "call", "from": caller_name, "to": callee_name, "sdpOffer": calling.offer()
    }))?;
    callee.hear("incomingCall")?;
    callee.say(&json!({
        "id": "incomingCallResponse", "from": caller_name, "callResponse": "accept",
        "sdpOffer": called.offer()
    }))?;
    let answer = callee.hear("startCommunication")?;
    let server = callee.server()?;
    door.connect(group, 1, called, description(&answer)?, server, offered)?;
    let answer = caller.hear("callResponse")?;
    let server = caller.server()?;
    door.connect(group, 0, calling, description(&answer)?, server, offered)?;
    Ok([caller.connection, callee.connection])
}

fn description(answer: &Value) -> anyhow::Result<&str> {
    answer["sdpAnswer"].as_str().with_context(|| format!("the call did not come about: {answer}"))
}

struct Party {
    connection: Connection,
    /// The server's first candidate of our family, once it has told one.
    candidate: Option<SocketAddr>,
    is_ipv4: bool,
}

impl Party {
    fn register(door: &Door<'_>, name: &str) -> anyhow::Result<Self> {
        let connection = Connection::open(door.plan)?;
        let is_ipv4 = door.plan.server.address()?.is_ipv4();
        let mut party = Self { connection, candidate: None, is_ipv4 };
        party.say(&json!({"id": "register", "name": name}))?;
        let answer = party.hear("registerResponse")?;
        if answer["response"] != "accepted" {
            bail!(
                "the server does not register more names for this address now ({}): make fewer calls",
                answer["message"].as_str().unwrap_or_default()
            );
        }
        Ok(party)
    }

    fn say(&mut self, message: &Value) -> anyhow::Result<()> {
        self.connection.send(message.to_string())
    }

    /// The next message with this id; candidates on the way are noted.
    fn hear(&mut self, id: &str) -> anyhow::Result<Value> {
        loop {
            let message = self.next()?;
            if message["id"] == id {
                return Ok(message);
            }
        }
    }

    /// The server's media address.
    fn server(&mut self) -> anyhow::Result<SocketAddr> {
        loop {
            if let Some(candidate) = self.candidate {
                return Ok(candidate);
            }
            self.next()?;
        }
    }

    fn next(&mut self) -> anyhow::Result<Value> {
        let message = self.connection.receive()?;
        match message["id"].as_str() {
            Some("iceCandidate") => {
                let text = message["candidate"]["candidate"].as_str().unwrap_or_default();
                let usable = candidate(text).filter(|address| address.is_ipv4() == self.is_ipv4);
                self.candidate = self.candidate.or(usable);
            }
            Some("error" | "stopCommunication") => bail!("the server ended the call: {message}"),
            _ => {}
        }
        Ok(message)
    }
}

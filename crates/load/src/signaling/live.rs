//! WHIP and WHEP: a stream for each group, one request for each peer.

use super::{ANSWER_MAX, Door};
use crate::peer::candidate;
use anyhow::{Context as _, bail, ensure};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process;
use std::time::SystemTime;

/// A session at the server. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    server: SocketAddr,
    path: String,
}

/// Lets one group in: its first seat publishes.
pub(super) fn join(door: &Door<'_>, group: usize) -> anyhow::Result<Vec<Session>> {
    let server = door.plan.server.address()?;
    // A name that another run has not taken.
    let stream = format!("load-{}-{group}", process::id());
    let mut sessions = Vec::new();
    for (place, seat) in door.seats.iter().enumerate() {
        let peer = door.offer(group, place)?;
        let offered = SystemTime::now();
        let role = if seat.hears.is_empty() { "whip" } else { "whep" };
        let request = format!("POST /{role}/{stream} HTTP/1.1\r\nContent-Type: application/sdp");
        let (head, answer) = exchange(server, &request, peer.offer())?;
        ensure!(head.contains(" 201 "), "the server refused a peer: {head} {answer}");
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        let path = location.context("the server told no session")?.to_owned();
        sessions.push(Session { server, path });
        let candidates = answer.lines().filter_map(|line| candidate(line.strip_prefix("a=")?));
        let usable = candidates.into_iter().find(|address| address.is_ipv4() == server.is_ipv4());
        let media = usable.context("the server tells no candidate")?;
        door.connect(group, place, peer, &answer, media, offered)?;
    }
    Ok(sessions)
}

/// Head, names in lower case, and body of the answer to a request.
fn exchange(server: SocketAddr, request: &str, body: &str) -> anyhow::Result<(String, String)> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER_MAX)
        .with_context(|| format!("nothing listens at {server}: is the server running?"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let length = body.len();
    let text =
        format!("{request}\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("the server answers with something else than HTTP")?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) => Ok((head.to_owned(), body.to_owned())),
        None => bail!("the server answers with something else than HTTP"),
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A server that is gone has ended it already.
        let _ = exchange(self.server, &format!("DELETE {} HTTP/1.1", self.path), "");
    }
}

//! Participants of a room on the `webrtc` crate for programs that are not Rust: the other seats of a room that
//! browsers are in.
//!
//! `room-seats URL ROOM` reads commands, one JSON object a line, and answers each with one line:
//! `{"join":"Ada"}` with `{"joined":"Ada"}` once she sends sound and a picture that browsers can decode,
//! `{"leave":"Ada"}` with `{"left":"Ada"}`, and `{"look":"Ada"}` with what has come to her so far, on each of her
//! streams by SSRC: `{"pictures":{"7":30},"voices":{"8":100}}`, whole pictures and packets of sound. When its
//! standard input ends, all leave.

use anyhow::{Context, Result, bail};
use keel_testkit::room::{RoomSeat, Source};
use keel_testkit::server::group_call_url;
use keel_testkit::signaling::Trust;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Command {
    Join(String),
    Leave(String),
    Look(String),
}

/// What a seat is asked between two of its turns.
enum Question {
    Look(oneshot::Sender<Value>),
    Leave(oneshot::Sender<()>),
}

/// How long a seat attends to the server before it looks for a question.
const TURN: Duration = Duration::from_millis(100);

/// Small enough that several browsers decode many of them on a shared machine.
const FRAME_RATE: u32 = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().context("the first argument is where the server's page is")?;
    let room = arguments.next().context("the second is the room's name")?;
    let url = group_call_url(&server);
    // One line at a time, as they come: nothing waits for more than the reader of one.
    let (sender, mut lines) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    let mut seats: BTreeMap<String, mpsc::Sender<Question>> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let mut seed = u64::from(std::process::id()) << 16;
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            Some(ended) = tasks.join_next() => {
                ended??;
                continue;
            }
        };
        let Some(line) = line else { break };
        let answer = match serde_json::from_str(&line).with_context(|| format!("no command: {line}"))? {
            Command::Join(name) => {
                seed += 100;
                let mut seat = RoomSeat::join(&url, &Trust::Nobody, &room, &name, seed).await?;
                let sources = [Source::Microphone, Source::Pattern { frame_rate: FRAME_RATE }];
                seat.publish(seed + 2, &sources).await?;
                let (questions, asked) = mpsc::channel(1);
                tasks.spawn(sit(seat, asked));
                seats.insert(name.clone(), questions);
                json!({"joined": name})
            }
            Command::Leave(name) => {
                let seat = seats.remove(&name).with_context(|| format!("nobody is called {name}"))?;
                ask(&seat, Question::Leave).await?;
                json!({"left": name})
            }
            Command::Look(name) => {
                let seat = seats.get(&name).with_context(|| format!("nobody is called {name}"))?;
                ask(seat, Question::Look).await?
            }
        };
        writeln!(std::io::stdout(), "{answer}")?;
    }
    for seat in seats.values() {
        ask(seat, Question::Leave).await?;
    }
    Ok(())
}

async fn ask<T>(
    seat: &mpsc::Sender<Question>,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    if seat.send(question(answer)).await.is_err() {
        bail!("the seat has failed");
    }
    answered.await.context("the seat has failed")
}

/// Does what the server asks for, and answers questions, until it is to leave.
async fn sit(mut seat: RoomSeat, mut questions: mpsc::Receiver<Question>) -> Result<()> {
    loop {
        seat.attend(TURN).await?;
        match questions.try_recv() {
            Ok(Question::Look(answer)) => {
                // Who asked may have given up.
                let _ = answer.send(seen(&seat));
            }
            Ok(Question::Leave(left)) => {
                seat.leave().await?;
                let _ = left.send(());
                return Ok(());
            }
            Err(mpsc::error::TryRecvError::Empty) => {}
            Err(mpsc::error::TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

fn seen(seat: &RoomSeat) -> Value {
    let streams = seat.received().streams;
    let counted = |count: fn(&keel_testkit::peer::StreamLog) -> u64| -> BTreeMap<String, u64> {
        let counts = streams.iter().map(|(ssrc, stream)| (ssrc.to_string(), count(stream)));
        counts.filter(|(_, count)| *count > 0).collect()
    };
    json!({
        "pictures": counted(|stream| stream.pictures.whole.into()),
        "voices": counted(|stream| stream.audio.heard()),
    })
}

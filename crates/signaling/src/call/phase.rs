//! The phases of a call and every move between them.

use std::fmt;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The callee has been told and has not answered.
    Ringing,
    /// Both offers are known; the media server works on the answers.
    Connecting,
    /// Both peers have their answers.
    Talking,
}

/// What moves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Move {
    /// The callee accepts.
    Accept,
    /// The callee calls the caller while the call rings: both want the same, so this accepts.
    CallBack,
    /// The callee declines.
    Decline,
    /// Nobody answered in time.
    RingOut,
    /// The media server has both answers.
    Answered,
    /// The media server cannot serve this call.
    MediaRefused,
    /// The media connection never came up or stayed away.
    MediaLost,
    /// The caller stops, or closes its media connection.
    CallerStops,
    /// The callee stops, or closes its media connection.
    CalleeStops,
    /// The caller's signaling connection ended.
    CallerLeaves,
    /// The callee's signaling connection ended.
    CalleeLeaves,
    /// An administrator ends the call.
    AdministratorEnds,
    /// The server shuts down.
    Shutdown,
}

/// How a call ended: the word in the history and the label in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// One of the two hung up.
    Completed,
    /// The callee declined.
    Declined,
    /// Nobody answered in time.
    Missed,
    /// The caller gave up before there was a call.
    Cancelled,
    /// The callee left while it rang or before media was set up.
    CalleeLeft,
    /// Media could not be set up.
    Failed,
    /// A connection was lost during the call.
    Lost,
    /// An administrator ended it.
    Ended,
    /// The server shut down.
    Shutdown,
}

/// Where a move leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Enter(Phase),
    End(Outcome),
}

/// A move that the phase does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not now: the call is {phase}")]
pub(crate) struct Forbidden {
    pub(crate) phase: Phase,
    pub(crate) step: Move,
}

/// Every allowed move. What is not here is [`Forbidden`].
#[rustfmt::skip]
const TABLE: &[(Phase, Move, Next)] = {
    use Move::{Accept, AdministratorEnds, Answered, CallBack, CalleeLeaves, CalleeStops};
    use Move::{CallerLeaves, CallerStops, Decline};
    use Move::{MediaLost, MediaRefused, RingOut, Shutdown};
    use Next::{End, Enter};
    use Phase::{Connecting, Ringing, Talking};
    &[
        (Ringing,    Accept,            Enter(Connecting)),
        (Ringing,    CallBack,          Enter(Connecting)),
        (Ringing,    Decline,           End(Outcome::Declined)),
        (Ringing,    RingOut,           End(Outcome::Missed)),
        (Ringing,    CallerStops,       End(Outcome::Cancelled)),
        (Ringing,    CalleeStops,       End(Outcome::Declined)),
        (Ringing,    CallerLeaves,      End(Outcome::Cancelled)),
        (Ringing,    CalleeLeaves,      End(Outcome::CalleeLeft)),
        (Ringing,    AdministratorEnds, End(Outcome::Ended)),
        (Ringing,    Shutdown,          End(Outcome::Shutdown)),
        (Connecting, Answered,          Enter(Talking)),
        (Connecting, MediaRefused,      End(Outcome::Failed)),
        (Connecting, MediaLost,         End(Outcome::Failed)),
        (Connecting, CallerStops,       End(Outcome::Cancelled)),
        (Connecting, CalleeStops,       End(Outcome::CalleeLeft)),
        (Connecting, CallerLeaves,      End(Outcome::Cancelled)),
        (Connecting, CalleeLeaves,      End(Outcome::CalleeLeft)),
        (Connecting, AdministratorEnds, End(Outcome::Ended)),
        (Connecting, Shutdown,          End(Outcome::Shutdown)),
        (Talking,    MediaLost,         End(Outcome::Lost)),
        (Talking,    CallerStops,       End(Outcome::Completed)),
        (Talking,    CalleeStops,       End(Outcome::Completed)),
        (Talking,    CallerLeaves,      End(Outcome::Lost)),
        (Talking,    CalleeLeaves,      End(Outcome::Lost)),
        (Talking,    AdministratorEnds, End(Outcome::Ended)),
        (Talking,    Shutdown,          End(Outcome::Shutdown)),
    ]
};

impl Phase {
    /// Where `step` leads from here.
    pub(crate) fn after(self, step: Move) -> Result<Next, Forbidden> {
        TABLE
            .iter()
            .find(|(phase, allowed, _)| *phase == self && *allowed == step)
            .map(|(_, _, next)| *next)
            .ok_or(Forbidden { phase: self, step })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ringing => "ringing",
            Self::Connecting => "being set up",
            Self::Talking => "under way",
        })
    }
}

impl Outcome {
    /// The word in the history and in metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
            Self::CalleeLeft => "callee_left",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Ended => "ended",
            Self::Shutdown => "shutdown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVES: [Move; 13] = [
        Move::Accept,
        Move::CallBack,
        Move::Decline,
        Move::RingOut,
        Move::Answered,
        Move::MediaRefused,
        Move::MediaLost,
        Move::CallerStops,
        Move::CalleeStops,
        Move::CallerLeaves,
        Move::CalleeLeaves,
        Move::AdministratorEnds,
        Move::Shutdown,
    ];

    /// A change of the table is a change of the protocol: it must be meant.
    #[test]
    fn the_table_is_as_agreed() {
        let mut drawn = String::new();
        for step in MOVES {
            let cells =
                [Phase::Ringing, Phase::Connecting, Phase::Talking].map(|phase| match phase.after(step) {
                    Ok(Next::Enter(phase)) => format!("{phase:?}"),
                    Ok(Next::End(outcome)) => format!("({})", outcome.label()),
                    Err(_) => "-".to_owned(),
                });
            let [ringing, connecting, talking] = cells;
            let step = format!("{step:?}");
            drawn.push_str(&format!("{step:<17} | {ringing:<13} | {connecting:<13} | {talking}\n"));
        }
        assert_eq!(
            drawn,
            "\
Accept            | Connecting    | -             | -
CallBack          | Connecting    | -             | -
Decline           | (declined)    | -             | -
RingOut           | (missed)      | -             | -
Answered          | -             | Talking       | -
MediaRefused      | -             | (failed)      | -
MediaLost         | -             | (failed)      | (lost)
CallerStops       | (cancelled)   | (cancelled)   | (completed)
CalleeStops       | (declined)    | (callee_left) | (completed)
CallerLeaves      | (cancelled)   | (cancelled)   | (lost)
CalleeLeaves      | (callee_left) | (callee_left) | (lost)
AdministratorEnds | (ended)       | (ended)       | (ended)
Shutdown          | (shutdown)    | (shutdown)    | (shutdown)
"
        );
    }

    #[test]
    fn no_move_stands_twice() {
        for (place, (phase, step, _)) in TABLE.iter().enumerate() {
            let again = TABLE.iter().skip(place + 1).any(|(other, same, _)| other == phase && same == step);
            assert!(!again, "{phase:?} {step:?}");
        }
    }
}

//! Which datagrams a link loses.

use rand::RngExt;
use rand::rngs::StdRng;

/// How a link loses datagrams. Probabilities are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each with the same probability, whatever happened before.
    Random(f64),
    /// In bursts (the model of Gilbert and Elliott): the link is either good, and loses nothing, or bad.
    Bursts {
        /// The probability that a datagram finds the link having turned bad.
        begin: f64,
        /// The probability that a datagram finds the link having turned good again.
        end: f64,
        /// The probability that a bad link loses a datagram.
        loss_while_bad: f64,
    },
}

/// [`Loss`] with its memory.
#[derive(Debug)]
pub(super) struct LossProcess {
    loss: Loss,
    bad: bool,
}

impl LossProcess {
    pub(super) fn new(loss: Loss) -> Self {
        Self { loss, bad: false }
    }

    /// Whether the next datagram is lost.
    pub(super) fn next(&mut self, rng: &mut StdRng) -> bool {
        match self.loss {
            Loss::None => false,
            Loss::Random(probability) => rng.random_bool(probability),
            Loss::Bursts { begin, end, loss_while_bad } => {
                let turns = rng.random_bool(if self.bad { end } else { begin });
                self.bad ^= turns;
                self.bad && rng.random_bool(loss_while_bad)
            }
        }
    }
}

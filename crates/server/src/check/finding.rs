//! What a check finds, and how it is told: a line each, and below what is wrong, what to do.

use crate::build_info;
use std::fmt;

/// How much a finding weighs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// As it should be.
    Good,
    /// It works, though perhaps not for everybody.
    Doubtful,
    /// It does not work.
    Bad,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Finding {
    verdict: Verdict,
    topic: &'static str,
    text: String,
    /// What to do; empty for what is good.
    advice: String,
}

/// All that was found, in order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// Something is as it should be.
    pub(super) fn good(&mut self, topic: &'static str, text: impl fmt::Display) {
        self.push(Verdict::Good, topic, text, "");
    }

    /// Something is perhaps not as it should be.
    pub(super) fn doubtful(
        &mut self,
        topic: &'static str,
        text: impl fmt::Display,
        advice: impl fmt::Display,
    ) {
        self.push(Verdict::Doubtful, topic, text, advice);
    }

    /// Something does not work.
    pub(super) fn bad(&mut self, topic: &'static str, text: impl fmt::Display, advice: impl fmt::Display) {
        self.push(Verdict::Bad, topic, text, advice);
    }

    /// Whether nothing is wrong; doubts do not count.
    pub(super) fn is_sound(&self) -> bool {
        self.count(Verdict::Bad) == 0
    }

    fn push(
        &mut self,
        verdict: Verdict,
        topic: &'static str,
        text: impl fmt::Display,
        advice: impl fmt::Display,
    ) {
        // An error of anyhow tells its causes in the alternate form.
        self.0.push(Finding { verdict, topic, text: format!("{text:#}"), advice: advice.to_string() });
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.0.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Keel {}, a check of this installation:\n", build_info::version())?;
        for Finding { verdict, topic, text, advice } in &self.0 {
            let mark = match verdict {
                Verdict::Good => "ok",
                Verdict::Doubtful => "look",
                Verdict::Bad => "FAIL",
            };
            writeln!(f, "  {mark:<6}{topic:<10}{text}")?;
            if !advice.is_empty() {
                writeln!(f, "                  to do: {advice}")?;
            }
        }
        match (self.count(Verdict::Bad), self.count(Verdict::Doubtful)) {
            (0, 0) => writeln!(f, "\nNothing is wrong."),
            (0, doubts) => writeln!(f, "\nNothing is wrong; {doubts} to look at."),
            (faults, doubts) => writeln!(f, "\n{faults} to fix, {doubts} to look at."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_what_to_do() {
        let mut findings = Findings::default();
        findings.good("data", "/srv/keel");
        findings.doubtful("buffers", "small", "raise them");
        assert!(findings.is_sound());
        assert!(findings.to_string().ends_with("\nNothing is wrong; 1 to look at.\n"));
        findings.bad("media", anyhow::anyhow!("cause").context("effect"), "open UDP 10000");
        assert!(!findings.is_sound());
        let text = findings.to_string();
        let body: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            body,
            [
                "  ok    data      /srv/keel",
                "  look  buffers   small",
                "                  to do: raise them",
                "  FAIL  media     effect: cause",
                "                  to do: open UDP 10000",
                "",
                "1 to fix, 1 to look at.",
            ]
        );
    }
}

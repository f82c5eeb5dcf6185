//! Presenters and viewers by their URLs.

use super::bench::{Bench, name, open};
use crate::limits::{LiveLimits, Rate};
use crate::live::ask::{Ask, Condition, Reply, StreamState};
use crate::live::effect::MediaReport;
use crate::live::event::{EndReason, StreamNews};
use crate::live::offer::Role::{Presenter, Viewer};
use crate::live::refusal::Refusal;
use keel_media::LayerTarget;
use keel_media::id::PipelineId;
use std::time::Duration;

const CREDENTIALS: &str = "a=ice-ufrag:efgh\r\na=ice-pwd:0123456789012345678901\r\n";
const CANDIDATE: &str = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n";

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_stream_begins_is_watched_and_ends_and_nothing_is_left() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    let viewer = bench.open(Viewer, "tide").expect("let in");
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 1))));
    bench.pass(seconds(100));
    bench.close("tide", &presenter).expect("closed");
    assert_eq!(
        bench.news.iter().map(|(_, news)| *news).collect::<Vec<_>>(),
        [
            StreamNews::Started,
            StreamNews::Viewers(1),
            StreamNews::Ended { reason: EndReason::Stopped, duration_ms: 100_000 },
        ]
    );
    assert_eq!(bench.state("tide"), Some((StreamState::Waiting, 1)), "the viewer waits for the next one");
    bench.close("tide", &viewer).expect("closed");
    bench.assert_nothing_left();
    assert_eq!(bench.close("tide", &viewer).expect_err("gone"), Refusal::UnknownSession);
}

#[test]
fn a_presenter_who_comes_back_takes_over_and_the_viewers_stay() {
    let mut bench = Bench::new();
    let before = bench.open(Presenter, "tide").expect("let in");
    let viewer = bench.open(Viewer, "tide").expect("let in");
    let after = bench.open(Presenter, "tide").expect("takes over");
    assert_eq!(bench.close("tide", &before).expect_err("replaced"), Refusal::UnknownSession);
    let media = bench.media.values().next().expect("the same media");
    assert_eq!((media.presenter, media.peers.len()), (Some(after.key.session()), 2));

    bench.report(MediaReport::Gone(after.key.session()));
    assert!(matches!(bench.state("tide"), Some((StreamState::Interrupted { .. }, 1))));
    bench.pass(seconds(29));
    bench.open(Presenter, "tide").expect("in time");
    bench.pass(seconds(60));
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 1))));
    let started = bench.news.iter().filter(|(_, news)| *news == StreamNews::Started).count();
    assert_eq!(started, 1, "it was one stream all the time");
    bench.close("tide", &viewer).expect("still there");
}

#[test]
fn a_presenter_that_closes_its_connection_before_it_says_so_has_stopped() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    let viewer = bench.open(Viewer, "tide").expect("let in");
    bench.report(MediaReport::Gone(presenter.key.session()));
    bench.pass(seconds(1));
    assert_eq!(bench.close("tide", &viewer).map_err(|refusal| refusal.code()).err(), None);
    assert!(
        matches!(bench.state("tide"), Some((StreamState::Interrupted { .. }, 0))),
        "viewers end no stream"
    );
    bench.close("tide", &presenter).expect("it was the presenter");
    let ended = StreamNews::Ended { reason: EndReason::Stopped, duration_ms: 1_000 };
    assert!(bench.news.contains(&(name("tide"), ended)), "{:?}", bench.news);
    bench.assert_nothing_left();
    assert_eq!(bench.close("tide", &presenter).expect_err("once"), Refusal::UnknownSession);

    // Of one that was replaced meanwhile nothing is heard any more.
    let before = bench.open(Presenter, "ebb").expect("let in");
    bench.report(MediaReport::Gone(before.key.session()));
    let after = bench.open(Presenter, "ebb").expect("in its place");
    assert_eq!(bench.close("ebb", &before).expect_err("replaced"), Refusal::UnknownSession);
    bench.close("ebb", &after).expect("its own");
    bench.assert_nothing_left();
}

#[test]
fn viewers_of_a_presenter_that_does_not_come_back_are_let_go() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    bench.open(Viewer, "tide").expect("let in");
    bench.report(MediaReport::Gone(presenter.key.session()));
    bench.pass(seconds(30));
    let ended = StreamNews::Ended { reason: EndReason::Lost, duration_ms: 30_000 };
    assert!(bench.news.contains(&(name("tide"), ended)));
    bench.assert_nothing_left();
}

#[test]
fn viewers_wait_as_long_as_they_may() {
    let mut bench = Bench::new();
    bench.open(Viewer, "tide").expect("may wait");
    bench.pass(seconds(299));
    assert_eq!(bench.state("tide"), Some((StreamState::Waiting, 1)));
    bench.pass(seconds(1));
    bench.assert_nothing_left();

    let mut strict = Bench::with(LiveLimits { viewers_wait_max: Duration::ZERO, ..LiveLimits::default() });
    let retry_after = seconds(5);
    assert_eq!(strict.open(Viewer, "tide").expect_err("no stream"), Refusal::UnknownStream { retry_after });
    strict.answer(Ask::Create(name("tide"))).expect("made");
    assert_eq!(strict.open(Viewer, "tide").expect_err("not live"), Refusal::NotLive { retry_after });
    let presenter = strict.open(Presenter, "tide").expect("let in");
    strict.open(Viewer, "tide").expect("live");
    strict.close("tide", &presenter).expect("closed");
    assert_eq!(strict.state("tide"), Some((StreamState::Waiting, 0)), "nobody waits here");
    strict.answer(Ask::End(name("tide"))).expect("ended");
    strict.assert_nothing_left();
}

#[test]
fn an_offer_that_is_refused_disturbs_nobody() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    let refused = bench.answer(open(Presenter, "tide", "refuse")).expect_err("refused");
    assert_eq!(refused, Refusal::LineRejected);
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 0))));
    bench.close("tide", &presenter).expect("still there");
    bench.answer(open(Viewer, "tide", "refuse")).expect_err("refused");
    bench.assert_nothing_left();
}

#[test]
fn a_second_presenter_is_refused_where_nobody_takes_over() {
    let mut bench = Bench::with(LiveLimits { presenters_take_over: false, ..LiveLimits::default() });
    let presenter = bench.open(Presenter, "tide").expect("let in");
    assert_eq!(bench.open(Presenter, "tide").expect_err("taken"), Refusal::AlreadyLive);
    bench.report(MediaReport::Gone(presenter.key.session()));
    bench.open(Presenter, "tide").expect("the place is free");
}

#[test]
fn of_two_presenters_at_once_the_second_is_asked_to_wait() {
    let mut bench = Bench::new();
    bench.is_slow = true;
    let first = bench.ask(open(Presenter, "tide", ""));
    let second = bench.ask(open(Presenter, "tide", ""));
    assert!(matches!(bench.answers.remove(&second), Some(Err(Refusal::Busy))));
    while bench.work(0) {}
    assert!(matches!(bench.answers.remove(&first), Some(Ok(Reply::Opened { .. }))));
}

#[test]
fn a_connection_that_does_not_come_up_is_released() {
    let mut bench = Bench::new();
    bench.connects = false;
    let viewer = bench.open(Viewer, "tide").expect("answered");
    bench.pass(seconds(29));
    bench.answer(Ask::Look { stream: name("tide"), key: viewer.key.clone() }).expect("still there");
    bench.pass(seconds(1));
    bench.assert_nothing_left();
}

#[test]
fn a_session_that_its_client_never_heard_of_ends() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("answered");
    bench.machine.handle_unheard(bench.now, &presenter.key);
    bench.pass(seconds(31));
    bench.assert_nothing_left();
}

// covers: RFC 9725 §4.3.1
#[test]
fn a_fragment_names_the_ice_session_that_it_is_for() {
    let mut bench = Bench::new();
    let viewer = bench.open(Viewer, "tide").expect("let in");
    let of = |tag: &str| Condition::OneOf(vec![tag.to_owned()]);
    let tag = of(&viewer.tag.to_string());
    let missing = bench.patch(&viewer, Condition::Missing, CANDIDATE).expect_err("no condition");
    assert_eq!(missing, Refusal::ConditionMissing);
    let wrong = bench.patch(&viewer, of("\"0\""), CANDIDATE).expect_err("another tag");
    assert_eq!(wrong, Refusal::ConditionFailed);
    let weak = bench.patch(&viewer, of(&format!("W/{}", viewer.tag)), CANDIDATE).expect_err("weak");
    assert_eq!(weak, Refusal::ConditionFailed);
    assert!(matches!(bench.patch(&viewer, tag.clone(), CANDIDATE), Ok(Reply::Done)));
    assert_eq!(bench.media.values().next().expect("media").candidates.len(), 1);

    let Ok(Reply::Restarted { tag: fresh, .. }) = bench.patch(&viewer, Condition::Any, CREDENTIALS) else {
        panic!("a restart")
    };
    assert_ne!(fresh, viewer.tag);
    let stale = bench.patch(&viewer, tag, CANDIDATE).expect_err("the tag of the session before");
    assert_eq!(stale, Refusal::ConditionFailed);
    let again = bench.patch(&viewer, of(&fresh.to_string()), CREDENTIALS).expect("no restart");
    assert!(matches!(again, Reply::Done), "the credentials are those in use");

    let failing = CREDENTIALS.replace("efgh", "fail");
    let failed = bench.patch(&viewer, Condition::Any, &failing).expect_err("media says no");
    assert_eq!(failed, Refusal::MediaFailed("no".to_owned()));
    bench.patch(&viewer, of(&fresh.to_string()), CANDIDATE).expect("the ICE session is what it was");
}

#[test]
fn candidates_are_bounded_and_a_restart_begins_anew() {
    let mut bench = Bench::new();
    let viewer = bench.open(Viewer, "tide").expect("let in");
    bench.patch(&viewer, Condition::Any, &CANDIDATE.repeat(4)).expect("as many as may be");
    let more = bench.patch(&viewer, Condition::Any, CANDIDATE).expect_err("one more");
    assert_eq!(more, Refusal::TooManyCandidates);
    bench.patch(&viewer, Condition::Any, &format!("{CREDENTIALS}{CANDIDATE}")).expect("a restart");
    bench.patch(&viewer, Condition::Any, &CANDIDATE.repeat(3)).expect("of the new ICE session");
}

#[test]
fn who_waits_for_a_restart_hears_of_the_end() {
    let mut bench = Bench::new();
    let viewer = bench.open(Viewer, "tide").expect("let in");
    bench.is_slow = true;
    let fragment = crate::live::sdpfrag::Fragment::parse(CREDENTIALS).expect("a fragment");
    let (stream, key) = (name("tide"), viewer.key.clone());
    let restart = bench.ask(Ask::Patch { stream, key, condition: Condition::Any, fragment });
    let busy = bench.patch(&viewer, Condition::Any, &CREDENTIALS.replace("efgh", "ijkl"));
    assert_eq!(busy.expect_err("one at a time"), Refusal::Busy);
    bench.close("tide", &viewer).expect("closed");
    assert!(matches!(bench.answers.remove(&restart), Some(Err(Refusal::UnknownSession))));
    bench.assert_nothing_left();
}

#[test]
fn a_viewer_chooses_a_layer_and_a_presenter_does_not() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    let viewer = bench.open(Viewer, "tide").expect("let in");
    let target = LayerTarget { spatial: 1, temporal: 0 };
    let ask =
        |known: &super::bench::Known| Ask::SetLayer { stream: name("tide"), key: known.key.clone(), target };
    bench.answer(ask(&viewer)).expect("a viewer may");
    assert_eq!(bench.answer(ask(&presenter)).expect_err("a presenter"), Refusal::NotAViewer);
    let media = bench.media.values().next().expect("media");
    assert_eq!(media.targets, [(viewer.key.session(), target)]);
}

#[test]
fn a_url_opens_its_own_session_only() {
    let mut bench = Bench::new();
    let viewer = bench.open(Viewer, "tide").expect("let in");
    let other = bench.open(Viewer, "tide").expect("let in");
    let forged =
        format!("{}-{}", viewer.key.to_string().split('-').next().expect("a number"), "0".repeat(32));
    let forged = crate::live::id::SessionKey::parse(&forged).expect("the form of a key");
    let close = |key| Ask::Close { stream: name("tide"), key };
    assert_eq!(bench.answer(close(forged)).expect_err("forged"), Refusal::UnknownSession);
    let elsewhere = Ask::Close { stream: name("ebb"), key: viewer.key.clone() };
    assert_eq!(bench.answer(elsewhere).expect_err("another stream's"), Refusal::UnknownSession);
    bench.answer(close(viewer.key)).expect("its own");
    bench.answer(close(other.key)).expect("untouched");
}

#[test]
fn streams_viewers_and_beginnings_are_bounded() {
    let limits = LiveLimits { streams_max: 1, viewers_max: 1, ..LiveLimits::default() };
    let mut bench = Bench::with(limits);
    bench.open(Viewer, "tide").expect("let in");
    assert_eq!(bench.open(Viewer, "tide").expect_err("full"), Refusal::TooManyViewers);
    assert_eq!(bench.open(Viewer, "ebb").expect_err("full"), Refusal::TooManyStreams);
    assert_eq!(bench.answer(Ask::Create(name("ebb"))).expect_err("full"), Refusal::TooManyStreams);
    let rate = Rate { per_second: 1, at_once: 1 };
    let mut slow = Bench::with(LiveLimits { sessions_per_address: rate, ..LiveLimits::default() });
    slow.open(Presenter, "tide").expect("let in");
    assert_eq!(slow.open(Viewer, "tide").expect_err("too fast"), Refusal::TooFast);
}

#[test]
fn a_viewer_that_cannot_follow_a_new_presenter_goes() {
    let mut bench = Bench::new();
    bench.open(Presenter, "tide").expect("let in");
    let viewer = bench.open(Viewer, "tide").expect("let in");
    bench.report(MediaReport::Unfit(viewer.key.session()));
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 0))));
}

#[test]
fn what_fails_or_stops_ends_with_a_word() {
    for (end, reason) in [(false, EndReason::Failed), (true, EndReason::ShuttingDown)] {
        let mut bench = Bench::new();
        bench.open(Presenter, "tide").expect("let in");
        let viewer = bench.open(Viewer, "tide").expect("let in");
        if end {
            bench.machine.handle_shutdown(bench.now);
            let refused = bench.close("tide", &viewer).expect_err("all have ended");
            assert_eq!(refused, Refusal::UnknownSession);
            assert_eq!(bench.open(Presenter, "tide").expect_err("stopping"), Refusal::ShuttingDown);
        } else {
            bench.report(MediaReport::Failed("a thread died".to_owned()));
        }
        bench.pass(seconds(0));
        assert!(
            matches!(bench.news[..], [.., (_, StreamNews::Ended { reason: found, .. }), _] if found == reason)
        );
        bench.assert_nothing_left();
    }
}

#[test]
fn a_stream_is_looked_at_while_it_is_on_and_when_its_media_ends_meanwhile() {
    let mut bench = Bench::new();
    let presenter = bench.open(Presenter, "tide").expect("let in");
    let Ok(Reply::Stream(report)) = bench.answer(Ask::Inspect(name("tide"))) else { panic!("a report") };
    assert!(matches!(report.summary.state, StreamState::Live { .. }));
    assert_eq!(report.pipeline, Some(PipelineId::new(1)));
    bench.is_slow = true;
    let waiting = bench.ask(Ask::Inspect(name("tide")));
    bench.close("tide", &presenter).expect("closed");
    assert!(matches!(bench.answers.remove(&waiting), Some(Ok(Reply::Stream(_)))));
    bench.answer(Ask::Inspect(name("ebb"))).expect_err("no such stream");
    bench.assert_nothing_left();
}

#[test]
fn streams_are_listed_by_name_in_pages() {
    let mut bench = Bench::new();
    for stream in ["tide", "ebb", "flow"] {
        bench.answer(Ask::Create(name(stream))).expect("made");
    }
    let mut page = |after: Option<&str>, count| -> Vec<String> {
        let ask = Ask::List { after: after.map(name), count };
        let Ok(Reply::Streams(streams)) = bench.answer(ask) else { panic!("a list") };
        streams.into_iter().map(|summary| summary.stream.to_string()).collect()
    };
    assert_eq!(page(None, 2), ["ebb", "flow"]);
    assert_eq!(page(Some("flow"), 2), ["tide"]);
    assert!(page(Some("tide"), 9).is_empty());
}

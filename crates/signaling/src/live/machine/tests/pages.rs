//! Pages of Kurento's tutorial.

use super::bench::Bench;
use crate::live::ask::StreamState;
use crate::live::message::{Response, ServerMessage};
use crate::live::offer::Role::{Presenter, Viewer};
use crate::socket::CloseReason;

const PRESENTER: &str =
    r#"{"id":"presenter","sdpOffer":"v=0\r\na=ice-ufrag:abcd\r\nm=video 9 X 96\r\na=sendonly\r\n"}"#;
const VIEWER: &str =
    r#"{"id":"viewer","sdpOffer":"v=0\r\na=ice-ufrag:abcd\r\nm=video 9 X 96\r\na=recvonly\r\n"}"#;
const CANDIDATE: &str = r#"{"id":"onIceCandidate","candidate":{"candidate":"theirs"}}"#;

fn rejection(messages: &[ServerMessage]) -> &str {
    match messages {
        [
            ServerMessage::PresenterResponse(Response::Rejected { message })
            | ServerMessage::ViewerResponse(Response::Rejected { message }),
        ] => message,
        other => panic!("no rejection: {other:?}"),
    }
}

#[test]
fn one_presents_many_watch_and_hear_of_the_end() {
    let mut bench = Bench::new();
    let [ann, ben, eve] = [1, 2, 3].map(|page| bench.arrive(page, true));
    bench.say(ben, VIEWER);
    assert!(rejection(&bench.heard(ben)).contains("no stream"), "there is nobody to see");
    bench.say(ann, CANDIDATE);
    bench.say(ann, PRESENTER);
    let heard = bench.heard(ann);
    assert!(
        matches!(
            heard[..],
            [ServerMessage::PresenterResponse(Response::Accepted { .. }), ServerMessage::IceCandidate { .. }]
        ),
        "{heard:?}"
    );
    assert_eq!(bench.media.values().next().expect("media").candidates.len(), 1, "the early one");
    bench.say(ben, VIEWER);
    bench.say(eve, VIEWER);
    bench.say(eve, CANDIDATE);
    assert!(matches!(bench.heard(eve)[0], ServerMessage::ViewerResponse(Response::Accepted { .. })));
    bench.heard(ben);
    bench.say(eve, PRESENTER);
    assert!(rejection(&bench.heard(eve)).contains("stop"), "a page is one thing at a time");
    bench.say(eve, r#"{"id":"stop"}"#);
    assert_eq!(bench.heard(eve), []);
    bench.say(eve, PRESENTER);
    assert!(rejection(&bench.heard(eve)).contains("somebody else"));
    bench.leave(ann);
    assert_eq!(bench.heard(ben), [ServerMessage::StopCommunication]);
    bench.assert_nothing_left();
}

#[test]
fn pages_share_a_stream_with_those_who_have_urls() {
    let mut bench = Bench::new();
    let ann = bench.arrive(1, true);
    bench.say(ann, PRESENTER);
    let viewer = bench.open(Viewer, "tide").expect("let in");
    bench.open(Presenter, "tide").expect("takes over");
    assert!(bench.heard(ann).contains(&ServerMessage::StopCommunication), "she was replaced");
    bench.say(ann, VIEWER);
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 2))));
    bench.close("tide", &viewer).expect("closed");
    bench.leave(ann);
    assert!(matches!(bench.state("tide"), Some((StreamState::Live { .. }, 0))));
}

#[test]
fn what_a_page_may_not_is_said() {
    let mut bench = Bench::new();
    let ben = bench.arrive(1, false);
    bench.say(ben, PRESENTER);
    assert!(rejection(&bench.heard(ben)).contains("token"));
    bench.say(ben, r#"{"id":"viewer","sdpOffer":"hello"}"#);
    assert!(rejection(&bench.heard(ben)).contains("session description"));
    for _ in 0..4 {
        bench.say(ben, CANDIDATE);
    }
    assert_eq!(bench.heard(ben), []);
    bench.say(ben, CANDIDATE);
    assert!(matches!(bench.heard(ben)[..], [ServerMessage::Error { .. }]), "candidates are bounded");
    bench.machine.handle_shutdown(bench.now);
    bench.pass(std::time::Duration::ZERO);
    bench.say(ben, r#"{"id":"stop"}"#);
    assert_eq!(bench.closed, [(ben, CloseReason::ShuttingDown)]);
}

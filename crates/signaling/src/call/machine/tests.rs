//! Calls as stories: who does what, who hears what, what is asked of media and the history.

mod bench;
mod random;

use super::*;
use crate::call::Outcome;
use crate::call::effect::MediaReport;
use crate::call::effect::Side;
use crate::call::phase::Phase;
use bench::Bench;

#[test]
fn the_two_of_a_call_write_to_each_other_and_nobody_else() {
    let mut bench = Bench::new();
    let (ann, ben, eve) = (bench.user("ann"), bench.user("ben"), bench.user("eve"));
    let chat = |text: &str| ClientMessage::Chat { text: text.to_owned() };
    bench.message(ann, chat("too early"));
    assert_eq!(bench.heard(ann), ["error you are in no call"]);
    bench.talk(ann, "ann", ben, "ben");
    bench.message(ann, chat(" hello "));
    bench.message(ann, ClientMessage::Typing { typing: true });
    assert_eq!(bench.heard(ben), ["ann writes hello", "ann types: true"]);
    bench.message(ben, ClientMessage::History { before: None, count: Some(1_000) });
    assert_eq!(bench.heard(ben), ["history 0 false"], "a page is never longer than 50");
    for (text, words) in [
        ("", "error the text is empty or has control characters"),
        (&"x".repeat(2001), "error the text is longer than 2000 characters"),
    ] {
        bench.message(ann, chat(text));
        assert_eq!(bench.heard(ann), [words]);
    }
    for _ in 0..40 {
        bench.message(ann, chat("flood"));
    }
    assert!(bench.heard(ann).iter().any(|words| words == "error too many messages: slow down"));
    assert!(bench.heard(ben).len() < 20);
    bench.message(ann, ClientMessage::Stop);
    bench.heard(ben);
    bench.message(ben, chat("are you there?"));
    assert_eq!(bench.heard(ben), ["error you are in no call"]);
    assert_eq!(bench.heard(eve), [] as [&str; 0]);
}

#[test]
fn a_call_from_registration_to_hang_up() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    assert_eq!(bench.heard(ben), ["incomingCall from ann"]);
    bench.candidate(ann, "a1");
    bench.candidate(ben, "b1");
    assert!(bench.world.media.is_empty(), "nothing is set up before the callee accepts");
    bench.accept(ben, "ann");
    bench.candidate(ann, "a2");
    assert_eq!(
        bench.world.media,
        ["start 0: offer of ann, offer of ben", "a1 of Caller", "b1 of Callee", "a2 of Caller"]
    );
    assert!(bench.heard(ann).is_empty(), "the caller hears nothing before there is an answer");

    bench.media(0, MediaReport::Candidate { side: Side::Caller, candidate: bench::candidate("k1") });
    bench.answered(0);
    assert_eq!(bench.heard(ann), ["iceCandidate k1", "callResponse accepted answer to caller"]);
    assert_eq!(bench.heard(ben), ["startCommunication answer to callee"]);
    bench.pass(Duration::from_millis(300));
    bench.media(0, MediaReport::Up(Side::Callee));
    assert_eq!(bench.world.set_up, None);
    bench.pass(Duration::from_millis(200));
    bench.media(0, MediaReport::Up(Side::Caller));
    assert_eq!(bench.world.set_up, Some(Duration::from_millis(500)));

    bench.pass(Duration::from_secs(3600));
    bench.message(ben, ClientMessage::Stop);
    assert_eq!(bench.heard(ann), ["stopCommunication the other side hung up"]);
    assert!(bench.heard(ben).is_empty());
    assert_eq!(bench.world.ended, [("ann".to_owned(), "ben".to_owned(), true, Outcome::Completed)]);
    bench.message(ann, ClientMessage::Stop);
    assert!(bench.heard(ann).is_empty(), "a stop that crossed the other is no error");
    bench.assert_nothing_left();

    bench.call(ben, "ben", "ann");
    assert_eq!(bench.heard(ann), ["incomingCall from ben"], "a second call follows the first");
}

#[test]
fn a_name_is_refused_with_the_reason() {
    let mut bench = Bench::new();
    bench.user("ann");
    let other = bench.connect();
    for (name, reason) in [
        ("", "the name is empty"),
        (" \t", "the name is empty"),
        ("a\u{7}b", "the name contains control characters"),
        ("ann", "this name is in use"),
        (" ann ", "this name is in use"),
    ] {
        bench.register(other, name, None);
        assert_eq!(bench.heard(other), [format!("registerResponse rejected {reason}")]);
    }
    bench.register(other, &"x".repeat(65), None);
    assert_eq!(bench.heard(other), ["registerResponse rejected the name is longer than 64 characters"]);
    bench.world.verdict = Err(crate::store::AdmitError::WrongSecret);
    bench.register(other, "ben", None);
    assert_eq!(
        bench.heard(other),
        ["registerResponse rejected this name belongs to somebody else: the secret is wrong or missing"]
    );
    bench.world.verdict = Err(crate::store::AdmitError::Busy);
    bench.register(other, "ben", None);
    assert_eq!(bench.heard(other), ["registerResponse rejected the server is busy, try again in a moment"]);
    bench.world.verdict = Ok(());
    bench.register(other, "ben", None);
    assert_eq!(bench.heard(other), ["registerResponse accepted"], "a refusal is not final");
}

#[test]
fn a_full_server_and_a_hasty_address_are_refused() {
    let mut bench = Bench::with(Limits { users_online_max: 2, ..Limits::default() });
    bench.user("ann");
    let ben = bench.user("ben");
    let eve = bench.connect();
    bench.register(eve, "eve", None);
    assert_eq!(bench.heard(eve), ["registerResponse rejected the server is full, try again later"]);
    bench.disconnect(ben);
    bench.register(eve, "eve", None);
    assert_eq!(bench.heard(eve), ["registerResponse accepted"]);

    let rate = crate::limits::Rate { per_second: 1, at_once: 1 };
    let mut bench = Bench::with(Limits { registrations_per_address: rate, ..Limits::default() });
    bench.user("ann");
    let ben = bench.connect();
    bench.register(ben, "ben", None);
    assert_eq!(
        bench.heard(ben),
        ["registerResponse rejected too many registrations from your address, try again in a moment"]
    );
    bench.pass(Duration::from_secs(1));
    bench.register(ben, "ben", None);
    assert_eq!(bench.heard(ben), ["registerResponse accepted"]);
}

#[test]
fn two_that_ask_for_a_name_at_once_get_one_yes() {
    let mut bench = Bench::new();
    bench.world.store_answers = false;
    let (one, two) = (bench.connect(), bench.connect());
    bench.register(one, "ann", None);
    bench.register(two, "ann", None);
    bench.register(one, "ann", None);
    assert_eq!(bench.heard(one), ["error your registration is being worked on"]);
    bench.admit(two, Ok(()));
    bench.admit(one, Ok(()));
    assert_eq!(bench.heard(two), ["registerResponse accepted"]);
    assert_eq!(bench.heard(one), ["registerResponse rejected this name is in use"]);
    let gone = bench.connect();
    bench.register(gone, "eve", None);
    bench.disconnect(gone);
    bench.admit(gone, Ok(()));
    assert_eq!(bench.machine.registered_users(), 1, "who left while the store thought is not registered");
}

#[test]
fn a_user_changes_the_name_between_calls_only() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.register(ann, "anna", None);
    assert_eq!(bench.heard(ann), ["registerResponse accepted"]);
    bench.call(ben, "ben", "ann");
    assert_eq!(bench.heard(ben), ["callResponse rejected the user is not registered"]);
    bench.call(ben, "ben", "anna");
    bench.register(ben, "benno", None);
    assert_eq!(bench.heard(ben), ["registerResponse rejected you are in a call: hang up first"]);
    bench.message(ben, ClientMessage::Stop);
    bench.register(ann, "ben", None);
    assert_eq!(
        bench.heard(ann).last().map(String::as_str),
        Some("registerResponse rejected this name is in use")
    );
    bench.call(ben, "ben", "anna");
    assert_eq!(bench.heard(ann), ["incomingCall from ben"], "the refused one keeps her earlier name");
}

#[test]
fn a_page_that_reconnects_takes_its_registration_over() {
    let mut bench = Bench::new();
    let (stale, ben) = (bench.user("ann"), bench.user("ben"));
    bench.talk(stale, "ann", ben, "ben");
    let fresh = bench.connect();
    bench.register(fresh, "ann", Some("not the token"));
    assert_eq!(bench.heard(fresh), ["registerResponse rejected this name is in use"]);
    bench.register(fresh, "ann", Some(&bench::token_text(stale)));
    assert_eq!(bench.heard(fresh), ["registerResponse accepted"]);
    assert_eq!(bench.world.closed, [(stale, CloseReason::Replaced)]);
    assert_eq!(bench.heard(ben), ["stopCommunication the other side has left"]);
    bench.message(stale, ClientMessage::Stop);
    bench.disconnect(stale);
    assert!(bench.heard(stale).is_empty(), "for the machine the stale connection is gone");
    bench.call(ben, "ben", "ann");
    assert_eq!(bench.heard(fresh), ["incomingCall from ben"]);
}

#[test]
fn calls_that_cannot_ring_are_refused_at_once() {
    let mut bench = Bench::new();
    let (ann, ben, eve) = (bench.user("ann"), bench.user("ben"), bench.user("eve"));
    let stranger = bench.connect();
    for (caller, from, to, reason) in [
        (stranger, "ann", "ben", "register first"),
        (ann, "ben", "eve", "`from` is not the name that you registered"),
        (ann, "ann", "nobody", "the user is not registered"),
        (ann, "ann", "", "the user is not registered"),
        (ann, "ann", " ann", "you cannot call yourself"),
    ] {
        bench.call(caller, from, to);
        assert_eq!(bench.heard(caller), [format!("callResponse rejected {reason}")]);
    }
    bench.call(ann, "ann", "ben");
    bench.call(eve, "eve", "ann");
    assert_eq!(bench.heard(eve), ["callResponse rejected the user is busy"]);
    bench.call(eve, "eve", "ben");
    assert_eq!(bench.heard(eve), ["callResponse rejected the user is busy"]);
    bench.call(ann, "ann", "eve");
    assert_eq!(bench.heard(ann), ["callResponse rejected you are in a call already"]);
    assert!(bench.heard(eve).is_empty());
    bench.accept(ben, "ann");
    assert_eq!(bench.world.media, ["start 0: offer of ann, offer of ben"], "the first call is unharmed");
}

#[test]
fn a_callee_declines_with_its_own_words() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.reject(ben, "ann", Some("in a meeting"));
    assert_eq!(bench.heard(ann), ["callResponse rejected in a meeting"]);
    bench.call(ann, "ann", "ben");
    bench.reject(ben, "ann", None);
    assert_eq!(bench.heard(ann), ["callResponse rejected the call was declined"]);
    bench.call(ann, "ann", "ben");
    bench.reject(ben, "ann", Some(&"x".repeat(10_000)));
    assert_eq!(bench.heard(ann).first().map(String::len), Some("callResponse rejected ".len() + 500));
    assert_eq!(bench.world.outcomes(), [Outcome::Declined; 3]);
    bench.assert_nothing_left();
}

#[test]
fn nobody_answers() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.heard(ben);
    bench.pass(Duration::from_secs(44));
    assert!(bench.heard(ann).is_empty());
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.heard(ann), ["callResponse rejected no answer"]);
    assert_eq!(bench.heard(ben), ["stopCommunication missed call"]);
    bench.accept(ben, "ann");
    assert_eq!(bench.heard(ben), ["error no such call is waiting for your answer"]);
    assert_eq!(bench.world.outcomes(), [Outcome::Missed]);
    bench.assert_nothing_left();
}

#[test]
fn an_answer_to_a_call_that_was_given_up_does_not_take_the_next_one() {
    let mut bench = Bench::new();
    let (ann, ben, eve) = (bench.user("ann"), bench.user("ben"), bench.user("eve"));
    bench.call(ann, "ann", "ben");
    bench.message(ann, ClientMessage::Stop);
    bench.call(eve, "eve", "ben");
    assert_eq!(
        bench.heard(ben),
        ["incomingCall from ann", "stopCommunication the other side hung up", "incomingCall from eve"]
    );
    bench.accept(ben, "ann");
    assert_eq!(bench.heard(ben), ["error no such call is waiting for your answer"]);
    assert!(bench.world.media.is_empty());
    bench.accept(ben, "eve");
    assert_eq!(bench.world.media, ["start 1: offer of eve, offer of ben"]);
}

#[test]
fn two_that_call_each_other_at_once_talk() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.call(ben, "ben", "ann");
    assert_eq!(bench.world.media, ["start 0: offer of ann, offer of ben"]);
    assert_eq!(bench.heard(ben), ["incomingCall from ann"]);
    // A page that is calling declines what comes in, as Kurento's does; the call is agreed by then.
    bench.reject(ben, "ann", Some("bussy"));
    assert_eq!(bench.heard(ben), ["error not now: the call is being set up"]);
    bench.answered(0);
    assert_eq!(bench.heard(ann), ["callResponse accepted answer to caller"]);
    assert_eq!(bench.heard(ben), ["callResponse accepted answer to callee"]);
    bench.message(ann, ClientMessage::Stop);
    assert_eq!(bench.heard(ben), ["stopCommunication the other side hung up"]);
    bench.assert_nothing_left();

    bench.call(ben, "ben", "ann");
    bench.call(ann, "ann", "ben");
    bench.media(1, MediaReport::Refused("full".to_owned()));
    assert_eq!(bench.heard(ann), ["incomingCall from ben", "callResponse rejected full"]);
    assert_eq!(bench.heard(ben), ["callResponse rejected full"], "both had called, both are answered");
    bench.assert_nothing_left();
}

#[test]
fn either_side_leaves_in_every_phase() {
    use Side::{Callee, Caller};
    let talk = "callResponse accepted answer to caller";
    for (phase, leaver, told, outcome) in [
        (Phase::Ringing, Caller, "stopCommunication the other side has left", Outcome::Cancelled),
        (Phase::Ringing, Callee, "callResponse rejected the other side has left", Outcome::CalleeLeft),
        (Phase::Connecting, Caller, "stopCommunication the other side has left", Outcome::Cancelled),
        (Phase::Connecting, Callee, "callResponse rejected the other side has left", Outcome::CalleeLeft),
        (Phase::Talking, Caller, "stopCommunication the other side has left", Outcome::Lost),
        (Phase::Talking, Callee, "stopCommunication the other side has left", Outcome::Lost),
    ] {
        let mut bench = Bench::new();
        let (ann, ben) = (bench.user("ann"), bench.user("ben"));
        bench.call(ann, "ann", "ben");
        if phase >= Phase::Connecting {
            bench.accept(ben, "ann");
        }
        if phase == Phase::Talking {
            bench.answered(0);
            assert_eq!(bench.heard(ann), [talk]);
        }
        let (leaving, staying) = if leaver == Caller { (ann, ben) } else { (ben, ann) };
        bench.heard(staying);
        bench.disconnect(leaving);
        assert_eq!(bench.heard(staying), [told], "{phase:?} {leaver:?}");
        assert_eq!(bench.world.outcomes(), [outcome], "{phase:?} {leaver:?}");
        bench.assert_nothing_left();
    }
}

#[test]
fn a_call_that_ends_while_media_is_set_up_releases_it() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.accept(ben, "ann");
    bench.message(ann, ClientMessage::Stop);
    assert_eq!(bench.world.media.last().map(String::as_str), Some("end 0"));
    bench.answered(0);
    bench.media(0, MediaReport::Up(Side::Caller));
    bench.media(0, MediaReport::Refused("late".to_owned()));
    bench.media(0, MediaReport::Candidate { side: Side::Callee, candidate: bench::candidate("late") });
    assert!(bench.heard(ann).is_empty(), "reports of an ended call reach nobody");
    assert_eq!(bench.heard(ben), ["incomingCall from ann", "stopCommunication the other side hung up"]);
    bench.assert_nothing_left();
}

#[test]
fn both_are_told_when_media_cannot_be_had() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.accept(ben, "ann");
    bench.heard(ben);
    bench.media(0, MediaReport::Refused("the media server is full".to_owned()));
    assert_eq!(bench.heard(ann), ["callResponse rejected the media server is full"]);
    assert_eq!(bench.heard(ben), ["stopCommunication the media server is full"]);
    assert_eq!(bench.world.outcomes(), [Outcome::Failed]);
    bench.assert_nothing_left();

    bench.call(ann, "ann", "ben");
    bench.accept(ben, "ann");
    bench.heard(ben);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.heard(ann), ["callResponse rejected the media server did not answer"]);
    assert_eq!(bench.heard(ben), ["stopCommunication the media server did not answer"]);
    bench.assert_nothing_left();
}

#[test]
fn a_lost_media_connection_may_come_back_in_time() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.talk(ann, "ann", ben, "ben");
    bench.media(0, MediaReport::Down(Side::Caller));
    bench.pass(Duration::from_secs(29));
    bench.media(0, MediaReport::Up(Side::Caller));
    bench.pass(Duration::from_secs(300));
    assert_eq!(bench.machine.calls(), 1);
    bench.media(0, MediaReport::Down(Side::Callee));
    bench.pass(Duration::from_secs(20));
    bench.media(0, MediaReport::Down(Side::Caller));
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.heard(ann), ["stopCommunication the media connection was lost"]);
    assert_eq!(bench.heard(ben), ["stopCommunication the media connection was lost"]);
    assert_eq!(bench.world.outcomes(), [Outcome::Lost]);
    bench.assert_nothing_left();
}

#[test]
fn a_media_connection_that_never_comes_up_ends_the_call() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.call(ann, "ann", "ben");
    bench.accept(ben, "ann");
    bench.answered(0);
    bench.media(0, MediaReport::Up(Side::Caller));
    bench.heard(ann);
    bench.pass(Duration::from_secs(30));
    let told = "stopCommunication no media connection came about: a firewall may block UDP to this server";
    assert_eq!(bench.heard(ann), [told]);
    assert_eq!(bench.world.outcomes(), [Outcome::Lost]);
    bench.assert_nothing_left();
}

#[test]
fn a_peer_that_closes_its_media_has_hung_up() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    bench.talk(ann, "ann", ben, "ben");
    bench.media(0, MediaReport::Closed(Side::Caller));
    assert_eq!(bench.heard(ben), ["stopCommunication the other side hung up"]);
    assert!(bench.heard(ann).is_empty(), "it could take a word for one about its next call");
    bench.message(ann, ClientMessage::Stop);
    assert!(bench.heard(ann).is_empty());
    assert_eq!(bench.world.outcomes(), [Outcome::Completed]);
    bench.assert_nothing_left();
}

#[test]
fn candidates_wait_in_order_and_within_their_bound() {
    let mut bench = Bench::with(Limits { candidates_per_peer_max: 3, ..Limits::default() });
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    let stranger = bench.connect();
    bench.candidate(stranger, "x");
    assert_eq!(bench.heard(stranger), ["error register first"]);
    for early in ["a1", "a2", "a3", "a4"] {
        bench.candidate(ann, early);
    }
    assert!(bench.heard(ann).is_empty(), "before the call the newest are kept");
    bench.call(ann, "ann", "ben");
    bench.candidate(ann, "a5");
    assert_eq!(bench.heard(ann), ["error too many ICE candidates"]);
    bench.candidate(ben, "b1");
    bench.accept(ben, "ann");
    bench.candidate(ben, "b2");
    bench.candidate(ben, "b3");
    bench.candidate(ben, "b4");
    assert_eq!(bench.heard(ben).last().map(String::as_str), Some("error too many ICE candidates"));
    assert_eq!(
        bench.world.media,
        [
            "start 0: offer of ann, offer of ben",
            "a2 of Caller",
            "a3 of Caller",
            "a4 of Caller",
            "b1 of Callee",
            "b2 of Callee",
            "b3 of Callee",
        ]
    );
    bench.message(ann, ClientMessage::Stop);
    bench.world.media.clear();
    bench.call(ann, "ann", "ben");
    bench.accept(ben, "ann");
    assert_eq!(
        bench.world.media,
        ["start 1: offer of ann, offer of ben"],
        "nothing is left for the next call"
    );
}

#[test]
fn messages_in_the_wrong_state_are_errors_and_change_nothing() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    let stranger = bench.connect();
    bench.message(stranger, ClientMessage::Stop);
    bench.accept(stranger, "ann");
    assert_eq!(bench.heard(stranger), ["error register first", "error register first"]);
    bench.accept(ben, "ann");
    bench.reject(ben, "", None);
    let none = "error no such call is waiting for your answer";
    assert_eq!(bench.heard(ben), [none, none]);
    bench.call(ann, "ann", "ben");
    bench.accept(ann, "ann");
    assert_eq!(bench.heard(ann), [none], "a caller cannot accept for the callee");
    bench.accept(ben, "ann");
    bench.accept(ben, "ann");
    bench.answered(0);
    bench.reject(ben, "ann", None);
    assert_eq!(
        bench.heard(ben),
        [
            "incomingCall from ann",
            "error not now: the call is being set up",
            "startCommunication answer to callee",
            "error not now: the call is under way"
        ]
    );
    assert_eq!(bench.machine.calls(), 1);
}

#[test]
fn watchers_hear_of_changes_together_and_others_do_not() {
    let mut bench = Bench::with(Limits { online_names_max: 3, ..Limits::default() });
    let watcher = bench.connect();
    bench.message(watcher, ClientMessage::WatchOnline);
    assert_eq!(bench.heard(watcher), ["online "]);
    let quiet = bench.user("ann");
    for name in ["eve", "ben", "dan"] {
        bench.user(name);
    }
    assert!(bench.heard(watcher).is_empty());
    bench.pass(ONLINE_PAUSE);
    assert_eq!(bench.heard(watcher), ["online ann,ben,dan"], "one message, in order, bounded");
    bench.disconnect(quiet);
    bench.pass(ONLINE_PAUSE);
    assert_eq!(bench.heard(watcher), ["online ben,dan,eve"]);
    assert!(bench.heard(quiet).is_empty());
    assert_eq!(bench.machine.poll_timeout(), None, "nothing is due when nothing changes");
}

#[test]
fn a_shutdown_tells_everybody_and_takes_nobody_in() {
    let mut bench = Bench::new();
    let (ann, ben) = (bench.user("ann"), bench.user("ben"));
    let (eve, dan) = (bench.user("eve"), bench.user("dan"));
    bench.talk(ann, "ann", ben, "ben");
    bench.call(eve, "eve", "dan");
    bench.heard(dan);
    bench.shutdown();
    let stop = "stopCommunication the server is shutting down";
    assert_eq!(bench.heard(ann), [stop]);
    assert_eq!(bench.heard(ben), [stop]);
    assert_eq!(bench.heard(dan), [stop]);
    assert_eq!(bench.heard(eve), ["callResponse rejected the server is shutting down"]);
    let closed = [ann, ben, eve, dan].map(|connection| (connection, CloseReason::ShuttingDown));
    assert_eq!(bench.world.closed, closed);
    bench.assert_nothing_left();
    let late = bench.connect();
    assert_eq!(bench.world.closed.last(), Some(&(late, CloseReason::ShuttingDown)));
}

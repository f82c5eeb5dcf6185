//! What people write, and what they are told of their connections.

use super::bench::Bench;
use crate::room::effect::{MediaReport, Sample};
use crate::room::id::ParticipantId;
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn a_message_reaches_the_others_and_a_late_joiner() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    let sent = bench.ask(ann, json!({"id": "chat", "text": " hello \n", "request": 3}));
    assert_eq!((&sent["id"], &sent["request"]), (&json!("chatSent"), &json!(3)));
    let message = json!({"id": "chatMessage", "message": sent["message"], "participant": joined["participant"],
        "name": "ann", "text": "hello", "time": sent["time"]});
    assert_eq!(bench.heard(ben), [message]);
    assert_eq!(bench.heard(ann), [] as [Value; 0], "not to who wrote it");
    let (_, late) = bench.join("tide", "eve");
    assert_eq!((&late["messages"][0]["text"], &late["more"]), (&json!("hello"), &json!(false)));
}

#[test]
fn history_comes_in_pages_also_after_everybody_was_gone() {
    let mut bench = Bench::new();
    let (ann, _) = bench.join("tide", "ann");
    for number in 0..120 {
        bench.say(ann, json!({"id": "chat", "text": format!("{number}")}));
        bench.pass(Duration::from_millis(250));
    }
    bench.say(ann, json!({"id": "leave"}));
    bench.pass(Duration::from_secs(3601));
    bench.assert_nothing_left();
    let (ann, joined) = bench.join("tide", "ann");
    let texts = |page: &Value| -> Vec<String> {
        let messages = page["messages"].as_array().expect("a list").iter();
        messages.map(|message| message["text"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!((texts(&joined).len(), &joined["more"]), (50, &json!(true)));
    assert_eq!(texts(&joined).last().map(String::as_str), Some("119"));
    let before = &joined["messages"][0]["message"];
    let page = bench.ask(ann, json!({"id": "history", "before": before, "count": 1000, "request": 1}));
    assert_eq!((texts(&page)[0].as_str(), texts(&page).len(), &page["more"]), ("20", 50, &json!(true)));
    let before = &page["messages"][0]["message"];
    let page = bench.ask(ann, json!({"id": "history", "before": before, "count": 20, "request": 2}));
    assert_eq!((texts(&page)[0].as_str(), &page["more"]), ("0", &json!(false)));
}

#[test]
fn typing_and_reactions_reach_the_others() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let (ben, _) = bench.join("tide", "ben");
    bench.say(ann, json!({"id": "typing", "typing": true}));
    bench.say(ann, json!({"id": "react", "reaction": "👏"}));
    let participant = &joined["participant"];
    assert_eq!(
        bench.heard(ben),
        [
            json!({"id": "typing", "participant": participant, "typing": true}),
            json!({"id": "reaction", "participant": participant, "reaction": "👏"}),
        ]
    );
}

#[test]
fn quality_is_told_on_change_and_not_more_often_than_every_two_seconds() {
    let mut bench = Bench::new();
    let (ann, joined) = bench.join("tide", "ann");
    let who = ParticipantId::parse(joined["participant"].as_str().expect("a text")).expect("valid");
    let sample = |bench: &mut Bench, loss: f64| {
        bench.media(MediaReport::Sample { participant: who, sample: Sample { loss, ..Sample::default() } });
    };
    sample(&mut bench, 0.2);
    let level = |heard: &[Value]| -> Vec<Value> {
        heard.iter().map(|message| message["participants"][0]["level"].clone()).collect()
    };
    assert_eq!(level(&bench.heard(ann)), ["poor"]);
    for loss in [0.05, 0.05, 0.2, 0.05, 0.05] {
        sample(&mut bench, loss);
    }
    assert_eq!(level(&bench.heard(ann)), [] as [Value; 0]);
    let late = bench.connect();
    bench.say(late, json!({"id": "join", "room": "tide", "name": "ben"}));
    assert_eq!(level(&bench.heard(late)[1..]), ["poor"], "who comes in knows");
    bench.heard(ann);
    bench.pass(Duration::from_secs(2));
    assert_eq!(level(&bench.heard(ann)), ["fair"]);
}

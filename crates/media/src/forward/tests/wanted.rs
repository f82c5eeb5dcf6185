//! Which encodings of a track somebody wants.

use super::stage::{ALICE, BOB, CAROL, Stage};
use crate::forward::{Demand, LayerTarget, Output, RelayTo, WantedEncodings};
use crate::id::RelayId;

/// What was told since the last call, as the wanted ones of three encodings.
fn told(stage: &mut Stage) -> Vec<[bool; 3]> {
    stage.settle();
    let taken = std::mem::take(&mut stage.outputs).into_iter();
    let wanted = taken.filter_map(|output| match output {
        Output::Wanted { session: ALICE, wanted, .. } => Some(wanted),
        _ => None,
    });
    wanted.map(|wanted| std::array::from_fn(|encoding| wanted.contains(encoding))).collect()
}

fn up_to(spatial: u8) -> LayerTarget {
    LayerTarget { spatial, temporal: u8::MAX }
}

#[test]
fn what_any_viewer_may_have_is_wanted_and_all_below_it() {
    let mut stage = Stage::new(1);
    let track = stage.publish_encodings(ALICE, 3);
    assert_eq!(told(&mut stage), [[false; 3]; 0], "nobody has watched yet");
    let bob = stage.subscribe(track, BOB, 0x2000);
    assert_eq!(told(&mut stage), [[true, true, true]]);
    let now = stage.now;
    stage.forwarder.set_target(bob, up_to(0), now);
    assert_eq!(told(&mut stage), [[true, false, false]]);
    let carol = stage.subscribe(track, CAROL, 0x3000);
    stage.forwarder.set_target(carol, up_to(1), now);
    assert_eq!(told(&mut stage).last(), Some(&[true, true, false]));
    stage.forwarder.pause(carol);
    assert_eq!(told(&mut stage), [[true, false, false]], "a pause wants nothing");
    stage.forwarder.resume(carol, now);
    stage.forwarder.remove_sink(bob);
    assert_eq!(told(&mut stage), [[true, true, false]]);
    stage.forwarder.disconnect(carol);
    assert_eq!(told(&mut stage), [[false; 3]]);
}

#[test]
fn what_viewers_elsewhere_want_counts_as_well() {
    let mut stage = Stage::new(1);
    let track = stage.publish_encodings(ALICE, 3);
    let to = RelayTo { worker: 1, relay: RelayId::new(1) };
    let relayed = stage.forwarder.begin_relay(track, to).expect("the track exists");
    let mut far = Stage::new(2);
    let there = far.forwarder.add_relayed_track(relayed, far.now);
    let sink = far.subscribe(there, BOB, 0x2000);
    let now = far.now;
    far.forwarder.set_target(sink, up_to(1), now);
    far.settle();
    let mut demands = far.outputs.iter().filter_map(|output| match output {
        Output::RelayedDemand { demand, .. } => Some(*demand),
        _ => None,
    });
    let latest: Demand = demands.next_back().expect("its wishes are told");
    assert_eq!(latest.wanted, WantedEncodings::first(2));
    stage.forwarder.handle_demand(track, to, latest);
    assert_eq!(told(&mut stage), [[true, true, false]]);
    stage.forwarder.end_relay(track, to);
    assert_eq!(told(&mut stage), [[false; 3]]);
}

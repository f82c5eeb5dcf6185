//! The load tool against the real server: packets are counted, times are not judged.

use keel_load::{Plan, Report, Scenario, Server, Shape, Traffic, run};
use keel_testkit::server::{KeelServer, ServerOptions, group_call_url};
use std::time::Duration;

fn plan(server: &str, scenario: Scenario, traffic: Traffic) -> Plan {
    Plan {
        server: Server::parse(server).expect("the server's own address"),
        scenario,
        groups: 1,
        traffic,
        feedback: false,
        warm_up: Duration::from_millis(200),
        measured: Duration::from_secs(2),
        poll_every: Duration::from_millis(1),
        server_pid: None,
    }
}

fn traffic(shape: Shape) -> Traffic {
    Traffic::new(shape, 8, 1100, 240.0, true).expect("an ordinary traffic")
}

/// Says that what was offered arrived, and looked as it was sent.
fn assert_all_arrived(report: &Report, peers: usize, subscriptions: f64) {
    assert_eq!(report.peers, peers);
    assert!(report.published_per_second > 250.0, "240 of video and 50 of audio: {report}");
    let expected = report.published_per_second * subscriptions;
    assert!((report.offered_per_second - expected).abs() < 1.0, "{report}");
    // Exactly: nothing was lost, and nothing came twice.
    assert!((report.delivered_per_second - report.offered_per_second).abs() < f64::EPSILON, "{report}");
    assert!(report.generator.verified > 0 && report.generator.corrupt == 0, "{report}");
    assert_eq!(report.latency.samples, report.generator.verified, "{report}");
}

#[test]
fn one_publisher_reaches_five_subscribers_through_the_kurento_protocol() {
    let server = KeelServer::start(&ServerOptions::default()).expect("keel starts");
    let plan = plan(server.kurento_url(), Scenario::Broadcast(5), traffic(Shape::Bursts));
    let mut said = Vec::new();
    let report = run(&plan, &mut |text| said.push(text.to_owned())).expect("everybody joins");
    assert_all_arrived(&report, 6, 5.0);
    assert_eq!(report.first_packet.samples, 5, "each subscriber had a first packet: {report}");
    assert!(said.contains(&"joined 6 of 6 peers".to_owned()), "{said:?}");
}

#[test]
fn a_call_carries_media_both_ways() {
    let server = KeelServer::start(&ServerOptions::default()).expect("keel starts");
    let plan = plan(&server.call_url(), Scenario::Call, traffic(Shape::Chromium));
    let report = run(&plan, &mut |_| {}).expect("both join");
    assert_all_arrived(&report, 2, 1.0);
}

#[test]
fn in_a_room_everybody_hears_all_others_and_tells_of_the_path() {
    let server = KeelServer::start(&ServerOptions::default()).expect("keel starts");
    let plan = plan(server.kurento_url(), Scenario::Room(3), traffic(Shape::Singles));
    let plan = Plan { feedback: true, ..plan };
    let report = run(&plan, &mut |_| {}).expect("everybody joins");
    assert_all_arrived(&report, 3 + 3 * 2, 2.0);
}

#[test]
fn in_keels_room_everybody_hears_all_others_on_one_connection() {
    for workers in [1, 2] {
        let flags = vec!["--placement=spread".to_owned()];
        let options = ServerOptions { workers, flags, ..ServerOptions::default() };
        let server = KeelServer::start(&options).expect("keel starts");
        let plan = plan(&group_call_url(server.url()), Scenario::Room(4), traffic(Shape::Bursts));
        for feedback in [false, true] {
            let report = run(&Plan { feedback, ..plan.clone() }, &mut |_| {}).expect("everybody joins");
            assert_all_arrived(&report, 2 * 4, 3.0);
            assert_eq!(report.first_packet.samples, 4, "each participant received: {report}");
        }
    }
}

#[test]
fn a_run_without_a_server_or_with_a_wrong_protocol_says_what_to_do() {
    let nobody = plan("ws://127.0.0.1:1/kurento", Scenario::Broadcast(1), traffic(Shape::Bursts));
    let error = run(&nobody, &mut |_| {}).expect_err("nothing listens on port 1");
    assert!(format!("{error:#}").contains("is the server running?"), "{error:#}");
    let broadcast = plan("ws://127.0.0.1:1/call", Scenario::Broadcast(2), traffic(Shape::Bursts));
    let error = run(&broadcast, &mut |_| {}).expect_err("calls are of two");
    assert!(error.to_string().contains("/kurento"), "{error}");
}

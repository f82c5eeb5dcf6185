use super::*;

/// Sends `count` datagrams of 100 bytes, one a millisecond, each with its number in front, and returns
/// the numbers as they arrive with the milliseconds since the start.
fn run(link: &mut Link, count: u32) -> Vec<(u32, u64)> {
    let start = Instant::now();
    let mut arrived = Vec::new();
    let mut take = |link: &mut Link, now: Instant| {
        while let Some(datagram) = link.poll(now) {
            let number = datagram.first_chunk().expect("datagrams here have 100 bytes");
            arrived.push((u32::from_be_bytes(*number), (now - start).as_millis() as u64));
        }
    };
    for number in 0..count {
        let now = start + Duration::from_millis(u64::from(number));
        take(link, now);
        let mut datagram = vec![0; 100];
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        link.send(now, datagram.into());
    }
    while let Some(arrival) = link.poll_timeout() {
        take(link, arrival);
    }
    arrived
}

fn numbers(arrived: &[(u32, u64)]) -> Vec<u32> {
    arrived.iter().map(|(number, _)| *number).collect()
}

#[test]
fn a_link_without_faults_delivers_everything_in_order_and_on_time() {
    let mut link = Link::new(1, LinkConfig { delay: Duration::from_millis(30), ..LinkConfig::default() });
    let arrived = run(&mut link, 500);
    assert_eq!(numbers(&arrived), (0..500).collect::<Vec<_>>());
    assert!(arrived.iter().all(|(number, at)| *at == u64::from(*number) + 30));
}

#[test]
fn the_same_seed_gives_the_same_arrivals_and_another_seed_others() {
    let config = LinkConfig {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(15),
        loss: Loss::Bursts { begin: 0.02, end: 0.3, loss_while_bad: 0.8 },
        reorder: 0.05,
        duplicate: 0.05,
        rate: Some(2_000_000),
        ..LinkConfig::default()
    };
    let run_with = |seed| run(&mut Link::new(seed, config.clone()), 2_000);
    assert_eq!(run_with(42), run_with(42));
    assert_ne!(run_with(42), run_with(43));
}

#[test]
fn nothing_is_lost_twice_or_forgotten() {
    let config = LinkConfig {
        loss: Loss::Random(0.1),
        reorder: 0.1,
        duplicate: 0.1,
        rate: Some(600_000),
        queue: QueueLimit::Bytes(2_000),
        ..LinkConfig::default()
    };
    let mut link = Link::new(3, config);
    let arrived = run(&mut link, 3_000);
    let counted = link.counters();
    assert_eq!(counted.delivered, arrived.len() as u64);
    assert_eq!(
        counted.sent + counted.duplicated,
        counted.delivered + counted.lost + counted.cut + counted.queue_full + counted.too_long
    );
    assert!(counted.lost > 200 && counted.queue_full > 200 && counted.duplicated > 100, "{counted:?}");
}

#[test]
fn jitter_keeps_the_order_and_reordering_breaks_it() {
    let jitter = LinkConfig { jitter: Duration::from_millis(25), ..LinkConfig::default() };
    let arrived = numbers(&run(&mut Link::new(5, jitter), 1_000));
    assert!(arrived.is_sorted());

    let reorder = LinkConfig { reorder: 0.1, ..LinkConfig::default() };
    let mut link = Link::new(5, reorder);
    let arrived = numbers(&run(&mut link, 1_000));
    let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(overtaken > 20, "{overtaken} of {} late ones were overtaken", link.counters().reordered);
    assert_eq!(arrived.len(), 1_000);
}

#[test]
fn bursts_lose_as_much_as_random_loss_but_in_runs() {
    let longest_gap = |loss| {
        let arrived = numbers(&run(&mut Link::new(9, LinkConfig { loss, ..LinkConfig::default() }), 20_000));
        let gap = arrived.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        (arrived.len(), gap)
    };
    let (kept_random, gap_random) = longest_gap(Loss::Random(0.05));
    let (kept_bursts, gap_bursts) =
        longest_gap(Loss::Bursts { begin: 0.005, end: 0.095, loss_while_bad: 1.0 });
    assert!((18_800..19_200).contains(&kept_random), "{kept_random}");
    assert!((18_400..19_600).contains(&kept_bursts), "{kept_bursts}");
    assert!(gap_bursts > 3 * gap_random, "{gap_bursts} against {gap_random}");
}

#[test]
fn a_bottleneck_spaces_datagrams_and_drops_what_its_queue_cannot_hold() {
    // 100 bytes every millisecond are 800 kbit/s; half of that passes.
    let config = LinkConfig { rate: Some(400_000), queue: QueueLimit::Bytes(1_000), ..LinkConfig::default() };
    let mut link = Link::new(1, config);
    let arrived = run(&mut link, 1_000);
    assert!((500..520).contains(&arrived.len()), "{}", arrived.len());
    assert_eq!(link.counters().queue_full, 1_000 - arrived.len() as u64);
    assert!(arrived.windows(2).all(|pair| pair[1].1 - pair[0].1 >= 1));
}

#[test]
fn a_cut_link_drops_until_it_is_mended_and_long_datagrams_always() {
    let start = Instant::now();
    let mut link = Link::new(1, LinkConfig { mtu: 1_200, ..LinkConfig::default() });
    link.cut();
    link.send(start, Bytes::from_static(b"lost"));
    link.mend();
    link.send(start, Bytes::from(vec![0; 1_201]));
    link.send(start, Bytes::from_static(b"kept"));
    assert_eq!(link.poll(start).as_deref(), Some(b"kept".as_slice()));
    assert_eq!(link.poll(start), None);
    assert_eq!((link.counters().cut, link.counters().too_long), (1, 1));
}

/// Datagrams of 1,200 bytes, one a millisecond (9.6 Mbit/s), and how long each was under way.
fn flood(link: &mut Link, milliseconds: u64) -> Vec<Duration> {
    let start = Instant::now();
    let mut waits = Vec::new();
    for millisecond in 0..milliseconds {
        let now = start + Duration::from_millis(millisecond);
        let mut datagram = vec![0; 1_200];
        datagram[..8].copy_from_slice(&millisecond.to_be_bytes());
        link.send(now, datagram.into());
        while let Some(arrived) = link.poll(now) {
            let sent = u64::from_be_bytes(*arrived.first_chunk().expect("a number in front"));
            waits.push(now - (start + Duration::from_millis(sent)));
        }
    }
    waits
}

#[test]
fn a_queue_bounded_in_time_holds_that_time_at_any_rate() {
    let config = LinkConfig {
        rate: Some(4_000_000),
        schedule: vec![(Duration::from_secs(2), Some(1_000_000)), (Duration::from_secs(4), None)],
        queue: QueueLimit::Time(Duration::from_millis(200)),
        ..LinkConfig::default()
    };
    let mut link = Link::new(1, config);
    let waits = flood(&mut link, 5_000);
    let longest =
        |range: std::ops::Range<usize>| waits[range].iter().max().expect("they arrived").as_millis();
    assert!((195..=201).contains(&longest(300..800)), "{}", longest(300..800));
    // 2 s at 4 Mbit/s, 2 s at 1 Mbit/s, then all: what waited at the change is served by the new rate.
    assert!((740..=801).contains(&longest(820..950)), "{}", longest(820..950));
    assert!((1_990..2_080).contains(&(waits.len() as u64)), "{}", waits.len());
    assert!(waits[waits.len() - 500..].iter().all(|wait| wait.is_zero()), "no bottleneck, no wait");
}

#[test]
fn a_changed_rate_holds_for_what_waits_already() {
    let start = Instant::now();
    let config = LinkConfig { rate: Some(100_000), ..LinkConfig::default() };
    let mut link = Link::new(1, config);
    link.send(start, vec![0; 1_250].into());
    link.set_rate(start + Duration::from_millis(50), Some(1_000_000));
    assert_eq!(
        link.poll_timeout(),
        Some(start + Duration::from_millis(55)),
        "half of it at ten times the rate"
    );
    assert!(link.poll(start + Duration::from_millis(55)).is_some());
}

#[test]
fn competing_flows_take_their_share_of_the_bottleneck() {
    let always = (Duration::ZERO, Duration::from_secs(60));
    let run_with = |competing, milliseconds| {
        let config = LinkConfig {
            delay: Duration::from_millis(20),
            rate: Some(2_000_000),
            competing,
            ..LinkConfig::default()
        };
        let mut link = Link::new(1, config);
        let (start, mut delivered) = (Instant::now(), 0);
        // 200 kbit/s of our own.
        for tick in 0..milliseconds / 10 {
            let now = start + Duration::from_millis(10 * tick);
            link.send(now, vec![0; 250].into());
            while link.poll(now).is_some() {
                delivered += 1;
            }
        }
        (delivered, link.competing_bytes() * 8 * 1_000 / milliseconds)
    };
    let (from, until) = always;
    let (_, constant) = run_with(Competing::Constant { rate: 500_000, from, until }, 5_000);
    assert!((490_000..510_000).contains(&constant), "{constant}");
    let (delivered, greedy) = run_with(Competing::Greedy { from, until }, 20_000);
    assert!((1_400_000..1_900_000).contains(&greedy), "it fills what is left: {greedy}");
    assert!(delivered > 1_500, "and leaves something: {delivered}");
    let (_, ended) = run_with(Competing::Greedy { from, until: Duration::from_secs(1) }, 20_000);
    assert!(ended < greedy / 10, "it ends: {ended}");
}

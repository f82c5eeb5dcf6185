//! What it costs to seal and to open one packet of 1,100 bytes, by profile.
//!
//! `cargo bench --bench srtp`. This is the floor under every forwarded packet: one is sealed for each
//! subscriber.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use keel_media::rtp::{ExtSeq, RtpHeader, Ssrc};
use keel_media::srtp::{DtlsRole, Profile, ReceiveContext, SendContext, SessionKeys};

const PAYLOAD_LENGTH: usize = 1100;
const PLAIN_LENGTH: usize = RtpHeader::FIXED_LENGTH + PAYLOAD_LENGTH;
const SSRC: Ssrc = Ssrc::new(7);

fn protect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp/protect");
    group.throughput(Throughput::Elements(1));
    for profile in Profile::ALL {
        let (mut sender, _) = contexts(profile);
        let mut index = ExtSeq::new(0);
        let mut packet = packet(index);
        group.bench_function(profile.name(), |bencher| {
            bencher.iter(|| {
                index = index.next();
                sender.protect_rtp(&mut packet, RtpHeader::FIXED_LENGTH, PLAIN_LENGTH, SSRC, index)
            });
        });
    }
}

fn unprotect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp/unprotect");
    group.throughput(Throughput::Elements(1));
    for profile in Profile::ALL {
        let (mut sender, mut receiver) = contexts(profile);
        let mut index = ExtSeq::new(0);
        let mut sealed = || {
            index = index.next();
            let mut packet = packet(index);
            let length = sender.protect_rtp(&mut packet, RtpHeader::FIXED_LENGTH, PLAIN_LENGTH, SSRC, index);
            packet.truncate(length);
            packet
        };
        group.bench_function(profile.name(), |bencher| {
            bencher.iter_batched_ref(
                &mut sealed,
                |packet| {
                    let header = RtpHeader::parse(packet).expect("sealed above");
                    receiver.unprotect_rtp(packet, &header).expect("genuine and new")
                },
                BatchSize::SmallInput,
            );
        });
    }
}

fn contexts(profile: Profile) -> (SendContext, ReceiveContext) {
    let material = vec![0x2a; profile.keying_material_length()];
    let keys = |role| SessionKeys::from_keying_material(profile, role, &material).expect("the right length");
    (keys(DtlsRole::Client).send_context(), keys(DtlsRole::Server).receive_context())
}

fn packet(index: ExtSeq) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(index.seq().wire().to_be_bytes());
    packet.extend([0, 0, 0, 1]);
    packet.extend(SSRC.wire().to_be_bytes());
    packet.resize(PLAIN_LENGTH + Profile::TAG_LENGTH_MAX, 0x5a);
    packet
}

criterion_group!(benches, protect, unprotect);
criterion_main!(benches);

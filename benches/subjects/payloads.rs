//! The bodies of polling: packets of Engine.IO 4 and 3, joined and taken apart.

use std::borrow::Cow;
use std::hint::black_box;

use socket_io_native::eio::packet::{Packet, Type};
use socket_io_native::eio::payload::{self, Payload};
use socket_io_native::eio::payload_v3;

use super::{Scenario, Work, event};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "protocol 4, join 10 texts of 100 B",
        prepare: || join_v4(0),
    },
    Scenario {
        name: "protocol 4, join 10 texts and 2 × 1 KiB in base64",
        prepare: || join_v4(2),
    },
    Scenario {
        name: "protocol 4, take apart 10 texts of 100 B",
        prepare: || take_apart_v4(0),
    },
    Scenario {
        name: "protocol 4, take apart 10 texts and 2 × 1 KiB in base64",
        prepare: || take_apart_v4(2),
    },
    Scenario {
        name: "protocol 3, join 10 texts of 100 B",
        prepare: || join_v3(0),
    },
    Scenario {
        name: "protocol 3, join 10 texts and 2 × 1 KiB",
        prepare: || join_v3(2),
    },
    Scenario {
        name: "protocol 3, take apart 10 texts of 100 B",
        prepare: || take_apart_v3(0),
    },
    Scenario {
        name: "protocol 3, take apart 10 texts and 2 × 1 KiB",
        prepare: || take_apart_v3(2),
    },
];

/// Packets of ten messages with this text, and of binary ones.
fn packets(text: &str, binary: usize) -> Vec<Packet<'_>> {
    let text = Packet::Text(Type::Message, text);
    let bytes = Packet::Binary(Cow::Owned(vec![0xa5; 1 << 10]));
    [vec![text; 10], vec![bytes; binary]].concat()
}

fn join_v4(binary: usize) -> Work {
    let text = event(100);
    Box::new(move || {
        let packets = packets(&text, binary);
        black_box(payload::encode(&packets));
    })
}

fn take_apart_v4(binary: usize) -> Work {
    let text = payload::encode(&packets(&event(100), binary));
    Box::new(move || {
        let packets = payload::decode(&text).map(|packet| assert!(black_box(packet).is_ok()));
        assert_eq!(packets.count(), 10 + binary);
    })
}

fn join_v3(binary: usize) -> Work {
    let text = event(100);
    Box::new(move || {
        let packets = packets(&text, binary);
        black_box(payload_v3::encode(&packets, false));
    })
}

fn take_apart_v3(binary: usize) -> Work {
    let payload = payload_v3::encode(&packets(&event(100), binary), false);
    Box::new(move || {
        let count = match &payload {
            Payload::Text(text) => payload_v3::decode(text)
                .map(|packet| assert!(black_box(packet).is_ok()))
                .count(),
            Payload::Binary(bytes) => payload_v3::decode_binary(bytes)
                .into_iter()
                .flatten()
                .map(|packet| assert!(black_box(packet).is_ok()))
                .count(),
        };
        assert_eq!(count, 10 + binary);
    })
}

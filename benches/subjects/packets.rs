//! Packets of Socket.IO: the header, and the proof that the rest is one JSON value.

use std::hint::black_box;

use socket_io_native::eio::packet::Packet as EnginePacket;
use socket_io_native::sio::{Decoder, Id, Kind, Limits, write_header};

use super::{Scenario, Work, event};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "an event of 40 B",
        prepare: || decode(format!("42{}", event(40))),
    },
    Scenario {
        name: "an event with a namespace and an acknowledgement",
        prepare: || decode(format!("42/admin,17{}", event(40))),
    },
    Scenario {
        name: "an acknowledgement",
        prepare: || decode(r#"4317["ok"]"#.into()),
    },
    Scenario {
        name: "an event of 1 KiB, one string",
        prepare: || decode(format!("42{}", event(1 << 10))),
    },
    Scenario {
        name: "an event of 1 KiB, many values",
        prepare: || decode(format!("42{}", values())),
    },
    Scenario {
        name: "an event of 16 KiB, one string",
        prepare: || decode(format!("42{}", event(16 << 10))),
    },
    Scenario {
        name: "an event with two attachments of 64 B",
        prepare: attachments,
    },
    Scenario {
        name: "write a header with a namespace and an acknowledgement",
        prepare: write,
    },
];

/// An event with numbers, lists and objects.
fn values() -> String {
    let rows: Vec<_> = (0..20)
        .map(|i| format!(r#"{{"id":{i},"at":[{i}.5,-{i}e3],"on":true,"by":null}}"#))
        .collect();
    format!(r#"["rows",[{}]]"#, rows.join(","))
}

/// Decodes the packet of a message, both layers of it.
fn decode(message: String) -> Work {
    let mut decoder = Decoder::new();
    Box::new(move || {
        let Ok(EnginePacket::Text(_, text)) = EnginePacket::decode(black_box(&message)) else {
            panic!("no packet of Engine.IO");
        };
        let packet = decoder.text(text, &Limits::default());
        assert!(matches!(black_box(packet), Ok(Some(_))));
    })
}

fn attachments() -> Work {
    const HEAD: &str =
        r#"52-["files",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let mut decoder = Decoder::new();
    Box::new(move || {
        let limits = Limits::default();
        assert!(matches!(decoder.text(black_box(HEAD), &limits), Ok(None)));
        assert!(matches!(decoder.binary(vec![1; 64], &limits), Ok(None)));
        let whole = decoder.binary(vec![2; 64], &limits);
        assert!(matches!(black_box(whole), Ok(Some(_))));
    })
}

fn write() -> Work {
    let mut out = String::new();
    Box::new(move || {
        out.clear();
        write_header(&mut out, Kind::Event, 0, "/admin", Some(Id::from(17)));
        black_box(&out);
    })
}

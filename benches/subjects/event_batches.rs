//! Event batches: the records of what clients have sent, written by an I/O thread for JavaScript.

use std::hint::black_box;

use socket_io_native::bridge::batch::Batch;
use socket_io_native::net::handle::Handle;
use socket_io_native::sio::{Id, Kind, Packet};

use super::{Scenario, Work, event};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "100 events of 40 B",
        prepare: || events(100, 40, None, "/"),
    },
    Scenario {
        name: "100 events of 40 B with an acknowledgement",
        prepare: || events(100, 40, Some(Id::from(17)), "/"),
    },
    Scenario {
        name: "100 events of 40 B in another namespace",
        prepare: || events(100, 40, None, "/admin"),
    },
    Scenario {
        name: "10 events of 16 KiB",
        prepare: || events(10, 16 << 10, None, "/"),
    },
];

fn events(count: u32, bytes: usize, id: Option<Id>, nsp: &'static str) -> Work {
    let json = event(bytes);
    Box::new(move || {
        let mut batch = Batch::default();
        for handle in 0..count {
            let packet = Packet {
                kind: Kind::Event,
                nsp,
                id,
                json: Some(&json),
                attachments: 0,
            };
            let before = batch.cost();
            batch.packet(Handle::from_raw(handle), &packet, Vec::new());
            batch.charge(Handle::from_raw(handle), batch.cost() - before);
        }
        black_box(batch.take_costs());
        black_box(batch.finish());
    })
}

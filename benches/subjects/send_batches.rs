//! Send batches: what JavaScript sends in one tick, written by its thread and read by an I/O thread.

use std::hint::black_box;

use socket_io_native::net::send_batch::{Op, Reader, Writer};

use super::{Scenario, Work, event};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "write 100 texts of 40 B",
        prepare: || write(texts),
    },
    Scenario {
        name: "write 10 binary messages of 1 KiB",
        prepare: || write(binary),
    },
    Scenario {
        name: "write a broadcast to 1,000",
        prepare: || write(broadcast),
    },
    Scenario {
        name: "read 100 texts of 40 B",
        prepare: || read(texts),
    },
    Scenario {
        name: "read a broadcast to 1,000",
        prepare: || read(broadcast),
    },
];

/// Writes the operations of one tick, with the bytes of a message.
type Fill = fn(&mut Writer, &[u8]);

fn texts(writer: &mut Writer, message: &[u8]) {
    for handle in 0..100 {
        let written = writer.text_with(handle, 0, message.len(), |place| {
            place.copy_from_slice(message);
            message.len()
        });
        assert!(written.is_ok());
    }
}

fn binary(writer: &mut Writer, _: &[u8]) {
    for handle in 0..10 {
        assert!(writer.binary(handle, 0, &[7; 1 << 10]).is_ok());
    }
}

fn broadcast(writer: &mut Writer, message: &[u8]) {
    let written = writer.broadcast_text_with(&[1; 4000], 0, message.len(), |place| {
        place.copy_from_slice(message);
        message.len()
    });
    assert!(written.is_ok());
}

fn write(fill: Fill) -> Work {
    let message = event(40).into_bytes();
    let mut writer = Writer::default();
    Box::new(move || {
        fill(&mut writer, &message);
        black_box(writer.take());
    })
}

fn read(fill: Fill) -> Work {
    let mut writer = Writer::default();
    fill(&mut writer, event(40).as_bytes());
    let batch = writer.take();
    Box::new(move || {
        let mut receivers = 0;
        for op in Reader::new(black_box(&batch)) {
            receivers += match black_box(op) {
                Op::Broadcast { handles, .. } => handles.len() / 4,
                _ => 1,
            };
        }
        assert!(receivers >= 100);
    })
}

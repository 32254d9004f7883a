//! WebSocket frames: those of a client are read and joined to messages, those of the server written.

use std::hint::black_box;
use std::ops::ControlFlow;

use socket_io_native::net::websocket::write_queue::Queue;
use socket_io_native::ws::{Limits, Opcode, Reader, frame};

use super::{Scenario, Work, event};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "read one text of 40 B",
        prepare: || read(client_frame(0x81, event(40).as_bytes()), usize::MAX),
    },
    Scenario {
        name: "read 100 texts of 40 B in a chunk",
        prepare: || {
            read(
                client_frame(0x81, event(40).as_bytes()).repeat(100),
                usize::MAX,
            )
        },
    },
    Scenario {
        name: "read a text of 16 KiB in a chunk",
        prepare: || read(client_frame(0x81, event(16 << 10).as_bytes()), usize::MAX),
    },
    Scenario {
        name: "join a text of 16 KiB from chunks of 1,400 B",
        prepare: || read(client_frame(0x81, event(16 << 10).as_bytes()), 1400),
    },
    Scenario {
        name: "join a text of 16 KiB from 16 fragments",
        prepare: || read(fragments(event(16 << 10).as_bytes()), usize::MAX),
    },
    Scenario {
        name: "write 100 texts of 40 B",
        prepare: || write(40, 100),
    },
    Scenario {
        name: "write a text of 16 KiB",
        prepare: || write(16 << 10, 1),
    },
];

/// A frame as a client sends it. `first`: its first byte.
pub fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// A text in fragments of 1 KiB.
fn fragments(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let last = text.len().div_ceil(1 << 10) - 1;
    for (i, part) in text.chunks(1 << 10).enumerate() {
        let opcode = if i == 0 { 1 } else { 0 };
        let fin = if i == last { 0x80 } else { 0 };
        bytes.extend(client_frame(fin | opcode, part));
    }
    bytes
}

/// Reads the bytes of a client in chunks of this size. Messages are unmasked where they are, so
/// each time begins with a copy.
pub fn read(bytes: Vec<u8>, size: usize) -> Work {
    let mut chunk = Vec::new();
    Box::new(move || {
        let mut reader = Reader::default();
        let mut messages = 0;
        for part in bytes.chunks(size.min(bytes.len())) {
            chunk.clear();
            chunk.extend_from_slice(part);
            let fed = reader.feed(&mut chunk, &Limits::default(), |message| {
                black_box(&message);
                messages += 1;
                ControlFlow::Continue(())
            });
            assert!(fed.is_ok());
        }
        assert!(messages > 0);
    })
}

/// Writes messages to the queue of a connection, and takes all of it.
fn write(bytes: usize, messages: usize) -> Work {
    let text = event(bytes);
    let mut spare = Some(Vec::with_capacity(64 << 10));
    let mut queue = Queue::default();
    Box::new(move || {
        for _ in 0..messages {
            let (header, len) = frame::header(Opcode::Text, text.len() + 1);
            let header = header.get(..len).unwrap_or_default();
            let buffer = std::cell::Cell::new(spare.take());
            queue.push(&[header, b"4", text.as_bytes()], || {
                buffer.take().unwrap_or_default()
            });
        }
        black_box(queue.front());
        queue.written(queue.len(), |buffer| {
            let mut buffer = buffer;
            buffer.clear();
            spare = Some(buffer);
        });
    })
}

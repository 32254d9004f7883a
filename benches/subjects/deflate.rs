//! permessage-deflate: messages compressed and inflated, with a context of the connection and without.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::rc::Rc;

use socket_io_native::ws::deflate::{Compression, Deflater, Inflater, Parameters, Pool};
use socket_io_native::ws::{Limits, Message, Opcode, Reader};

use super::{Scenario, Work};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "compress 4 KiB without a context",
        prepare: || compress(false),
    },
    Scenario {
        name: "compress 4 KiB with a context",
        prepare: || compress(true),
    },
    Scenario {
        name: "inflate 4 KiB without a context",
        prepare: || inflate(false),
    },
    Scenario {
        name: "inflate 4 KiB with a context",
        prepare: || inflate(true),
    },
];

fn parameters(takeover: bool) -> Parameters {
    Parameters {
        server_takeover: takeover,
        client_takeover: takeover,
        ..Parameters::default()
    }
}

fn deflater(takeover: bool) -> Deflater {
    let pool = Rc::<Pool>::default();
    Deflater::new(parameters(takeover), Compression::default(), pool)
}

/// Messages of 4 KiB, more of them than a window holds, so that none is met again in a context.
const MESSAGES: u32 = 16;

/// Rows of numbers that differ: text that compresses as data of applications does.
fn messages() -> Vec<String> {
    let message = |first: u32| {
        let numbers = (first..).map(|i| i.wrapping_mul(2_654_435_761));
        let rows = numbers.map(|n| format!(r#"{{"id":{},"value":{}}}"#, n >> 20, n & 0xffff));
        let rows: Vec<_> = rows.take(200).collect();
        format!(r#"2["rows",[{}]]"#, rows.join(","))
            .chars()
            .take(4 << 10)
            .collect()
    };
    (0..MESSAGES).map(|i| message(i * 1000)).collect()
}

fn compress(takeover: bool) -> Work {
    let mut deflater = deflater(takeover);
    let messages = messages();
    let mut turn = 0;
    Box::new(move || {
        let text = &messages[turn % messages.len()];
        turn += 1;
        deflater.compress(Opcode::Text, &[b"4", text.as_bytes()], |frame| {
            black_box(frame);
        });
    })
}

/// Reads messages that the same code has compressed, in turn. The first refers to none, so that it may
/// follow the last.
fn inflate(takeover: bool) -> Work {
    let mut deflater = deflater(takeover);
    let frame = |message: &String| {
        let mut frame = Vec::new();
        deflater.write(&mut frame, Opcode::Text, &[message.as_bytes()]);
        masked(&frame)
    };
    let frames: Vec<_> = messages().iter().map(frame).collect();
    let mut reader = Reader::default();
    let mut inflater = Inflater::new(parameters(takeover), Rc::<Pool>::default());
    let mut chunk = Vec::new();
    let mut turn = 0;
    Box::new(move || {
        chunk.clear();
        chunk.extend_from_slice(&frames[turn % frames.len()]);
        turn += 1;
        let mut messages = 0;
        let on = |message: Message<'_>| {
            black_box(message);
            messages += 1;
            ControlFlow::Continue(())
        };
        let fed = reader.feed_with(&mut chunk, &Limits::default(), Some(&mut inflater), on);
        assert!(fed.is_ok() && messages == 1);
    })
}

/// A frame of the server as one of a client: with a mask, of zeros.
fn masked(frame: &[u8]) -> Vec<u8> {
    let header = match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    };
    let mut bytes = frame.to_vec();
    if let Some(length) = bytes.get_mut(1) {
        *length |= 0x80;
    }
    bytes.splice(header..header, [0; 4]);
    bytes
}

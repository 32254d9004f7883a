//! Engine.IO packets with Socket.IO packets in them, and their attachments.
//!
//! Input: two bytes of limits; a payload of protocol 4, each of its packets a message of one client.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use serde_json::value::RawValue;
use socket_io_native::eio::packet::{Packet as EnginePacket, Type};
use socket_io_native::eio::payload;
use socket_io_native::sio::{
    Decoder, Error, Kind, Limits, Packet, is_reserved_event, is_value, write_event_prefix,
    write_header,
};
use support::dump::dump;
use support::{Input, json as validator};

/// Names that no client may send.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The first element of an array that is valid.
fn first_element(array: &str) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(array);
    deserializer.disable_recursion_limit();
    let elements: Vec<&RawValue> = serde::Deserialize::deserialize(&mut deserializer).ok()?;
    elements.first().map(|element| element.get().to_owned())
}

fn check_data(kind: Kind, text: &str) {
    assert!(validator::is_value(text), "no JSON was accepted: {text:?}");
    let trimmed = text.trim_matches([' ', '\t', '\r', '\n']);
    match kind {
        Kind::Disconnect => panic!("a DISCONNECT with data"),
        Kind::Connect => assert!(trimmed.starts_with('{')),
        Kind::ConnectError => assert!(trimmed.starts_with(['{', '"'])),
        Kind::Ack | Kind::BinaryAck => assert!(trimmed.starts_with('[')),
        Kind::Event | Kind::BinaryEvent => {
            let name = first_element(text).expect("an event has a name");
            if name.starts_with('"') {
                // A lone surrogate is no Rust string, and in no reserved name.
                if let Ok(name) = serde_json::from_str::<String>(&name) {
                    assert!(!RESERVED.contains(&&*name) && !is_reserved_event(&name));
                }
            } else {
                assert!(name.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
            }
        }
    }
}

/// Writes the packet, and reads it again.
fn round_trip(packet: &Packet<'_>, limits: &Limits) {
    // Larger ids are printed as JavaScript does it, and are no digits.
    if packet
        .id
        .is_some_and(|id| id.get().is_nan() || id.get() >= 1e21)
    {
        return;
    }
    let mut text = String::new();
    write_header(
        &mut text,
        packet.kind,
        packet.attachments,
        packet.nsp,
        packet.id,
    );
    if matches!(packet.kind, Kind::Event | Kind::BinaryEvent) {
        let mut prefix = String::new();
        write_event_prefix(&mut prefix, packet.attachments, packet.nsp, packet.id);
        assert_eq!(prefix, text);
    }
    text.push_str(packet.json.unwrap_or_default());
    let mut decoder = Decoder::new();
    let again = decoder
        .text(&text, limits)
        .expect("a written packet is valid");
    match again {
        Some(again) => assert_eq!(again, *packet),
        None => {
            let mut assembled = None;
            for _ in 0..packet.attachments {
                assert!(assembled.is_none());
                assembled = decoder.binary(Vec::new(), limits).expect("announced");
            }
            assert_eq!(assembled.expect("all are there").packet(), *packet);
        }
    }
}

fn check(packet: &Packet<'_>, limits: &Limits) {
    assert_eq!(packet.kind.is_binary(), packet.attachments > 0);
    assert!(packet.attachments <= limits.max_attachments);
    assert!(packet.nsp.starts_with('/') && !packet.nsp.contains(','));
    if let Some(text) = packet.json {
        check_data(packet.kind, text);
    }
    if let Some(id) = packet.id {
        let mut text = String::new();
        id.write_json(&mut text);
        assert!(validator::is_value(&text), "an id is JSON: {text}");
    }
    round_trip(packet, limits);
}

/// Both validators say the same of a text and of its ends.
fn compare_json(text: &str) {
    assert_eq!(is_value(text), validator::is_value(text), "{text:?}");
    let data = text.find(['[', '{', '"']).map(|at| &text[at..]);
    if let Some(data) = data {
        assert_eq!(is_value(data), validator::is_value(data), "{data:?}");
    }
}

/// Tells the outcome of a message without anything before it, at the default limits.
fn tell(text: &str) {
    dump(|| {
        let mut decoder = Decoder::new();
        let limits = Limits::default();
        let of = |packet: &Packet<'_>| {
            let mut id = String::new();
            if let Some(its) = packet.id {
                its.write_json(&mut id);
            }
            json!({
                "text": text,
                "type": packet.kind as u8,
                "nsp": packet.nsp,
                "id": id,
                "json": packet.json,
                "attachments": packet.attachments,
            })
        };
        let mut result = decoder
            .text(text, &limits)
            .map(|packet| packet.map(|packet| of(&packet)));
        while let Ok(None) = result {
            let assembled = decoder.binary(Vec::new(), &limits);
            result = assembled.map(|assembled| assembled.map(|whole| of(&whole.packet())));
        }
        match result {
            Ok(packet) => packet.unwrap_or_default(),
            Err(error) => json!({ "text": text, "error": error.to_string() }),
        }
    });
}

/// One client and the state of its decoder, told independently.
#[derive(Default)]
struct Model {
    missing: u32,
    held: usize,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let limits = Limits {
        max_attachments: u32::from(input.byte() % 16),
        max_attachment_bytes: 4 * usize::from(input.byte()),
        max_depth: u32::MAX,
    };
    let body = payload::decode_body(input.rest());
    let mut decoder = Decoder::new();
    let mut model = Model::default();
    for packet in payload::decode(&body) {
        let Ok(packet) = packet else { break };
        let mut encoded = String::new();
        packet.encode(&mut encoded);
        assert_eq!(EnginePacket::decode(&encoded).as_ref(), Ok(&packet));
        match packet {
            EnginePacket::Text(Type::Message, text) => {
                compare_json(text);
                tell(text);
                let result = decoder.text(text, &limits);
                if model.missing > 0 {
                    assert_eq!(result, Err(Error::UnexpectedText));
                    continue;
                }
                match result {
                    Ok(Some(packet)) => check(&packet, &limits),
                    Ok(None) => {
                        model.held = 0;
                        model.missing = announced(text, &limits);
                        assert!((1..=limits.max_attachments).contains(&model.missing));
                    }
                    Err(error) => assert_ne!(error, Error::UnexpectedText),
                }
            }
            EnginePacket::Text(..) => {}
            EnginePacket::Binary(bytes) => {
                let length = bytes.len();
                let result = decoder.binary(bytes.into_owned(), &limits);
                if model.missing == 0 {
                    assert_eq!(result.err(), Some(Error::UnexpectedBinary));
                } else if model.held + length > limits.max_attachment_bytes {
                    assert_eq!(result.err(), Some(Error::AttachmentsTooLarge));
                } else {
                    model.held += length;
                    model.missing -= 1;
                    let assembled = result.expect("announced and small enough");
                    assert_eq!(assembled.is_some(), model.missing == 0);
                    if let Some(assembled) = assembled {
                        let packet = assembled.packet();
                        check(&packet, &limits);
                        let bytes: usize = assembled.attachments.iter().map(Vec::len).sum();
                        assert_eq!(bytes, model.held);
                        assert_eq!(assembled.attachments.len(), packet.attachments as usize);
                    }
                }
            }
        }
    }
});

/// The number of attachments that complete the packet of `text`.
fn announced(text: &str, limits: &Limits) -> u32 {
    let mut decoder = Decoder::new();
    assert_eq!(decoder.text(text, limits), Ok(None));
    let mut count = 1;
    while let Ok(None) = decoder.binary(Vec::new(), limits) {
        count += 1;
        assert!(count <= limits.max_attachments);
    }
    count
}

//! Engine.IO packets that are made from an input, and what holds for the pieces of every payload.

use serde_json::json;
use socket_io_native::eio::packet::{Packet, ParseError, Type};
use socket_io_native::eio::payload::Pieces;

use crate::Input;
use crate::dump::{dump, latin1};

/// The parts of a packet: text of a type, or bytes.
pub enum Parts {
    /// Text data.
    Text(Type, String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Parts {
    /// The packet.
    pub fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(kind, text) => Packet::Text(*kind, text),
            Self::Binary(bytes) => Packet::Binary(bytes.into()),
        }
    }
}

/// Up to 40 packets: of each a byte for its type, one for its length, and its data. `allowed` tells
/// the characters that data may have.
pub fn parts(input: &mut Input<'_>, allowed: fn(char) -> bool) -> Vec<Parts> {
    let mut parts = Vec::new();
    while !input.is_empty() && parts.len() < 40 {
        let kind = b'0' + input.byte() % 9;
        let len = usize::from(input.byte());
        let data = input.take(len);
        parts.push(match Type::from_digit(kind) {
            Some(kind) => {
                let text = String::from_utf8_lossy(data);
                Parts::Text(kind, text.chars().filter(|&c| allowed(c)).collect())
            }
            None => Parts::Binary(data.to_vec()),
        });
    }
    parts
}

/// Takes all packets, and checks that what is left gets shorter with each and is a payload of its
/// own: `again` decodes it. Returns the packets in front of the first fault, and whether there was one.
pub fn take_all<'a, P: Pieces<'a>>(
    mut pieces: P,
    length: usize,
    stop_at: usize,
    again: impl Fn(usize) -> (Vec<Packet<'a>>, bool),
) -> (Vec<Packet<'a>>, bool) {
    let mut packets = Vec::new();
    let mut fault = false;
    let mut before = length + 1;
    let mut resumed = None;
    while let Some(packet) = pieces.next() {
        assert!(!fault, "a fault is the end");
        match packet {
            Ok(packet) => packets.push(packet),
            Err(ParseError) => fault = true,
        }
        let left = pieces.left();
        assert!(
            left.is_none_or(|left| left < before),
            "the payload gets no shorter"
        );
        before = left.unwrap_or(0);
        if packets.len() == stop_at
            && let Some(left) = left
        {
            resumed = Some((packets.len(), again(left)));
        }
    }
    assert!(pieces.next().is_none(), "a packet behind the end");
    assert!(packets.len() <= length + 1, "more packets than bytes");
    if let Some((from, (rest, its_fault))) = resumed {
        assert_eq!(packets[from..], rest, "decoded in two parts");
        assert_eq!(fault, its_fault);
    }
    (packets, fault)
}

/// Tells what a body, as a string of one character for each byte, is decoded to. `form` names the decoder.
pub fn tell(form: &str, body: &[u8], (packets, fault): (&[Packet<'_>], bool)) {
    dump(|| {
        let packets: Vec<_> = packets
            .iter()
            .map(|packet| match packet {
                Packet::Text(kind, text) => json!([*kind as u8, text]),
                Packet::Binary(bytes) => json!([-1, latin1(bytes)]),
            })
            .collect();
        json!({ "form": form, "body": latin1(body), "packets": packets, "fault": fault })
    });
}

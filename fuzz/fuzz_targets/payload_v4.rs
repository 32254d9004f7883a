//! Payloads of protocol 4: decoded from any bytes, and made from any packets.
//!
//! Input: a byte for the place where decoding is interrupted; the body of a POST. The same bytes are
//! read as packets, too (`support::packets`).

#![no_main]

use libfuzzer_sys::fuzz_target;
use socket_io_native::eio::packet::Packet;
use socket_io_native::eio::payload::{self, SEPARATOR};
use support::Input;
use support::packets::{parts, take_all, tell};

fn decoded(text: &str, stop_at: usize) -> (Vec<Packet<'_>>, bool) {
    take_all(payload::decode(text), text.len(), stop_at, |left| {
        decoded(&text[text.len() - left..], usize::MAX)
    })
}

/// Decodes base64 in both ways that there are: a character that is skipped forces the lenient one.
fn compare_base64(text: &str) {
    let skipped = format!("b!{text}");
    assert_eq!(
        Packet::decode(&format!("b{text}")),
        Packet::decode(&skipped)
    );
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let stop_at = usize::from(input.byte() % 8);
    let body = input.rest();

    let text = payload::decode_body(body);
    let (packets, fault) = decoded(&text, stop_at);
    tell("v4", body, (&packets, fault));
    let pieces = text.split(SEPARATOR).count();
    assert!(packets.len() + usize::from(fault) <= pieces);
    assert_eq!(packets.len() == pieces, !fault, "a piece was passed over");
    for (packet, piece) in packets.iter().zip(text.split(SEPARATOR)) {
        match packet {
            Packet::Text(kind, data) => assert_eq!(piece, format!("{}{data}", kind.digit())),
            Packet::Binary(bytes) => {
                compare_base64(&piece[1..]);
                assert!(bytes.len() <= piece.len());
            }
        }
    }
    // All packets that can be decoded can be encoded, and come back.
    if !packets.is_empty() {
        let encoded = payload::encode(&packets);
        assert_eq!(decoded(&encoded, stop_at), (packets, false));
    }

    let parts = parts(&mut Input::new(body), |c| c != SEPARATOR);
    let packets: Vec<_> = parts.iter().map(|parts| parts.packet()).collect();
    if !packets.is_empty() {
        let encoded = payload::encode(&packets);
        assert_eq!(decoded(&encoded, stop_at), (packets, false));
    }
});

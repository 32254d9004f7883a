//! The reader: properties over generated traffic, wherever it is cut.

use std::ops::ControlFlow;

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::{LIMITS, Owned, feed_all, frame, frame_with};
use super::{Limits, Reader};

/// Cuts `bytes` at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|at| at.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for at in places {
        pieces.push(&bytes[from..at]);
        from = at;
    }
    pieces.push(&bytes[from..]);
    pieces
}

/// One message with the places where it is cut into fragments.
fn message() -> impl Strategy<Value = (Owned, Vec<Index>)> {
    let bytes = |max| prop::collection::vec(any::<u8>(), 0..max);
    let places = || prop::collection::vec(any::<Index>(), 0..4);
    prop_oneof![
        (".{0,80}".prop_map(Owned::Text), places()),
        (bytes(400).prop_map(Owned::Binary), places()),
        (bytes(126).prop_map(Owned::Ping), Just(vec![])),
        (bytes(126).prop_map(Owned::Pong), Just(vec![])),
    ]
}

/// Frames for the messages, and the order they have to come out in. A control message stands
/// inside the data message before it, if that is in fragments and `inside` says so.
fn encode(
    sequence: &[(Owned, Vec<Index>)],
    inside: bool,
    masks: &[[u8; 4]],
) -> (Vec<u8>, Vec<Owned>) {
    let mut frames: Vec<(bool, u8, &[u8])> = Vec::new();
    let mut order: Vec<Owned> = Vec::new();
    let mut last_was_cut = false;
    for (message, places) in sequence {
        let (opcode, payload) = match message {
            Owned::Text(text) => (1, text.as_bytes()),
            Owned::Binary(bytes) => (2, &bytes[..]),
            Owned::Ping(bytes) => (9, &bytes[..]),
            Owned::Pong(bytes) => (10, &bytes[..]),
            Owned::Close(..) => unreachable!("not generated"),
        };
        if opcode > 2 && inside && last_was_cut {
            frames.insert(frames.len() - 1, (true, opcode, payload));
            order.insert(order.len() - 1, message.clone());
            continue;
        }
        let pieces = cut(payload, places);
        for (i, piece) in pieces.iter().enumerate() {
            let opcode = if i == 0 { opcode } else { 0 };
            frames.push((i + 1 == pieces.len(), opcode, piece));
        }
        last_was_cut = pieces.len() > 1;
        order.push(message.clone());
    }
    let stream = frames
        .iter()
        .zip(masks.iter().cycle())
        .flat_map(|(&(fin, opcode, payload), mask)| frame_with(*mask, fin, opcode, payload))
        .collect();
    (stream, order)
}

/// Bytes that get some way into the decoder: frames that are nearly right, and noise.
fn nearly_frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop::collection::vec(prop_oneof![Just(b'a'), any::<u8>()], 0..140);
    let opcode = prop_oneof![8 => prop::sample::select(vec![0_u8, 1, 2, 8, 9, 10]), 1 => 0_u8..16];
    let good = (any::<bool>(), opcode, payload)
        .prop_map(|(fin, opcode, payload)| frame(fin || opcode > 7, opcode, payload));
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    prop::collection::vec(prop_oneof![12 => good, 1 => noise], 0..12)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn valid_traffic_survives_any_cut(
        sequence in prop::collection::vec(message(), 0..8),
        inside in any::<bool>(),
        masks in prop::collection::vec(any::<[u8; 4]>(), 1..4),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let (stream, order) = encode(&sequence, inside, &masks);
        let (reader, messages, result) = feed_all(cut(&stream, &places), &LIMITS);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(messages, order);
        prop_assert!(reader.is_idle());
        prop_assert_eq!(reader.allocated(), 0);
    }

    #[test]
    fn chunk_boundaries_change_nothing_whatever_the_bytes(
        stream in nearly_frames(),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let (whole_reader, whole, whole_result) = feed_all([&stream], &LIMITS);
        let (reader, messages, result) = feed_all(cut(&stream, &places), &LIMITS);
        prop_assert_eq!(messages, whole);
        prop_assert_eq!(result, whole_result);
        prop_assert_eq!(reader.is_idle(), whole_reader.is_idle());
        prop_assert_eq!(reader.is_ended(), whole_reader.is_ended());
    }

    #[test]
    fn memory_is_bounded_by_the_bytes_fed(
        stream in prop_oneof![nearly_frames(), prop::collection::vec(any::<u8>(), 0..400)],
        size in 1_usize..64,
        unlimited in any::<bool>(),
    ) {
        let limits = Limits { max_message: if unlimited { 0 } else { 100 }, ..LIMITS };
        let mut reader = Reader::default();
        let mut fed = 0;
        for chunk in stream.chunks(size) {
            let result = reader.feed(&mut chunk.to_vec(), &limits, |_| ControlFlow::Continue(()));
            fed += chunk.len();
            prop_assert!(reader.allocated() <= 256 + 2 * fed, "{} of {fed}", reader.allocated());
            if result.is_err() {
                prop_assert!(reader.is_ended());
                prop_assert_eq!(reader.allocated(), 0);
            }
        }
    }
}

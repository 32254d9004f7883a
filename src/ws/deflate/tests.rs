//! Messages through the deflater and the reader, against flate2's streams used on their own.

use std::io::Read;
use std::ops::ControlFlow;
use std::rc::Rc;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use proptest::prelude::*;
use proptest::sample::Index;

use super::pool::Pool;
use super::{Compression, Deflater, Inflater, Parameters, TAIL};
use crate::ws::tests::{Owned, frame};
use crate::ws::{Error, Limits, Opcode, Reader};

const LIMITS: Limits = Limits {
    max_message: 1_000_000,
    max_fragments: 16_384,
};

/// A client's compressor.
struct Client(Compress);

impl Client {
    fn new(window_bits: u8) -> Self {
        Self(Compress::new_with_window_bits(
            Level::default(),
            false,
            window_bits,
        ))
    }

    fn payload(&mut self, data: &[u8]) -> Vec<u8> {
        if data.is_empty() {
            return vec![0];
        }
        let mut out = Vec::with_capacity(data.len() * 2 + 100);
        self.0
            .compress_vec(data, &mut out, FlushCompress::Sync)
            .unwrap();
        out.truncate(out.len() - TAIL.len());
        out
    }
}

/// Frames of a compressed message, cut into fragments of `size`.
fn frames(opcode: u8, payload: &[u8], size: usize) -> Vec<u8> {
    let pieces: Vec<_> = payload.chunks(size.max(1)).collect();
    let mut stream = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let mut one = frame(
            i + 1 == pieces.len(),
            if i == 0 { opcode } else { 0 },
            piece,
        );
        if i == 0 {
            one[0] |= 0x40;
        }
        stream.extend(one);
    }
    stream
}

/// Reads chunks with an inflater; gives messages, the result and the most that was allocated.
fn read(
    chunks: impl IntoIterator<Item = impl AsRef<[u8]>>,
    limits: &Limits,
    inflater: &mut Inflater,
) -> (Vec<Owned>, Result<(), Error>, usize) {
    let mut reader = Reader::default();
    let mut messages = Vec::new();
    let mut most = 0;
    for chunk in chunks {
        let mut chunk = chunk.as_ref().to_vec();
        let fed = reader.feed_with(&mut chunk, limits, Some(inflater), |message| {
            messages.push(Owned::from(message));
            ControlFlow::Continue(())
        });
        most = most.max(reader.allocated());
        if fed.is_err() {
            return (messages, fed, most);
        }
    }
    (messages, Ok(()), most)
}

fn inflater(client_takeover: bool) -> Inflater {
    let parameters = Parameters {
        client_takeover,
        ..Parameters::default()
    };
    Inflater::new(parameters, Rc::default())
}

fn outcome(stream: &[u8]) -> (Vec<Owned>, Result<(), Error>) {
    let (messages, result, _) = read([stream], &LIMITS, &mut inflater(true));
    let (bytewise, again, _) = read(stream.chunks(1), &LIMITS, &mut inflater(true));
    assert_eq!((&messages, result), (&bytewise, again));
    (messages, result)
}

fn text(text: &str) -> Owned {
    Owned::Text(text.into())
}

#[test]
fn a_message_of_the_rfc() {
    // RFC 7692 §7.2.3: "Hello" whole, in fragments, stored, ended by BFINAL, in two blocks.
    let whole = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stored = [
        0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
    ];
    let ended = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let blocks = [
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];
    for payload in [&whole[..], &stored, &ended, &blocks] {
        for size in [3, 100] {
            let (messages, result) = outcome(&frames(1, payload, size));
            assert_eq!((messages, result), (vec![text("Hello")], Ok(())));
        }
    }
    // The second of two equal messages refers to the first.
    let stream = [
        frames(1, &whole, 9),
        frames(1, &[0xf2, 0x00, 0x11, 0x00, 0x00], 9),
    ]
    .concat();
    assert_eq!(outcome(&stream).0, [text("Hello"), text("Hello")]);
}

#[test]
fn what_follows_the_end_of_a_message_says_nothing() {
    let ended = [
        0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0xff, 0xff, 0xff,
    ];
    let whole = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stream = [
        frames(1, &ended, 4),
        frames(1, &whole, 9),
        frame(true, 1, "x"),
    ]
    .concat();
    let all = vec![text("Hello"), text("Hello"), text("x")];
    assert_eq!(outcome(&stream), (all, Ok(())));
}

#[test]
fn empty_messages() {
    for payload in [&[][..], &[0]] {
        let mut one = frame(true, 2, payload);
        one[0] |= 0x40;
        assert_eq!(outcome(&one), (vec![Owned::Binary(vec![])], Ok(())));
    }
}

#[test]
fn undecodable_data() {
    for (payload, reason) in [
        (&[0xff; 5][..], "invalid block type"),
        (&[0, 1, 2, 3, 4], "invalid stored block lengths"),
        (
            &[0xf2, 0x00, 0x11, 0x00, 0x00],
            "invalid distance too far back",
        ),
    ] {
        let stream = [
            frame(true, 1, "x"),
            frames(2, payload, 9),
            frame(true, 1, "y"),
        ]
        .concat();
        assert_eq!(
            outcome(&stream),
            (vec![text("x")], Err(Error::Inflate(reason)))
        );
    }
}

#[test]
fn text_is_checked_inflated() {
    let payload = Client::new(15).payload(b"a\xff");
    assert_eq!(outcome(&frames(1, &payload, 99)).1, Err(Error::Utf8));
    let cut = Client::new(15).payload(b"a\xe2\x82");
    assert_eq!(outcome(&frames(1, &cut, 2)).1, Err(Error::Utf8));
}

#[test]
fn only_a_first_frame_says_that_it_is_compressed() {
    for (stream, error) in [
        (
            [frame(false, 1, "a"), vec![0xc0, 0x80]].concat(),
            Error::Rsv1,
        ),
        (vec![0xc9, 0x80], Error::Rsv1),
        (vec![0xd1, 0x80], Error::Rsv2Or3),
        (vec![0xc3, 0x80], Error::Opcode(3)),
        (
            [frame(false, 1, "a"), vec![0xc1, 0x80]].concat(),
            Error::Opcode(1),
        ),
    ] {
        assert_eq!(outcome(&stream).1, Err(error));
    }
}

#[test]
fn control_frames_interrupt_a_compressed_message() {
    let payload = Client::new(15).payload(b"hello, hello");
    let (one, two) = payload.split_at(4);
    let mut stream = frame(false, 1, one);
    stream[0] |= 0x40;
    stream.extend([frame(true, 9, "p"), frame(true, 0, two)].concat());
    assert_eq!(
        outcome(&stream).0,
        [Owned::Ping(b"p".to_vec()), text("hello, hello")]
    );
}

#[test]
#[cfg_attr(miri, ignore = "inflates 50 MB")]
fn the_inflated_size_is_limited_while_inflating() {
    let limits = Limits {
        max_message: 300_000,
        ..LIMITS
    };
    let bomb = Client::new(15).payload(&vec![0x61; 50_000_000]);
    for size in [1000, 1 << 20] {
        for chunk in [333, 1 << 20] {
            let stream = frames(1, &bomb, size);
            let (messages, result, most) =
                read(stream.chunks(chunk), &limits, &mut inflater(false));
            assert_eq!((messages.len(), result), (0, Err(Error::MessageTooBig)));
            assert!(most < 310_000, "{most}");
        }
    }
    for (len, fits) in [(300_000, true), (300_001, false)] {
        let payload = Client::new(15).payload(&vec![7; len]);
        let (messages, result, _) = read([frames(2, &payload, 100)], &limits, &mut inflater(true));
        assert_eq!(messages.len(), usize::from(fits));
        assert_eq!(result.is_ok(), fits);
    }
    // A short one too, which is not gathered.
    let limits = Limits {
        max_message: 10,
        ..LIMITS
    };
    let payload = Client::new(15).payload(&[7; 11]);
    let (_, result, _) = read([frames(2, &payload, 100)], &limits, &mut inflater(true));
    assert_eq!(result, Err(Error::MessageTooBig));
}

#[test]
fn the_compressed_size_is_limited_at_its_header() {
    let limits = Limits {
        max_message: 100,
        ..LIMITS
    };
    for stream in [vec![0xc2, 0xfe, 0, 101], {
        // A stored block of 200 bytes begins.
        let mut first = frame(false, 2, [&[0, 200, 0, 55, 255][..], &[0; 55]].concat());
        first[0] |= 0x40;
        [first, vec![0x80, 0xa9]].concat()
    }] {
        let stream = [stream, vec![0; 8]].concat();
        let (_, result, _) = read([stream], &limits, &mut inflater(true));
        assert!(matches!(result, Err(Error::MessageTooBig)), "{result:?}");
    }
}

#[test]
fn between_messages_only_a_takeover_keeps_a_context() {
    for takeover in [true, false] {
        let mut inflater = inflater(takeover);
        assert!(!inflater.holds_context());
        let payload = Client::new(15).payload(b"hello");
        let stream = frames(1, &payload, 99);
        let (_, result, _) = read([stream], &LIMITS, &mut inflater);
        assert_eq!((result, inflater.holds_context()), (Ok(()), takeover));
    }
}

/// The payload and RSV1 of a frame that the server wrote.
fn server_frame(frame: &[u8]) -> (bool, &[u8]) {
    let header = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    (frame[0] & 0x40 != 0, &frame[header..])
}

fn deflater(parameters: Parameters, threshold: f64) -> Deflater {
    let compression = Compression {
        threshold,
        ..Compression::default()
    };
    Deflater::new(parameters, compression, Rc::default())
}

#[test]
fn the_threshold_counts_only_without_takeover() {
    let no_takeover = Parameters {
        server_takeover: false,
        ..Parameters::default()
    };
    for (parameters, threshold, len, compressed) in [
        (Parameters::default(), 1024.0, 1, true),
        (Parameters::default(), f64::NAN, 1, true),
        (no_takeover, 1024.0, 1023, false),
        (no_takeover, 1024.0, 1024, true),
        (no_takeover, 0.0, 0, true),
        (no_takeover, -1.0, 0, true),
        (no_takeover, f64::NAN, 9999, false),
        (no_takeover, f64::INFINITY, 9999, false),
    ] {
        let mut out = Vec::new();
        let mut deflater = deflater(parameters, threshold);
        deflater.write(&mut out, Opcode::Binary, &[&vec![7; len]]);
        assert_eq!(server_frame(&out).0, compressed, "{threshold} {len}");
        assert_eq!(deflater.applies(len), compressed);
    }
}

#[test]
fn an_empty_message_is_one_byte() {
    let mut deflater = deflater(Parameters::default(), 0.0);
    for _ in 0..2 {
        let mut out = Vec::new();
        deflater.write(&mut out, Opcode::Text, &[b"", b""]);
        assert_eq!(out, [0xc1, 1, 0]);
    }
}

#[test]
fn connections_of_a_kind_write_the_same() {
    let parameters = Parameters {
        server_takeover: false,
        ..Parameters::default()
    };
    let pool = Rc::new(Pool::default());
    let mut one = Deflater::new(parameters, Compression::default(), pool.clone());
    let mut other = Deflater::new(parameters, Compression::default(), pool);
    assert_eq!(one.shared_kind(), other.shared_kind());
    let data = b"abcabcabc".repeat(300);
    let mut frames = [Vec::new(), Vec::new(), Vec::new()];
    one.write(&mut frames[0], Opcode::Text, &[b"4", &data]);
    other.write(&mut frames[1], Opcode::Text, &[b"4", &data]);
    one.write(&mut frames[2], Opcode::Text, &[b"4", &data]);
    assert_eq!(frames[0], frames[1]);
    assert_eq!(frames[0], frames[2]);
    assert_eq!(deflater(Parameters::default(), 0.0).shared_kind(), None);
}

#[test]
fn the_smallest_window_never_looks_back_further_than_eight_bits_allow() {
    let parameters = Parameters {
        server_window_bits: 8,
        ..Parameters::default()
    };
    for level in 1..=9 {
        let compression = Compression {
            level,
            ..Compression::default()
        };
        let mut deflater = Deflater::new(parameters, compression, Rc::default());
        // Repeats itself after 256 bytes plus one, and at no shorter distance.
        let noise: Vec<u8> = (0..257_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let mut out = Vec::new();
        deflater.write(&mut out, Opcode::Binary, &[&noise.repeat(8)]);
        assert!(
            server_frame(&out).1.len() > 257 * 7,
            "level {level}: {}",
            out.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_independent_client_understands_the_server(
        messages in prop::collection::vec(message(), 1..8),
        server_takeover in any::<bool>(),
        server_window_bits in 8_u8..=15,
        level in 0_u8..=9,
    ) {
        let parameters = Parameters { server_takeover, server_window_bits, ..Parameters::default() };
        let compression = Compression { level, threshold: 0.0, ..Compression::default() };
        let mut deflater = Deflater::new(parameters, compression, Rc::default());
        let mut client = Decompress::new_with_window_bits(false, server_window_bits.max(9));
        for data in messages {
            let (one, two) = data.split_at(data.len() / 3);
            let mut out = Vec::new();
            deflater.write(&mut out, Opcode::Binary, &[one, two]);
            let (compressed, payload) = server_frame(&out);
            prop_assert!(compressed);
            let mut input = payload.to_vec();
            input.extend(TAIL);
            let mut inflated = Vec::with_capacity(data.len() + 1);
            client.decompress_vec(&input, &mut inflated, FlushDecompress::Sync).unwrap();
            prop_assert_eq!(&inflated, &data);
            if !server_takeover {
                client.reset(false);
                // Each message stands for itself, also for a reader of whole streams.
                input.extend([3, 0]);
                let mut whole = Vec::new();
                DeflateDecoder::new(&input[..]).read_to_end(&mut whole).unwrap();
                prop_assert_eq!(whole, data);
            }
        }
    }

    #[test]
    fn the_server_understands_an_independent_client(
        messages in prop::collection::vec((message(), 1_usize..2000, any::<bool>()), 1..8),
        client_takeover in any::<bool>(),
        client_window_bits in 9_u8..=15,
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let parameters = Parameters { client_takeover, client_window_bits, ..Parameters::default() };
        let mut client = Client::new(client_window_bits);
        let mut stream = Vec::new();
        let mut order = Vec::new();
        for (data, size, plain) in messages {
            if plain {
                stream.extend(frame(true, 2, &data));
            } else {
                let payload = client.payload(&data);
                stream.extend(frames(2, &payload, size.max(payload.len() / 200)));
            }
            if !client_takeover {
                client.0.reset();
            }
            order.push(Owned::Binary(data));
        }
        let mut places: Vec<_> = places.iter().map(|at| at.index(stream.len())).collect();
        places.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for at in places {
            chunks.push(&stream[from..at]);
            from = at;
        }
        chunks.push(&stream[from..]);
        let mut inflater = Inflater::new(parameters, Rc::default());
        let (messages, result, _) = read(chunks, &LIMITS, &mut inflater);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(messages, order);
    }

    #[test]
    fn any_bytes_are_inflated_or_refused(
        payload in prop::collection::vec(any::<u8>(), 0..300),
        size in 1_usize..64,
    ) {
        let limits = Limits { max_message: 1000, ..LIMITS };
        let stream = frames(2, &payload, size);
        let (_, _, most) = read(stream.chunks(7), &limits, &mut inflater(false));
        prop_assert!(most <= 2048, "{most}");
    }
}

/// Data that compresses well, badly, or over more than one piece.
fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3000),
        (prop::collection::vec(any::<u8>(), 1..400), 1_usize..400)
            .prop_map(|(unit, times)| unit.repeat(times)),
        Just(Vec::new()),
    ]
}

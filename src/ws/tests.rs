//! The reader: each rule by example. Frames come from tungstenite's encoder, which shares nothing
//! with the decoder under test.

use std::ops::ControlFlow;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::OpCode;

use super::{Error, Limits, Message, Reader};

pub(super) const LIMITS: Limits = Limits {
    max_message: 1000,
    max_fragments: 16_384,
};

/// A [`Message`] that owns its payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, Vec<u8>),
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.into()),
            Message::Binary(bytes) => Self::Binary(bytes.into()),
            Message::Ping(bytes) => Self::Ping(bytes.into()),
            Message::Pong(bytes) => Self::Pong(bytes.into()),
            Message::Close(code, bytes) => Self::Close(code, bytes.into()),
        }
    }
}

fn text(text: &str) -> Owned {
    Owned::Text(text.into())
}

/// A client's frame.
pub(super) fn frame_with(mask: [u8; 4], fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        is_final: fin,
        opcode: OpCode::from(opcode),
        mask: Some(mask),
        ..FrameHeader::default()
    };
    let mut out = Vec::new();
    header.format(payload.len() as u64, &mut out).unwrap();
    out.extend(
        payload
            .iter()
            .enumerate()
            .map(|(i, byte)| byte ^ mask[i % 4]),
    );
    out
}

pub(super) fn frame(fin: bool, opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame_with([0xa1, 0x02, 0x7f, 0xee], fin, opcode, payload.as_ref())
}

/// Feeds the chunks to a new reader; gives it with all messages and the first error.
pub(super) fn feed_all<C: AsRef<[u8]>>(
    chunks: impl IntoIterator<Item = C>,
    limits: &Limits,
) -> (Reader, Vec<Owned>, Result<(), Error>) {
    let mut reader = Reader::default();
    let mut messages = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.as_ref().to_vec();
        let fed = reader.feed(&mut chunk, limits, |message| {
            messages.push(Owned::from(message));
            ControlFlow::Continue(())
        });
        if fed.is_err() {
            return (reader, messages, fed);
        }
    }
    (reader, messages, Ok(()))
}

/// The messages of a valid stream, the same when whole and when fed byte by byte.
#[track_caller]
fn messages(stream: &[u8]) -> Vec<Owned> {
    let (reader, whole, result) = feed_all([stream], &LIMITS);
    assert_eq!(result, Ok(()));
    assert!(reader.is_idle() || reader.is_ended());
    let (_, bytewise, result) = feed_all(stream.chunks(1), &LIMITS);
    assert_eq!(result, Ok(()));
    assert_eq!(whole, bytewise);
    whole
}

/// The error of a stream, the same when whole and when fed byte by byte.
#[track_caller]
fn error(stream: &[u8]) -> Error {
    let (reader, _, whole) = feed_all([stream], &LIMITS);
    assert!(reader.is_ended());
    let (_, _, bytewise) = feed_all(stream.chunks(1), &LIMITS);
    assert_eq!(whole, bytewise);
    whole.unwrap_err()
}

#[test]
fn an_idle_connection_costs_two_words() {
    assert!(size_of::<Reader>() <= 16);
    let (reader, _, _) = feed_all([frame(true, 1, "hello")], &LIMITS);
    assert!(reader.is_idle());
    assert_eq!(reader.allocated(), 0);
}

#[test]
fn unfragmented_messages() {
    let stream = [
        frame(true, 1, "h\u{e9}llo"),
        frame(true, 1, ""),
        frame(true, 2, [0, 255]),
        frame(true, 2, [7; 300]),
        frame(true, 9, [1; 125]),
        frame(true, 10, ""),
    ];
    assert_eq!(
        messages(&stream.concat()),
        [
            text("h\u{e9}llo"),
            text(""),
            Owned::Binary(vec![0, 255]),
            Owned::Binary(vec![7; 300]),
            Owned::Ping(vec![1; 125]),
            Owned::Pong(vec![]),
        ]
    );
}

#[test]
fn a_whole_message_is_lent_from_its_chunk() {
    let mut chunk = frame(true, 2, "payload");
    let bounds = chunk.as_ptr_range();
    let mut seen = false;
    let fed = Reader::default().feed(&mut chunk, &LIMITS, |message| {
        let Message::Binary(bytes) = message else {
            panic!("{message:?}");
        };
        seen = bounds.contains(&bytes.as_ptr());
        ControlFlow::Continue(())
    });
    assert_eq!(fed, Ok(()));
    assert!(seen);
}

#[test]
fn control_frames_come_before_the_message_they_interrupt() {
    let stream = [
        frame(false, 1, "a\u{20ac}".as_bytes().split_at(2).0),
        frame(true, 9, "p"),
        frame(false, 0, ""),
        frame(true, 10, ""),
        frame(true, 0, "a\u{20ac}".as_bytes().split_at(2).1),
        frame(false, 2, ""),
        frame(true, 0, ""),
    ];
    assert_eq!(
        messages(&stream.concat()),
        [
            Owned::Ping(b"p".to_vec()),
            Owned::Pong(vec![]),
            text("a\u{20ac}"),
            Owned::Binary(vec![]),
        ]
    );
}

#[test]
fn nothing_is_read_after_a_close() {
    for (code, payload) in [(None, vec![]), (Some(1000), vec![3, 232])] {
        let stream = [frame(true, 8, &payload), vec![0xff; 20]].concat();
        assert_eq!(messages(&stream), [Owned::Close(code, payload)]);
    }
}

#[test]
fn a_close_may_interrupt_a_message() {
    let stream = [frame(false, 1, "a"), frame(true, 8, b"\x0b\xb8why")].concat();
    let (reader, messages, result) = feed_all([stream], &LIMITS);
    assert_eq!(result, Ok(()));
    assert_eq!(
        messages,
        [Owned::Close(Some(3000), b"\x0b\xb8why".to_vec())]
    );
    assert!(reader.is_ended());
    assert_eq!(reader.allocated(), 0);
}

#[test]
fn a_break_ends_reading() {
    let cut = [
        frame(true, 1, "1"),
        frame(false, 1, "2"),
        frame(true, 0, ""),
    ];
    // The second message ends in a chunk of its own, and in the same chunk.
    for chunks in [cut.to_vec(), vec![cut.concat()]] {
        let mut reader = Reader::default();
        let mut seen = 0;
        for chunk in chunks.iter().chain([&frame(true, 1, "3"), &vec![0xff; 9]]) {
            let fed = reader.feed(&mut chunk.clone(), &LIMITS, |_| {
                seen += 1;
                if seen == 2 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            assert_eq!(fed, Ok(()));
        }
        assert_eq!(seen, 2);
        assert!(reader.is_ended());
    }
}

#[test]
fn messages_before_an_error_are_delivered_and_later_bytes_ignored() {
    let stream = [frame(true, 1, "a"), frame(true, 3, ""), frame(true, 1, "b")].concat();
    let (mut reader, messages, result) = feed_all([stream], &LIMITS);
    assert_eq!(messages, [text("a")]);
    assert_eq!(result, Err(Error::Opcode(3)));
    let fed = reader.feed(&mut frame(true, 1, "c"), &LIMITS, |message| {
        panic!("{message:?}")
    });
    assert_eq!(fed, Ok(()));
}

#[test]
fn reserved_bits_and_opcodes() {
    assert_eq!(error(&[0xc1, 0x80]), Error::Rsv1);
    assert_eq!(error(&[0xa1, 0x80]), Error::Rsv2Or3);
    assert_eq!(error(&[0x91, 0x80]), Error::Rsv2Or3);
    assert_eq!(error(&[0xe1, 0x80]), Error::Rsv2Or3);
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(error(&[0x80 | opcode, 0x80]), Error::Opcode(opcode));
    }
}

#[test]
fn fragments_out_of_order() {
    assert_eq!(error(&frame(true, 0, "")), Error::Opcode(0));
    assert_eq!(error(&frame(false, 0, "")), Error::Opcode(0));
    for opcode in [1, 2] {
        let stream = [frame(false, 1, "a"), frame(true, opcode, "")].concat();
        assert_eq!(error(&stream), Error::Opcode(opcode));
    }
    let stream = [
        frame(false, 1, "a"),
        frame(true, 0, "b"),
        frame(true, 0, ""),
    ]
    .concat();
    assert_eq!(error(&stream), Error::Opcode(0));
}

#[test]
fn control_frames() {
    for opcode in [8, 9, 10] {
        assert_eq!(error(&[opcode, 0x80]), Error::FragmentedControl);
        assert_eq!(error(&[0x80 | opcode, 0xfe]), Error::ControlLength(126));
        assert_eq!(error(&[0x80 | opcode, 0xff]), Error::ControlLength(127));
    }
    assert_eq!(error(&[0x88, 0x81]), Error::ControlLength(1));
    assert_eq!(error(&frame(true, 8, [3, 237])), Error::CloseCode(1005));
    assert_eq!(error(&frame(true, 8, [3, 232, 0xff])), Error::Utf8);
}

#[test]
fn frames_without_mask() {
    assert_eq!(error(&[0x81, 0]), Error::Unmasked);
    assert_eq!(error(&[0x89, 1, b'x']), Error::Unmasked);
}

#[test]
fn text_that_is_not_utf8() {
    assert_eq!(error(&frame(true, 1, b"4\xff")), Error::Utf8);
    assert_eq!(error(&frame(true, 1, b"\xe2\x82")), Error::Utf8);
    // Refused before the message, and even the frame, has ended.
    assert_eq!(error(&frame(false, 1, b"4\xff")), Error::Utf8);
    assert_eq!(error(&frame(true, 1, b"4\xff....")[..8]), Error::Utf8);
    let stream = [frame(false, 1, b"\xe2"), frame(true, 0, "x")].concat();
    assert_eq!(error(&stream), Error::Utf8);
    let stream = [frame(false, 1, b"\xe2\x82"), frame(true, 0, "")].concat();
    assert_eq!(error(&stream), Error::Utf8);
}

#[test]
fn a_message_too_large_is_refused_at_its_header() {
    assert_eq!(messages(&frame(true, 2, [0; 1000])).len(), 1);
    assert_eq!(error(&[0x82, 0xfe, 0x03, 0xe9]), Error::MessageTooBig);
    let below_the_limit_alone = [0x80, 0xfe, 0x01, 0x91];
    let stream = [&frame(false, 2, [0; 600])[..], &below_the_limit_alone].concat();
    assert_eq!(error(&stream), Error::MessageTooBig);
    // Control frames count for nothing.
    let stream = [
        frame(false, 2, [0; 1000]),
        frame(true, 9, [0; 125]),
        frame(true, 0, ""),
    ];
    assert_eq!(messages(&stream.concat()).len(), 2);
}

#[test]
fn zero_means_no_limit() {
    let limits = Limits {
        max_message: 0,
        ..LIMITS
    };
    let (_, messages, result) = feed_all([frame(true, 2, vec![0; 70_000])], &limits);
    assert_eq!((messages.len(), result), (1, Ok(())));
    let largest = [0x82, 0xff, 0, 0x1f, 255, 255, 255, 255, 255, 255];
    assert_eq!(feed_all([&largest], &limits).2, Ok(()));
}

#[test]
fn lengths_above_the_safe_integers() {
    for len in [1 << 53, 1 << 63, u64::MAX] {
        let stream = [&[0x82, 0xff], &u64::to_be_bytes(len)[..]].concat();
        assert_eq!(error(&stream), Error::LengthOverflow);
    }
    let largest = [&[0x82, 0xff], &u64::to_be_bytes((1 << 53) - 1)[..]].concat();
    assert_eq!(error(&largest), Error::MessageTooBig);
}

#[test]
fn an_announced_length_reserves_nothing() {
    let limits = Limits {
        max_message: 0,
        ..LIMITS
    };
    let header = [
        0x82, 0xff, 0, 0, 0x0f, 255, 255, 255, 255, 255, 1, 2, 3, 4, 5,
    ];
    let (reader, _, _) = feed_all([header], &limits);
    assert!(reader.allocated() < 512, "{}", reader.allocated());
}

#[test]
fn too_many_fragments() {
    let limits = Limits {
        max_fragments: 3,
        ..LIMITS
    };
    let ping = frame(true, 9, "");
    let mut stream = [frame(false, 1, ""), ping.clone(), frame(false, 0, "a")].concat();
    let (_, messages, result) = feed_all([[&stream[..], &frame(true, 0, "b")].concat()], &limits);
    assert_eq!(result, Ok(()));
    assert_eq!(messages.last(), Some(&text("ab")));
    stream.extend(frame(false, 0, ""));
    stream.extend(ping);
    assert_eq!(feed_all([&stream], &limits).2, Ok(()));
    stream.extend(frame(true, 0, ""));
    assert_eq!(feed_all([&stream], &limits).2, Err(Error::TooManyFragments));
    assert_eq!(
        feed_all(stream.chunks(1), &limits).2,
        Err(Error::TooManyFragments)
    );
}

#[test]
fn a_fragment_counts_once_in_however_many_chunks() {
    let limits = Limits {
        max_fragments: 2,
        ..LIMITS
    };
    let stream = [frame(false, 1, "abcdef"), frame(true, 0, "ghijkl")].concat();
    let (_, messages, result) = feed_all(stream.chunks(1), &limits);
    assert_eq!(result, Ok(()));
    assert_eq!(messages, [text("abcdefghijkl")]);
}

#[test]
fn a_chunk_may_end_with_a_header() {
    for opcode in [1, 9] {
        let stream = [frame(true, opcode, "abc"), frame(true, 1, "d")].concat();
        let (header, rest) = stream.split_at(6);
        let (reader, messages, result) = feed_all([header, rest], &LIMITS);
        assert_eq!(result, Ok(()));
        assert_eq!(messages.len(), 2);
        assert_eq!(messages.last(), Some(&text("d")));
        assert!(reader.is_idle());
    }
}

#[test]
fn the_default_limits() {
    let fragments = |count: usize| {
        let mut stream = frame(false, 1, "");
        for _ in 2..count {
            stream.extend(frame(false, 0, ""));
        }
        stream.extend(frame(true, 0, ""));
        feed_all([stream], &Limits::default()).2
    };
    assert_eq!(fragments(16_384), Ok(()));
    assert_eq!(fragments(16_385), Err(Error::TooManyFragments));
    let over = [&[0x82, 0xff], &u64::to_be_bytes(1_000_001)[..]].concat();
    let fed = feed_all([over], &Limits::default()).2;
    assert_eq!(fed, Err(Error::MessageTooBig));
}

#[test]
fn memory_goes_back_when_a_message_ends() {
    let stream = [frame(false, 2, [1; 900]), frame(true, 0, [2; 100])].concat();
    let mut reader = Reader::default();
    for chunk in stream.chunks(64) {
        let fed = reader.feed(&mut chunk.to_vec(), &LIMITS, |_| ControlFlow::Continue(()));
        assert_eq!(fed, Ok(()));
    }
    assert!(reader.is_idle());
    assert_eq!(reader.allocated(), 0);
}

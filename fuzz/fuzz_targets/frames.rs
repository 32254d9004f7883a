//! Bytes of a client as WebSocket frames, with and without compression.
//!
//! Input: four bytes of options; with compression the client's offer, up to a line feed; the bytes
//! of the connection.

#![no_main]

use std::io::{self, Cursor, Read, Write};
use std::ops::ControlFlow;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use socket_io_native::ws::deflate::{
    Bits, Compression, Deflater, Inflater, Options, Parameters, Pool, negotiate,
};
use socket_io_native::ws::reader::Stop;
use socket_io_native::ws::{Error, Limits, Message, Opcode, Reader};
use support::{Input, Random};
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

const MAX_MESSAGES: [u64; 6] = [0, 125, 300, 5_000, 70_000, 1_000_000];
/// Room for a partial frame and the boxes around it, in bytes.
const OVERHEAD: usize = 512;
/// The longest message that is compressed again, in bytes.
const MAX_ECHO: usize = 100_000;
/// The most bytes that one compressed byte becomes.
const MAX_RATIO: usize = 1032;

#[derive(Debug, PartialEq, Eq)]
enum Owned {
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

/// All that the reader gave for one connection.
#[derive(Debug)]
struct Outcome {
    messages: Vec<Owned>,
    result: Result<(), Error>,
    is_ended: bool,
}

/// The places where the bytes are cut, and the receiver's will to pause.
enum Cut {
    Nowhere,
    Everywhere,
    Randomly(Random),
    /// At random, and the receiver pauses behind each message.
    Pausing(Random),
}

struct Connection<'a> {
    bytes: &'a [u8],
    limits: Limits,
    deflate: Option<Parameters>,
}

impl Connection<'_> {
    fn read(&self, mut cut: Cut) -> Outcome {
        let pool = Rc::new(Pool::default());
        let mut inflater = self
            .deflate
            .map(|parameters| Inflater::new(parameters, pool));
        let mut reader = Reader::default();
        let mut messages = Vec::new();
        let mut result = Ok(());
        let mut fed = 0;
        let mut rest = self.bytes;
        while !rest.is_empty() && result.is_ok() {
            let size = match &mut cut {
                Cut::Nowhere => rest.len(),
                Cut::Everywhere => 1,
                Cut::Randomly(random) | Cut::Pausing(random) => {
                    let most = [3, 20, 300, 5_000][random.below(4)];
                    1 + random.below(most)
                }
            };
            let size = size.min(rest.len());
            let mut chunk = rest[..size].to_vec();
            let was_ended = reader.is_ended();
            let before = messages.len();
            let fed_now =
                reader.feed_until(&mut chunk, &self.limits, inflater.as_mut(), |message| {
                    self.check(&message);
                    messages.push(message.into());
                    match cut {
                        Cut::Pausing(_) => ControlFlow::Break(Stop::Pause),
                        _ => ControlFlow::Continue(()),
                    }
                });
            let left = *fed_now.as_ref().unwrap_or(&0);
            result = fed_now.map(|_| ());
            assert!(left <= size, "more is left than was given");
            assert_eq!(
                chunk[size - left..],
                rest[size - left..size],
                "the rest was touched"
            );
            assert!(
                !was_ended || messages.len() == before,
                "a message behind the end"
            );
            assert!(left < size || messages.len() > before, "no progress");
            rest = &rest[size - left..];
            fed += size - left;
            self.check_memory(&reader, fed);
        }
        if result.is_err() {
            assert!(reader.is_ended(), "an error is the end");
        }
        if reader.is_ended() {
            let mut more = [0x81, 0x80, 0, 0, 0, 0];
            let after = reader.feed_until(&mut more, &self.limits, inflater.as_mut(), |_| {
                panic!("a message behind the end")
            });
            assert_eq!(after, Ok(0));
        }
        Outcome {
            messages,
            result,
            is_ended: reader.is_ended(),
        }
    }

    fn check(&self, message: &Message<'_>) {
        let max = self.limits.max_message;
        match message {
            Message::Text(text) => assert!(max == 0 || text.len() as u64 <= max),
            Message::Binary(bytes) => assert!(max == 0 || bytes.len() as u64 <= max),
            Message::Ping(bytes) | Message::Pong(bytes) => assert!(bytes.len() <= 125),
            Message::Close(code, bytes) => {
                assert!(bytes.len() <= 125);
                assert_eq!(code.is_none(), bytes.is_empty());
            }
        }
    }

    fn check_memory(&self, reader: &Reader, fed: usize) {
        let inflated = match (self.deflate, self.limits.max_message) {
            (None, _) => 0,
            (Some(_), 0) => 2 * MAX_RATIO * fed,
            (Some(_), max) => max as usize,
        };
        let most = OVERHEAD + (2 * fed).max(inflated);
        assert!(
            reader.allocated() <= most,
            "{} above {most}",
            reader.allocated()
        );
        if reader.is_ended() {
            assert_eq!(reader.allocated(), 0);
        }
    }

    /// True if two ends mean the same. Of compressed data with several faults, the first that shows
    /// depends on how much of it is inflated at once.
    fn agree(&self, a: &Result<(), Error>, b: &Result<(), Error>) -> bool {
        let of_data = |result: &Result<(), Error>| {
            matches!(
                result,
                Err(Error::Inflate(_) | Error::MessageTooBig | Error::Utf8)
            )
        };
        a == b || self.deflate.is_some() && of_data(a) && of_data(b)
    }

    /// Compresses the data messages as a client with these parameters would, and reads them again.
    fn echo(&self, outcome: &Outcome) {
        let Some(parameters) = self.deflate else {
            return;
        };
        let pool = Rc::new(Pool::default());
        let theirs = Parameters {
            server_takeover: parameters.client_takeover,
            server_window_bits: parameters.client_window_bits,
            ..parameters
        };
        let compression = Compression {
            level: (outcome.messages.len() % 10) as u8,
            threshold: 8.0,
            ..Compression::default()
        };
        let mut deflater = Deflater::new(theirs, compression, pool.clone());
        let mut inflater = Inflater::new(parameters, pool);
        let mut reader = Reader::default();
        let limits = Limits {
            max_message: 0,
            ..Limits::default()
        };
        for message in &outcome.messages {
            let (opcode, payload) = match message {
                Owned::Text(text) => (Opcode::Text, text.as_bytes()),
                Owned::Binary(bytes) => (Opcode::Binary, &bytes[..]),
                _ => continue,
            };
            if payload.len() > MAX_ECHO {
                continue;
            }
            let mut frame = Vec::new();
            let (one, other) = payload.split_at(payload.len() / 3);
            deflater.write(&mut frame, opcode, &[one, other]);
            let head = match frame[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            frame[1] |= 0x80;
            frame.splice(head..head, [0; 4]);
            let mut read = Vec::new();
            let result = reader.feed_with(&mut frame, &limits, Some(&mut inflater), |message| {
                read.push(Owned::from(message));
                ControlFlow::Continue(())
            });
            assert_eq!(result, Ok(()));
            assert_eq!(read.as_slice(), std::slice::from_ref(message));
        }
    }

    /// Compares with another implementation, which knows no compression.
    fn compare(&self, ours: &Outcome) {
        let max = self.limits.max_message as usize;
        let most = Some(if max == 0 { 1 << 20 } else { max });
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .max_message_size(most)
            .max_frame_size(most);
        let stream = Stream(Cursor::new(self.bytes));
        let mut theirs = WebSocket::from_raw_socket(stream, Role::Server, Some(config));
        // Ours counts fragments, and refuses more codes, and long forms of the length of control frames.
        let ours_only = matches!(
            ours.result,
            Err(Error::TooManyFragments | Error::CloseCode(_) | Error::ControlLength(126 | 127))
        );
        let mut expected = ours.messages.iter();
        loop {
            match (theirs.read(), expected.next()) {
                (Ok(message), Some(expected)) => {
                    assert!(
                        is_same(&message, expected),
                        "{message:?} is not {expected:?}"
                    );
                    if message.is_close() {
                        return;
                    }
                }
                (Ok(message), None) => {
                    assert!(ours_only, "only they read {message:?}: {:?}", ours.result);
                    return;
                }
                (Err(error), Some(expected)) => panic!("only ours reads {expected:?}: {error}"),
                (Err(error), None) => {
                    let at_end = is_end(&error);
                    assert!(
                        at_end || ours.result.is_err() || max == 0,
                        "only they refuse: {error}"
                    );
                    return;
                }
            }
        }
    }
}

fn is_same(theirs: &tungstenite::Message, ours: &Owned) -> bool {
    use tungstenite::Message as Theirs;
    match (theirs, ours) {
        (Theirs::Text(a), Owned::Text(b)) => a.as_str() == b,
        (Theirs::Binary(a), Owned::Binary(b))
        | (Theirs::Ping(a), Owned::Ping(b))
        | (Theirs::Pong(a), Owned::Pong(b)) => a[..] == b[..],
        // They replace some codes.
        (Theirs::Close(a), Owned::Close(b, _)) => a.is_some() == b.is_some(),
        _ => false,
    }
}

/// True for the end of the bytes, which may be in the middle of a frame.
fn is_end(error: &tungstenite::Error) -> bool {
    use tungstenite::Error as Theirs;
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    matches!(
        error,
        Theirs::Io(_) | Theirs::ConnectionClosed | Theirs::Protocol(ResetWithoutClosingHandshake)
    )
}

/// The bytes of the connection; what is written goes nowhere.
struct Stream<'a>(Cursor<&'a [u8]>);

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn bits(byte: u8) -> Bits {
    match byte % 16 {
        0..=7 => Bits::Any,
        8..=14 => Bits::Exactly(f64::from(byte % 16)),
        _ => Bits::Unsaid,
    }
}

/// The parameters that a client's offer leads to, if compression is agreed on.
fn negotiated(offer: &[u8], client: u8, server: u8) -> Option<Parameters> {
    let offer = String::from_utf8_lossy(offer);
    let options = Options {
        server_no_context_takeover: [None, Some(true), Some(false)][usize::from(server >> 4) % 3],
        client_no_context_takeover: client & 16 != 0,
        server_max_window_bits: bits(server),
        client_max_window_bits: bits(client),
        ..Options::default()
    };
    let agreement = negotiate(Some(&offer), &options).ok()??;
    let parameters = agreement.parameters;
    assert!(agreement.response.starts_with("permessage-deflate"));
    assert!((8..=15).contains(&parameters.server_window_bits));
    assert!((8..=15).contains(&parameters.client_window_bits));
    let says = |name| agreement.response.contains(name);
    assert_eq!(
        parameters.client_takeover,
        !says("client_no_context_takeover")
    );
    assert_eq!(
        parameters.server_takeover,
        !says("server_no_context_takeover")
    );
    assert!(!options.client_no_context_takeover || !parameters.client_takeover);
    if let Some(takeover) = options.server_no_context_takeover {
        assert_eq!(parameters.server_takeover, !takeover);
    }
    Some(parameters)
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let [flags, client, server, seed] = [(); 4].map(|()| input.byte());
    let deflate = match flags & 1 {
        0 => None,
        _ => negotiated(input.until(b'\n'), client, server),
    };
    let limits = Limits {
        max_message: MAX_MESSAGES[usize::from(flags >> 1 & 7) % MAX_MESSAGES.len()],
        max_fragments: match flags >> 4 {
            0 => 16_384,
            few => u32::from(few),
        },
    };
    let connection = Connection {
        bytes: input.rest(),
        limits,
        deflate,
    };
    let whole = connection.read(Cut::Nowhere);
    if connection.deflate.is_none() {
        connection.compare(&whole);
    }
    connection.echo(&whole);
    let random = || Random::new(u64::from(seed));
    for cut in [
        Cut::Everywhere,
        Cut::Randomly(random()),
        Cut::Pausing(random()),
    ] {
        let other = connection.read(cut);
        assert_eq!(other.messages, whole.messages);
        assert!(
            connection.agree(&other.result, &whole.result),
            "{:?} is not {:?}",
            other.result,
            whole.result
        );
        assert_eq!(other.is_ended, whole.is_ended);
    }
});

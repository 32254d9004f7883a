//! The writing half: messages in, compressed payloads out.

use std::rc::Rc;

use flate2::{Compress, FlushCompress, Status};

use super::pool::{Pool, new_compressor};
use super::{Compression, Parameters, TAIL, zlib_window};
use crate::ws::frame::{Opcode, compressed_header, header};

/// Room made for compressed bytes when there is none left.
const GROWTH_BYTES: usize = 16 << 10;
/// The compressed form of an empty message, RFC 7692 §7.2.3.6.
const EMPTY: [u8; 1] = [0];

/// The parameters that decide about a compressed message when no context is taken over. Two
/// connections of the same kind get the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub(super) level: u8,
    pub(super) window_bits: u8,
}

/// Messages from this length on are compressed by a context of the [`Pool`], also where earlier
/// messages count: the last bytes of these are told to it. A context for each connection is some
/// hundred KiB, which no cache holds for many connections.
const LARGE_BYTES: usize = 1 << 10;
/// Bytes of earlier messages that are told to such a context; or the last one, if it is longer.
const HISTORY_BYTES: usize = 4 << 10;
/// Short messages in a row after which a connection has a context of its own.
const SHORT_MESSAGES: u8 = 8;

/// The last bytes of the messages that were sent compressed. Connections that have got the same ones by
/// broadcasts have them together.
pub type History = Rc<[u8]>;

/// The earlier messages of a connection, as far as they may be referred to.
#[derive(Default)]
enum Past {
    /// None.
    #[default]
    Nothing,
    /// A context of the connection holds them.
    Context(Compress),
    /// The last bytes, and the number of short messages in a row.
    History(History, u8),
}

/// The compressor of one connection.
pub struct Deflater {
    pool: Rc<Pool>,
    kind: Kind,
    takeover: bool,
    threshold: f64,
    past: Past,
}

impl Deflater {
    /// The deflater of a connection whose handshake gave these parameters.
    pub fn new(parameters: Parameters, compression: Compression, pool: Rc<Pool>) -> Self {
        Self {
            pool,
            kind: Kind {
                level: compression.level,
                window_bits: parameters.server_window_bits.min(compression.window_bits),
            },
            takeover: parameters.server_takeover,
            threshold: compression.threshold,
            past: Past::Nothing,
        }
    }

    /// True if a message of `len` bytes is to be compressed. Where a context is taken over, all
    /// messages are.
    pub fn applies(&self, len: usize) -> bool {
        self.takeover || len as f64 >= self.threshold
    }

    /// The kind, if compressed messages may be shared with other connections of the same kind.
    pub fn shared_kind(&self) -> Option<Kind> {
        (!self.takeover).then_some(self.kind)
    }

    /// The kind, if a message of `len` bytes may be shared with other connections of the same kind that
    /// have the same [`Deflater::history`].
    pub fn kind_with_history(&self, len: usize) -> Option<Kind> {
        (self.takeover && len >= LARGE_BYTES).then_some(self.kind)
    }

    /// The bytes of earlier messages to which a long message would refer.
    pub fn history(&self) -> Option<&History> {
        match &self.past {
            Past::History(history, _) => Some(history),
            Past::Nothing | Past::Context(_) => None,
        }
    }

    /// Replaces what [`Deflater::history`] gives: `None`, and the next message refers to none before
    /// it; or that of another connection, whose last frame is sent on this one too.
    pub fn set_history(&mut self, history: Option<History>) {
        self.past = history.map_or(Past::Nothing, |history| Past::History(history, 0));
    }

    /// Appends the frame of a data message, given in pieces, to `out`: compressed or not, as
    /// [`Deflater::applies`] has it.
    pub fn write(&mut self, out: &mut Vec<u8>, opcode: Opcode, pieces: &[&[u8]]) {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        if self.applies(len) {
            self.compress(opcode, pieces, |frame| {
                frame.iter().for_each(|part| out.extend_from_slice(part));
            });
        } else {
            let (bytes, size) = header(opcode, len);
            out.extend(bytes.iter().take(size));
            pieces.iter().for_each(|piece| out.extend_from_slice(piece));
        }
    }

    /// Compresses a data message, given in pieces, and lends its frame, in pieces too.
    pub fn compress<R>(
        &mut self,
        opcode: Opcode,
        pieces: &[&[u8]],
        then: impl FnOnce(&[&[u8]]) -> R,
    ) -> R {
        let mut buffer = self.pool.buffer();
        let result = match self.payload(pieces, &mut buffer) {
            Some(payload) => {
                let (bytes, size) = compressed_header(opcode, payload.len());
                then(&[bytes.get(..size).unwrap_or_default(), payload])
            }
            // zlib fails on a context that is used wrongly. A message may always be sent as it is,
            // and the next one begins with a new context.
            None => {
                let len = pieces.iter().map(|piece| piece.len()).sum();
                let (bytes, size) = header(opcode, len);
                let mut frame = vec![bytes.get(..size).unwrap_or_default()];
                frame.extend(pieces);
                then(&frame)
            }
        };
        self.pool.return_buffer(buffer);
        result
    }

    /// Takes a long message for compression on another thread. The messages behind it may be compressed
    /// meanwhile; its frame has to be sent before theirs.
    pub fn detach(&mut self, opcode: Opcode, pieces: &[&[u8]]) -> Detached {
        let history = self.history().filter(|_| self.takeover);
        let detached = Detached {
            kind: self.kind,
            opcode,
            history: history.map(|history| history.to_vec()).unwrap_or_default(),
            message: pieces.concat(),
        };
        if self.takeover {
            self.remember(&detached.history, pieces, 0);
        }
        detached
    }

    /// The compressed payload of a message, in `out`.
    fn payload<'a>(&mut self, pieces: &[&[u8]], out: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        if !self.takeover {
            return self.pooled(pieces, &[], out);
        }
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (history, short) = match std::mem::take(&mut self.past) {
            Past::Context(context) if len < LARGE_BYTES => {
                return self.in_context(context, pieces, out);
            }
            Past::Nothing if len < LARGE_BYTES => {
                return self.in_context(new_compressor(self.kind), pieces, out);
            }
            Past::History(history, short) => (Some(history), short),
            Past::Nothing | Past::Context(_) => (None, 0),
        };
        let old = history.as_deref().unwrap_or_default();
        if len < LARGE_BYTES && short >= SHORT_MESSAGES {
            let mut context = new_compressor(self.kind);
            context.set_dictionary(old).ok()?;
            return self.in_context(context, pieces, out);
        }
        let payload = self.pooled(pieces, old, out)?;
        let short = if len < LARGE_BYTES { short + 1 } else { 0 };
        self.remember(old, pieces, short);
        Some(payload)
    }

    /// Keeps the last bytes of a message, which came behind `old`.
    fn remember(&mut self, old: &[u8], pieces: &[&[u8]], short: u8) {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        let window = 1 << zlib_window(self.kind.window_bits);
        let most = HISTORY_BYTES.max(len).min(window);
        self.past = Past::History(last_bytes(old, pieces, most), short);
    }

    /// Compresses with a context that belongs to the connection.
    fn in_context<'a>(
        &mut self,
        mut context: Compress,
        pieces: &[&[u8]],
        out: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let payload = compress(&mut context, pieces, out)?;
        self.past = Past::Context(context);
        Some(payload)
    }

    /// Compresses with a context of the thread, which is told the last bytes of earlier messages.
    fn pooled<'a>(
        &mut self,
        pieces: &[&[u8]],
        history: &[u8],
        out: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let mut context = self.pool.compressor(self.kind);
        if !history.is_empty() {
            context.set_dictionary(history).ok()?;
        }
        let payload = compress(&mut context, pieces, out)?;
        self.pool.return_compressor(self.kind, context);
        Some(payload)
    }
}

/// A message that is compressed on another thread.
pub struct Detached {
    kind: Kind,
    opcode: Opcode,
    history: Vec<u8>,
    message: Vec<u8>,
}

impl Detached {
    /// The bytes that it holds.
    pub fn held(&self) -> usize {
        self.history.len() + self.message.len()
    }

    /// The frame of the message; `None`: zlib has failed.
    pub fn compress(&self) -> Option<Vec<u8>> {
        let mut context = new_compressor(self.kind);
        if !self.history.is_empty() {
            context.set_dictionary(&self.history).ok()?;
        }
        let mut out = Vec::new();
        let payload = compress(&mut context, &[&self.message], &mut out)?;
        let (bytes, size) = compressed_header(self.opcode, payload.len());
        Some([bytes.get(..size).unwrap_or_default(), payload].concat())
    }
}

/// The last bytes of `before` and `pieces` together, `most` at most.
fn last_bytes(before: &[u8], pieces: &[&[u8]], most: usize) -> History {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut excess = (before.len() + len).saturating_sub(most);
    let mut last = Vec::with_capacity(most.min(before.len() + len));
    for part in std::iter::once(&before).chain(pieces) {
        let here = excess.min(part.len());
        excess -= here;
        last.extend_from_slice(part.get(here..).unwrap_or_default());
    }
    last.into()
}

/// The payload of a message, in `out`.
fn compress<'a>(
    context: &mut Compress,
    pieces: &[&[u8]],
    out: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    if pieces.iter().all(|piece| piece.is_empty()) {
        return Some(&EMPTY);
    }
    for piece in pieces {
        feed(context, piece, FlushCompress::None, out)?;
    }
    feed(context, &[], FlushCompress::Sync, out)?;
    out.strip_suffix(&TAIL)
}

/// Feeds all of `input`; with a flush, everything comes out.
fn feed(
    context: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    out: &mut Vec<u8>,
) -> Option<()> {
    loop {
        if out.len() == out.capacity() {
            out.reserve(GROWTH_BYTES);
        }
        let before = context.total_in();
        let status = context.compress_vec(input, out, flush).ok()?;
        let taken = usize::try_from(context.total_in() - before).ok()?;
        input = input.get(taken..)?;
        // Room that is left means that nothing is held back.
        if input.is_empty() && out.len() < out.capacity() {
            return Some(());
        }
        if status == Status::StreamEnd {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Decompress, FlushDecompress};

    use super::*;
    use crate::ws::deflate::TAIL;

    /// Bytes without repetitions.
    fn noise(seed: u32, len: usize) -> Vec<u8> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(next).collect()
    }

    fn deflater(server_window_bits: u8) -> Deflater {
        let parameters = Parameters {
            server_window_bits,
            ..Parameters::default()
        };
        Deflater::new(parameters, Compression::default(), Rc::default())
    }

    fn payload(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
        let (one, two) = message.split_at(message.len() / 3);
        deflater.compress(Opcode::Binary, &[one, two], |parts| parts[1].to_vec())
    }

    fn inflated(client: &mut Decompress, payload: &[u8], len: usize) -> Vec<u8> {
        let input = [payload, &TAIL].concat();
        let mut out = Vec::with_capacity(len + 1);
        client
            .decompress_vec(&input, &mut out, FlushDecompress::Sync)
            .expect("valid");
        out
    }

    #[test]
    fn long_and_short_messages_refer_to_earlier_ones() {
        let lengths = [50, 2000, 50, 50, 5000, 2000, 0]
            .into_iter()
            .chain([60; 12])
            .chain([3000, 70, 1024, 1023]);
        for bits in 8..=15 {
            let mut server = deflater(bits);
            let mut client = Decompress::new_with_window_bits(false, bits.max(9));
            for len in lengths.clone() {
                let message = noise(1, len);
                let payload = payload(&mut server, &message);
                assert_eq!(
                    inflated(&mut client, &payload, len),
                    message,
                    "{bits} {len}"
                );
            }
        }
    }

    #[test]
    fn the_second_of_two_equal_messages_is_tiny() {
        for len in [100, 1023, 1024, 3000, 20_000] {
            let mut server = deflater(15);
            let message = noise(2, len);
            assert!(payload(&mut server, &message).len() > len);
            assert!(
                payload(&mut server, &message).len() < len / 30 + 40,
                "{len}"
            );
        }
        // Also the short ones behind a long one, in a context of the connection in the end.
        let mut server = deflater(15);
        payload(&mut server, &noise(3, 2000));
        let short = noise(4, 100);
        assert!(payload(&mut server, &short).len() > 100);
        for _ in 0..20 {
            assert!(payload(&mut server, &short).len() < 30);
        }
        assert!(server.history().is_none());
    }

    #[test]
    fn history_stays_within_the_window() {
        for (bits, most) in [(8, 512), (9, 512), (12, 4096), (15, 20_000)] {
            let mut server = deflater(bits);
            payload(&mut server, &noise(5, 20_000));
            let history = server.history().expect("of a long message");
            assert_eq!(**history, noise(5, 20_000)[20_000 - most..]);
            payload(&mut server, &noise(5, 2000));
            let history = server.history().expect("of two messages");
            assert_eq!(history.len(), most.min(HISTORY_BYTES));
        }
        // A client with a window of 256 bytes cannot look back at what was 257 bytes before.
        let mut server = deflater(8);
        let message = noise(6, 257).repeat(5);
        for _ in 0..3 {
            assert!(payload(&mut server, &message).len() > 257 * 4);
        }
    }

    #[test]
    fn messages_behind_a_detached_one_refer_to_it() {
        for (bits, takeover) in [(15, true), (10, true), (15, false)] {
            let mut server = deflater(bits);
            server.takeover = takeover;
            let mut client = Decompress::new_with_window_bits(false, bits);
            let mut read = |payload: &[u8], message: &[u8]| {
                if !takeover {
                    client.reset(false);
                }
                assert_eq!(inflated(&mut client, payload, message.len()), message);
            };
            let (first, long, last) = (noise(8, 1500), noise(9, 100_000), noise(9, 100_000));
            let frame = payload(&mut server, &first);
            read(&frame, &first);
            let detached = server.detach(Opcode::Binary, &[&long[..10], &long[10..]]);
            // In front of the end of the other.
            let behind = payload(&mut server, &last[90_000..]);
            let frame = detached.compress().expect("a frame");
            assert_eq!(frame[..2], [0xc2, 127]);
            read(&frame[10..], &long);
            read(&behind, &last[90_000..]);
            assert_eq!(
                behind.len() < 1000,
                takeover && bits == 15,
                "{}",
                behind.len()
            );
        }
    }

    #[test]
    fn connections_with_one_history_write_the_same() {
        let (mut one, mut other) = (deflater(15), deflater(15));
        payload(&mut one, b"a short message");
        payload(&mut one, &noise(7, 1500));
        assert_eq!(one.kind_with_history(1024), other.kind_with_history(1024));
        assert_eq!(one.kind_with_history(1023), None);
        other.set_history(one.history().cloned());
        let message = noise(7, 3000);
        assert_eq!(payload(&mut one, &message), payload(&mut other, &message));
    }
}

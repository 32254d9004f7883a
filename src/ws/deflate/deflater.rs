//! The writing half: messages in, compressed payloads out.

use std::rc::Rc;

use flate2::{Compress, FlushCompress, Status};

use super::pool::{Pool, new_compressor};
use super::{Compression, Parameters, TAIL};
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

/// The compressor of one connection.
pub struct Deflater {
    pool: Rc<Pool>,
    kind: Kind,
    takeover: bool,
    threshold: f64,
    /// The context, if it is taken over from message to message.
    context: Option<Compress>,
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
            context: None,
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
        let mut context = match self.context.take() {
            Some(context) => context,
            None if self.takeover => new_compressor(self.kind),
            None => self.pool.compressor(self.kind),
        };
        let mut buffer = self.pool.buffer();
        let compressed = compress(&mut context, pieces, &mut buffer);
        let result = match compressed {
            Some(payload) => {
                if self.takeover {
                    self.context = Some(context);
                } else {
                    self.pool.return_compressor(self.kind, context);
                }
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

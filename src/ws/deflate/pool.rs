//! Contexts and buffers of one thread, lent for the time of one message.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress};

use super::deflater::Kind;
use super::{MAX_WINDOW_BITS, zlib_window};

/// Most compression contexts kept; messages come one at a time, so one of a kind is enough.
const CONTEXTS: usize = 8;
/// Inflated bytes handed on at once.
const PIECE_BYTES: usize = 64 << 10;
/// A larger buffer is not kept.
const BUFFER_BYTES: usize = 256 << 10;

/// The contexts and buffers of one thread, which its connections share.
#[derive(Default)]
pub struct Pool {
    compressors: RefCell<Vec<(Kind, Compress)>>,
    decompressor: RefCell<Option<Decompress>>,
    piece: RefCell<Box<[u8]>>,
    buffer: RefCell<Vec<u8>>,
}

impl Pool {
    /// A compressor without earlier messages in its context.
    pub(super) fn compressor(&self, kind: Kind) -> Compress {
        let mut held = self.compressors.borrow_mut();
        match held.iter().position(|(its, _)| *its == kind) {
            Some(at) => {
                let mut compressor = held.swap_remove(at).1;
                compressor.reset();
                compressor
            }
            None => new_compressor(kind),
        }
    }

    pub(super) fn return_compressor(&self, kind: Kind, compressor: Compress) {
        let mut held = self.compressors.borrow_mut();
        if held.len() >= CONTEXTS {
            held.remove(0);
        }
        held.push((kind, compressor));
    }

    /// A decompressor without earlier messages in its context. Its window is the largest, which
    /// serves every agreed one.
    pub(super) fn decompressor(&self) -> Decompress {
        match self.decompressor.take() {
            Some(mut decompressor) => {
                decompressor.reset(false);
                decompressor
            }
            None => new_decompressor(MAX_WINDOW_BITS),
        }
    }

    pub(super) fn return_decompressor(&self, decompressor: Decompress) {
        *self.decompressor.borrow_mut() = Some(decompressor);
    }

    /// A place for inflated bytes, of a fixed length.
    pub(super) fn piece(&self) -> Box<[u8]> {
        let piece = self.piece.take();
        if piece.is_empty() {
            vec![0; PIECE_BYTES].into()
        } else {
            piece
        }
    }

    pub(super) fn return_piece(&self, piece: Box<[u8]>) {
        *self.piece.borrow_mut() = piece;
    }

    /// An empty buffer for compressed bytes.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.buffer.take()
    }

    pub(super) fn return_buffer(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= BUFFER_BYTES {
            buffer.clear();
            *self.buffer.borrow_mut() = buffer;
        }
    }
}

pub(super) fn new_compressor(kind: Kind) -> Compress {
    let level = Compression::new(u32::from(kind.level.min(9)));
    Compress::new_with_window_bits(level, false, zlib_window(kind.window_bits))
}

pub(super) fn new_decompressor(window_bits: u8) -> Decompress {
    Decompress::new_with_window_bits(false, zlib_window(window_bits))
}

//! permessage-deflate, RFC 7692, server side: the negotiation in the handshake, and messages that
//! are compressed and inflated by it.
//!
//! A context is zlib's memory of earlier messages, some hundred KiB to compress with and
//! some fifty to inflate. Where the peers agreed to take none over, contexts come from the
//! [`Pool`] of the thread for the time of one message. Otherwise a connection makes its own when the
//! first short message wants it; long ones are compressed by a context of the pool that is told the
//! last bytes of the messages before ([`History`]).

mod deflater;
mod inflater;
mod negotiation;
mod pool;

pub use deflater::{Deflater, Detached, History, Kind};
pub use inflater::Inflater;
pub use negotiation::{Agreement, Bits, Options, negotiate};
pub use pool::Pool;

#[cfg(test)]
mod tests;

/// The bytes that end the compressed data of every message, and are left out of it (RFC 7692
/// §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The parameters that both sides have agreed on. The defaults are those of an answer without
/// parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// True if the server's messages may refer to earlier ones.
    pub server_takeover: bool,
    /// True if the client's messages may refer to earlier ones.
    pub client_takeover: bool,
    /// The window of the server's messages, in bytes, as a power of two: 8 to 15.
    pub server_window_bits: u8,
    /// The window of the client's messages, likewise.
    pub client_window_bits: u8,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            server_takeover: true,
            client_takeover: true,
            server_window_bits: MAX_WINDOW_BITS,
            client_window_bits: MAX_WINDOW_BITS,
        }
    }
}

/// The level and the threshold of the server's compression, which the client need not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compression {
    /// From 0 (stored) to 9 (smallest). Default 2: on short messages, less than half the work of
    /// zlib's own default, 6, for some 8 % more bytes.
    pub level: u8,
    /// An upper limit for the window beside the agreed one, as a power of two. Default 15.
    pub window_bits: u8,
    /// Shorter messages, in bytes, are sent as they are if the server takes no context over.
    /// Not a number: so are all. Default 1024.
    pub threshold: f64,
}

impl Default for Compression {
    fn default() -> Self {
        Self {
            level: 2,
            window_bits: MAX_WINDOW_BITS,
            threshold: 1024.0,
        }
    }
}

/// The largest window, 32 KiB.
const MAX_WINDOW_BITS: u8 = 15;
/// The smallest window that zlib works with. Its compressor looks back at most 250 bytes in it, so
/// that it serves a client that asked for 8 bits too.
const MIN_WINDOW_BITS: u8 = 9;

/// The window that zlib works with for an agreed one.
fn zlib_window(bits: u8) -> u8 {
    bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS)
}

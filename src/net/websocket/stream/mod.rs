//! The stream under a WebSocket: a socket adopted from Node, or a stream that JavaScript pumps.
//! Everything that depends on the operating system is behind [`ByteStream`].

#[cfg(unix)]
mod adopted;
mod output;
mod pumped;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
pub use self::adopted::{Adopted, adopt, borrow};
pub use self::output::Output;
pub use self::pumped::Pumped;

/// A duplex of bytes, used by one I/O thread.
pub trait ByteStream {
    /// Reads into `buffer`; `Ok(0)` is the end.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes at once. Returns the number of bytes written; `WouldBlock` if it is none.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes as soon as something can be written, after `WouldBlock`.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Tells the peer that nothing more will be written. `false`: only dropping does that.
    fn shutdown(&self) -> bool {
        false
    }
    /// Has the connection reset when it is dropped: the peer gets an RST, not an end.
    fn reset(&self) {}
    /// Has the kernel probe an idle peer after `delay`; none: never.
    fn keep_alive(&self, _delay: Option<Duration>) {}
    /// The local and the remote address of a TCP connection.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        None
    }
    /// True if JavaScript does the writing, and has to be woken for it.
    fn is_pumped(&self) -> bool {
        false
    }
    /// For pumped streams: more input, or its end (an empty slice).
    fn feed(&self, _bytes: &[u8]) {}
    /// For pumped streams: tell when all input so far has been taken.
    fn await_taken(&self) {}
    /// For pumped streams: JavaScript has written `n` bytes.
    fn written(&self, _n: usize) {}
    /// For pumped streams: bytes that JavaScript was given and has not written.
    fn in_flight(&self) -> usize {
        0
    }
}

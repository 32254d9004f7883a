//! What carries a WebSocket's bytes: a socket adopted from Node, or a stream that JavaScript pumps.
//! Everything that depends on the operating system is behind [`Carrier`].

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::inbox::Inbox;

/// A duplex of bytes, used by one I/O thread.
pub trait Carrier {
    /// Reads into `buffer`; `Ok(0)` is the end.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes what can be written at once; `WouldBlock` if that is nothing.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Writes as soon as something can be written, after `WouldBlock`.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    /// Tells the peer that nothing more will be written. `false`: only dropping does that.
    fn shutdown(&self) -> bool {
        false
    }
    /// For pumped streams: more input, or its end (an empty slice).
    fn feed(&self, _bytes: &[u8]) {}
    /// For pumped streams: JavaScript has written `n` bytes.
    fn written(&self, _n: usize) {}
}

#[cfg(unix)]
pub use adopted::{Adopted, adopt};

#[cfg(unix)]
mod adopted {
    use super::{Carrier, Context, Poll, io};
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::task::ready;
    use tokio::io::unix::AsyncFd;

    /// A TCP or UNIX socket. The standard library's TCP type reads and writes either: it only
    /// makes the calls that all stream sockets have.
    pub struct Adopted(AsyncFd<TcpStream>);

    /// Duplicates a socket's descriptor, so that Node can close its own.
    ///
    /// # Safety
    /// `fd` must be open while this call lasts.
    pub unsafe fn adopt(fd: i32) -> io::Result<OwnedFd> {
        // SAFETY: the caller promises that the descriptor is open; it is borrowed for this call.
        unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned()
    }

    impl Adopted {
        /// Registers the socket with the I/O thread that calls this.
        pub fn new(fd: OwnedFd) -> io::Result<Self> {
            let stream = TcpStream::from(fd);
            stream.set_nonblocking(true)?;
            // SAFETY: the stream owns its descriptor and is only ever borrowed here, so the
            // descriptor stays open and the same until both are dropped together.
            Ok(Self(unsafe { AsyncFd::register(stream) }?))
        }
    }

    impl Carrier for Adopted {
        fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            loop {
                let mut guard = ready!(self.0.poll_read_ready(cx))?;
                match self.0.get_ref().read(buffer) {
                    Ok(n) => {
                        // Less than asked for: the socket is drained, and the next byte raises a
                        // new event. Saves the read that would only find nothing.
                        if n > 0 && n < buffer.len() {
                            guard.clear_ready();
                        }
                        return Poll::Ready(Ok(n));
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Poll::Ready(Err(e)),
                }
            }
        }

        fn write(&self, bytes: &[u8]) -> io::Result<usize> {
            loop {
                match self.0.get_ref().write(bytes) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    other => return other,
                }
            }
        }

        fn shutdown(&self) -> bool {
            self.0.get_ref().shutdown(Shutdown::Write).is_ok()
        }

        fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            loop {
                let mut guard = ready!(self.0.poll_write_ready(cx))?;
                match self.write(bytes) {
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                    other => return Poll::Ready(other),
                }
            }
        }
    }
}

/// Bytes on their way to JavaScript that a pumped stream may hold before it counts as blocked.
const PUMP_WINDOW: usize = 64 << 10;

/// A stream that JavaScript reads and writes: TLS, or any Duplex.
pub struct Pumped {
    stream: u32,
    inbox: Arc<dyn Inbox>,
    chunks: RefCell<VecDeque<Vec<u8>>>,
    ended: Cell<bool>,
    in_flight: Cell<usize>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Pumped {
    /// For the stream that JavaScript calls `stream`.
    pub fn new(stream: u32, inbox: Arc<dyn Inbox>) -> Self {
        Self {
            stream,
            inbox,
            chunks: RefCell::default(),
            ended: Cell::new(false),
            in_flight: Cell::new(0),
            reader: RefCell::default(),
            writer: RefCell::default(),
        }
    }
}

impl Carrier for Pumped {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut chunks = self.chunks.borrow_mut();
        let Some(mut chunk) = chunks.pop_front() else {
            if self.ended.get() {
                return Poll::Ready(Ok(0));
            }
            *self.reader.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        if n < chunk.len() {
            chunk.drain(..n);
            chunks.push_front(chunk);
        }
        Poll::Ready(Ok(n))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = PUMP_WINDOW.saturating_sub(self.in_flight.get());
        let n = bytes.len().min(room);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.in_flight.set(self.in_flight.get() + n);
        self.inbox.stream_write(self.stream, &bytes[..n]);
        Ok(n)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                *self.writer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }

    fn feed(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.ended.set(true);
        } else {
            self.chunks.borrow_mut().push_back(bytes.to_vec());
        }
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    fn written(&self, n: usize) {
        self.in_flight.set(self.in_flight.get().saturating_sub(n));
        if let Some(waker) = self.writer.borrow_mut().take() {
            waker.wake();
        }
    }
}

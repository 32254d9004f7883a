//! A connection between its requests. hyper gets the bytes of one request at a time, exactly: at
//! the end of each the connection stands at a boundary, where nothing is lost when it leaves for
//! Node's HTTP server or becomes a WebSocket.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::{ReadBufCursor, Write};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::net::thread::state::IoThread;

/// Bytes of later requests that are read while one is being answered.
const READ_AHEAD: usize = 64 << 10;

/// See the module.
pub struct RequestIo {
    socket: RefCell<TcpStream>,
    local: Rc<IoThread>,
    /// Read and not yet taken.
    input: RefCell<Vec<u8>>,
    /// Bytes that hyper may still take of the current request.
    due: Cell<usize>,
    /// The current request has not been answered in full.
    answering: Rc<Cell<bool>>,
    /// The peer has sent all it will.
    ended: Cell<bool>,
    /// Something answered has not been taken by the system.
    blocked: Cell<bool>,
    /// Bytes answered that the system has taken.
    written: Cell<u64>,
}

impl RequestIo {
    /// A connection just accepted.
    pub fn new(socket: TcpStream, local: Rc<IoThread>) -> Rc<Self> {
        Rc::new(Self {
            socket: RefCell::new(socket),
            local,
            input: RefCell::default(),
            due: Cell::new(0),
            answering: Rc::default(),
            ended: Cell::new(false),
            blocked: Cell::new(false),
            written: Cell::new(0),
        })
    }

    /// Looks at what has been read and not taken.
    pub fn peek<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&self.input.borrow())
    }

    /// Waits for more input at a boundary; 0: the peer has ended.
    pub fn poll_more(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut shared = self.local.read_buffer();
        let mut buffer = ReadBuf::new(&mut shared);
        std::task::ready!(Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut buffer))?;
        self.input.borrow_mut().extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Lets hyper have the next `bytes` bytes, a request. What is returned is to be dropped with the
    /// answer's body.
    pub fn release(&self, bytes: usize) -> Answering {
        self.due.set(bytes);
        self.answering.set(true);
        Answering(self.answering.clone())
    }

    /// Whether the connection stands at a boundary: the request was answered, and the answer is out.
    pub fn is_between_requests(&self) -> bool {
        !self.answering.get() && !self.blocked.get() && self.due.get() == 0
    }

    /// How much the system has taken of what was answered, if it does not take the rest now.
    pub fn blocked_at(&self) -> Option<u64> {
        self.blocked.get().then(|| self.written.get())
    }

    /// Bytes of all answers that the system has taken.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// Whether the peer has sent all it will, seen while a request is being answered.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Takes `count` bytes off the input.
    pub fn consume(&self, count: usize) {
        let mut input = self.input.borrow_mut();
        let count = count.min(input.len());
        input.drain(..count);
        if input.is_empty() {
            // An idle connection owns no buffer.
            *input = Vec::new();
        }
    }

    /// The socket, and what was read and not taken.
    pub fn into_parts(self: Rc<Self>) -> Option<(TcpStream, Vec<u8>)> {
        let wire = Rc::try_unwrap(self).ok()?;
        Some((wire.socket.into_inner(), wire.input.into_inner()))
    }

    /// Writes what there is room for; for last words.
    pub fn say(&self, bytes: &[u8]) {
        let _ = self.socket.borrow().try_write(bytes);
    }
}

/// Exists while a request is being answered.
#[derive(Debug)]
pub struct Answering(Rc<Cell<bool>>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// The end of a [`RequestIo`] that hyper holds.
pub struct HyperIo(pub Rc<RequestIo>);

impl hyper::rt::Read for HyperIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &*self.0;
        loop {
            let due = wire.due.get();
            let held = wire.input.borrow().len();
            if due > 0 && held > 0 {
                let count = due.min(held).min(buffer.remaining());
                wire.peek(|input| buffer.put_slice(input.get(..count).unwrap_or_default()));
                wire.consume(count);
                wire.due.set(due - count);
                return Poll::Ready(Ok(()));
            }
            if due == 0 && held >= READ_AHEAD {
                return Poll::Pending;
            }
            if std::task::ready!(wire.poll_more(cx))? == 0 {
                // hyper would drop the answer of a peer that has sent a whole request, and its end.
                if due == 0 {
                    wire.ended.set(true);
                    return Poll::Pending;
                }
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Write for HyperIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = &*self.0;
        let written = Pin::new(&mut *wire.socket.borrow_mut()).poll_write(cx, bytes);
        wire.blocked.set(written.is_pending());
        if let Poll::Ready(Ok(count)) = written {
            wire.written.set(wire.written.get() + count as u64);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.socket.borrow_mut()).poll_shutdown(cx)
    }
}

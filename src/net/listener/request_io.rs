//! The bytes of a connection, request by request. hyper gets exactly the bytes of one request at a
//! time, so that nothing is lost when the connection is handed to Node's HTTP server or becomes a
//! WebSocket between two requests.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::{ReadBufCursor, Write};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::net::thread::state::IoThread;

/// Bytes at the beginning of an answer in which its headers stand, but for very long ones.
const HEAD_SEARCHED: usize = 1 << 10;

/// Bytes of later requests that are read while one is being answered.
const READ_AHEAD: usize = 64 << 10;

/// The socket of a connection, and the bytes that were read from it.
pub struct RequestIo {
    socket: RefCell<TcpStream>,
    local: Rc<IoThread>,
    /// Bytes that have been read and not taken.
    input: RefCell<Vec<u8>>,
    /// Bytes that hyper may still take of the current request.
    due: Cell<usize>,
    /// The current request has not been answered in full.
    answering: Rc<Cell<bool>>,
    /// The client has sent its end.
    ended: Cell<bool>,
    /// The system has not taken all of the answer that it was given.
    blocked: Cell<bool>,
    /// Bytes of all answers that the system has taken.
    written: Cell<u64>,
    /// Nothing of the current answer has been written.
    at_head: Cell<bool>,
}

impl RequestIo {
    /// Begins with a connection of which `input` was read.
    pub fn new(socket: TcpStream, input: Vec<u8>, local: Rc<IoThread>) -> Rc<Self> {
        Rc::new(Self {
            socket: RefCell::new(socket),
            local,
            input: RefCell::new(input),
            due: Cell::new(0),
            answering: Rc::default(),
            ended: Cell::new(false),
            blocked: Cell::new(false),
            written: Cell::new(0),
            at_head: Cell::new(false),
        })
    }

    /// Shows the bytes that have been read and not taken.
    pub fn peek<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(&self.input.borrow())
    }

    /// Reads more bytes. Returns their number; 0 once the client has sent its end.
    pub fn poll_more(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut shared = self.local.read_buffer();
        let mut buffer = ReadBuf::new(&mut shared);
        std::task::ready!(Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut buffer))?;
        self.input.borrow_mut().extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Lets hyper read the next `bytes` bytes, a request. The returned value is to be dropped with
    /// the body of the answer.
    pub fn release(&self, bytes: usize) -> Answering {
        self.due.set(bytes);
        self.at_head.set(true);
        self.answering.set(true);
        Answering::new(self.answering.clone())
    }

    /// True once the request has been read and the system has taken the answer to it.
    pub fn is_between_requests(&self) -> bool {
        !self.answering.get() && !self.blocked.get() && self.due.get() == 0
    }

    /// Bytes of all answers that the system has taken, if it does not take the rest now.
    pub fn blocked_at(&self) -> Option<u64> {
        self.blocked.get().then(|| self.written.get())
    }

    /// Bytes of all answers that the system has taken.
    pub fn written(&self) -> u64 {
        self.written.get()
    }

    /// True if the client has sent its end while a request was being answered.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Drops the first `count` bytes that have been read.
    pub fn consume(&self, count: usize) {
        let mut input = self.input.borrow_mut();
        let count = count.min(input.len());
        input.drain(..count);
        if input.is_empty() {
            // An idle connection owns no buffer.
            *input = Vec::new();
        }
    }

    /// Returns the socket, and the bytes that have been read and not taken; `None` while hyper has
    /// the connection.
    pub fn into_parts(self: Rc<Self>) -> Option<(TcpStream, Vec<u8>)> {
        let io = Rc::try_unwrap(self).ok()?;
        Some((io.socket.into_inner(), io.input.into_inner()))
    }

    /// Writes as many of the bytes as the system takes at once.
    pub fn say(&self, bytes: &[u8]) {
        // `try_write` of tokio waits for news of the socket, which there may have been none of yet.
        let _ = socket2::SockRef::from(&*self.socket.borrow()).send(bytes);
    }
}

/// Exists while a request is being answered.
#[derive(Debug)]
pub struct Answering(Rc<Cell<bool>>);

impl Answering {
    /// Sets the flag to false when it is dropped.
    pub const fn new(flag: Rc<Cell<bool>>) -> Self {
        Self(flag)
    }
}

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
        let io = &*self.0;
        loop {
            let due = io.due.get();
            let held = io.input.borrow().len();
            if due > 0 && held > 0 {
                let count = due.min(held).min(buffer.remaining());
                io.peek(|input| buffer.put_slice(input.get(..count).unwrap_or_default()));
                io.consume(count);
                io.due.set(due - count);
                return Poll::Ready(Ok(()));
            }
            if due == 0 && held >= READ_AHEAD {
                return Poll::Pending;
            }
            if std::task::ready!(io.poll_more(cx))? == 0 {
                // hyper would drop the answer to a client that has sent its end behind a request.
                if due == 0 {
                    io.ended.set(true);
                    return Poll::Pending;
                }
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// The header that socket.io writes without capitals, and the letters in question.
const NO_STORE: &[u8] = b"\r\nCache-Control: no-store\r\n";
const LOWER_CASE: &[u8] = b"\r\ncache-control: no-store\r\n";

/// The bytes in front of the header `Cache-Control` in the head of an answer, the header as socket.io
/// spells it, and the bytes behind it. hyper spells all headers alike.
fn as_upstream(answer: &[u8]) -> Option<[&[u8]; 3]> {
    let head = answer.get(..HEAD_SEARCHED).unwrap_or(answer);
    let at = head
        .windows(NO_STORE.len())
        .position(|part| part == NO_STORE)?;
    let (before, rest) = answer.split_at(at);
    Some([before, LOWER_CASE, rest.get(NO_STORE.len()..)?])
}

impl Write for HyperIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let io = &*self.0;
        let mut socket = io.socket.borrow_mut();
        let written = match io.at_head.get().then(|| as_upstream(bytes)).flatten() {
            Some(parts) => Pin::new(&mut *socket).poll_write_vectored(cx, &parts.map(IoSlice::new)),
            None => Pin::new(&mut *socket).poll_write(cx, bytes),
        };
        io.blocked.set(written.is_pending());
        if let Poll::Ready(Ok(count)) = written {
            io.written.set(io.written.get() + count as u64);
            io.at_head.set(false);
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

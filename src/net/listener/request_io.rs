//! The bytes of a connection, request by request: heads and bodies are taken one at a time, so that
//! nothing is lost when the connection is handed to Node's HTTP server or becomes a WebSocket between
//! two requests.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use hyper::rt::{ReadBufCursor, Write};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use crate::net::thread::state::IoThread;

/// Bytes at the beginning of an answer in which its headers stand, but for very long ones.
const HEAD_SEARCHED: usize = 1 << 10;

/// Bytes of later requests that are read while a poll waits.
const READ_AHEAD: usize = 64 << 10;

/// The socket of a connection, and the bytes that were read from it.
pub struct RequestIo {
    socket: RefCell<TcpStream>,
    local: Rc<IoThread>,
    /// Bytes that have been read and not taken.
    input: RefCell<Vec<u8>>,
    /// Bytes of the body of the current request that have not been taken.
    body: Cell<usize>,
    /// The current request has not been answered in full.
    answering: Rc<Cell<bool>>,
    /// The system has not taken all of the answer that it was given.
    blocked: Cell<bool>,
    /// Bytes of all answers that the system has taken.
    written: Cell<u64>,
}

impl RequestIo {
    /// Begins with a connection of which `input` was read.
    pub fn new(socket: TcpStream, input: Vec<u8>, local: Rc<IoThread>) -> Rc<Self> {
        Rc::new(Self {
            socket: RefCell::new(socket),
            local,
            input: RefCell::new(input),
            body: Cell::new(0),
            answering: Rc::default(),
            blocked: Cell::new(false),
            written: Cell::new(0),
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
        ready!(Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, &mut buffer))?;
        self.input.borrow_mut().extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Ready once the client has sent its end, or the connection has failed. Bytes that come before are
    /// kept, up to a bound.
    pub fn poll_end(&self, cx: &mut Context<'_>) -> Poll<()> {
        while self.peek(<[u8]>::len) < READ_AHEAD {
            if matches!(ready!(self.poll_more(cx)), Ok(0) | Err(_)) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Begins a request, whose head of `head` bytes is dropped. The returned value is to be dropped
    /// with the body of the answer.
    pub fn begin(&self, head: usize, body: usize) -> Answering {
        self.consume(head);
        self.body.set(body);
        self.answering.set(true);
        Answering::new(self.answering.clone())
    }

    /// Appends bytes of the body of the current request to `to`. Returns their number; 0 at its end.
    ///
    /// # Errors
    /// The connection ends before the body does.
    pub fn poll_body(&self, cx: &mut Context<'_>, to: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        if self.body.get() == 0 {
            return Poll::Ready(Ok(0));
        }
        while self.peek(<[u8]>::is_empty) {
            if ready!(self.poll_more(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Poll::Ready(Ok(self.take_body(|bytes| to.extend_from_slice(bytes))))
    }

    /// Drops what has been read of a body that nobody wanted. Returns true if more of it is to come.
    pub fn drop_body(&self) -> bool {
        self.take_body(|_| {});
        self.body.get() > 0
    }

    /// Lends the bytes of the body that have been read, and drops them. Returns their number.
    fn take_body(&self, f: impl FnOnce(&[u8])) -> usize {
        let left = self.body.get();
        let count = self.peek(|input| {
            let bytes = input.get(..left).unwrap_or(input);
            f(bytes);
            bytes.len()
        });
        self.consume(count);
        self.body.set(left - count);
        count
    }

    /// True once the system has taken the answer to the request.
    pub fn is_answered(&self) -> bool {
        !self.answering.get() && !self.blocked.get()
    }

    /// Bytes of all answers that the system has taken, if it does not take the rest now.
    pub fn blocked_at(&self) -> Option<u64> {
        self.blocked.get().then(|| self.written.get())
    }

    /// Bytes of all answers that the system has taken.
    pub fn written(&self) -> u64 {
        self.written.get()
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

    /// Returns the socket, and the bytes that have been read and not taken; `None` while an answer is
    /// made.
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

/// The end of a [`RequestIo`] that hyper holds while it writes one answer.
pub struct AnswerIo {
    io: Rc<RequestIo>,
    /// The part of [`REQUEST`] that hyper has not read.
    request: &'static [u8],
    /// Nothing of the answer has been written.
    at_head: bool,
}

/// The request as hyper is told it: its head has been read before, and nothing of it changes the form
/// of an answer.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

impl AnswerIo {
    /// Has the answer to the current request of `io` written.
    pub const fn new(io: Rc<RequestIo>) -> Self {
        Self {
            io,
            request: REQUEST,
            at_head: true,
        }
    }
}

impl hyper::rt::Read for AnswerIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.request.is_empty() {
            // The next request gets an `AnswerIo` of its own, if it is for the listener.
            return Poll::Pending;
        }
        let count = self.request.len().min(buffer.remaining());
        let (now, later) = self.request.split_at(count);
        buffer.put_slice(now);
        self.request = later;
        Poll::Ready(Ok(()))
    }
}

/// The header that socket.io writes without capitals, and the letters in question.
const NO_STORE: &[u8] = b"\r\nCache-Control: no-store\r\n";
const LOWER_CASE: &[u8] = b"\r\ncache-control: no-store\r\n";

/// The bytes in front of the header `Cache-Control` in the head of an answer, the header as socket.io
/// spells it, and the bytes behind it. hyper spells all headers alike.
fn as_upstream(answer: &[u8]) -> Option<[&[u8]; 3]> {
    let head = answer.get(..HEAD_SEARCHED).unwrap_or(answer);
    let at = memchr::memmem::find(head, NO_STORE)?;
    let (before, rest) = answer.split_at(at);
    Some([before, LOWER_CASE, rest.get(NO_STORE.len()..)?])
}

impl Write for AnswerIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let parts = self.at_head.then(|| as_upstream(bytes)).flatten();
        let io = self.io.clone();
        let mut socket = io.socket.borrow_mut();
        let written = match parts {
            Some(parts) => Pin::new(&mut *socket).poll_write_vectored(cx, &parts.map(IoSlice::new)),
            None => Pin::new(&mut *socket).poll_write(cx, bytes),
        };
        io.blocked.set(written.is_pending());
        if let Poll::Ready(Ok(count)) = written {
            io.written.set(io.written.get() + count as u64);
            self.at_head = false;
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io.socket.borrow_mut()).poll_shutdown(cx)
    }
}

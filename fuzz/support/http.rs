//! hyper over bytes in memory, set up as the listener has it.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use hyper::body::{Body as _, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};

/// Rounds after which a connection that says nothing counts as waiting.
const ROUNDS: usize = 16;

/// A request as hyper reads it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values, sorted by name.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The length of the body that is announced, in bytes.
    pub announced: Option<u64>,
    /// Bytes of the body that came.
    pub body: usize,
}

/// The first request in `bytes`, and how many of them hyper took; no request if it refuses it or
/// waits for more.
pub fn read(bytes: &[u8]) -> (Option<Seen>, usize) {
    let seen = RefCell::new(None);
    let taken = Cell::new(0);
    let io = Memory {
        bytes,
        taken: &taken,
    };
    let service = service_fn(|request: Request<Incoming>| {
        let seen = &seen;
        async move {
            let (parts, mut body) = request.into_parts();
            let mut one = Seen {
                method: parts.method.to_string(),
                target: parts.uri.to_string(),
                announced: body.size_hint().exact(),
                ..Seen::default()
            };
            for (name, value) in &parts.headers {
                let name = name.as_str().to_owned();
                one.headers.push((name, value.as_bytes().to_vec()));
            }
            one.headers.sort_by(|a, b| a.0.cmp(&b.0));
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                let data = frame.map_err(io::Error::other)?.into_data();
                one.body += data.map_or(0, |data| data.len());
            }
            seen.borrow_mut().get_or_insert(one);
            Ok::<_, io::Error>(Response::new(String::new()))
        }
    });
    {
        let mut connection = pin!(
            http1::Builder::new()
                .title_case_headers(true)
                .header_read_timeout(None)
                .serve_connection(io, service)
        );
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..ROUNDS {
            if connection.as_mut().poll(&mut cx).is_ready() || seen.borrow().is_some() {
                break;
            }
        }
    }
    (seen.into_inner(), taken.get())
}

/// Bytes to read, after which nothing comes; what is written goes nowhere.
struct Memory<'a> {
    bytes: &'a [u8],
    taken: &'a Cell<usize>,
}

impl Read for Memory<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let count = self.bytes.len().min(buffer.remaining());
        let (now, later) = self.bytes.split_at(count);
        buffer.put_slice(now);
        self.bytes = later;
        self.taken.set(self.taken.get() + count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

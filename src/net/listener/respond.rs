//! Answers of the listener: their bodies, and their headers as Node would write them.

use std::cell::RefCell;
use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::Extensions;
use hyper::rt::ReadBufCursor;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

use crate::net::listener::request_io::Answering;

/// A body that is there in full.
#[derive(Debug)]
pub struct Whole {
    bytes: Option<Bytes>,
    /// Its length is announced; otherwise it is sent in chunks.
    sized: bool,
    _answering: Answering,
}

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.sized && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.bytes {
            Some(bytes) if self.sized => SizeHint::with_exact(bytes.len() as u64),
            _ => SizeHint::default(),
        }
    }
}

/// How one request is answered.
pub struct Answers<'a> {
    /// How names of headers are spelled.
    pub spelling: Spelling,
    /// The connection is closed after the answer.
    pub closes: bool,
    /// For `Keep-Alive`, in seconds, if there is a limit.
    pub keep_alive: Option<u64>,
    /// Lines of CORS, put before all others.
    pub cors: &'a [(HeaderName, HeaderValue)],
}

impl Answers<'_> {
    /// An answer with a body whose length is announced, unless it is sent in chunks.
    pub fn full(
        self,
        status: StatusCode,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        bytes: Bytes,
        sized: bool,
        answering: Answering,
    ) -> Response<Whole> {
        let mut response = Response::new(Whole {
            bytes: Some(bytes),
            sized,
            _answering: answering,
        });
        *response.status_mut() = status;
        *response.extensions_mut() = self.spelling.0;
        let fields = response.headers_mut();
        for (name, value) in self.cors.iter().cloned().chain(headers) {
            fields.append(name, value);
        }
        if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())) {
            fields.insert(header::DATE, date);
        }
        if self.closes {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else {
            fields.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            let value = self
                .keep_alive
                .map(|s| HeaderValue::try_from(format!("timeout={s}")));
            if let Some(Ok(value)) = value {
                fields.insert(KEEP_ALIVE, value);
            }
        }
        response
    }

    /// An answer without type or content.
    pub fn empty(self, status: StatusCode, answering: Answering) -> Response<Whole> {
        self.full(status, [], Bytes::new(), false, answering)
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// How the names of headers are spelled, where it is not Like-This. hyper keeps the spelling of
/// what it reads for proxies, which pass it on with their answers; so it is made to read one.
#[derive(Clone, Debug, Default)]
pub struct Spelling(Extensions);

impl Spelling {
    /// With the given names.
    pub fn of(names: &[&str]) -> Self {
        let mut text = String::from("GET / HTTP/1.1\r\n");
        for name in names {
            text.push_str(name);
            text.push_str(": x\r\n");
        }
        text.push_str("\r\n");
        let read = RefCell::new(Extensions::new());
        let service = service_fn(|request: Request<Incoming>| {
            *read.borrow_mut() = request.into_parts().0.extensions;
            std::future::ready(Err::<Response<String>, _>(io::Error::other("read")))
        });
        {
            let connection = http1::Builder::new()
                .preserve_header_case(true)
                .serve_connection(Text(text.into_bytes()), service);
            // All of it is there: it is read at once.
            let _ = pin!(connection).poll(&mut Context::from_waker(Waker::noop()));
        }
        Self(read.into_inner())
    }
}

/// A connection that says a text and hears nothing.
struct Text(Vec<u8>);

impl hyper::rt::Read for Text {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.0.len().min(buffer.remaining());
        buffer.put_slice(&self.0.drain(..count).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Text {
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

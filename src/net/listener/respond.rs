//! Answers of the listener: their bodies, and their headers as Node would write them.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

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

//! Answers of the listener: their bodies, and the headers that Node would send.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::net::listener::request_io::Answering;

/// A body that is there in full.
#[derive(Debug)]
pub struct FullBody {
    bytes: Option<Bytes>,
    /// Its length is announced; otherwise it is sent in chunks.
    sized: bool,
    _answering: Answering,
}

impl Body for FullBody {
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

/// The common part of the answers to one request.
pub struct Answers<'a> {
    /// The connection is closed after the answer.
    pub closes: bool,
    /// The header `Keep-Alive` of a connection that is kept; `None`: no header.
    pub keep_alive: Option<&'a HeaderValue>,
    /// Lines of CORS, put before all others.
    pub cors: &'a [(HeaderName, HeaderValue)],
}

impl Answers<'_> {
    /// Makes an answer with a body. `sized`: its length is announced; otherwise it is sent in
    /// chunks.
    pub fn full(
        self,
        status: StatusCode,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        bytes: Bytes,
        sized: bool,
        answering: Answering,
    ) -> Response<FullBody> {
        let mut response = Response::new(FullBody {
            bytes: Some(bytes),
            sized,
            _answering: answering,
        });
        *response.status_mut() = status;
        let fields = response.headers_mut();
        for (name, value) in self.cors.iter().cloned().chain(headers) {
            fields.append(name, value);
        }
        if let Some(date) = date() {
            fields.insert(header::DATE, date);
        }
        if self.closes {
            fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else {
            fields.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
            if let Some(value) = self.keep_alive {
                fields.insert(KEEP_ALIVE, value.clone());
            }
        }
        response
    }

    /// Makes an answer without a type and a body.
    pub fn empty(self, status: StatusCode, answering: Answering) -> Response<FullBody> {
        self.full(status, [], Bytes::new(), false, answering)
    }
}

thread_local! {
    /// The header `Date`, and the second since 1970 for which it was made.
    static DATE: RefCell<(u64, Option<HeaderValue>)> = const { RefCell::new((0, None)) };
}

/// The header `Date` of an answer that is made now.
fn date() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    DATE.with_borrow_mut(|(made, date)| {
        if date.is_none() || *made != second {
            *made = second;
            *date = HeaderValue::try_from(httpdate::fmt_http_date(now)).ok();
        }
        date.clone()
    })
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    fn answer(closes: bool, keep_alive: bool) -> Response<FullBody> {
        let value = HeaderValue::from_static("timeout=5");
        let cors = [(header::VARY, HeaderValue::from_static("Origin"))];
        let answers = Answers {
            closes,
            keep_alive: keep_alive.then_some(&value),
            cors: &cors,
        };
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
        let answering = Answering::new(Rc::new(Cell::new(true)));
        answers.full(
            StatusCode::OK,
            headers,
            Bytes::from_static(b"ok"),
            true,
            answering,
        )
    }

    fn value<'a>(response: &'a Response<FullBody>, name: &str) -> Option<&'a str> {
        response.headers().get(name)?.to_str().ok()
    }

    #[test]
    fn the_lines_of_cors_come_first() {
        let response = answer(false, false);
        let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["vary", "content-type", "date", "connection"]);
    }

    #[test]
    fn an_answer_tells_how_long_the_connection_is_kept() {
        let response = answer(false, true);
        assert_eq!(value(&response, "connection"), Some("keep-alive"));
        assert_eq!(value(&response, "keep-alive"), Some("timeout=5"));
        let response = answer(false, false);
        assert_eq!(value(&response, "connection"), Some("keep-alive"));
        assert_eq!(value(&response, "keep-alive"), None);
        let response = answer(true, true);
        assert_eq!(value(&response, "connection"), Some("close"));
        assert_eq!(value(&response, "keep-alive"), None);
    }

    #[test]
    fn a_body_without_a_length_announces_none() {
        let mut response = answer(false, false);
        assert_eq!(response.body().size_hint().exact(), Some(2));
        response.body_mut().sized = false;
        assert_eq!(response.body().size_hint().exact(), None);
        assert!(!response.body().is_end_stream());
    }
}

//! The engine over HTTP: Engine.IO protocol 4, "HTTP long-polling".

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::counters::{Bound, Transport};
use crate::eio::encoding::PacketEncoding;
use crate::eio::payload::Payload;
use crate::eio::session::Outgoing;
use crate::error::{
    CloseReason, POST_ABORTED, POST_CHUNKS, POST_CROWDED, POST_OVERLAP, POST_TIMEOUT,
};
use crate::net::handle::Handle;
use crate::net::listener::Listener;
use crate::net::listener::compress::Compressor;
use crate::net::listener::encoding::Accepted;
use crate::net::listener::overtime::Overtime;
use crate::net::listener::request_io::{Answering, RequestIo};
use crate::net::listener::respond::{Answers, FullBody};
use crate::net::listener::route::{Admitted, Route};
use crate::net::listener::settings::Settings;
use crate::net::listener::snapshot::RequestSnapshot;
use crate::net::runtime::PostBegin;
use crate::net::runtime::on_listener::Polled;
use crate::net::session::admission::Refusal;
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::thread::pending_writes::AnswerInProgress;
use crate::net::thread::state::IoThread;

/// The time for which the answer to a POST waits until JavaScript has heard the packets.
const LATE: Duration = Duration::from_millis(500);

/// Memory that is taken for a body before its bytes come, at most.
const RESERVED: usize = 64 << 10;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Answers the requests of one connection.
pub struct Http {
    listener: Arc<Listener>,
    local: Rc<IoThread>,
    /// The session whose poll waits.
    waiting: Cell<Option<Handle>>,
    /// The answer to a poll that is being written.
    answered: RefCell<Option<AnswerInProgress>>,
}

/// The error that has the connection closed without an answer.
fn silence() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Http {
    /// Answers the requests of a connection of `listener` on the thread `local`.
    pub fn new(listener: &Arc<Listener>, local: &Rc<IoThread>) -> Rc<Self> {
        Rc::new(Self {
            listener: listener.clone(),
            local: local.clone(),
            waiting: Cell::default(),
            answered: RefCell::default(),
        })
    }

    /// Notes that the client has taken more of the answer to a poll.
    pub fn note_progress(&self) {
        if let Some(answered) = &*self.answered.borrow() {
            answered.moved();
        }
    }

    /// Notes that an answer is written, or never will be.
    pub fn end_answer(&self) {
        self.answered.take();
    }

    /// The answer to the current request of `io`.
    ///
    /// # Errors
    /// The connection is to be closed without one.
    pub async fn answer(
        &self,
        io: &RequestIo,
        admitted: Box<Admitted>,
        settings: &Settings,
        answering: Answering,
    ) -> io::Result<Response<FullBody>> {
        let answers = Answers {
            closes: admitted.closes,
            keep_alive: settings.keep_alive.as_ref(),
            cors: settings.cors.lines(admitted.origin.as_deref()),
        };
        let reply = Reply {
            answers,
            settings,
            compressor: &self.listener.compressor,
            accepts: admitted.accepts,
            answering,
        };
        let Admitted { route, body, .. } = *admitted;
        match route {
            Route::Handshake(packed) => self.handshake(packed, reply).await,
            Route::Poll(handle) => self.poll(handle, reply).await,
            Route::Push(handle) => self.push(handle, io, body, reply).await,
            Route::Refused(refusal) => Ok(self.refuse(refusal, reply)),
            Route::WebSocket(..) | Route::RefusedUpgrade(_) => Err(silence()),
        }
    }

    async fn handshake(
        &self,
        packed: RequestSnapshot,
        reply: Reply<'_>,
    ) -> io::Result<Response<FullBody>> {
        let settings = reply.settings;
        let mut packets = Vec::new();
        let opened = self
            .listener
            .open_session(settings, packed, false, |peer, first| {
                packets = first;
                self.listener.runtime.start_session(&peer);
            });
        let sid = match opened {
            Ok(sid) => sid,
            Err(Some(refusal)) => return Ok(self.refuse(refusal, reply)),
            Err(None) => return Err(silence()),
        };
        self.tell();
        let packets: Vec<_> = packets.iter().map(Outgoing::as_packet).collect();
        let cookie = settings.cookie.as_ref().and_then(|cookie| {
            let value = format!("{}{sid}{}", cookie.before, cookie.after);
            HeaderValue::try_from(value).ok()
        });
        let more = cookie.map(|value| (header::SET_COOKIE, value));
        let payload = PacketEncoding::V4.payload(&packets);
        let lane = self.listener.engine.counters.lane();
        lane.sent_bytes(Transport::Polling, payload.len());
        reply.payload(payload, true, more).await
    }

    fn refuse(&self, refusal: &Refusal, reply: Reply<'_>) -> Response<FullBody> {
        self.listener.engine.counters.reached(refusal.bound);
        reply.refused(refusal)
    }

    async fn poll(&self, handle: Handle, reply: Reply<'_>) -> io::Result<Response<FullBody>> {
        let polled = self.listener.runtime.poll_here(handle);
        // A poll may end a session.
        self.tell();
        match polled {
            Polled::Payload(payload) => {
                self.begin_answer(handle, None);
                reply.payload(payload, true, None).await
            }
            Polled::Pending(answer) => {
                self.waiting.set(Some(handle));
                let waiting = WaitingPoll(self);
                let (payload, compress, due) = answer.await.map_err(|_| silence())?;
                self.waiting.take();
                drop(waiting);
                self.begin_answer(handle, Some(due));
                reply.payload(payload, compress, None).await
            }
            Polled::Refused => Ok(reply.empty(StatusCode::BAD_REQUEST)),
        }
    }

    fn begin_answer(&self, handle: Handle, due: Option<PendingAnswer>) {
        *self.answered.borrow_mut() = Some(AnswerInProgress::new(&self.local, handle, due));
    }

    async fn push(
        &self,
        handle: Handle,
        io: &RequestIo,
        length: usize,
        mut reply: Reply<'_>,
    ) -> io::Result<Response<FullBody>> {
        // Not read before the packets of the one before have been taken.
        while let Some(taken) = self.listener.runtime.taking_post(handle) {
            let _ = taken.await;
        }
        let given_up = match self.listener.runtime.begin_post_here(handle) {
            Ok(given_up) => given_up,
            Err(refused) => {
                if refused == PostBegin::Overlap {
                    self.listener.runtime.fail_here(handle, POST_OVERLAP);
                    self.tell();
                }
                return Ok(reply.empty(StatusCode::BAD_REQUEST));
            }
        };
        let mut post = Post {
            handle,
            http: self,
            state: Receiving::Broken,
        };
        let Settings {
            request_ms,
            body_ms,
            max_chunks,
            ..
        } = *reply.settings;
        let received = Cell::new(0);
        let mut given_up = pin!(given_up);
        let patience = Duration::from_millis(request_ms.min(body_ms));
        let engine = &self.listener.engine;
        // Most bodies are there at once, and are neither counted nor timed.
        let mut receipt = None;
        let mut late = None;
        let mut reading = pin!(read(io, length, max_chunks, &received));
        let body = poll_fn(|cx| {
            if given_up.as_mut().poll(cx).is_ready() {
                post.state = Receiving::GivenUp;
                return Poll::Ready(Err(Unread::Silent(silence())));
            }
            if let Poll::Ready(read) = reading.as_mut().poll(cx) {
                return Poll::Ready(read);
            }
            let (receipt, crowded) = receipt.get_or_insert_with(|| engine.bodies.begin());
            let bytes = usize::try_from(received.get()).unwrap_or(usize::MAX);
            if receipt.grow(bytes, engine.config.max_bodies_of_all()) {
                engine.counters.reached(Bound::BodyBytes);
            }
            if Pin::new(crowded).poll(cx).is_ready() {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Poll::Ready(Err(Unread::Refused(status, POST_CROWDED)));
            }
            let begin = || (Box::pin(tokio::time::sleep(patience)), Overtime::default());
            let (timer, overtime) = late.get_or_insert_with(begin);
            if overtime.is_over(timer.as_mut(), received.get(), cx) {
                return Poll::Ready(Err(match body_ms <= request_ms {
                    true => Unread::Refused(StatusCode::REQUEST_TIMEOUT, POST_TIMEOUT),
                    false => Unread::Silent(io::ErrorKind::TimedOut.into()),
                }));
            }
            Poll::Pending
        })
        .await;
        let body = match body {
            Ok(body) => body,
            Err(Unread::Silent(error)) => return Err(error),
            Err(Unread::Refused(status, reason)) => {
                post.state = Receiving::Complete;
                drop(post);
                self.listener.runtime.fail_here(handle, reason);
                self.tell();
                reply.answers.closes = true;
                return Ok(reply.empty(status));
            }
        };
        post.state = Receiving::Complete;
        drop(post);
        self.listener.runtime.push_here(handle, &body);
        drop(body);
        self.tell();
        if let Some(taken) = self.listener.runtime.taking_post(handle) {
            // An end of the session ends it, too.
            let _ = taken.await;
        }
        if let Some(heard) = self
            .listener
            .runtime
            .heard_here(handle, &*self.listener.inbox)
        {
            // The client is not to wait for a thread that is late: a pong may follow.
            let _ = tokio::time::timeout(LATE, heard).await;
        }
        Ok(reply.ok())
    }

    /// True if a poll waits.
    pub fn is_waiting(&self) -> bool {
        self.waiting.get().is_some()
    }

    /// Wakes JavaScript for the events that were appended.
    fn tell(&self) {
        self.local.wake_later(&self.listener.inbox);
    }
}

/// Why a body was not received.
enum Unread {
    /// The connection ends without an answer.
    Silent(io::Error),
    /// The client gets this status, and its session ends.
    Refused(StatusCode, CloseReason),
}

/// Reads a body of that length, in so many chunks at most; `received` counts its bytes.
async fn read(
    io: &RequestIo,
    length: usize,
    max_chunks: u64,
    received: &Cell<u64>,
) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::with_capacity(length.min(RESERVED));
    let mut chunks = 0;
    loop {
        let more = poll_fn(|cx| io.poll_body(cx, &mut bytes)).await;
        if more.map_err(Unread::Silent)? == 0 {
            return Ok(bytes);
        }
        chunks += 1;
        if chunks > max_chunks {
            return Err(Unread::Refused(StatusCode::PAYLOAD_TOO_LARGE, POST_CHUNKS));
        }
        received.set(bytes.len() as u64);
    }
}

/// Tells the session if the client goes away while its poll waits.
struct WaitingPoll<'a>(&'a Http);

impl Drop for WaitingPoll<'_> {
    fn drop(&mut self) {
        if let Some(handle) = self.0.waiting.take() {
            self.0.listener.runtime.poll_lost_here(handle);
            self.0.tell();
        }
    }
}

/// Tells the session if a post ends before its body.
struct Post<'a> {
    handle: Handle,
    http: &'a Http,
    state: Receiving,
}

/// The progress of a post.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiving {
    /// Its body is not complete, and does not come if this stays so.
    Broken,
    /// The session does not wait for its body any more.
    GivenUp,
    /// Its body is complete.
    Complete,
}

impl Drop for Post<'_> {
    fn drop(&mut self) {
        if self.state != Receiving::GivenUp {
            self.http.listener.runtime.end_post(self.handle);
        }
        if self.state != Receiving::Complete {
            self.http
                .listener
                .runtime
                .fail_here(self.handle, POST_ABORTED);
            self.http.tell();
        }
    }
}

/// The answer to the current request, before it is written.
struct Reply<'a> {
    answers: Answers<'a>,
    settings: &'a Settings,
    compressor: &'a Compressor,
    accepts: Accepted,
    answering: Answering,
}

impl Reply<'_> {
    fn empty(self, status: StatusCode) -> Response<FullBody> {
        self.answers.empty(status, self.answering)
    }

    fn ok(self) -> Response<FullBody> {
        let headers = [
            (header::CONTENT_TYPE, HTML),
            (header::CONTENT_LENGTH, HeaderValue::from_static("2")),
            (header::CACHE_CONTROL, NO_STORE),
        ];
        let bytes = Bytes::from_static(b"ok");
        self.answers
            .full(StatusCode::OK, headers, bytes, true, self.answering)
    }

    fn refused(self, refusal: &Refusal) -> Response<FullBody> {
        let headers = [
            (header::CONTENT_TYPE, JSON),
            (header::RETRY_AFTER, HeaderValue::from_static("1")),
        ];
        let status =
            StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let body = Bytes::from(refusal.body());
        self.answers
            .full(status, headers, body, false, self.answering)
    }

    /// Answers with a payload. `compress`: the application lets it be compressed.
    async fn payload(
        self,
        payload: Payload,
        compress: bool,
        more: Option<(HeaderName, HeaderValue)>,
    ) -> io::Result<Response<FullBody>> {
        // Only sessions of protocol 4 are answered here, whose payloads are texts.
        let payload = match payload {
            Payload::Text(text) => Bytes::from(text),
            Payload::Binary(bytes) => Bytes::from(bytes),
        };
        let long = self
            .settings
            .compress_from
            .is_some_and(|n| payload.len() >= n);
        let encoding = (compress && long).then(|| self.accepts.best()).flatten();
        let (size, bytes) = match encoding {
            Some(encoding) => {
                let name = HeaderValue::from_static(encoding.name());
                let bytes = self.compressor.compressed(payload, encoding).await?;
                ((header::CONTENT_ENCODING, name), bytes)
            }
            None => {
                let length = HeaderValue::from(payload.len());
                ((header::CONTENT_LENGTH, length), payload)
            }
        };
        let headers = [
            (header::CONTENT_TYPE, TEXT),
            size,
            (header::CACHE_CONTROL, NO_STORE),
        ];
        let headers = headers.into_iter().chain(more);
        let sized = encoding.is_none();
        Ok(self
            .answers
            .full(StatusCode::OK, headers, bytes, sized, self.answering))
    }
}

//! The engine over HTTP: Engine.IO protocol 4, "HTTP long-polling".

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::io::{self, Write as _};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};

use crate::eio::encoding::PacketEncoding;
use crate::eio::handshake::Handshake;
use crate::eio::id;
use crate::eio::packet::Type;
use crate::eio::payload::Payload;
use crate::eio::session::Outgoing;
use crate::error::{POST_ABORTED, POST_OVERLAP};
use crate::net::events::Opened;
use crate::net::handle::Handle;
use crate::net::listener::Listener;
use crate::net::listener::encoding::{Accepted, Encoding};
use crate::net::listener::overtime::Overtime;
use crate::net::listener::request_io::Answering;
use crate::net::listener::respond::{Answers, Whole};
use crate::net::listener::route::{Admitted, Route};
use crate::net::listener::settings::Settings;
use crate::net::listener::snapshot::RequestSnapshot;
use crate::net::lock;
use crate::net::runtime::on_listener::Polled;
use crate::net::runtime::{Opening, PostBegin};
use crate::net::session::pending_answer::PendingAnswer;
use crate::net::session::shared::SharedSession;
use crate::net::thread::pending_writes::AnswerInProgress;
use crate::net::thread::state::IoThread;

/// Bodies from this length on are compressed on a thread of their own, in bytes.
const LONG: usize = 64 << 10;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What answers a connection's requests.
pub struct Http {
    pub listener: Arc<Listener>,
    pub local: Rc<IoThread>,
    /// The request being answered.
    pub current: RefCell<Option<Current>>,
    /// The session whose poll waits.
    pub waiting: Cell<Option<Handle>>,
    /// The answer to a poll that is being written.
    pub answered: RefCell<Option<AnswerInProgress>>,
}

/// See [`Http::current`].
pub struct Current {
    pub admitted: Admitted,
    pub settings: Arc<Settings>,
    pub answering: Answering,
}

/// The connection is to be closed without an answer.
fn silence() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Http {
    /// Answers the current request.
    pub async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Whole>> {
        let current = self.current.take().ok_or_else(silence)?;
        let Current {
            admitted,
            settings,
            answering,
        } = current;
        let answers = Answers {
            closes: admitted.closes,
            keep_alive: settings.keep_alive_ms.map(|ms| ms / 1000),
            cors: settings.cors.lines(admitted.origin.as_deref()),
        };
        let reply = Reply {
            answers,
            settings: &settings,
            accepts: admitted.accepts,
            answering,
        };
        match admitted.ask {
            Route::Handshake(packed) => self.handshake(packed, reply).await,
            Route::Poll(handle) => self.poll(handle, reply).await,
            Route::Push(handle) => {
                let body = request.into_body();
                self.push(handle, body, admitted.body, reply).await
            }
            Route::WebSocket(..) => Err(silence()),
        }
    }

    async fn handshake(
        &self,
        packed: RequestSnapshot,
        reply: Reply<'_>,
    ) -> io::Result<Response<Whole>> {
        let settings = reply.settings;
        let mut packets = Vec::new();
        let sid = self
            .listener
            .open_session(settings, packed, false, |peer, first| {
                packets = first;
                self.listener.runtime.start_session(&peer);
            })
            .ok_or_else(silence)?;
        self.tell();
        let packets: Vec<_> = packets.iter().map(Outgoing::as_packet).collect();
        let cookie = settings.cookie.as_ref().and_then(|cookie| {
            let value = format!("{}{sid}{}", cookie.before, cookie.after);
            HeaderValue::try_from(value).ok()
        });
        let more = cookie.map(|value| (header::SET_COOKIE, value));
        reply
            .payload(PacketEncoding::V4.payload(&packets), true, more)
            .await
    }

    async fn poll(&self, handle: Handle, reply: Reply<'_>) -> io::Result<Response<Whole>> {
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
        body: Incoming,
        length: usize,
        reply: Reply<'_>,
    ) -> io::Result<Response<Whole>> {
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
        let patience = Duration::from_millis(reply.settings.request_ms);
        let received = Cell::new(0);
        let mut given_up = pin!(given_up);
        let mut timer = pin!(tokio::time::sleep(patience));
        let mut overtime = Overtime::default();
        let mut reading = pin!(read(body, length, &received));
        let body = poll_fn(|cx| {
            if given_up.as_mut().poll(cx).is_ready() {
                post.state = Receiving::GivenUp;
                return Poll::Ready(Err(silence()));
            }
            if let Poll::Ready(read) = reading.as_mut().poll(cx) {
                return Poll::Ready(read);
            }
            if overtime.is_over(timer.as_mut(), received.get(), cx) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending
        })
        .await?;
        post.state = Receiving::Complete;
        drop(post);
        self.listener.runtime.push_here(handle, &body);
        self.tell();
        Ok(reply.ok())
    }

    /// Whether a poll waits.
    pub fn is_waiting(&self) -> bool {
        self.waiting.get().is_some()
    }

    /// Has JavaScript woken for what was appended.
    fn tell(&self) {
        self.local.wake_later(&self.listener.inbox);
    }
}

/// Reads a body of that length; `received` counts its bytes.
async fn read(mut body: Incoming, length: usize, received: &Cell<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(LONG));
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
            received.set(bytes.len() as u64);
        }
    }
    Ok(bytes)
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

/// How far a post has come.
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

/// How the current request is answered.
struct Reply<'a> {
    answers: Answers<'a>,
    settings: &'a Settings,
    accepts: Accepted,
    answering: Answering,
}

impl Reply<'_> {
    fn empty(self, status: StatusCode) -> Response<Whole> {
        self.answers.empty(status, self.answering)
    }

    fn ok(self) -> Response<Whole> {
        let headers = [
            (header::CONTENT_TYPE, HTML),
            (header::CONTENT_LENGTH, HeaderValue::from_static("2")),
            (header::CACHE_CONTROL, NO_STORE),
        ];
        let bytes = Bytes::from_static(b"ok");
        self.answers
            .full(StatusCode::OK, headers, bytes, true, self.answering)
    }

    /// Answers with a payload, compressed if that is wanted.
    async fn payload(
        self,
        payload: Payload,
        compress: bool,
        more: Option<(HeaderName, HeaderValue)>,
    ) -> io::Result<Response<Whole>> {
        // Protocol 4, which alone is answered here, has no other.
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
                let bytes = compressed(payload, encoding).await?;
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

async fn compressed(bytes: Bytes, encoding: Encoding) -> io::Result<Bytes> {
    if bytes.len() < LONG {
        return compress(&bytes, encoding).map(Bytes::from);
    }
    let compressing = tokio::task::spawn_blocking(move || compress(&bytes, encoding));
    compressing
        .await
        .map_err(io::Error::other)?
        .map(Bytes::from)
}

fn compress(bytes: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
    let level = Compression::default();
    match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

impl Listener {
    /// Opens a session, and tells JavaScript. `start` gets the session and its first packets, and
    /// has its thread serve it. Returns its id; `None` if there are too many sessions, or
    /// JavaScript has changed its mind since the request was looked at: once it has, no session
    /// begins by what was permitted before.
    pub(in crate::net) fn open_session(
        &self,
        settings: &Settings,
        packed: RequestSnapshot,
        websocket: bool,
        start: impl FnOnce(Arc<SharedSession>, Vec<Outgoing>),
    ) -> Option<String> {
        let sid = id::generate().ok()?;
        let open = Handshake {
            sid: &sid,
            upgrades: if websocket {
                "[]"
            } else {
                &settings.upgrade_list
            },
            ping_interval: settings.ping_interval,
            ping_timeout: settings.ping_timeout,
            max_payload: settings.max_payload,
        };
        let mut packets = vec![Outgoing::Text(Type::Open, open.to_json().into())];
        packets.extend(settings.initial.clone());
        let (inbox, engine) = (self.inbox.clone(), self.engine.clone());
        let current = lock(&self.settings);
        if !std::ptr::eq(&**current, settings) {
            return None;
        }
        let opening = Opening {
            form: PacketEncoding::V4,
            websocket,
            external: false,
            decode_in_js: settings.raw,
            sid: &sid,
        };
        let peer = self.runtime.create(inbox.clone(), engine, opening)?;
        let opened = Opened {
            sid: &sid,
            websocket,
            remote: packed.remote,
            request: (&packed.shared, &packed.own),
        };
        let mut start = Some(start);
        let mut is_started = false;
        let mut start = || {
            if let Some(start) = start.take() {
                start(peer.clone(), std::mem::take(&mut packets));
                is_started = true;
            }
        };
        inbox.opened(self.id, peer.handle, &opened, &mut start);
        drop(current);
        if is_started {
            return Some(sid);
        }
        // The environment is gone.
        self.runtime.close(peer.handle, true);
        None
    }
}

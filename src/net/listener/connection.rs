//! One accepted connection, from boundary to boundary, until it becomes a WebSocket, leaves for
//! Node or ends.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep, sleep};

use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::events::Note;
use crate::net::listener::head::{Inspected, inspect, session_named};
use crate::net::listener::http::{Current, Http};
use crate::net::listener::overtime::Overtime;
use crate::net::listener::request_io::{HyperIo, RequestIo};
use crate::net::listener::route::{Admitted, Ends, Route, UpgradeAccept, admit};
use crate::net::listener::settings::Settings;
use crate::net::listener::snapshot::RequestSnapshot;
use crate::net::listener::{ConnectionGuard, Listener};
use crate::net::session::shared::SharedSession;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Attach, NO_STREAM, Source};
use crate::ws::deflate::{Compression, Parameters};
use crate::ws::handshake::response_head;

/// What a connection does next.
enum Next {
    /// It has ended.
    Gone,
    /// A head was not sent in time.
    Late,
    /// Node goes on with it.
    Foreign,
    /// A request to be answered here.
    Ours(Box<Admitted>, Arc<Settings>),
}

/// What follows a request.
enum Step {
    End,
    Next,
}

/// What stands for no limit, in ms: longer than anybody waits.
const NEVER_MS: u64 = 365 * 86_400_000;

/// Node's last words to a client whose request does not come.
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

/// Serves a connection.
pub async fn serve(stream: TcpStream, open: ConnectionGuard, local: Rc<IoThread>) {
    let Ok(remote) = stream.peer_addr() else {
        return;
    };
    let ends = Ends {
        remote,
        local: stream.local_addr().ok(),
    };
    let _fault = CountFault(local.clone());
    let listener = open.listener.clone();
    let wire = RequestIo::new(stream, local.clone());
    let http = Rc::new(Http {
        listener: listener.clone(),
        local: local.clone(),
        current: Default::default(),
        waiting: Default::default(),
        answered: Default::default(),
    });
    let mut first = true;
    let mut serving = None;
    let mut ending = Ending::of(&listener);
    loop {
        let boundary = BetweenRequests {
            wire: &wire,
            open: &open,
            ends,
            local: &local,
            first,
        };
        let (admitted, settings) = match boundary.next(&mut ending).await {
            Next::Gone => return,
            Next::Late => return wire.say(TIMEOUT),
            Next::Foreign => {
                drop((serving, http));
                return leave(wire, &listener, &local);
            }
            Next::Ours(admitted, settings) => (*admitted, settings),
        };
        first = false;
        if let Route::WebSocket(greeting, session) = admitted.ask {
            drop((serving, http));
            let request = admitted.head as u64;
            wire.consume(admitted.head);
            let lines = settings.cors.lines(admitted.origin.as_deref());
            let lines = lines
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}: {}", value.to_str().ok()?)));
            let UpgradeAccept {
                accept,
                protocol,
                extensions,
                deflate,
            } = greeting;
            let extensions = extensions.map(|value| format!("Sec-WebSocket-Extensions: {value}"));
            let lines = extensions.into_iter().chain(lines);
            if let Ok(response) = response_head(&accept, protocol.as_deref(), lines) {
                become_websocket(
                    wire,
                    open,
                    &local,
                    &settings,
                    session,
                    request,
                    response.into_bytes(),
                    deflate,
                );
            }
            return;
        }
        let answering = wire.release(admitted.head + admitted.body);
        let mut stall = Stall::new(settings.request_ms);
        let current = Current {
            admitted,
            settings,
            answering,
        };
        *http.current.borrow_mut() = Some(current);
        let connection = serving.get_or_insert_with(|| {
            let http = http.clone();
            let service = service_fn(move |request| {
                let http = http.clone();
                async move { http.answer(request).await }
            });
            let connection = http1::Builder::new()
                .title_case_headers(true)
                .header_read_timeout(None)
                .serve_connection(HyperIo(wire.clone()), service);
            Box::pin(connection)
        });
        let (mut written, mut is_slow) = (wire.written(), false);
        let then = poll_fn(|cx| {
            ending.poll(cx);
            let polled = connection.as_mut().poll(cx);
            if is_slow
                && written != wire.written()
                && let Some(answered) = &*http.answered.borrow()
            {
                answered.moved();
            }
            written = wire.written();
            is_slow |= wire.blocked_at().is_some();
            match polled {
                Poll::Ready(_) => Poll::Ready(Step::End),
                Poll::Pending if open.has_to_end(false) => Poll::Ready(Step::End),
                Poll::Pending if stall.is_over(&wire, cx) => Poll::Ready(Step::End),
                Poll::Pending if wire.is_between_requests() => Poll::Ready(Step::Next),
                // Nobody waits any more for what comes later.
                Poll::Pending if wire.has_ended() && http.is_waiting() => Poll::Ready(Step::End),
                Poll::Pending => Poll::Pending,
            }
        });
        let then = then.await;
        http.answered.take();
        match then {
            Step::End => return,
            Step::Next => {}
        }
    }
}

/// Wakes a connection when its listener wants connections to end.
struct Ending<'a> {
    listener: &'a Listener,
    notified: Pin<Box<Notified<'a>>>,
}

impl<'a> Ending<'a> {
    fn of(listener: &'a Listener) -> Self {
        let mut notified = Box::pin(listener.ending.notified());
        notified.as_mut().enable();
        Self { listener, notified }
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        while self.notified.as_mut().poll(cx).is_ready() {
            self.notified.set(self.listener.ending.notified());
        }
    }
}

/// Watches whether the client takes its answer: what it does not read is kept for so long only.
struct Stall {
    patience: Duration,
    /// Where the answer stands, and until when it may.
    at: Option<(u64, Pin<Box<Sleep>>, Overtime)>,
}

impl Stall {
    fn new(ms: u64) -> Self {
        Self {
            patience: Duration::from_millis(ms),
            at: None,
        }
    }

    fn is_over(&mut self, wire: &RequestIo, cx: &mut Context<'_>) -> bool {
        let Some(written) = wire.blocked_at() else {
            self.at = None;
            return false;
        };
        let at = self.at.take().filter(|(before, ..)| *before == written);
        let begin = || (written, Box::pin(sleep(self.patience)), Overtime::default());
        let (_, timer, overtime) = self.at.insert(at.unwrap_or_else(begin));
        overtime.is_over(timer.as_mut(), written, cx)
    }
}

/// A connection between two requests.
struct BetweenRequests<'a> {
    wire: &'a Rc<RequestIo>,
    open: &'a ConnectionGuard,
    ends: Ends,
    local: &'a Rc<IoThread>,
    /// No request has come yet.
    first: bool,
}

impl BetweenRequests<'_> {
    /// Waits for a request.
    async fn next(&self, ending: &mut Ending<'_>) -> Next {
        let settings = self.open.listener.settings();
        let patience = if self.first {
            settings.head_ms
        } else {
            settings.idle_ms.unwrap_or(NEVER_MS)
        };
        let mut timer = pin!(sleep(Duration::from_millis(patience)));
        let mut overtime = Overtime::default();
        // Of a request that has begun, the head may take as long as that of a first one.
        let mut begun = self.first;
        let parked = Cell::new(0);
        poll_fn(|cx| {
            ending.poll(cx);
            loop {
                if self.open.has_to_end(self.wire.peek(<[u8]>::is_empty)) {
                    return Poll::Ready(Next::Gone);
                }
                if self.open.listener.inbox.is_full() {
                    self.local.park(cx.waker(), &parked);
                    return Poll::Pending;
                }
                if self.first && self.open.listener.settings().hands_over {
                    return Poll::Ready(Next::Foreign);
                }
                if let Some(next) = self.look() {
                    return Poll::Ready(next);
                }
                let idle = self.wire.peek(<[u8]>::is_empty);
                if !idle && !begun {
                    begun = true;
                    let patience = Duration::from_millis(settings.head_ms);
                    timer.as_mut().reset(Instant::now() + patience);
                    overtime = Overtime::default();
                }
                match self.wire.poll_more(cx) {
                    // Node tells what it thinks of half a request.
                    Poll::Ready(Ok(0)) if !idle => return Poll::Ready(Next::Foreign),
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Gone),
                    Poll::Ready(Ok(_)) => continue,
                    Poll::Pending => {}
                }
                let received = self.wire.peek(<[u8]>::len) as u64;
                if overtime.is_over(timer.as_mut(), received, cx) {
                    return Poll::Ready(if begun { Next::Late } else { Next::Gone });
                }
                return Poll::Pending;
            }
        })
        .await
    }

    /// What the bytes that have been read mean; `None`: more are needed.
    fn look(&self) -> Option<Next> {
        let listener = &self.open.listener;
        self.wire.peek(|bytes| {
            if bytes.is_empty() {
                return None;
            }
            // Asked again for each request: JavaScript may have changed its mind.
            let settings = listener.settings();
            match inspect(bytes, &settings.path) {
                Inspected::Partial => None,
                Inspected::Foreign => Some(Next::Foreign),
                // More than a last request.
                Inspected::Ours(request)
                    if request.closes && bytes.len() > request.head + request.body =>
                {
                    Some(Next::Foreign)
                }
                Inspected::Ours(request) => {
                    let admitted = admit(&request, &settings, listener, self.ends);
                    Some(match admitted {
                        Some(admitted) => Next::Ours(Box::new(admitted), settings),
                        None => Next::Foreign,
                    })
                }
            }
        })
    }
}

/// Hands the connection to Node, with what was read of it.
fn leave(wire: Rc<RequestIo>, listener: &Listener, local: &IoThread) {
    if let Some((stream, bytes)) = wire.into_parts()
        && let Ok(stream) = stream.into_std()
    {
        let of = session_named(&bytes, &listener.settings().path)
            .and_then(|sid| listener.engine.sids().get(sid))
            .and_then(|handle| listener.runtime.hand_over(handle));
        listener
            .inbox
            .handover(listener.id, stream.into(), bytes, of);
        local.wake_later(&listener.inbox);
    }
}

/// Hands the connection to the thread of its session, or opens one. `request`: the length of the
/// request's head in bytes.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of an upgrade, given once"
)]
fn become_websocket(
    wire: Rc<RequestIo>,
    open: ConnectionGuard,
    local: &Rc<IoThread>,
    settings: &Settings,
    session: Result<Arc<SharedSession>, RequestSnapshot>,
    request: u64,
    response: Vec<u8>,
    deflate: Option<(Parameters, Compression)>,
) {
    let Some((stream, head)) = wire.into_parts() else {
        return;
    };
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let listener = open.listener.clone();
    let inbox = listener.inbox.clone();
    let runtime = listener.runtime;
    let attach = |peer, role, first| {
        runtime.attach(Attach {
            shared: peer,
            role,
            form: PacketEncoding::V4,
            source: Source::Socket(stream.into()),
            stream: NO_STREAM,
            inbox,
            before: (request + head.len() as u64, 0),
            head,
            response,
            deflate,
            first,
            open: Some(open.open),
        });
    };
    match session {
        Ok(peer) => {
            let granted = runtime.upgrade(&peer, false);
            if granted {
                peer.inbox.note(peer.handle, Note::Offered);
            }
            attach(granted.then_some(peer), SocketRole::Probe, Vec::new());
        }
        Err(packed) => {
            listener.open_session(settings, packed, true, |peer, first| {
                attach(Some(peer), SocketRole::Main, first);
            });
        }
    }
    local.wake_later(&listener.inbox);
}

/// Counts a fault of ours, which costs one connection.
struct CountFault(Rc<IoThread>);

impl Drop for CountFault {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.count_panic();
        }
    }
}

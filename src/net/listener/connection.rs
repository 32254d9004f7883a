//! One accepted connection: it answers requests one after another, until it becomes a WebSocket, is
//! handed to Node or ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;

use crate::net::listener::between_requests::{BetweenRequests, Ending, Next};
use crate::net::listener::head::session_named;
use crate::net::listener::http::{Current, Http};
use crate::net::listener::overtime::Stall;
use crate::net::listener::request_io::{HyperIo, RequestIo};
use crate::net::listener::route::{Admitted, Ends, Route};
use crate::net::listener::settings::Settings;
use crate::net::listener::upgrade::{Upgrade, leave_as_websocket};
use crate::net::listener::{ConnectionGuard, Listener};
use crate::net::thread::state::IoThread;

/// Node's answer to a client whose request does not come in time.
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

/// The connection as hyper serves it. It ends with the client, or with a fault of HTTP.
type HyperConnection = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// The step that follows an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The connection ends.
    End,
    /// The next request.
    Next,
}

/// Serves a connection of which `bytes` were read.
pub async fn serve(
    stream: TcpStream,
    ends: Ends,
    bytes: Vec<u8>,
    guard: ConnectionGuard,
    local: Rc<IoThread>,
) {
    let _fault = CountFault(local.clone());
    let listener = guard.listener.clone();
    let io = RequestIo::new(stream, bytes, local.clone());
    let http = Http::new(&listener, &local);
    let mut ending = Ending::of(&listener);
    let mut first = true;
    let mut serving = None;
    loop {
        let between = BetweenRequests {
            io: &io,
            guard: &guard,
            ends,
            local: &local,
            first,
        };
        let (admitted, settings) = match between.next(&mut ending).await {
            Next::End => return,
            Next::Late => return io.say(TIMEOUT),
            Next::Foreign => {
                drop(serving);
                return leave_for_node(io, &listener, &local);
            }
            Next::Ours(admitted, settings) => (*admitted, settings),
        };
        first = false;
        if let Route::RefusedUpgrade(refusal) = admitted.route {
            listener.engine.counters.reached(refusal.bound);
            return io.say(refusal.upgrade_response().as_bytes());
        }
        if let Route::WebSocket(accept, session) = admitted.route {
            drop(serving);
            let upgrade = Upgrade {
                head: admitted.head,
                origin: admitted.origin,
                accept,
                session,
            };
            return leave_as_websocket(io, guard, &local, &settings, upgrade);
        }
        let exchange = Exchange::begin(&io, &http, &guard, admitted, settings);
        let serving = serving.get_or_insert_with(|| hyper_connection(&io, &http));
        if exchange.finish(serving, &mut ending).await == Step::End {
            return;
        }
    }
}

/// Has hyper read requests from `io`, and `http` answer them.
fn hyper_connection(io: &Rc<RequestIo>, http: &Rc<Http>) -> HyperConnection {
    let http = http.clone();
    let service = service_fn(move |request| {
        let http = http.clone();
        async move { http.answer(request).await }
    });
    Box::pin(
        http1::Builder::new()
            .title_case_headers(true)
            .header_read_timeout(None)
            .serve_connection(HyperIo(io.clone()), service),
    )
}

/// A connection whose request is being answered.
struct Exchange<'a> {
    io: &'a RequestIo,
    http: &'a Http,
    guard: &'a ConnectionGuard,
    stall: Stall,
    /// Bytes of all answers that the system had taken when the connection was last looked at.
    written: u64,
    /// The system has not taken all of this answer at once.
    is_slow: bool,
}

impl<'a> Exchange<'a> {
    /// Has hyper read the request, and `http` answer it.
    fn begin(
        io: &'a RequestIo,
        http: &'a Http,
        guard: &'a ConnectionGuard,
        admitted: Admitted,
        settings: Arc<Settings>,
    ) -> Self {
        let stall = Stall::new(settings.request_ms);
        http.begin(Current {
            answering: io.release(admitted.head + admitted.body),
            admitted,
            settings,
        });
        Self {
            io,
            http,
            guard,
            stall,
            written: io.written(),
            is_slow: false,
        }
    }

    /// Waits for the answer to be written.
    async fn finish(mut self, serving: &mut HyperConnection, ending: &mut Ending<'_>) -> Step {
        let step = poll_fn(|cx| {
            ending.poll(cx);
            let polled = serving.as_mut().poll(cx);
            self.note_progress();
            match polled {
                Poll::Ready(_) => Poll::Ready(Step::End),
                Poll::Pending => self.step(cx).map_or(Poll::Pending, Poll::Ready),
            }
        })
        .await;
        self.http.end_answer();
        step
    }

    /// Tells of a client that reads the answer, slowly.
    fn note_progress(&mut self) {
        let written = self.io.written();
        if self.is_slow && self.written != written {
            self.http.note_progress();
        }
        self.written = written;
        self.is_slow |= self.io.blocked_at().is_some();
    }

    /// The step that follows, as far as hyper has come; `None` while the answer is on its way.
    fn step(&mut self, cx: &mut Context<'_>) -> Option<Step> {
        if self.guard.has_to_end(false) || self.stall.is_over(self.io.blocked_at(), cx) {
            return Some(Step::End);
        }
        if self.io.is_between_requests() {
            return Some(Step::Next);
        }
        // The client has gone, and its poll with it.
        (self.io.has_ended() && self.http.is_waiting()).then_some(Step::End)
    }
}

/// Hands the connection to Node, with what was read of it.
fn leave_for_node(io: Rc<RequestIo>, listener: &Listener, local: &IoThread) {
    if let Some((stream, bytes)) = io.into_parts()
        && let Ok(stream) = stream.into_std()
    {
        let of = session_named(&bytes, &listener.settings().path)
            .and_then(|sid| listener.engine.sids().get(sid))
            .and_then(|handle| listener.runtime.hand_over(handle));
        listener.say(|| "hands a connection over to Node's HTTP server".into());
        listener
            .inbox
            .handover(listener.id, stream.into(), bytes, of);
        local.wake_later(&listener.inbox);
    }
}

/// Counts a fault of the engine, which costs one connection.
struct CountFault(Rc<IoThread>);

impl Drop for CountFault {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.count_panic();
        }
    }
}

//! One accepted connection: it answers requests one after another, until it becomes a WebSocket, is
//! handed to Node or ends.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;

use crate::net::listener::between_requests::{BetweenRequests, Deadline, Ending, Next};
use crate::net::listener::head::session_named;
use crate::net::listener::http::Http;
use crate::net::listener::overtime::Stall;
use crate::net::listener::request_io::{AnswerIo, RequestIo};
use crate::net::listener::respond::FullBody;
use crate::net::listener::route::{Admitted, Ends, Route};
use crate::net::listener::settings::Settings;
use crate::net::listener::upgrade::leave_as_websocket;
use crate::net::listener::{ConnectionGuard, Listener};
use crate::net::thread::state::IoThread;

/// Node's answer to a client whose request does not come in time.
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

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
    let mut deadline = Deadline::new(&listener.settings());
    let mut first = true;
    loop {
        let between = BetweenRequests {
            io: &io,
            guard: &guard,
            ends,
            local: &local,
            first,
        };
        let (admitted, settings) = match between.next(&mut ending, &mut deadline).await {
            Next::End => return,
            Next::Late => return io.say(TIMEOUT),
            Next::Foreign => return leave_for_node(io, &listener, &local),
            Next::Ours(admitted, settings) => (admitted, settings),
        };
        first = false;
        if let Route::RefusedUpgrade(refusal) = admitted.route {
            listener.engine.counters.reached(refusal.bound);
            return io.say(refusal.upgrade_response().as_bytes());
        }
        if matches!(admitted.route, Route::WebSocket(..)) {
            return leave_as_websocket(io, guard, &local, &settings, *admitted);
        }
        let exchange = Exchange {
            io: &io,
            http: &http,
            guard: &guard,
            ending: &mut ending,
            stall: Stall::new(settings.request_ms),
        };
        if exchange.run(admitted, &settings).await == Step::End {
            return;
        }
    }
}

/// A request, and its answer.
struct Exchange<'a, 'l> {
    io: &'a Rc<RequestIo>,
    http: &'a Http,
    guard: &'a ConnectionGuard,
    ending: &'a mut Ending<'l>,
    /// The time that the client has to take the answer.
    stall: Stall,
}

impl Exchange<'_, '_> {
    /// Answers the request.
    async fn run(mut self, admitted: Box<Admitted>, settings: &Settings) -> Step {
        let Some(response) = self.answer(admitted, settings).await else {
            return Step::End;
        };
        let step = self.write(response).await;
        self.http.end_answer();
        step
    }

    /// Waits for the answer; `None` if the connection is to end without one.
    async fn answer(
        &mut self,
        admitted: Box<Admitted>,
        settings: &Settings,
    ) -> Option<Response<FullBody>> {
        let Self {
            io, http, guard, ..
        } = *self;
        let answering = io.begin(admitted.head, admitted.body);
        let mut answer = pin!(http.answer(io, admitted, settings, answering));
        poll_fn(|cx| {
            self.ending.poll(cx);
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.ok());
            }
            // A client that has gone takes its poll with it.
            if guard.has_to_end(false) || http.is_waiting() && io.poll_end(cx).is_ready() {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// Has hyper write the answer. It gets a connection for each: one that is kept holds 16 KiB of
    /// buffers while a poll waits.
    async fn write(&mut self, response: Response<FullBody>) -> Step {
        let io = self.io;
        let response = Cell::new(Some(response));
        let service = service_fn(|_| {
            let response = response.take().ok_or(io::ErrorKind::ConnectionAborted);
            std::future::ready(response.map_err(io::Error::from))
        });
        let mut writing = pin!(
            http1::Builder::new()
                .title_case_headers(true)
                .header_read_timeout(None)
                .serve_connection(AnswerIo::new(io.clone()), service)
        );
        let mut written = io.written();
        let mut is_slow = false;
        poll_fn(|cx| {
            self.ending.poll(cx);
            if writing.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Step::End);
            }
            // A client that reads the answer, slowly.
            if is_slow && written != io.written() {
                self.http.note_progress();
            }
            written = io.written();
            is_slow |= io.blocked_at().is_some();
            if self.guard.has_to_end(false) || self.stall.is_over(io.blocked_at(), cx) {
                return Poll::Ready(Step::End);
            }
            match io.is_answered() {
                true => Poll::Ready(Step::Next),
                false => Poll::Pending,
            }
        })
        .await
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

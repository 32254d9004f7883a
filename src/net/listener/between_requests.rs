//! A connection between two requests: it waits for the next one, as long as Node would.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::futures::Notified;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::net::listener::head::{Inspected, inspect};
use crate::net::listener::overtime::Overtime;
use crate::net::listener::request_io::RequestIo;
use crate::net::listener::route::{Admitted, Ends, admit};
use crate::net::listener::settings::Settings;
use crate::net::listener::{ConnectionGuard, Listener};
use crate::net::thread::state::IoThread;

/// Stands for no limit, in ms: longer than any client waits.
const NEVER_MS: u64 = 365 * 86_400_000;

/// The next thing that a connection does.
pub enum Next {
    /// It ends.
    End,
    /// It is told that its request did not come in time, and ends.
    Late,
    /// Node goes on with it.
    Foreign,
    /// It answers a request.
    Ours(Box<Admitted>, Arc<Settings>),
}

/// Wakes a connection when its listener wants connections to end.
pub struct Ending<'a> {
    listener: &'a Listener,
    notified: Pin<Box<Notified<'a>>>,
    /// The value of `Listener::end_calls` after which the task was registered; `None`: never.
    registered: Option<u64>,
}

impl<'a> Ending<'a> {
    /// Begins to listen.
    pub fn of(listener: &'a Listener) -> Self {
        let mut notified = Box::pin(listener.ending.notified());
        notified.as_mut().enable();
        Self {
            listener,
            notified,
            registered: None,
        }
    }

    /// Has the task of `cx` woken the next time. It is the same task each time.
    pub fn poll(&mut self, cx: &mut Context<'_>) {
        let calls = Some(self.listener.end_calls.load(Ordering::SeqCst));
        if self.registered == calls {
            return;
        }
        while self.notified.as_mut().poll(cx).is_ready() {
            self.notified.set(self.listener.ending.notified());
        }
        self.registered = calls;
    }
}

/// A connection between two requests.
pub struct BetweenRequests<'a> {
    /// The connection.
    pub io: &'a Rc<RequestIo>,
    /// Counts it, and has it end.
    pub guard: &'a ConnectionGuard,
    /// Its addresses.
    pub ends: Ends,
    /// Its thread.
    pub local: &'a Rc<IoThread>,
    /// True if no request has come yet.
    pub first: bool,
}

impl BetweenRequests<'_> {
    /// Waits for a request.
    pub async fn next(&self, ending: &mut Ending<'_>, deadline: &mut Deadline) -> Next {
        if !self.first {
            deadline.begin_idle(&self.guard.listener.settings());
        }
        let parked = Cell::new(0);
        poll_fn(|cx| {
            ending.poll(cx);
            loop {
                if self.guard.has_to_end(self.io.peek(<[u8]>::is_empty)) {
                    return Poll::Ready(Next::End);
                }
                if self.guard.listener.inbox.is_full() {
                    self.local.park(cx.waker(), &parked);
                    return Poll::Pending;
                }
                if let Some(next) = self.request() {
                    return Poll::Ready(next);
                }
                let received = self.io.peek(<[u8]>::len) as u64;
                if received > 0 {
                    deadline.begin_head();
                }
                match self.io.poll_more(cx) {
                    // Node tells the client what it thinks of half a request.
                    Poll::Ready(Ok(0)) if received > 0 => return Poll::Ready(Next::Foreign),
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => return deadline.poll(received, cx),
                }
            }
        })
        .await
    }

    /// The request that has been read, or `Foreign`; `None` if more has to be read.
    fn request(&self) -> Option<Next> {
        if self.io.drop_body() {
            return None;
        }
        let listener = &self.guard.listener;
        // For each request anew: JavaScript may have taken a permission back.
        let settings = listener.settings();
        if self.first && settings.hands_over {
            return Some(Next::Foreign);
        }
        self.io.peek(|bytes| {
            if bytes.is_empty() {
                return None;
            }
            let request = match inspect(bytes, &settings.path) {
                Inspected::Partial => return None,
                Inspected::Foreign => return Some(Next::Foreign),
                Inspected::Ours(request) => request,
            };
            let is_more_than_the_last = request.closes && bytes.len() > request.head + request.body;
            if is_more_than_the_last {
                return Some(Next::Foreign);
            }
            Some(match admit(&request, &settings, listener, self.ends) {
                Some(admitted) => Next::Ours(Box::new(admitted), settings),
                None => Next::Foreign,
            })
        })
    }
}

/// The time that a client has for its next request.
pub struct Deadline {
    /// Set to the deadline, or to an earlier one of the same connection: a timer that is moved for
    /// each request costs more than one that fires early now and then.
    timer: Pin<Box<Sleep>>,
    end: Instant,
    overtime: Overtime,
    /// For the head of a request.
    head: Duration,
    /// A head has begun, or the connection has to begin with one.
    is_head: bool,
}

impl Deadline {
    /// The time for the first request of a connection.
    pub fn new(settings: &Settings) -> Self {
        let head = Duration::from_millis(settings.head_ms);
        let end = Instant::now() + head;
        Self {
            timer: Box::pin(sleep_until(end)),
            end,
            overtime: Overtime::default(),
            head,
            is_head: true,
        }
    }

    /// Begins the time between two requests.
    fn begin_idle(&mut self, settings: &Settings) {
        self.head = Duration::from_millis(settings.head_ms);
        self.is_head = false;
        self.end_after(Duration::from_millis(settings.idle_ms.unwrap_or(NEVER_MS)));
    }

    /// A head may take as long as that of a first request, from its first byte on.
    fn begin_head(&mut self) {
        if !self.is_head {
            self.is_head = true;
            self.end_after(self.head);
        }
    }

    fn end_after(&mut self, time: Duration) {
        self.end = Instant::now() + time;
        self.overtime = Overtime::default();
        if self.timer.deadline() > self.end {
            self.timer.as_mut().reset(self.end);
        }
    }

    /// Ready once the time is over. `received`: bytes of the request so far.
    fn poll(&mut self, received: u64, cx: &mut Context<'_>) -> Poll<Next> {
        while self.timer.deadline() < self.end {
            std::task::ready!(self.timer.as_mut().poll(cx));
            self.timer.as_mut().reset(self.end);
        }
        if !self.overtime.is_over(self.timer.as_mut(), received, cx) {
            return Poll::Pending;
        }
        Poll::Ready(if self.is_head { Next::Late } else { Next::End })
    }
}

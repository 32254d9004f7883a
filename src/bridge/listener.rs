//! The native listener as JavaScript drives it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use hyper::header::{HeaderName, HeaderValue};
use napi::bindgen_prelude::{Buffer, Either};
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::bridge::engine::Engine;
use crate::bridge::faults;
use crate::bridge::options::EngineOptions;
use crate::bridge::runtime::runtime;
use crate::bridge::values::message;
use crate::net::events::Taking;
use crate::net::listener::{Cookie, Cors, Listener, Settings, keep_alive};
use crate::net::websocket::stream::{adopt, borrow};

/// A header line.
#[napi(object)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The header lines for requests of an origin.
#[napi(object)]
pub struct OriginLines {
    /// The origin.
    pub origin: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// The requests that a listener may answer without JavaScript, and the answers.
#[allow(
    missing_docs,
    reason = "the fields of `Settings`, which documents them"
)]
#[napi(object)]
pub struct ListenerSettings {
    pub path: String,
    pub hands_over: bool,
    pub raw: bool,
    pub tells_refusals: bool,
    pub handshakes: bool,
    pub polls: bool,
    pub websockets: bool,
    pub upgrades: bool,
    pub upgrade_list: String,
    pub ping_interval: f64,
    pub ping_timeout: f64,
    pub max_payload: Option<f64>,
    pub max_body: f64,
    pub max_chunks: f64,
    pub body_timeout: f64,
    pub initial_packet: Option<Either<String, Buffer>>,
    pub compress_from: Option<f64>,
    pub cookie_before: Option<String>,
    pub cookie_after: Option<String>,
    pub cors: Vec<Line>,
    pub cors_origins: Vec<OriginLines>,
    pub cors_learns: bool,
    pub keep_alive: Option<f64>,
    pub idle_timeout: Option<f64>,
    pub head_timeout: f64,
    pub request_timeout: f64,
}

fn lines(lines: Vec<Line>) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let line = |Line { name, value }: Line| {
        let name = HeaderName::try_from(name).map_err(invalid)?;
        Ok((name, HeaderValue::try_from(value).map_err(invalid)?))
    };
    lines.into_iter().map(line).collect()
}

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}

impl ListenerSettings {
    fn resolve(self) -> Result<Settings> {
        let cookie = self.cookie_before.zip(self.cookie_after);
        let by_origin = |entry: OriginLines| Ok((entry.origin, lines(entry.lines)?));
        let origins: Result<HashMap<_, _>> = self.cors_origins.into_iter().map(by_origin).collect();
        // A float out of range saturates, NaN is 0.
        Ok(Settings {
            path: self.path,
            hands_over: self.hands_over,
            raw: self.raw,
            tells_refusals: self.tells_refusals,
            handshakes: self.handshakes,
            polls: self.polls,
            websockets: self.websockets,
            upgrades: self.upgrades,
            upgrade_list: self.upgrade_list,
            ping_interval: self.ping_interval as u64,
            ping_timeout: self.ping_timeout as u64,
            max_payload: self.max_payload.map(|n| n as u64),
            max_body: self.max_body as u64,
            max_chunks: self.max_chunks as u64,
            body_ms: self.body_timeout as u64,
            initial: self
                .initial_packet
                .as_ref()
                .map(|packet| message(packet).into()),
            compress_from: self.compress_from.map(|n| n as usize),
            cookie: cookie.map(|(before, after)| Cookie { before, after }),
            cors: Cors {
                origins: origins?,
                others: lines(self.cors)?,
                learns: self.cors_learns,
            },
            keep_alive: self.keep_alive.and_then(|ms| keep_alive(ms as u64)),
            idle_ms: self.idle_timeout.map(|n| n as u64),
            head_ms: self.head_timeout as u64,
            request_ms: self.request_timeout as u64,
        })
    }
}

/// Has a bound socket listen. Returns 0, or the negative number of the system's error.
#[napi(catch_unwind)]
pub fn listen_on(fd: i32, backlog: i32) -> i32 {
    // SAFETY: JavaScript read the descriptor from a handle that is open during this call.
    let socket = unsafe { adopt(fd) };
    match socket.and_then(|socket| crate::net::listener::listen(&socket, backlog)) {
        Ok(()) => 0,
        Err(error) => -error.raw_os_error().unwrap_or(1),
    }
}

/// The listeners of one environment. A worker thread may be terminated: its ports must not outlive it.
#[derive(Default)]
pub(super) struct Listeners(RefCell<Vec<Weak<Listener>>>);

impl Listeners {
    fn add(&self, listener: &Arc<Listener>) {
        let mut all = self.0.borrow_mut();
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(listener));
    }

    /// Closes all of them, because their environment is gone.
    pub(super) fn leave(&self) {
        for listener in self.0.take().iter().filter_map(Weak::upgrade) {
            faults::guard(|| listener.leave());
        }
    }
}

/// Serves a port without the JavaScript thread.
#[napi]
pub struct NativeListener {
    id: u32,
    listener: Arc<Listener>,
}

#[napi]
impl Engine {
    /// Takes a connection that a record hands over: JavaScript has to close it. Those that it does not take
    /// are closed when its thread ends.
    #[napi(catch_unwind)]
    pub fn take_handover(&self, fd: i32) {
        if let Some(connection) = self.hub.take_socket(fd) {
            let _ = connection.into_raw_fd();
        }
    }
}

#[napi]
impl NativeListener {
    /// Makes a listener for an engine with these options. No other one of the process has its number.
    #[napi(constructor, catch_unwind)]
    pub fn new(engine: &Engine, options: &EngineOptions) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        options.0.sids().keep();
        let listener = Listener::new(runtime(), id, engine.hub.clone(), options.0.clone());
        engine.listeners.add(&listener);
        Self { id, listener }
    }

    /// The number that its records carry.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sets the requests that are answered without JavaScript from now on.
    #[napi(catch_unwind)]
    pub fn configure(&self, settings: ListenerSettings) -> Result<()> {
        self.listener.configure(settings.resolve()?);
        Ok(())
    }

    /// Accepts the connections of a listening socket, of which it keeps a duplicate.
    #[napi(catch_unwind)]
    pub fn accept(&self, fd: i32) -> Result<()> {
        // SAFETY: JavaScript read the descriptor from a handle that is open during this call.
        let socket = unsafe { adopt(fd) }.map_err(invalid)?;
        self.listener.start(socket);
        Ok(())
    }

    /// Takes a connection of which it keeps a duplicate, if its first request may be answered natively;
    /// returns a [`Taking`]. `bytes` were read of it; without them, nothing was.
    #[napi(catch_unwind)]
    pub fn take(&self, fd: i32, bytes: Option<&[u8]>) -> u32 {
        // SAFETY: JavaScript read the descriptor from a handle that is open during this call.
        let taking = match (unsafe { borrow(fd) }, bytes) {
            (Some(connection), Some(bytes)) => self.listener.take(connection, bytes),
            (Some(connection), None) => self.listener.take_unread(connection),
            (None, _) => Taking::ForNode,
        };
        taking as u32
    }

    /// Accepts connections of a listening socket and takes them, until there are no more, or there have
    /// been `most`. Returns the descriptor of the first one that may not be taken, which belongs to
    /// JavaScript; -1 if there is none.
    #[napi(catch_unwind)]
    pub fn take_more(&self, listening: i32, most: u32) -> i32 {
        // SAFETY: JavaScript read the descriptor from a handle that is open during this call.
        let left = unsafe { borrow(listening) }
            .and_then(|listening| self.listener.take_more(listening, most).ok().flatten());
        left.map_or(-1, IntoRawFd::into_raw_fd)
    }

    /// Stops listening. Returns true if connections go on. A record follows when there is none.
    #[napi(catch_unwind)]
    pub fn stop(&self) -> bool {
        self.listener.close()
    }

    /// Ends the connections that are no WebSockets: those that are idle, or all.
    #[napi(catch_unwind)]
    pub fn end_connections(&self, all: bool) {
        self.listener.end_connections(all);
    }

    /// Number of connections, WebSockets among them.
    #[napi(getter, catch_unwind)]
    pub fn connections(&self) -> u32 {
        u32::try_from(self.listener.open()).unwrap_or(u32::MAX)
    }
}

/// Runs when the environment is gone, or nobody knows the listener any more.
impl Drop for NativeListener {
    fn drop(&mut self) {
        faults::guard(|| {
            self.listener.stop();
            self.listener.end_connections(true);
        });
    }
}

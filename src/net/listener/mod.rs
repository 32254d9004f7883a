//! The native listener: `new Server(port)` without the JavaScript thread. It accepts connections,
//! answers the engine's requests and makes its WebSockets; hyper writes the answers. A connection that
//! asks for anything else is handed to Node's HTTP server, with what was read of it.
//!
//! It decides nothing that an application could see differently: what may be answered here is
//! told by JavaScript ([`Settings`]), which takes a permission back when a listener, a middleware
//! or an option wants to see the requests themselves.

mod accepted;
mod between_requests;
mod compress;
mod connection;
mod encoding;
pub mod head;
mod http;
mod opening;
mod overtime;
mod request_io;
mod respond;
mod route;
mod settings;
mod snapshot;
mod upgrade;

use std::future::{Future as _, poll_fn};
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use self::compress::Compressor;
use self::route::Ends;
pub use self::settings::{Cookie, Cors, Settings, keep_alive};
use crate::net::events::{EventSink, Topic};
use crate::net::lock;
use crate::net::runtime::Runtime;
use crate::net::session::engine::SharedEngine;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Command, ConnectionCounter, OpenConnection};

/// The time for which accepting rests when the system has no descriptor left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves one port natively.
pub struct Listener {
    /// The number by which JavaScript knows it.
    id: u32,
    runtime: &'static Runtime,
    inbox: Arc<dyn EventSink>,
    engine: Arc<SharedEngine>,
    settings: Mutex<Arc<Settings>>,
    compressor: Compressor,
    socket: Mutex<Socket>,
    stopped: Notify,
    /// Connections are numbered from 1.
    born: AtomicU64,
    open: AtomicUsize,
    /// Nobody is accepted, and JavaScript waits for the last connection to end.
    draining: AtomicBool,
    /// Connections up to this number end, as soon as they are idle or at once.
    end_idle: AtomicU64,
    end_all: AtomicU64,
    ending: Notify,
    /// Number of calls that had connections end.
    end_calls: AtomicU64,
}

enum Socket {
    None,
    Given(std::net::TcpListener),
    Accepting(tokio::net::TcpListener),
}

impl Listener {
    /// Serves sessions of `engine`, for the environment of `inbox`, on the threads of `runtime`.
    pub fn new(
        runtime: &'static Runtime,
        id: u32,
        inbox: Arc<dyn EventSink>,
        engine: Arc<SharedEngine>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            runtime,
            inbox,
            engine,
            settings: Mutex::default(),
            compressor: Compressor::default(),
            socket: Mutex::new(Socket::None),
            stopped: Notify::new(),
            born: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            end_idle: AtomicU64::new(0),
            end_all: AtomicU64::new(0),
            ending: Notify::new(),
            end_calls: AtomicU64::new(0),
        })
    }

    /// Replaces the settings. They count for requests that are read from now on.
    pub fn configure(&self, settings: Settings) {
        *lock(&self.settings) = Arc::new(settings);
    }

    fn settings(&self) -> Arc<Settings> {
        lock(&self.settings).clone()
    }

    /// Accepts the connections of a listening socket from now on.
    pub fn start(self: &Arc<Self>, socket: OwnedFd) {
        *lock(&self.socket) = Socket::Given(std::net::TcpListener::from(socket));
        self.draining.store(false, Ordering::SeqCst);
        let listener = self.clone();
        let accept = Command::Call(Box::new(move |local| {
            tokio::task::spawn_local(listener.accept(local.clone()));
        }));
        self.runtime.send(0, accept);
        self.say(|| "accepts connections".into());
    }

    /// Stops listening; the port is free when this returns. Idle connections end. Returns whether
    /// others go on. [`EventSink::listener_drained`] tells of the last one's end, or that there is
    /// none, behind all that the listener has told before.
    pub fn close(&self) -> bool {
        let waits = self.stop();
        if !waits {
            self.inbox.listener_drained(self.id);
            self.tell();
        }
        waits
    }

    /// Stops listening, and tells nothing unless connections go on, which it returns.
    pub fn stop(&self) -> bool {
        *lock(&self.socket) = Socket::None;
        self.stopped.notify_waiters();
        self.end_connections(false);
        self.draining.store(true, Ordering::SeqCst);
        self.say(|| "accepts no more connections".into());
        // Either this or the last one's end takes the flag; that end is told then.
        self.open.load(Ordering::SeqCst) > 0 || !self.draining.swap(false, Ordering::SeqCst)
    }

    /// Stops listening and ends all connections, because the JavaScript environment is gone.
    pub fn leave(&self) {
        self.configure(Settings::default());
        self.stop();
        self.end_connections(true);
    }

    /// Ends the connections that are open now, once they are idle or (`all`) at once. WebSockets
    /// go on.
    pub fn end_connections(&self, all: bool) {
        let last = self.born.load(Ordering::SeqCst);
        self.end_idle.fetch_max(last, Ordering::SeqCst);
        if all {
            self.end_all.fetch_max(last, Ordering::SeqCst);
        }
        self.end_calls.fetch_add(1, Ordering::SeqCst);
        self.ending.notify_waiters();
    }

    /// The number of open connections, WebSockets among them.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Accepts connections until [`Listener::stop`].
    async fn accept(self: Arc<Self>, local: Rc<IoThread>) {
        {
            let mut socket = lock(&self.socket);
            if let Socket::Given(given) = std::mem::replace(&mut *socket, Socket::None) {
                match tokio::net::TcpListener::from_std(given) {
                    Ok(accepting) => *socket = Socket::Accepting(accepting),
                    Err(_) => return,
                }
            }
        }
        let mut spare = spare_descriptor();
        loop {
            let mut stopped = pin!(self.stopped.notified());
            stopped.as_mut().enable();
            let accepted = poll_fn(|cx| {
                if stopped.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                // Counted under the lock, so that `stop` counts every connection.
                match &*lock(&self.socket) {
                    Socket::Accepting(socket) => socket.poll_accept(cx).map(|accepted| {
                        let count =
                            |(stream, remote)| (stream, remote, ConnectionGuard::new(&self));
                        Some(accepted.map(count))
                    }),
                    _ => Poll::Ready(None),
                }
            });
            match accepted.await {
                None => return,
                Some(Ok((stream, remote, open))) => distribute(stream, remote, open, &local),
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => {
                    self.say(|| format!("turns connections away: {error}"));
                    drop(spare.take());
                    self.turn_away();
                    spare = spare_descriptor();
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }

    /// Closes the connections that wait to be accepted, one at a time, because there is a descriptor
    /// for no more. Their clients would wait for ever otherwise.
    fn turn_away(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Socket::Accepting(socket) = &*lock(&self.socket) {
            if !matches!(socket.poll_accept(&mut cx), Poll::Ready(Ok(_))) {
                return;
            }
        }
    }

    /// Tells those who debug listeners something about this one.
    fn say(&self, line: impl FnOnce() -> String) {
        if self.inbox.is_debugged(Topic::Listener) {
            let line = format!("listener #{} {}", self.id, line());
            self.inbox.debug(Topic::Listener, line);
        }
    }

    fn tell(&self) {
        if self.inbox.needs_wake() {
            self.inbox.wake();
        }
    }
}

/// Gives a connection to the thread that is to serve it.
fn distribute(
    stream: tokio::net::TcpStream,
    remote: SocketAddr,
    open: ConnectionGuard,
    local: &Rc<IoThread>,
) {
    let ends = Ends {
        remote,
        local: stream.local_addr().ok(),
    };
    if open.listener.runtime.threads() == 1 {
        serve_http(local, stream, ends, Vec::new(), open);
    } else if let Ok(stream) = stream.into_std() {
        send_to_thread(stream, ends, Vec::new(), open);
    }
}

/// Sends a connection of which `bytes` were read to the thread that is to serve it.
fn send_to_thread(stream: std::net::TcpStream, ends: Ends, bytes: Vec<u8>, open: ConnectionGuard) {
    let runtime = open.listener.runtime;
    let thread = open.number as usize % runtime.threads();
    let serve = Command::Call(Box::new(move |local| {
        let bytes = if bytes.is_empty() {
            read_arrived(&stream, local)
        } else {
            bytes
        };
        if let Ok(stream) = tokio::net::TcpStream::from_std(stream) {
            serve_http(local, stream, ends, bytes, open);
        }
    }));
    runtime.send(thread, serve);
}

/// Reads the bytes of a connection that are there. If it waited to be told of them, a later connection
/// whose bytes have been read already would overtake it.
fn read_arrived(mut stream: &std::net::TcpStream, local: &IoThread) -> Vec<u8> {
    let mut buffer = local.read_buffer();
    // The end or an error shows again when the connection is served.
    let count = stream.read(&mut buffer).unwrap_or(0);
    buffer.get(..count).unwrap_or_default().to_vec()
}

/// Has a bound socket listen.
///
/// # Errors
/// The system's: another socket may have begun to listen there.
pub fn listen(socket: &OwnedFd, backlog: i32) -> io::Result<()> {
    socket2::SockRef::from(socket).listen(backlog)
}

/// Opens a descriptor that can be given up when the system has no other.
fn spare_descriptor() -> Option<std::fs::File> {
    std::fs::File::open("/dev/null").ok()
}

/// True if only the connection that was to be accepted is lost.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}

/// A connection of a listener, counted as long as it exists.
pub struct ConnectionGuard {
    open: OpenConnection,
    listener: Arc<Listener>,
    number: u64,
}

impl ConnectionGuard {
    fn new(listener: &Arc<Listener>) -> Self {
        listener.open.fetch_add(1, Ordering::SeqCst);
        listener.engine.counters.add_http(1);
        Self {
            open: OpenConnection::new(listener.clone()),
            listener: listener.clone(),
            number: listener.born.fetch_add(1, Ordering::SeqCst) + 1,
        }
    }

    /// True if the connection has to end. `idle`: it stands between two requests.
    fn has_to_end(&self, idle: bool) -> bool {
        let Listener {
            end_idle, end_all, ..
        } = &*self.listener;
        self.number <= end_all.load(Ordering::SeqCst)
            || idle && self.number <= end_idle.load(Ordering::SeqCst)
    }
}

impl ConnectionCounter for Listener {
    fn connection_ended(&self) {
        self.engine.counters.add_http(-1);
        if self.open.fetch_sub(1, Ordering::SeqCst) == 1
            && self.draining.swap(false, Ordering::SeqCst)
        {
            self.inbox.listener_drained(self.id);
            self.tell();
        }
    }
}

/// Serves a connection of which `bytes` were read.
fn serve_http(
    local: &Rc<IoThread>,
    stream: tokio::net::TcpStream,
    ends: Ends,
    bytes: Vec<u8>,
    open: ConnectionGuard,
) {
    // Answers are written whole, as by Node's HTTP server.
    let _ = stream.set_nodelay(true);
    tokio::task::spawn_local(connection::serve(stream, ends, bytes, open, local.clone()));
}

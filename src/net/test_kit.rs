//! For unit tests: a session on an I/O thread, without sockets, threads and JavaScript.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use crate::config::EngineConfig;
use crate::eio;
use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::events::{EventSink, Note, Opened, StreamEnd};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::runtime::{Opening, Runtime};
use crate::net::session::engine::SharedEngine;
use crate::net::session::shared::SharedSession;
use crate::net::thread::FIRST_STREAM;
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::session::ThreadSession;
use crate::net::thread::state::IoThread;
use crate::net::websocket::stream::ByteStream;
use crate::sio;
use crate::sync::oneshot;
use crate::ws::deflate::Deflater;
use crate::ws::frame::Opcode;

/// The number that JavaScript knows the connections of a [`Kit`] by.
pub const STREAM: u32 = FIRST_STREAM;

/// An environment that keeps a line of text for each thing it is told.
#[derive(Default)]
pub struct Heard {
    lines: Mutex<Vec<String>>,
    written: Mutex<Vec<u8>>,
    /// So much waits for JavaScript that nothing more should be read.
    pub full: AtomicBool,
    /// The number of times that JavaScript has gone around its event loop.
    pub turns: AtomicU64,
}

impl Heard {
    fn push(&self, line: String) {
        lock(&self.lines).push(line);
    }

    /// The bytes that were to be written to the stream since the last call.
    pub fn take_written(&self) -> Vec<u8> {
        std::mem::take(&mut *lock(&self.written))
    }

    /// The lines since the last call.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.lines))
    }
}

impl EventSink for Heard {
    fn packet(&self, _: Handle, packet: &sio::Packet<'_>, attachments: Vec<Vec<u8>>) -> usize {
        let (nsp, json) = (packet.nsp, packet.json.unwrap_or_default());
        self.push(format!("packet {nsp} {json} {attachments:?}"));
        json.len()
    }
    fn engine_packet(&self, _: Handle, packet: eio::packet::Packet<'_>) -> usize {
        self.push(format!("engine packet {}", text_of(&packet)));
        0
    }
    fn control_frame(&self, _: Handle, opcode: Opcode, payload: &[u8]) -> usize {
        self.push(format!("control frame {opcode:?} {payload:?}"));
        0
    }
    fn await_work(&self) -> Option<oneshot::Receiver<()>> {
        None
    }
    fn refused(&self, _: Handle, message: &str) {
        self.push(format!("refused {message}"));
    }
    fn answer(&self, _: Handle, payload: eio::payload::Payload) {
        self.push(format!("answer {payload:?}"));
    }
    fn frame(&self, _: Handle, role: SocketRole, packet: eio::packet::Packet<'_>) {
        self.push(format!("frame {role:?} {}", text_of(&packet)));
    }
    fn note(&self, _: Handle, note: Note) {
        self.push(format!("note {note:?}"));
    }
    fn closed(&self, _: Handle, closure: &CloseReason, _: bool) {
        let detail = closure.detail.as_deref().unwrap_or_default();
        self.push(format!("closed {:?} {detail}", closure.reason));
    }
    fn stream_write(&self, stream: u32, bytes: &[u8]) {
        assert_eq!(stream, STREAM);
        lock(&self.written).extend_from_slice(bytes);
    }
    fn stream_end(&self, stream: u32, end: StreamEnd) {
        assert_eq!(stream, STREAM);
        self.push(format!("end of stream, abort: {}", end.abort));
    }
    fn stream_taken(&self, _: u32) {}
    fn opened(&self, _: u32, _: Handle, _: &Opened<'_>, _: &mut dyn FnMut()) {}
    #[cfg(unix)]
    fn handover(&self, _: u32, _: std::os::fd::OwnedFd, _: Vec<u8>, _: Option<Handle>) {}
    fn listener_drained(&self, _: u32) {}
    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
    fn room(&self) -> usize {
        usize::MAX
    }
    fn is_stopped(&self) -> bool {
        false
    }
    fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
    fn nudge(&self) {}
    fn needs_wake(&self) -> bool {
        false
    }
    fn wake(&self) {}
}

/// A packet in its text form.
fn text_of(packet: &eio::packet::Packet<'_>) -> String {
    let mut text = String::new();
    packet.encode(&mut text);
    text
}

/// A byte stream that a test drives: it takes what it has room for.
pub struct Tap {
    /// The bytes that it still takes.
    pub room: Cell<usize>,
    /// The bytes that it has taken.
    pub written: RefCell<Vec<u8>>,
    input: RefCell<VecDeque<Vec<u8>>>,
    /// The other requests that the connection was asked for.
    pub asked: RefCell<Vec<&'static str>>,
}

impl Tap {
    /// Has the bytes arrive; nobody is woken.
    pub fn push(&self, bytes: &[u8]) {
        self.input.borrow_mut().push_back(bytes.to_vec());
    }

    /// The bytes that were written since the last call.
    pub fn take(&self) -> Vec<u8> {
        self.written.take()
    }
}

impl ByteStream for Tap {
    fn poll_read(&self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(bytes) = self.input.borrow_mut().pop_front() else {
            return Poll::Pending;
        };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.room.get());
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get() - n);
        self.written.borrow_mut().extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes)
            .map_or(Poll::Pending, |n| Poll::Ready(Ok(n)))
    }

    fn shutdown(&self) -> bool {
        self.asked.borrow_mut().push("shutdown");
        true
    }

    fn reset(&self) {
        self.asked.borrow_mut().push("reset");
    }
}

/// A frame as a client sends it, with a mask of zeros.
pub fn client_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short payload");
    [&[0x80 | opcode, 0x80 | len, 0, 0, 0, 0], payload].concat()
}

/// A frame as the server sends it.
pub fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short payload");
    [&[0x80 | opcode, len], payload].concat()
}

/// A session with its environment and its I/O thread.
pub struct Kit {
    pub heard: Arc<Heard>,
    pub engine: Arc<SharedEngine>,
    pub runtime: Rc<Runtime>,
    pub local: Rc<IoThread>,
    pub peer: Arc<SharedSession>,
    pub entry: Rc<ThreadSession>,
}

/// A session of protocol 4, without an id.
const fn opening(websocket: bool) -> Opening<'static> {
    Opening {
        form: PacketEncoding::V4,
        websocket,
        external: false,
        decode_in_js: false,
        sid: "",
        address: None,
        is_checked: false,
        inline: false,
    }
}

impl Kit {
    /// A session that begins on a WebSocket, or on polling.
    pub fn new(websocket: bool) -> Self {
        Self::with_config(websocket, EngineConfig::default())
    }

    /// A session of an engine with these options.
    pub fn with_config(websocket: bool, config: EngineConfig) -> Self {
        let heard = Arc::new(Heard::default());
        let engine = Arc::new(SharedEngine::new(config));
        let runtime = Rc::new(Runtime::new(1));
        let peer = runtime
            .create(heard.clone(), engine.clone(), opening(websocket))
            .expect("a free handle");
        let local = IoThread::new(Arc::default(), runtime.sessions().clone(), 1);
        let entry = local.open(peer.clone());
        Self {
            heard,
            engine,
            runtime,
            local,
            peer,
            entry,
        }
    }

    /// Another session of the same engine and I/O thread.
    pub fn another(&self, websocket: bool) -> Self {
        let peer = self
            .runtime
            .create(self.heard.clone(), self.engine.clone(), opening(websocket))
            .expect("a free handle");
        Self {
            heard: self.heard.clone(),
            engine: self.engine.clone(),
            runtime: self.runtime.clone(),
            local: self.local.clone(),
            entry: self.local.open(peer.clone()),
            peer,
        }
    }

    /// A WebSocket in a role of the session, with messages in the given form.
    pub fn connect_as(
        &self,
        role: SocketRole,
        form: PacketEncoding,
    ) -> (Rc<WebSocketConn>, Rc<Tap>) {
        self.connect_with(role, form, None)
    }

    /// The WebSocket that carries the session, with compression.
    pub fn connect_compressed(&self, deflater: Deflater) -> (Rc<WebSocketConn>, Rc<Tap>) {
        self.connect_with(SocketRole::Main, PacketEncoding::V4, Some(deflater))
    }

    fn connect_with(
        &self,
        role: SocketRole,
        form: PacketEncoding,
        deflater: Option<Deflater>,
    ) -> (Rc<WebSocketConn>, Rc<Tap>) {
        let tap = Rc::new(Tap {
            room: Cell::new(usize::MAX),
            written: RefCell::default(),
            input: RefCell::default(),
            asked: RefCell::default(),
        });
        let entry = Some(self.entry.clone());
        let inbox = self.heard.clone();
        let conn = WebSocketConn::new(STREAM, inbox, entry, role, form, tap.clone(), deflater);
        *self.entry.conn(role).borrow_mut() = Some(conn.clone());
        (conn, tap)
    }

    /// The WebSocket that carries the session.
    pub fn connect(&self) -> (Rc<WebSocketConn>, Rc<Tap>) {
        self.connect_as(SocketRole::Main, PacketEncoding::V4)
    }

    /// The task that serves a WebSocket.
    pub fn serve(&self, conn: &Rc<WebSocketConn>, tap: &Rc<Tap>) -> Served {
        Served {
            task: Box::pin(
                conn.clone()
                    .serve(self.local.clone(), Vec::new(), None, None),
            ),
            tap: tap.clone(),
            woken: Arc::default(),
        }
    }
}

/// A WebSocket that is being served.
pub struct Served {
    task: Pin<Box<dyn Future<Output = ()>>>,
    tap: Rc<Tap>,
    woken: Arc<Woken>,
}

/// Notes that a task was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Served {
    /// Has the bytes arrive; true once the connection has ended.
    pub fn receive(&mut self, bytes: &[u8]) -> bool {
        self.tap.input.borrow_mut().push_back(bytes.to_vec());
        self.poll()
    }

    /// Has the task look again; true once the connection has ended.
    pub fn poll(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        let mut cx = Context::from_waker(&waker);
        self.task.as_mut().poll(&mut cx).is_ready()
    }

    /// True if the task was woken since the last call.
    pub fn was_woken(&self) -> bool {
        self.woken.0.swap(false, Ordering::Relaxed)
    }
}

//! The native memory of an idle connection: an allocator counts what the engine holds for each of many
//! sessions on a port. The bounds stand in docs/limits.md.
//!
//! `cargo test --no-default-features --test heap -- --nocapture` prints the figures, and the sizes of
//! what is allocated.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "all of it is a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use socket_io_native::eio::packet::Packet as EnginePacket;
use socket_io_native::eio::payload::Payload;
use socket_io_native::eio::session::SocketRole;
use socket_io_native::error::CloseReason;
use socket_io_native::net::events::{EventSink, Note, Opened, StreamEnd};
use socket_io_native::net::handle::Handle;
use socket_io_native::net::listener::{Listener, Settings, listen};
use socket_io_native::net::runtime::Runtime;
use socket_io_native::net::session::engine::SharedEngine;
use socket_io_native::net::session::shared::SharedSession;
use socket_io_native::net::thread::conn::{Serving, WebSocketConn};
use socket_io_native::net::thread::session::ThreadSession;
use socket_io_native::net::websocket::stream::Adopted;
use socket_io_native::sio::Packet;
use socket_io_native::ws::Opcode;
use tokio::sync::oneshot;

/// Connections of each kind: two descriptors for each, of which many systems allow 1,024.
const CONNECTIONS: usize = 400;
/// Sessions without a connection.
const SESSIONS: usize = 1000;

/// The bounds, in bytes for each. The figures of today are 1,325, 573 and 3,254.
const WEBSOCKET_BYTES: isize = 1400;
const POLLING_BYTES: isize = 640;
const POLL_BYTES: isize = 3840;

/// The parts that there are for each session or WebSocket, with their bounds in bytes.
const PARTS: [(&str, usize, usize); 6] = [
    ("SharedSession", size_of::<SharedSession>(), 304),
    ("ThreadSession", size_of::<ThreadSession>(), 56),
    ("WebSocketConn", size_of::<WebSocketConn>(), 200),
    ("Adopted", size_of::<Adopted>(), 32),
    // tokio adds 104 bytes, and rounds up to a multiple of 128.
    ("Serving", size_of::<Serving>(), 152),
    (
        "a row of the table",
        size_of::<(u32, Option<Arc<SharedSession>>)>(),
        16,
    ),
];

/// Sizes up to this one are counted each by itself.
const LARGEST: usize = 16 << 10;

struct Counting;

/// Bytes that are allocated, with what glibc adds to each allocation.
static LIVE: AtomicIsize = AtomicIsize::new(0);
/// Allocations by their size in units of 16 bytes; larger ones together in the first place.
static SIZES: [AtomicIsize; LARGEST / 16] = [const { AtomicIsize::new(0) }; LARGEST / 16];

impl Counting {
    fn count(size: usize, sign: isize) {
        // A word of its own before each, and multiples of 16 bytes.
        let taken = (size + 8).next_multiple_of(16).max(32);
        LIVE.fetch_add(sign * taken.cast_signed(), Relaxed);
        if let Some(place) = SIZES.get(taken / 16).or(SIZES.first()) {
            place.fetch_add(sign, Relaxed);
        }
    }
}

// SAFETY: all is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size(), 1);
        // SAFETY: the caller keeps the rules of this call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        Self::count(layout.size(), -1);
        // SAFETY: likewise.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(layout.size(), -1);
        Self::count(size, 1);
        // SAFETY: likewise.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An environment that keeps nothing of what it is told.
struct Deaf;

impl EventSink for Deaf {
    fn await_work(&self) -> Option<oneshot::Receiver<()>> {
        None
    }
    fn packet(&self, _: Handle, _: &Packet<'_>, _: Vec<Vec<u8>>) -> usize {
        0
    }
    fn engine_packet(&self, _: Handle, _: EnginePacket<'_>) -> usize {
        0
    }
    fn control_frame(&self, _: Handle, _: Opcode, _: &[u8]) -> usize {
        0
    }
    fn refused(&self, _: Handle, _: &str) {}
    fn answer(&self, _: Handle, _: Payload) {}
    fn frame(&self, _: Handle, _: SocketRole, _: EnginePacket<'_>) {}
    fn note(&self, _: Handle, _: Note) {}
    fn closed(&self, _: Handle, _: &CloseReason, _: bool) {}
    fn stream_write(&self, _: u32, _: &[u8]) {}
    fn stream_end(&self, _: u32, _: StreamEnd) {}
    fn stream_taken(&self, _: u32) {}
    fn opened(&self, _: u32, _: Handle, _: &Opened<'_>, publish: &mut dyn FnMut()) {
        publish();
    }
    fn handover(&self, _: u32, _: OwnedFd, _: Vec<u8>, _: Option<Handle>) {}
    fn listener_drained(&self, _: u32) {}
    fn is_full(&self) -> bool {
        false
    }
    fn room(&self) -> usize {
        usize::MAX
    }
    fn is_stopped(&self) -> bool {
        false
    }
    fn turns(&self) -> u64 {
        0
    }
    fn nudge(&self) {}
    fn needs_wake(&self) -> bool {
        false
    }
    fn wake(&self) {}
}

fn serve(runtime: &'static Runtime) -> (Arc<Listener>, SocketAddr) {
    const FOREVER_MS: u64 = 1 << 40;
    runtime.start().expect("threads");
    let engine = Arc::new(SharedEngine::default());
    engine.sids().keep();
    let listener = Listener::new(runtime, 1, Arc::new(Deaf), engine);
    listener.configure(Settings {
        path: "/socket.io/".into(),
        handshakes: true,
        polls: true,
        websockets: true,
        upgrades: true,
        upgrade_list: "[]".into(),
        max_body: 1000,
        max_chunks: u64::MAX,
        body_ms: FOREVER_MS,
        head_ms: FOREVER_MS,
        request_ms: FOREVER_MS,
        ..Settings::default()
    });
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("not blocking");
    let address = socket.local_addr().expect("its address");
    let socket = OwnedFd::from(socket);
    listen(&socket, 100).expect("listening");
    listener.start(socket);
    (listener, address)
}

fn request(query: &str, headers: &str) -> String {
    format!("GET /socket.io/?EIO=4&{query} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    let timeout = Some(Duration::from_secs(60));
    stream.set_read_timeout(timeout).expect("a timeout");
    stream
}

/// A WebSocket that has received the first packet.
fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let request = request("transport=websocket", headers);
    stream.write_all(request.as_bytes()).expect("sent");
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the open packet");
        received.extend(byte);
    }
    stream
}

/// Opens a session on a connection that may have opened others. Returns its id.
fn handshake(connection: &mut BufReader<TcpStream>) -> String {
    let request = request("transport=polling", "");
    let stream = connection.get_mut();
    stream.write_all(request.as_bytes()).expect("sent");
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).expect("a head");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).expect("a body");
    let body = String::from_utf8(body).expect("text");
    let sid = body.split('"').nth(3).expect("an id");
    sid.to_owned()
}

/// The bytes of each of `count` things that `make` makes, and keeps in place that is there before.
fn measure(name: &str, count: usize, bound: isize, mut make: impl FnMut()) {
    let sizes = || SIZES.each_ref().map(|place| place.load(Relaxed));
    let before = (LIVE.load(Relaxed), sizes());
    for _ in 0..count {
        make();
    }
    let each = || (LIVE.load(Relaxed) - before.0) / count.cast_signed();
    // What served the last handshakes goes soon.
    let late = Instant::now() + Duration::from_secs(30);
    while each() > bound && Instant::now() < late {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(100));
    println!("{name}: {} bytes", each());
    for (i, (now, before)) in sizes().iter().zip(before.1).enumerate() {
        let more = (now - before) as f64 / count as f64;
        if more.abs() >= 0.01 {
            println!("  {more:5.2} × {} bytes", i * 16);
        }
    }
    assert!(each() <= bound, "{name}: more than {bound} bytes");
}

#[test]
fn an_idle_connection_holds_little_memory() {
    let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new(1)));
    let (_listener, address) = serve(runtime);
    // What the first ones leave for all is not theirs.
    let first = (websocket(address), BufReader::new(connect(address)));
    let mut connection = first.1;
    handshake(&mut connection);

    for (name, bytes, bound) in PARTS {
        println!("{name}: {bytes} bytes");
        assert!(bytes <= bound, "{name}: {bytes} bytes");
    }
    let mut kept = Vec::with_capacity(2 * CONNECTIONS);
    let name = "a WebSocket";
    measure(name, CONNECTIONS, WEBSOCKET_BYTES, || {
        kept.push(websocket(address));
    });
    let name = "a session of polling between two polls";
    measure(name, SESSIONS, POLLING_BYTES, || {
        handshake(&mut connection);
    });
    let sids: Vec<_> = (0..CONNECTIONS)
        .map(|_| handshake(&mut connection))
        .collect();
    let mut next = sids.iter();
    measure("a poll that waits", CONNECTIONS, POLL_BYTES, || {
        let mut stream = connect(address);
        let sid = next.next().expect("one for each");
        let request = request(&format!("transport=polling&sid={sid}"), "");
        stream.write_all(request.as_bytes()).expect("sent");
        kept.push(stream);
    });
}

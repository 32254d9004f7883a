//! The clients that load a server: what they are, how they are opened, asked and closed.
//!
//! One thread, one epoll. All buffers to be sent are built before the clock starts, so that this
//! side costs little more than its system calls. `socket` moves bytes, `handshake` brings a client
//! to the point where it may send, `drive` keeps operations in flight and checks the answers.

mod drive;
mod handshake;
mod socket;

use crate::hist::Hist;
use crate::net::{self, Epoll};
use crate::tls;
use std::net::SocketAddrV4;

const NONE: usize = usize::MAX;
/// Different payloads in rotation, and the deepest pipeline.
pub const VARIANTS: usize = 16;
/// Source addresses 127.0.0.1 to 127.0.0.20 in turn, so that ports never run short.
const SOURCES: usize = 20;

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Mode {
    /// A bare WebSocket, no Engine.IO above it.
    Raw,
    WebSocket,
    /// The browser's default: polling first, then the probe and the upgrade.
    Upgrade,
    Polling,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Ws,
    Get,
    Post,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Phase {
    WsOpen,
    WsConnect,
    PollOpen,
    PollConnect,
    Upgrading,
    Ready,
    Closed,
}

/// The work of the clients once they are connected.
#[derive(Clone, Copy, PartialEq)]
pub enum App {
    None,
    /// Enter a room each; an answer is counted as one operation.
    Join,
    Echo,
    Burst,
    Flood,
    PollHandshake,
}

struct Conn {
    fd: i32,
    generation: u32,
    client: usize,
    role: Role,
    connected: bool,
    upgraded: bool,
    wants_out: bool,
    queued: bool,
    inb: Vec<u8>,
    out: Vec<u8>,
    out_at: usize,
    /// Under TLS `out` are encrypted bytes, and `plain` what waits to be encrypted.
    tls: Option<Box<tls::Session>>,
    plain: Vec<u8>,
}

struct Client {
    mode: Mode,
    phase: Phase,
    ws: usize,
    get: usize,
    post: usize,
    sid: String,
    started: u64,
    got_connect: bool,
    get_busy: bool,
    post_busy: bool,
    probed: bool,
    /// A polling client's message waits for the POST before it to be answered.
    post_waiting: bool,
    tx: usize,
    rx: usize,
    part: usize,
    sent_at: [u64; VARIANTS],
    /// The state of permessage-deflate towards this client, kept from message to message.
    inflate: Option<Box<flate2::Decompress>>,
}

/// The packets that one operation sends and the answers that must come.
#[derive(Default)]
pub struct Script {
    /// Bytes to write per variant: WebSocket frames, or a POST body for polling.
    pub send: Vec<Vec<u8>>,
    /// Messages expected per variant, in order.
    pub expect: Vec<Vec<Vec<u8>>>,
    /// Messages counted per answer: 1, or the batch of a flood.
    pub weight: u64,
}

/// The packets that one burst of emits must deliver.
#[derive(Default)]
pub struct Burst {
    /// Deliveries to each client, in which `control` says whether the control client is one.
    pub per_client: u64,
    pub control: bool,
    /// The message every delivery must be.
    pub body: Vec<u8>,
    /// The frame that asks the server for a burst.
    frame: Vec<u8>,
    /// Deliveries to all clients.
    need: u64,
    got: u64,
    started: u64,
    at: u64,
}

pub struct Load {
    ep: Epoll,
    evs: Vec<libc::epoll_event>,
    dst: SocketAddrV4,
    host: String,
    path: String,
    pub deflate: bool,
    pub tls: Option<tls::Connector>,
    /// Microseconds between looks at the sockets; 0 blocks until one is ready.
    pub nap_us: u64,
    conns: Vec<Conn>,
    free: Vec<usize>,
    clients: Vec<Client>,
    dirty: Vec<usize>,
    rbuf: Vec<u8>,
    /// What was decrypted last.
    plain: Vec<u8>,
    now: u64,
    opened: usize,
    in_flight: usize,
    ready: usize,
    control: usize,
    reply: Option<String>,
    pub app: App,
    pub script: Script,
    pub running: bool,
    /// Messages go out by the clock, not as answers come in.
    pub paced: bool,
    /// Paced messages not sent because a client's pipeline was full.
    pub skipped: u64,
    pub recording: bool,
    pub ops: u64,
    pub sent: u64,
    pub compressed: u64,
    pub lat: Hist,
    pub connect_lat: Hist,
    pub errors: u64,
    first_error: String,
    pub burst: Burst,
    stamp: u64,
}

impl Load {
    pub fn new(dst: SocketAddrV4, path: &str) -> std::io::Result<Self> {
        Ok(Load {
            ep: Epoll::new()?,
            evs: vec![libc::epoll_event { events: 0, u64: 0 }; 1024],
            dst,
            host: dst.to_string(),
            path: path.to_string(),
            deflate: false,
            tls: None,
            nap_us: 100,
            conns: Vec::new(),
            free: Vec::new(),
            clients: Vec::new(),
            dirty: Vec::new(),
            rbuf: vec![0; 256 * 1024],
            plain: Vec::new(),
            now: net::now_ns(),
            opened: 0,
            in_flight: 0,
            ready: 0,
            control: NONE,
            reply: None,
            app: App::None,
            script: Script {
                weight: 1,
                ..Script::default()
            },
            running: false,
            paced: false,
            skipped: 0,
            recording: false,
            ops: 0,
            sent: 0,
            compressed: 0,
            lat: Hist::new(),
            connect_lat: Hist::new(),
            errors: 0,
            first_error: String::new(),
            burst: Burst::default(),
            stamp: 1,
        })
    }

    fn fail(&mut self, what: String) {
        if self.errors == 0 {
            self.first_error = what;
        }
        self.errors += 1;
    }

    /// The first thing that went wrong, if anything did.
    pub fn verdict(&self) -> Result<(), String> {
        match self.errors {
            0 => Ok(()),
            1 => Err(self.first_error.clone()),
            n => Err(format!("{} (and {} more)", self.first_error, n - 1)),
        }
    }

    pub fn connect_many(
        &mut self,
        n: usize,
        mode: Mode,
        concurrency: usize,
        limit_s: f64,
    ) -> Result<(), String> {
        let end = net::now_ns() + (limit_s * 1e9) as u64;
        let mut left = n;
        while left > 0 || self.in_flight > 0 {
            while left > 0 && self.in_flight < concurrency {
                self.start_client(mode);
                left -= 1;
            }
            self.pump(20);
            self.verdict()?;
            if net::now_ns() > end {
                return Err(format!(
                    "{} connections not ready in time",
                    left + self.in_flight
                ));
            }
        }
        Ok(())
    }

    pub fn connect_control(&mut self) -> Result<(), String> {
        self.control = self.clients.len();
        self.connect_many(1, Mode::WebSocket, 1, 10.0)
    }

    /// Closes every client but the control one.
    pub fn close_all(&mut self) {
        for ci in 0..self.clients.len() {
            if ci == self.control || self.clients[ci].phase == Phase::Closed {
                continue;
            }
            if self.clients[ci].phase == Phase::Ready {
                self.ready -= 1;
            } else {
                self.in_flight -= 1;
            }
            self.clients[ci].phase = Phase::Closed;
            let c = &self.clients[ci];
            for idx in [c.ws, c.get, c.post] {
                self.close_conn(idx);
            }
        }
    }

    /// Sends `["name",...]` with an acknowledgement on the control connection and waits for it.
    pub fn ask(&mut self, event: &str) -> Result<String, String> {
        self.reply = None;
        let text = format!("427{event}");
        self.send_text(self.control, text.as_bytes());
        let end = net::now_ns() + 20_000_000_000;
        loop {
            if let Some(reply) = self.reply.take() {
                return Ok(reply);
            }
            if net::now_ns() > end {
                return Err(format!("no answer to {event}"));
            }
            self.pump(20);
        }
    }
}

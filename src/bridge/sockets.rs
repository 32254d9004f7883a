//! The connection of a WebSocket for the `net.Socket` that the application holds of it: its byte
//! counts and addresses, and the calls that end it.

use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::bridge::engine::Engine;
use crate::bridge::runtime::runtime;
use crate::net::handle::Handle;
use crate::net::thread::Command;
use crate::net::thread::conn::End;
use crate::ws::frame::{MAX_CONTROL, Opcode};

/// The longest time that the JavaScript thread waits for the answer of an I/O thread.
const ANSWER_WAIT: Duration = Duration::from_millis(500);

/// The ends of a TCP connection.
#[napi(object)]
pub struct ConnectionEnds {
    /// `"IPv4"` or `"IPv6"`.
    pub family: String,
    /// The server's address.
    pub local_address: String,
    /// The server's port.
    pub local_port: u32,
    /// The client's address.
    pub remote_address: String,
    /// The client's port.
    pub remote_port: u32,
}

impl From<(SocketAddr, SocketAddr)> for ConnectionEnds {
    fn from((local, remote): (SocketAddr, SocketAddr)) -> Self {
        let family = if remote.is_ipv4() { "IPv4" } else { "IPv6" };
        Self {
            family: family.into(),
            local_address: local.ip().to_string(),
            local_port: local.port().into(),
            remote_address: remote.ip().to_string(),
            remote_port: remote.port().into(),
        }
    }
}

shared_enum! {
    /// A way to end a connection.
    pub enum EndMode {
        /// It is shut down after the bytes that were sent before.
        Shutdown = 0,
        /// It is closed.
        Close = 1,
        /// It is reset.
        Reset = 2,
    }
}

#[napi]
impl Engine {
    /// Has the end of the connection of a session's WebSocket told by the number `stream` too. If
    /// it is gone already, that is told at once.
    #[napi(catch_unwind)]
    pub fn watch_connection(&self, handle: u32, stream: u32) {
        let handle = Handle::from_raw(handle);
        let command = Command::Watch(handle, stream, self.hub.clone());
        runtime().send_to(handle, command);
    }

    /// Ends a connection that has a number. `how`: an [`EndMode`]; other numbers reset it.
    #[napi(catch_unwind)]
    pub fn end_connection(&mut self, stream: u32, how: u32) {
        self.flush();
        let end = match how {
            n if n == EndMode::Shutdown as u32 => End::Shutdown,
            n if n == EndMode::Close as u32 => End::Close,
            _ => End::Reset,
        };
        self.send_all(|| Command::EndConnection(stream, end));
    }

    /// Has the kernel probe the idle peer of a connection that has a number, after so many seconds;
    /// 0: after the system's default.
    #[napi(catch_unwind)]
    pub fn keep_connection_alive(&mut self, stream: u32, on: bool, seconds: u32) {
        let delay = on.then(|| Duration::from_secs(seconds.into()));
        self.send_all(|| Command::KeepAlive(stream, delay));
    }

    /// Writes bytes on a connection that has a number, behind what was sent before.
    #[napi(catch_unwind)]
    pub fn write_raw(&mut self, stream: u32, bytes: Buffer) {
        self.flush();
        self.send_all(|| Command::WriteRaw(stream, bytes.to_vec()));
    }

    /// Sends a control frame on a session's WebSocket, behind what was sent before. `opcode`: 8 closes
    /// it, 9 is a ping, any other number a pong. `payload`: at most 125 bytes; longer ones are cut off.
    #[napi(catch_unwind)]
    pub fn send_control(&mut self, handle: u32, opcode: u32, payload: Buffer) {
        self.flush();
        let handle = Handle::from_raw(handle);
        let payload = payload.iter().copied().take(MAX_CONTROL).collect();
        let opcode = match opcode {
            8 => Opcode::Close,
            9 => Opcode::Ping,
            _ => Opcode::Pong,
        };
        let command = Command::Control(handle, opcode, payload);
        runtime().send_to(handle, command);
    }

    /// True if compression was agreed on for a session's WebSocket. This thread waits for the answer.
    #[napi(catch_unwind)]
    pub fn is_compressed(&mut self, handle: u32) -> bool {
        let handle = Handle::from_raw(handle);
        let (asker, answer) = sync_channel(1);
        runtime().send_to(handle, Command::IsCompressed(handle, asker));
        self.catch_up();
        answer.recv_timeout(ANSWER_WAIT).unwrap_or_default()
    }

    /// Bytes read from and written to the connection of a session's WebSocket; none: the session
    /// has ended.
    #[napi(catch_unwind)]
    pub fn connection_traffic(&self, handle: u32) -> Option<Vec<f64>> {
        let peer = runtime().table().get(Handle::from_raw(handle))?;
        let (read, written) = peer.traffic.load();
        Some(vec![read as f64, written as f64])
    }

    /// Has all messages written that were sent. For streams that JavaScript pumps, the bytes are among
    /// the records then, or in `output` where their sessions live on this thread. It waits for the I/O
    /// threads.
    #[napi(catch_unwind)]
    pub fn settle(&mut self) {
        self.flush();
        let threads = runtime().threads();
        let (asker, answers) = sync_channel(threads);
        runtime().send_all(|| Command::Settle(asker.clone()));
        self.inline().settle();
        let patience = Instant::now() + ANSWER_WAIT;
        for _ in 0..threads {
            let left = patience.saturating_duration_since(Instant::now());
            if answers.recv_timeout(left).is_err() {
                return;
            }
        }
    }

    /// The addresses of the connection of a session's WebSocket; none: it is gone, or is no TCP
    /// connection that an I/O thread serves. This thread waits for the answer.
    #[napi(catch_unwind)]
    pub fn connection_ends(&mut self, handle: u32) -> Option<ConnectionEnds> {
        let handle = Handle::from_raw(handle);
        let (asker, answer) = sync_channel(1);
        runtime().send_to(handle, Command::Ends(handle, asker));
        self.catch_up();
        answer.recv_timeout(ANSWER_WAIT).ok().map(Into::into)
    }
}

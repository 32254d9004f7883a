//! The way in: the events that I/O threads tell the JavaScript thread of an environment.

use std::net::IpAddr;

use crate::eio::packet::Packet;
use crate::eio::payload::Payload;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::handle::Handle;
use crate::sio;
use crate::sync::oneshot;
use crate::ws::frame::Opcode;

shared_enum! {
    /// Small news of a session.
    pub enum Note {
        /// The probe of an upgrade was answered.
        Upgrading = 0,
        /// The session has moved to a WebSocket.
        Upgraded = 1,
        /// The client has stopped reading: messages that are sent now wait.
        Blocked = 2,
        /// All messages that waited have been written.
        Drained = 3,
        /// An upgrade was given up.
        UpgradeLost = 4,
        /// A ping was sent; noted only of sessions whose packets are decoded in JavaScript.
        Pinged = 5,
        /// A WebSocket was offered for an upgrade.
        Offered = 6,
        /// The packets that follow are those of another request.
        Request = 7,
        /// The POST that JavaScript receives is to be given up.
        PostAborted = 8,
        /// The packets of the POST that JavaScript has received have all been taken.
        PostTaken = 9,
        /// No more is to be read of the client, whose WebSocket JavaScript serves.
        Stopped = 10,
        /// Reading goes on.
        GoesOn = 11,
    }
}

shared_enum! {
    /// The way that a connection goes which Node has accepted for a server of the application.
    pub enum Taking {
        /// Nothing has come of it yet.
        Silent = 0,
        /// The native listener has it.
        Taken = 1,
        /// Its first request is for another path.
        Elsewhere = 2,
        /// Node has to answer its first request, or the system has no descriptor left.
        ForNode = 3,
    }
}

shared_enum! {
    /// A subject of lines of debugging: `socket.io-native:session` and so on.
    pub enum Topic {
        /// Sessions: opened, upgraded, ended.
        Session = 0,
        /// Ports: connections accepted, turned away, handed to Node.
        Listener = 1,
        /// WebSockets: begun, broken, ended.
        Connection = 2,
    }
}

/// The end of a connection that JavaScript knows by a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamEnd {
    /// A stream that JavaScript pumps is dropped without writing what is left.
    pub abort: bool,
    /// Bytes read from the connection.
    pub read: u64,
    /// Bytes that were written to it.
    pub written: u64,
}

/// A session that a listener has opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'a> {
    /// Its id.
    pub sid: &'a str,
    /// It is carried by a WebSocket.
    pub websocket: bool,
    /// The client's address.
    pub remote: IpAddr,
    /// The snapshot of its request: the part that many requests have in common, and its own part.
    pub request: (&'a str, &'a str),
}

/// The beginning of a message by which a client leaves a namespace: events in front of it, in the same
/// read, are not heard.
pub const DISCONNECT: [u8; 2] = *b"41";

/// The packets of one read of a connection, while they are passed on: JavaScript takes them together,
/// as it would find them in one chunk of a socket of its own. To be begun where the client may leave in
/// the read: JavaScript waits for its end.
pub struct OneRead<'a>(&'a dyn EventSink);

impl<'a> OneRead<'a> {
    /// Begins to pass on the packets of a read, until the value is dropped.
    pub fn begin(inbox: &'a dyn EventSink) -> Self {
        inbox.begin_read();
        Self(inbox)
    }
}

impl Drop for OneRead<'_> {
    fn drop(&mut self) {
        self.0.end_read();
    }
}

/// Receives the events of connections, in the order in which they happened. Calls only append;
/// the JavaScript thread is woken by [`EventSink::wake`].
pub trait EventSink: Send + Sync {
    /// A Socket.IO packet, with its attachments. Returns the cost of the record.
    fn packet(&self, handle: Handle, packet: &sio::Packet<'_>, attachments: Vec<Vec<u8>>) -> usize;
    /// An Engine.IO packet of a session whose packets are decoded in JavaScript. Returns the cost of
    /// the record.
    fn engine_packet(&self, handle: Handle, packet: Packet<'_>) -> usize;
    /// A control frame of WebSocket, of a session whose packets are decoded in JavaScript. Returns the
    /// cost of the record.
    fn control_frame(&self, handle: Handle, opcode: Opcode, payload: &[u8]) -> usize;
    /// A Socket.IO packet that cannot be decoded; no more follow from this session.
    fn refused(&self, handle: Handle, message: &str);
    /// The body that answers the session's pending poll.
    fn answer(&self, handle: Handle, payload: Payload);
    /// A packet for a WebSocket of the session that JavaScript serves.
    fn frame(&self, handle: Handle, socket: SocketRole, packet: Packet<'_>);
    /// The returned channel ends when JavaScript has worked off all that was appended so far; `None`: it
    /// has.
    fn await_work(&self) -> Option<oneshot::Receiver<()>>;
    /// A note.
    fn note(&self, handle: Handle, note: Note);
    /// The session has ended. With `told`, the client has said so in the packets of the request that
    /// is being received; else all packets that came before are dispatched first.
    fn closed(&self, handle: Handle, closure: &CloseReason, told: bool);
    /// Bytes for a stream that JavaScript pumps; none end it.
    fn stream_write(&self, stream: u32, bytes: &[u8]);
    /// A connection has been closed, which JavaScript knows by the number `stream`.
    fn stream_end(&self, stream: u32, end: StreamEnd);
    /// All input of a pumped stream has been taken: JavaScript may read on.
    fn stream_taken(&self, stream: u32);

    /// A listener has opened a session. `start` is called before JavaScript can take the record: its
    /// requests to the session come before those of JavaScript.
    fn opened(&self, listener: u32, handle: Handle, opened: &Opened<'_>, start: &mut dyn FnMut());
    /// A connection that a listener does not serve itself, with the bytes that were read of it. `of`:
    /// the session that its next request names.
    #[cfg(unix)]
    fn handover(
        &self,
        listener: u32,
        socket: std::os::fd::OwnedFd,
        bytes: Vec<u8>,
        of: Option<Handle>,
    );
    /// The last connection of a listener that was stopped has ended.
    fn listener_drained(&self, listener: u32);

    /// The packets of one read follow, or those of the body of one POST: JavaScript takes them
    /// together. [`OneRead`] calls it.
    fn begin_read(&self) {}
    /// All packets of the read have been passed on.
    fn end_read(&self) {}

    /// True if somebody reads the lines of debugging of a topic.
    fn is_debugged(&self, _: Topic) -> bool {
        false
    }
    /// Shows a line of debugging: no payload, and no id of a session.
    fn debug(&self, _: Topic, _: String) {}

    /// True if so much waits for JavaScript that nothing more should be read.
    fn is_full(&self) -> bool;
    /// The cost that the records of one session may have, so that there is room for others.
    fn room(&self) -> usize;
    /// True if connections that stopped reading because of [`EventSink::is_full`] have yet to resume.
    fn is_stopped(&self) -> bool;
    /// True if the environment is gone: nobody takes its events.
    fn is_gone(&self) -> bool {
        false
    }
    /// Number of times that the JavaScript thread was woken and has taken all batches.
    fn turns(&self) -> u64;
    /// Wakes the JavaScript thread though there is nothing to tell, so that it counts a turn.
    fn nudge(&self);
    /// True if the JavaScript thread has to be woken for the events that were appended; once.
    fn needs_wake(&self) -> bool;
    /// Wakes the JavaScript thread.
    fn wake(&self);
}

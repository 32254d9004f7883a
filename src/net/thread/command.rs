//! Requests to an I/O thread.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::eio::encoding::PacketEncoding;
use crate::eio::session::{Outgoing, SocketRole};
use crate::net::events::EventSink;
use crate::net::handle::Handle;
use crate::net::session::shared::SharedSession;
use crate::net::thread::conn::End;
use crate::net::thread::exit_flush::ExitFlush;
use crate::net::thread::state::IoThread;
use crate::ws::deflate::{Compression, Parameters};
use crate::ws::frame::Opcode;

/// The source of the bytes of a new WebSocket.
pub enum Source {
    /// A socket taken over from Node.
    #[cfg(unix)]
    Socket(std::os::fd::OwnedFd),
    /// A stream that JavaScript reads and writes.
    Stream,
}

/// The number of a connection that JavaScript does not know.
pub const NO_STREAM: u32 = u32::MAX;
/// The first number of a single connection. Lower ones name the server that accepted a connection
/// of which JavaScript keeps nothing else.
pub const FIRST_STREAM: u32 = 1 << 16;

/// True if a number names one connection.
pub fn is_single(stream: u32) -> bool {
    (FIRST_STREAM..NO_STREAM).contains(&stream)
}

/// Counts the open connections of a listener.
pub trait ConnectionCounter: Send + Sync {
    /// Counts one connection less.
    fn connection_ended(&self);
}

/// An open connection of a listener, which counts it until this is dropped.
pub struct OpenConnection(Arc<dyn ConnectionCounter>);

impl OpenConnection {
    /// A connection that `counter` has counted.
    pub fn new(counter: Arc<dyn ConnectionCounter>) -> Self {
        Self(counter)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connection_ended();
    }
}

/// A WebSocket for an I/O thread to serve.
pub struct Attach {
    /// The session; `None`: the WebSocket is closed at once.
    pub shared: Option<Arc<SharedSession>>,
    /// The part that the WebSocket plays in the session.
    pub role: SocketRole,
    /// The encoding of its packets, by its own request.
    pub form: PacketEncoding,
    /// The source of its bytes.
    pub source: Source,
    /// The number by which JavaScript knows the connection.
    pub stream: u32,
    /// The environment that receives its events.
    pub inbox: Arc<dyn EventSink>,
    /// Bytes that came with the request.
    pub head: Vec<u8>,
    /// Bytes that the connection has read and written until now, `head` among them.
    pub before: (u64, u64),
    /// The 101 response.
    pub response: Vec<u8>,
    /// The compression that the response announces, and how the server compresses; `None`: none.
    pub deflate: Option<(Parameters, Compression)>,
    /// The first packets.
    pub first: Vec<Outgoing>,
    /// Counts it as a connection of its listener.
    pub open: Option<OpenConnection>,
}

/// A function that an I/O thread calls.
pub type ThreadCall = Box<dyn FnOnce(&Rc<IoThread>) + Send>;

/// A request to an I/O thread.
pub enum Command {
    /// Carry out a send batch, which [`crate::net::send_batch`] decodes, of a tick of JavaScript. A
    /// tick may have several.
    SendBatch(Vec<u8>, u32),
    /// Look after a session that has no WebSocket yet.
    Open(Arc<SharedSession>),
    /// Serve a WebSocket.
    Attach(Box<Attach>),
    /// Input of a pumped stream; empty: its end.
    Feed(u32, Vec<u8>),
    /// Report when all input of a pumped stream so far has been taken.
    AwaitTaken(u32),
    /// JavaScript has written so many bytes of a pumped stream.
    Written(u32, usize),
    /// Give the connection of a session's WebSocket a number, by which its end is reported.
    Watch(Handle, u32, Arc<dyn EventSink>),
    /// End a connection that has a number.
    EndConnection(u32, End),
    /// Have the kernel probe the idle peer of a connection that has a number after this time, or
    /// not any more.
    KeepAlive(u32, Option<Duration>),
    /// Write bytes of the application on a connection that has a number.
    WriteRaw(u32, Vec<u8>),
    /// Write all that was sent until now, and report that.
    Settle(SyncSender<()>),
    /// Report the local and the remote address of a session's WebSocket.
    Ends(Handle, SyncSender<(SocketAddr, SocketAddr)>),
    /// Report whether compression was agreed on for a session's WebSocket.
    IsCompressed(Handle, SyncSender<bool>),
    /// Send a control frame with this payload on a session's WebSocket.
    Control(Handle, Opcode, Vec<u8>),
    /// Send a packet on a session's WebSocket.
    Frame(Handle, SocketRole, Outgoing),
    /// Close a session's WebSocket.
    CloseSocket(Handle, SocketRole),
    /// A session's deadline may be earlier now.
    Rearm(Handle),
    /// A session ended.
    Forget(Handle),
    /// Call a function, which may spawn tasks: listeners serve their connections so.
    Call(ThreadCall),
    /// JavaScript has caught up: read on.
    Resume,
    /// Watch a session that polls and for which more bytes wait than may.
    Full(Handle),
    /// Note [`Note::Drained`](crate::net::events::Note) once all that was sent on a session's
    /// WebSocket is written.
    TellDrained(Handle),
    /// Work on the flush at exit of an environment.
    FlushForExit(Arc<ExitFlush>),
    /// An environment is gone: drop its sessions.
    Leave(Arc<dyn EventSink>),
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl ConnectionCounter for Count {
        fn connection_ended(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn an_open_connection_counts_until_it_is_dropped() {
        let count = Arc::new(Count::default());
        let [first, second] = [(); 2].map(|()| OpenConnection::new(count.clone()));
        drop(first);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        drop(second);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn numbers_of_servers_and_the_missing_number_name_no_single_connection() {
        assert!(is_single(FIRST_STREAM));
        assert!(is_single(NO_STREAM - 1));
        assert!(!is_single(FIRST_STREAM - 1));
        assert!(!is_single(NO_STREAM));
    }
}

//! Connections that Node accepts for a server of the application: the listener takes those whose first
//! request it may answer.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use socket2::SockRef;

use crate::net::events::Taking;
use crate::net::listener::head::{Inspected, inspect, is_at};
use crate::net::listener::route::Ends;
use crate::net::listener::{ConnectionGuard, Listener, send_to_thread};

/// The most bytes that are looked at of a request which has not been read.
const LOOKED_AT: usize = 4 << 10;

impl Listener {
    /// Takes a duplicate of a connection of which `bytes` were read, if its first request may be
    /// answered here.
    pub fn take(self: &Arc<Self>, connection: BorrowedFd<'_>, bytes: &[u8]) -> Taking {
        match self.judge(bytes) {
            Taking::Taken => self.take_duplicate(connection, bytes.to_vec()),
            other => other,
        }
    }

    /// The same for a connection of which nothing has been read. The bytes that have arrived stay in the
    /// system.
    pub fn take_unread(self: &Arc<Self>, connection: BorrowedFd<'_>) -> Taking {
        match self.judge_unread(&connection) {
            Taking::Taken => self.take_duplicate(connection, Vec::new()),
            other => other,
        }
    }

    /// Accepts connections of a listening socket and takes them, until there are no more, or there have
    /// been `most`. Returns the first one that may not be taken.
    ///
    /// # Errors
    /// Those of the system: [`io::ErrorKind::WouldBlock`] if there are no more.
    pub fn take_more(
        self: &Arc<Self>,
        listening: BorrowedFd<'_>,
        most: u32,
    ) -> io::Result<Option<OwnedFd>> {
        let listening = SockRef::from(&listening);
        for _ in 0..most {
            let (connection, remote) = listening.accept()?;
            connection.set_nonblocking(true)?;
            match remote.as_socket() {
                Some(remote) if self.judge_unread(&connection) == Taking::Taken => {
                    self.serve(connection.into(), remote, Vec::new());
                }
                _ => return Ok(Some(connection.into())),
            }
        }
        Ok(None)
    }

    fn take_duplicate(self: &Arc<Self>, connection: BorrowedFd<'_>, bytes: Vec<u8>) -> Taking {
        let Ok(socket) = connection.try_clone_to_owned() else {
            return Taking::ForNode;
        };
        let stream = TcpStream::from(socket);
        // The address is gone once the client resets the connection; what was read counts all the same.
        let Ok(remote) = stream.peer_addr() else {
            return Taking::ForNode;
        };
        self.serve(stream, remote, bytes);
        Taking::Taken
    }

    /// Serves a connection that does not block, and of which `bytes` were read.
    fn serve(self: &Arc<Self>, stream: TcpStream, remote: SocketAddr, bytes: Vec<u8>) {
        let local = stream.local_addr().ok();
        let ends = Ends { remote, local };
        send_to_thread(stream, ends, bytes, ConnectionGuard::new(self));
    }

    /// Tells what becomes of a connection that begins with `bytes`.
    fn judge(&self, bytes: &[u8]) -> Taking {
        let settings = self.settings();
        if !is_at(bytes, &settings.path) {
            return Taking::Elsewhere;
        }
        let is_ours = !settings.hands_over
            && match inspect(bytes, &settings.path) {
                Inspected::Partial => true,
                Inspected::Foreign => false,
                Inspected::Ours(request) => settings.answer(request.kind),
            };
        if is_ours {
            Taking::Taken
        } else {
            Taking::ForNode
        }
    }

    /// The same for a connection that does not block, and of which nothing has been read.
    fn judge_unread(&self, connection: &impl AsFd) -> Taking {
        let mut first = [MaybeUninit::<u8>::uninit(); LOOKED_AT];
        match SockRef::from(connection).peek(&mut first) {
            Ok(count) => {
                // SAFETY: the system has written so many bytes there.
                let first = unsafe { std::slice::from_raw_parts(first.as_ptr().cast(), count) };
                self.judge(first)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Taking::Silent,
            // Node finds the same error.
            Err(_) => Taking::ForNode,
        }
    }
}

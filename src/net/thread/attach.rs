//! The attachment of a WebSocket to its I/O thread.

use std::rc::Rc;
use std::sync::Arc;

use crate::eio::encoding::Protocol;
use crate::eio::session::SocketRole;
use crate::error::{CloseReason, Reason};
use crate::net::events::{EventSink, StreamEnd};
use crate::net::lock;
use crate::net::session::shared::SharedSession;
use crate::net::thread::conn::{Kept, WebSocketConn};
use crate::net::thread::session::ThreadSession;
use crate::net::thread::state::IoThread;
use crate::net::thread::{Attach, NO_STREAM, OpenConnection, Source, is_single};
use crate::net::websocket::stream::{ByteStream, Pumped};
use crate::ws::deflate::{Deflater, Inflater};

impl IoThread {
    /// Serves a WebSocket from now on.
    pub(in crate::net) fn attach(self: &Rc<Self>, attach: Attach) {
        let Attach {
            shared,
            role,
            form,
            source,
            stream,
            inbox,
            head,
            before,
            response,
            deflate,
            first,
            open,
        } = attach;
        let Some(byte_stream) = self.byte_stream(source, stream, &inbox) else {
            return self.attach_failed(shared, role, stream, &inbox, before);
        };
        let entry = self.session_for(shared, role);
        if let Some(entry) = &entry {
            entry.shared.traffic.store(before);
        }
        let mut deflate = deflate;
        let contexts = match (&entry, &mut deflate) {
            (Some(entry), Some((parameters, _))) => Some(entry.shared.engine.contexts(parameters)),
            _ => None,
        };
        let deflater = deflate.map(|(parameters, compression)| {
            Deflater::new(parameters, compression, self.deflate.clone())
        });
        let inflater = deflate.map(|(parameters, _)| {
            Box::new(Inflater::new(parameters, self.deflate.clone()).counting(contexts))
        });
        let conn = WebSocketConn::new(
            stream,
            inbox,
            entry.clone(),
            role,
            form,
            byte_stream,
            deflater,
        );
        self.store_numbered(stream, &conn);
        // A write of its own: some clients lose a frame that comes with the response.
        conn.append(self, &[&response]);
        conn.flush(self);
        if let Some(output) = &self.output {
            output.seal();
        }
        match entry {
            Some(entry) => {
                *entry.conn(role).borrow_mut() = Some(conn.clone());
                if form.protocol == Protocol::V3 && !first.is_empty() {
                    conn.hold_back(self);
                }
                for packet in &first {
                    conn.packet(self, packet.as_packet());
                }
            }
            None => conn.close(self, &[]),
        }
        self.spawn_serving(conn, head, inflater, open);
    }

    /// The byte stream of a new WebSocket; `None` if the thread cannot register its socket.
    fn byte_stream(
        &self,
        source: Source,
        stream: u32,
        inbox: &Arc<dyn EventSink>,
    ) -> Option<Rc<dyn ByteStream>> {
        match source {
            #[cfg(unix)]
            Source::Socket(fd) => {
                let socket = crate::net::websocket::stream::Adopted::new(fd).ok()?;
                Some(Rc::new(socket))
            }
            Source::Stream => {
                let pumped = Rc::new(Pumped::new(stream, inbox.clone(), self.output.clone()));
                self.streams.borrow_mut().insert(stream, pumped.clone());
                Some(pumped)
            }
        }
    }

    /// Ends the session of a WebSocket that has no byte stream, and the connection for JavaScript.
    fn attach_failed(
        self: &Rc<Self>,
        shared: Option<Arc<SharedSession>>,
        role: SocketRole,
        stream: u32,
        inbox: &Arc<dyn EventSink>,
        before: (u64, u64),
    ) {
        if let Some(shared) = shared {
            self.open(shared).with_session(self, |session, _, _, out| {
                session.lost(
                    role,
                    CloseReason::without_detail(Reason::TransportClose),
                    out,
                );
            });
        }
        if stream != NO_STREAM {
            let end = StreamEnd {
                abort: true,
                read: before.0,
                written: before.1,
            };
            inbox.stream_end(stream, end);
        }
        self.wake_later(inbox);
    }

    /// The session of a new WebSocket; `None` if it has ended since, or has given up its upgrade:
    /// the WebSocket is closed then.
    fn session_for(
        self: &Rc<Self>,
        shared: Option<Arc<SharedSession>>,
        role: SocketRole,
    ) -> Option<Rc<ThreadSession>> {
        let entry = self.open(shared?);
        let has_use = lock(&entry.shared.inner).session.has_use_for(role);
        has_use.then_some(entry)
    }

    /// Stores a connection by its number, if the number names one connection.
    fn store_numbered(&self, stream: u32, conn: &Rc<WebSocketConn>) {
        if is_single(stream) {
            let conns = if conn.is_pumped() {
                &self.pumped_conns
            } else {
                &self.conns
            };
            conns.borrow_mut().insert(stream, conn.clone());
        }
    }

    /// Spawns the task that serves a connection until its end.
    fn spawn_serving(
        self: &Rc<Self>,
        conn: Rc<WebSocketConn>,
        head: Vec<u8>,
        inflater: Option<Box<Inflater>>,
        open: Option<OpenConnection>,
    ) {
        let kept = Kept {
            trim: inflater.is_some().then(|| self.trim.clone()),
            counted: conn.counted(open.is_some()),
            open,
        };
        let serving = conn.serve(self.clone(), head, inflater, Some(kept));
        tokio::task::spawn_local(serving);
    }
}

//! The commands that an I/O thread carries out, and the send batches among them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::config::EngineConfig;
use crate::counters::Transport;
use crate::eio::packet::{Packet, Type};
use crate::eio::session::{Session, SocketRole};
use crate::net::events::{EventSink, Note};
use crate::net::handle::Handle;
use crate::net::lock;
use crate::net::send_batch::{self, Op};
use crate::net::thread::Command;
use crate::net::thread::broadcast::Broadcast;
use crate::net::thread::conn::WebSocketConn;
use crate::net::thread::session::LocalOutput;
use crate::net::thread::state::IoThread;
use crate::net::websocket::stream::{ByteStream as _, Pumped};
use crate::ws::frame::Opcode;

impl IoThread {
    /// Carries out a command.
    pub(in crate::net) fn command(self: &Rc<Self>, command: Command) {
        match command {
            Command::SendBatch(bytes, tick) => {
                self.js_tick.set(tick);
                self.carry_out_batch(&bytes);
            }
            Command::Open(shared) => {
                self.open(shared);
            }
            Command::Attach(attach) => self.attach(*attach),
            Command::Feed(stream, bytes) => self.with_pumped(stream, |pumped| pumped.feed(&bytes)),
            Command::AwaitTaken(stream) => self.with_pumped(stream, |pumped| pumped.await_taken()),
            Command::Written(stream, n) => self.pumped_written(stream, n),
            Command::Watch(handle, stream, inbox) => self.watch(handle, stream, &inbox),
            Command::EndConnection(stream, how) => {
                self.with_conn(stream, |conn| conn.end(self, how));
            }
            Command::KeepAlive(stream, delay) => {
                self.with_conn(stream, |conn| conn.keep_alive(delay));
            }
            Command::WriteRaw(stream, bytes) => {
                self.with_conn(stream, |conn| conn.append(self, &[&bytes]));
            }
            Command::Settle(asker) => self.settle_for(&asker),
            Command::Ends(handle, asker) => self.tell_ends(handle, &asker),
            Command::IsCompressed(handle, asker) => {
                if let Some(conn) = self.main_conn(handle) {
                    // The asking thread may have stopped waiting.
                    let _ = asker.try_send(conn.is_compressed());
                }
            }
            Command::Control(handle, opcode, payload) => {
                if let Some(conn) = self.main_conn(handle) {
                    conn.control(self, opcode, &payload);
                }
            }
            Command::Frame(handle, socket, packet) => {
                if let Some(entry) = self.entry(handle)
                    && let Some(conn) = &*entry.conn(socket).borrow()
                {
                    conn.packet(self, packet.as_packet());
                }
            }
            Command::CloseSocket(handle, socket) => {
                if let Some(entry) = self.entry(handle)
                    && let Some(conn) = entry.conn(socket).take()
                {
                    conn.close(self, &[]);
                }
            }
            Command::Rearm(handle) => {
                if let Some(entry) = self.entry(handle) {
                    entry.arm(self, lock(&entry.shared.inner).deadline());
                }
            }
            Command::Forget(handle) => self.forget(handle),
            Command::Call(function) => function(self),
            Command::Resume => self.resume(),
            Command::Full(handle) => self.full(handle),
            Command::TellDrained(handle) => {
                if let Some(conn) = self.main_conn(handle) {
                    conn.note_drained(self);
                }
            }
            Command::FlushForExit(exit_flush) => self.flush_for_exit(exit_flush),
            Command::Leave(inbox) => self.leave(&inbox),
        }
    }

    /// Reading from a session goes on: JavaScript has caught up with it, or its rates allow more.
    pub(in crate::net) fn go_on(self: &Rc<Self>, handle: Handle) {
        let Some(entry) = self.entry(handle) else {
            return;
        };
        let shared = &entry.shared;
        entry.with_session(self, |session, config, now, out| {
            // A pong may stand behind what has yet to be read.
            session.postpone(now, config.ping_timeout());
            out.push_rest(session, config, now);
        });
        if [SocketRole::Main, SocketRole::Probe].map(|role| shared.is_external(role)) != [false; 2]
        {
            shared.inbox.note(handle, Note::GoesOn);
        }
        self.wake_later(&shared.inbox);
        for conn in [&entry.main, &entry.probe] {
            if let Some(conn) = &*conn.borrow() {
                conn.wake();
            }
        }
    }

    /// The limits on rates have changed: has the timers look at the sessions that wait for them.
    pub(in crate::net) fn look_at_paces(&self) {
        let entries = self.entries.borrow();
        for entry in entries.iter().flatten() {
            if entry.shared.pending.is_paced() {
                entry.arm(self, Some(self.now()));
            }
        }
    }

    /// Calls `f` with a stream that JavaScript pumps, unless it has ended.
    fn with_pumped(&self, stream: u32, f: impl FnOnce(&Pumped)) {
        if let Some(pumped) = self.streams.borrow().get(&stream) {
            f(pumped);
        }
    }

    /// Calls `f` with a connection that has a number, unless JavaScript pumps it or it has ended.
    fn with_conn(&self, stream: u32, f: impl FnOnce(&Rc<WebSocketConn>)) {
        if let Some(conn) = self.conn(stream) {
            f(&conn);
        }
    }

    /// JavaScript has written `n` bytes of a pumped stream.
    fn pumped_written(self: &Rc<Self>, stream: u32, n: usize) {
        self.with_pumped(stream, |pumped| pumped.written(n));
        let conn = self.pumped_conns.borrow().get(&stream).cloned();
        if let Some(conn) = conn {
            conn.written_through(self);
        }
    }

    /// Writes what was sent until now, and reports that to the asking thread.
    fn settle_for(self: &Rc<Self>, asker: &SyncSender<()>) {
        self.settle();
        let blocked = self.pending_writes.conns();
        for conn in blocked.iter().filter(|conn| conn.is_pumped()) {
            conn.retry(self);
        }
        // The asking thread may have stopped waiting.
        let _ = asker.try_send(());
    }

    /// Reports the addresses of a session's WebSocket to the asking thread, if it has any.
    fn tell_ends(&self, handle: Handle, asker: &SyncSender<(SocketAddr, SocketAddr)>) {
        let ends = self.main_conn(handle).and_then(|conn| conn.ends());
        if let Some(ends) = ends {
            // The asking thread may have stopped waiting.
            let _ = asker.try_send(ends);
        }
    }

    /// Drops the sessions of an environment that is gone.
    fn leave(self: &Rc<Self>, inbox: &Arc<dyn EventSink>) {
        let gone: Vec<_> = self
            .entries
            .borrow()
            .iter()
            .flatten()
            .filter(|e| Arc::ptr_eq(&e.shared.inbox, inbox))
            .cloned()
            .collect();
        for entry in gone {
            let conns = [&entry.main, &entry.probe].map(|conn| conn.borrow().clone());
            entry.with_session(self, |session, _, now, out| session.close(true, now, out));
            // The close frames of clients are not waited for.
            self.settle();
            conns.iter().flatten().for_each(|conn| conn.kill());
        }
        self.sessions.table().release_all(inbox);
        self.resume();
    }

    fn carry_out_batch(self: &Rc<Self>, bytes: &[u8]) {
        self.batch.set(self.batch.get() + 1);
        for op in send_batch::Reader::new(bytes) {
            match op {
                Op::Text {
                    handle,
                    flags,
                    data,
                } => self.send(handle, flags, false, data),
                Op::Binary {
                    handle,
                    flags,
                    data,
                } => self.send(handle, flags, true, data),
                Op::Close { handle, flags } => self.session(handle, |session, _, now, out| {
                    session.close(flags & send_batch::DISCARD != 0, now, out);
                }),
                Op::Release { handle } => {
                    self.sessions.table().release(Handle::from_raw(handle));
                }
                Op::Broadcast {
                    handles,
                    flags,
                    binary,
                    data,
                } => {
                    let mut broadcast = Broadcast::new(binary, data);
                    for raw in handles.chunks_exact(4) {
                        let raw = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
                        self.deliver(raw, flags, binary, data, |conn| {
                            broadcast.queue(self, conn);
                        });
                        self.settle_if_much();
                    }
                    broadcast.end(self);
                }
            }
            self.settle_if_much();
        }
    }

    fn session(
        self: &Rc<Self>,
        handle: u32,
        f: impl FnOnce(&mut Session, &EngineConfig, u64, &mut LocalOutput<'_>),
    ) {
        if let Some(entry) = self.entry(Handle::from_raw(handle)) {
            entry.with_session(self, f);
        }
    }

    fn send(self: &Rc<Self>, handle: u32, flags: u8, binary: bool, data: &[u8]) {
        self.deliver(handle, flags, binary, data, |conn| {
            let send = |kind| {
                if binary {
                    conn.binary(self, data);
                } else {
                    conn.message(self, Opcode::Text, kind, data);
                }
            };
            if flags & send_batch::WHOLE == 0 {
                send(b"4");
            } else {
                conn.hand_over(|| send(b""));
            }
        });
    }

    /// Gives a message to the session's WebSocket through `queue`, or else to the session.
    fn deliver(
        self: &Rc<Self>,
        raw: u32,
        flags: u8,
        binary: bool,
        data: &[u8],
        queue: impl FnOnce(&Rc<WebSocketConn>),
    ) {
        let handle = Handle::from_raw(raw);
        let entries = self.entries.borrow();
        let Some(Some(entry)) = entries.get(self.index(handle)) else {
            return;
        };
        if entry.shared.handle != handle {
            return;
        }
        if let Some(conn) = &*entry.main.borrow() {
            if conn.admits(flags, self.batch.get()) {
                entry.lane.sent(Transport::WebSocket);
                queue(conn);
            }
            return;
        }
        let entry = entry.clone();
        drop(entries);
        if flags & send_batch::VOLATILE != 0 && !lock(&entry.shared.inner).session.is_poll_pending()
        {
            return;
        }
        if let Some(via) = entry.shared.transport() {
            entry.lane.sent(via);
        }
        entry.with_session(self, |session, _, _, out| {
            if binary {
                session.send(Packet::Binary(data.into()), out);
            } else if let Ok(text) = std::str::from_utf8(data) {
                if flags & send_batch::WHOLE == 0 {
                    session.send(Packet::Text(Type::Message, text), out);
                } else if let Ok(packet) = Packet::decode(text) {
                    session.send(packet, out);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;

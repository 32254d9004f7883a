//! The events of I/O threads, as records of an [`EventQueue`].

use tokio::sync::oneshot;

use crate::bridge::event_queue::EventQueue;
use crate::eio::packet::Packet as EnginePacket;
use crate::eio::payload::Payload;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::events::{EventSink, Note, Opened, StreamEnd, Topic};
use crate::net::handle::Handle;
use crate::sio::Packet;
use crate::ws::frame::Opcode;

impl EventSink for EventQueue {
    fn packet(&self, handle: Handle, packet: &Packet<'_>, attachments: Vec<Vec<u8>>) -> usize {
        self.append_for(Some(handle), |batch| {
            batch.packet(handle, packet, attachments)
        })
    }

    fn engine_packet(&self, handle: Handle, packet: EnginePacket<'_>) -> usize {
        self.append_for(Some(handle), |batch| batch.engine_packet(handle, packet))
    }

    fn control_frame(&self, handle: Handle, opcode: Opcode, payload: &[u8]) -> usize {
        self.append_for(Some(handle), |batch| {
            batch.control_frame(handle, opcode, payload);
        })
    }

    fn refused(&self, handle: Handle, message: &str) {
        self.append(|batch| batch.refused(handle, message));
    }

    fn answer(&self, handle: Handle, payload: Payload) {
        self.append(|batch| batch.answer(handle, payload));
    }

    fn frame(&self, handle: Handle, socket: SocketRole, packet: EnginePacket<'_>) {
        self.append(|batch| batch.frame(handle, socket, packet));
    }

    fn await_work(&self) -> Option<oneshot::Receiver<()>> {
        Self::await_work(self)
    }

    fn note(&self, handle: Handle, note: Note) {
        self.append(|batch| batch.note(handle, note));
    }

    fn closed(&self, handle: Handle, closure: &CloseReason, told: bool) {
        self.append(|batch| batch.closed(handle, closure, told));
    }

    fn stream_write(&self, stream: u32, bytes: &[u8]) {
        self.append(|batch| batch.stream_write(stream, bytes));
    }

    fn stream_end(&self, stream: u32, end: StreamEnd) {
        self.append(|batch| batch.stream_end(stream, end));
    }

    fn stream_taken(&self, stream: u32) {
        self.append(|batch| batch.stream_taken(stream));
    }

    fn opened(&self, listener: u32, handle: Handle, opened: &Opened<'_>, start: &mut dyn FnMut()) {
        self.append(|batch| {
            batch.opened(listener, handle, opened);
            // Under the lock that `take` needs.
            start();
        });
    }

    #[cfg(unix)]
    fn handover(
        &self,
        listener: u32,
        socket: std::os::fd::OwnedFd,
        bytes: Vec<u8>,
        of: Option<Handle>,
    ) {
        self.append(|batch| batch.handover(listener, socket, bytes, of));
    }

    fn listener_drained(&self, listener: u32) {
        self.append(|batch| batch.listener_drained(listener));
    }

    fn begin_read(&self) {
        self.begin_read();
    }

    fn end_read(&self) {
        self.end_read();
    }

    fn is_debugged(&self, topic: Topic) -> bool {
        self.debug_lines().is_enabled(topic)
    }

    fn debug(&self, topic: Topic, line: String) {
        self.debug_lines().push(topic, line);
        self.nudge();
    }

    fn is_full(&self) -> bool {
        self.is_full()
    }

    fn room(&self) -> usize {
        self.room()
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped()
    }

    fn is_gone(&self) -> bool {
        self.is_gone()
    }

    fn turns(&self) -> u64 {
        self.turns()
    }

    fn nudge(&self) {
        self.nudge();
    }

    fn needs_wake(&self) -> bool {
        self.needs_wake()
    }

    fn wake(&self) {
        self.waker().wake();
    }
}

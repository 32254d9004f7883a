//! The state machine of one session: its transport, its heartbeat, its upgrade and its end. It owns
//! no socket and no timer: packets and times come in as arguments, and requests go out through
//! [`Output`]. Engine.IO protocols 3 and 4, "Transports".

mod timers;
mod upgrade;

use super::encoding::{PacketEncoding, Protocol};
pub use super::output::{Outgoing, Output, Poll, SocketRole};
use super::packet::{Packet, Type};
use super::payload;
use super::payload_v3;
use crate::config::{CLOSE_WAIT_MS, EngineConfig, POLL_PAYLOAD_BYTES};
use crate::error::{CloseReason, HEARTBEAT_DIRECTION, POLL_ABORTED, POLL_OVERLAP, Reason};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Waits for a poll: to deliver buffered packets, then the close packet.
    Closing,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    /// A WebSocket stands by; nothing but its probe may come.
    Waiting,
    /// The probe was answered.
    Probed,
    Done,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    form: PacketEncoding,
    state: State,
    websocket: bool,
    upgrade: Upgrade,
    poll_pending: bool,
    /// The pong's deadline was put off once since the last ping.
    extended: bool,
    /// The time of the next ping; protocol 3: unused.
    ping_at: u64,
    /// The time from which the awaited pong (protocol 3: the client's ping) is overdue; 0: none is
    /// awaited.
    pong_by: u64,
    upgrade_by: u64,
    flush_at: u64,
    close_by: u64,
    buffer: Vec<Outgoing>,
    /// Bytes in the buffer.
    buffered: usize,
    /// Number of polls that have taken packets.
    answered_polls: u32,
}

/// The bytes that a buffered packet costs beside its data.
pub const PACKET_OVERHEAD: usize = 64;

impl Session {
    /// A session whose handshake was made at `now` (in ms) over a WebSocket (`websocket`) or a
    /// poll.
    pub fn new(form: PacketEncoding, websocket: bool, config: &EngineConfig, now: u64) -> Self {
        let interval = config.ping_interval();
        let heartbeat_by = now
            .saturating_add(interval)
            .saturating_add(config.ping_timeout());
        Self {
            form,
            state: State::Open,
            websocket,
            upgrade: Upgrade::None,
            poll_pending: false,
            extended: false,
            ping_at: now.saturating_add(interval),
            pong_by: match form.protocol {
                Protocol::V3 => heartbeat_by,
                Protocol::V4 => 0,
            },
            upgrade_by: 0,
            flush_at: 0,
            close_by: 0,
            buffer: Vec::new(),
            buffered: 0,
            answered_polls: 0,
        }
    }

    fn is_v3(&self) -> bool {
        self.form.protocol == Protocol::V3
    }

    /// True if a WebSocket carries the session.
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }

    /// True if the session has moved to another transport.
    pub fn has_upgraded(&self) -> bool {
        self.upgrade == Upgrade::Done
    }

    /// True if the session takes packets.
    #[cfg(test)]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// True if the session has ended.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// True if a poll waits for packets.
    pub fn is_poll_pending(&self) -> bool {
        self.poll_pending
    }

    /// Bytes that wait for a poll.
    pub fn buffered(&self) -> usize {
        self.buffered
    }

    /// Number of polls that have taken packets; it wraps around.
    pub fn answered_polls(&self) -> u32 {
        self.answered_polls
    }

    /// Handles a packet of the transport that carries the session.
    pub fn receive(
        &mut self,
        packet: Packet<'_>,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) {
        if self.state != State::Open {
            return;
        }
        match packet {
            Packet::Text(Type::Ping, _) if !self.is_v3() => {
                out.received(packet);
                return self.end(HEARTBEAT_DIRECTION, out);
            }
            Packet::Text(Type::Pong, _) if self.is_v3() => {
                out.received(packet);
                return self.end(HEARTBEAT_DIRECTION, out);
            }
            Packet::Text(Type::Ping, _) => {
                self.pong_by = now
                    .saturating_add(config.ping_interval())
                    .saturating_add(config.ping_timeout());
                self.send(Packet::Text(Type::Pong, ""), out);
            }
            Packet::Text(Type::Pong, _) => {
                self.pong_by = 0;
                self.ping_at = now.saturating_add(config.ping_interval());
            }
            // Anything else shows that the client lives, but only once for each ping.
            _ if self.pong_by != 0 && !self.is_v3() && !self.extended => {
                self.pong_by = now.saturating_add(config.ping_timeout());
                self.extended = true;
            }
            _ => {}
        }
        out.received(packet);
    }

    /// Handles a message of one of the session's WebSockets; `None` if it cannot be decoded. A close
    /// packet ends the session, as it does on polling.
    pub fn receive_on(
        &mut self,
        socket: SocketRole,
        packet: Option<Packet<'_>>,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) {
        match (socket, packet) {
            (SocketRole::Main, Some(packet)) => {
                let closes = matches!(packet, Packet::Text(Type::Close, _));
                self.receive(packet, config, now, out);
                if closes {
                    self.end(CloseReason::without_detail(Reason::TransportClose), out);
                }
            }
            (SocketRole::Main, None) => self.receive_undecodable(out),
            (SocketRole::Probe, packet) => self.receive_probe(packet, config, now, out),
        }
    }

    /// Ends the session, because a packet of it cannot be decoded.
    pub fn receive_undecodable(&mut self, out: &mut impl Output) {
        self.end(CloseReason::without_detail(Reason::ParseError), out);
    }

    /// The packets that wait for a poll.
    pub fn waiting(&self) -> &[Outgoing] {
        &self.buffer
    }

    /// The encoding of the client's packets.
    pub const fn encoding(&self) -> PacketEncoding {
        self.form
    }

    /// Queues a packet. Nothing is sent on a session that is closing.
    pub fn send(&mut self, packet: Packet<'_>, out: &mut impl Output) {
        if self.state != State::Open {
            return;
        }
        if self.websocket {
            out.frame(SocketRole::Main, packet);
        } else if self.poll_pending {
            self.poll_pending = false;
            self.answered_polls = self.answered_polls.wrapping_add(1);
            out.answer(self.form.payload(&[packet]));
        } else {
            let packet = Outgoing::from(packet);
            self.buffered += PACKET_OVERHEAD + packet.len();
            self.buffer.push(packet);
        }
    }

    /// Handles a poll.
    pub fn poll(&mut self, out: &mut impl Output) -> Poll {
        if self.websocket || self.state == State::Closed {
            return Poll::Moved;
        }
        if self.poll_pending {
            self.end(POLL_OVERLAP, out);
            return Poll::Overlap;
        }
        if !self.buffer.is_empty() {
            let buffer = self.next_payload();
            if self.state == State::Closing && self.buffer.is_empty() {
                out.abort_post();
            }
            self.answered_polls = self.answered_polls.wrapping_add(1);
            let packets: Vec<_> = buffer.iter().map(Outgoing::as_packet).collect();
            let payload = self.form.payload(&packets);
            return if self.buffer.is_empty() {
                Poll::Payload(payload)
            } else {
                Poll::Part(payload)
            };
        }
        if self.state == State::Closing {
            self.finish(CloseReason::without_detail(Reason::ForcedClose), out);
            let goodbye = [Packet::Text(Type::Noop, ""), Packet::Text(Type::Close, "")];
            return Poll::Payload(self.form.payload(&goodbye));
        }
        self.poll_pending = true;
        Poll::Pending
    }

    /// Takes the packets for the answer to one poll from the buffer, which is not empty.
    fn next_payload(&mut self) -> Vec<Outgoing> {
        let mut bytes = 0;
        let end = self.buffer.iter().skip(1).position(|packet| {
            // Behind the first: one is always sent.
            bytes += packet.len();
            bytes + self.buffer[0].len() > POLL_PAYLOAD_BYTES
        });
        let rest = match end {
            Some(end) => self.buffer.split_off(end + 1),
            None => Vec::new(),
        };
        let payload = std::mem::replace(&mut self.buffer, rest);
        let taken = payload.iter().map(|packet| PACKET_OVERHEAD + packet.len());
        self.buffered -= taken.sum::<usize>();
        payload
    }

    /// Ends the session, because the connection of its pending poll was lost.
    pub fn poll_lost(&mut self, out: &mut impl Output) {
        if !self.websocket {
            self.poll_pending = false;
            self.end(POLL_ABORTED, out);
        }
    }

    /// Ends the session, because a request of the polling transport failed. No effect on a session
    /// that has moved to a WebSocket.
    pub fn request_failed(&mut self, closure: CloseReason, out: &mut impl Output) {
        if !self.websocket {
            self.end(closure, out);
        }
    }

    /// Handles the body of a POST, already turned into text, until `out` has enough. Returns the number
    /// of bytes at its end that are a body of their own, to be handled later; `None`: all is handled.
    pub fn push(
        &mut self,
        body: &str,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) -> Option<usize> {
        match self.form.protocol {
            Protocol::V4 => self.receive_all(payload::decode(body), config, now, out),
            Protocol::V3 => self.receive_all(payload_v3::decode(body), config, now, out),
        }
    }

    /// Handles the body of a POST whose content is binary, protocol 3 only, as [`Session::push`] does.
    pub fn push_binary(
        &mut self,
        body: &[u8],
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) -> Option<usize> {
        match payload_v3::decode_binary(body) {
            Ok(packets) if self.is_v3() => self.receive_all(packets, config, now, out),
            _ => {
                self.receive_undecodable(out);
                None
            }
        }
    }

    /// Handles what [`Session::push_binary`] left of a body.
    pub fn push_binary_rest(
        &mut self,
        rest: &[u8],
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) -> Option<usize> {
        self.receive_all(payload_v3::decode_binary_rest(rest), config, now, out)
    }

    fn receive_all<'a>(
        &mut self,
        mut packets: impl payload::Pieces<'a>,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) -> Option<usize> {
        while let Some(piece) = packets.next() {
            match piece {
                _ if self.state == State::Closed => return None,
                Ok(Packet::Text(Type::Close, _)) => {
                    self.client_closed(out);
                    return None;
                }
                Ok(packet) => self.receive(packet, config, now, out),
                Err(_) => {
                    self.receive_undecodable(out);
                    return None;
                }
            }
            if out.has_enough() {
                return packets.left();
            }
        }
        None
    }

    /// Ends the session, because the client has closed it on polling. Its pending poll is answered
    /// with a `noop`.
    fn client_closed(&mut self, out: &mut impl Output) {
        if std::mem::take(&mut self.poll_pending) {
            out.answer(self.form.payload(&[Packet::Text(Type::Noop, "")]));
        }
        self.end(CloseReason::without_detail(Reason::TransportClose), out);
    }

    /// Handles the end of one of the session's WebSockets.
    pub fn lost(&mut self, socket: SocketRole, closure: CloseReason, out: &mut impl Output) {
        match socket {
            SocketRole::Main => self.socket_lost(closure, out),
            SocketRole::Probe => self.probe_lost(out),
        }
    }

    /// Ends the session, because the WebSocket that carries it has ended.
    pub fn socket_lost(&mut self, closure: CloseReason, out: &mut impl Output) {
        self.finish(closure, out);
    }

    /// Ends the session for `closure`. A pending poll gets a close packet, a WebSocket a close
    /// frame.
    pub fn end(&mut self, closure: CloseReason, out: &mut impl Output) {
        if self.state == State::Closed {
            return;
        }
        if self.websocket {
            out.close_socket(SocketRole::Main);
        }
        if std::mem::take(&mut self.poll_pending) {
            out.answer(self.form.payload(&[Packet::Text(Type::Close, "")]));
        }
        self.finish(closure, out);
    }

    /// Closes the session for the server. Buffered packets are still delivered, unless `discard`. A
    /// POST that is being received is given up then.
    pub fn close(&mut self, discard: bool, now: u64, out: &mut impl Output) {
        let at_once = discard || self.websocket || self.poll_pending;
        if at_once {
            self.end(CloseReason::without_detail(Reason::ForcedClose), out);
        } else if self.state == State::Open {
            self.state = State::Closing;
            self.close_by = now + CLOSE_WAIT_MS;
            if self.buffer.is_empty() {
                out.abort_post();
            }
        }
    }

    /// Ends the session. Only the first call has an effect, and nothing is output after it.
    fn finish(&mut self, closure: CloseReason, out: &mut impl Output) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.buffer = Vec::new();
        self.buffered = 0;
        if self.is_upgrading() {
            self.abandon_upgrade(out);
        }
        if !self.websocket {
            out.abort_post();
        }
        out.closed(closure);
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

//! The upgrade of a session to another transport: its probe, the switch, and how it is given up.
//! Engine.IO protocol, "Upgrade".

use super::{Output, Session, SocketRole, State, Upgrade};
use crate::config::{EngineConfig, UPGRADE_FLUSH_MS};
use crate::eio::packet::{Packet, Type};
use crate::error::{CloseReason, Reason};

impl Session {
    /// Begins an upgrade to a WebSocket. Returns false if the WebSocket has to be closed again,
    /// because an upgrade is under way or was made. As upstream, a session that began on a
    /// WebSocket may move once too: a client that knows the id owns the session.
    pub fn upgrade(&mut self, config: &EngineConfig, now: u64) -> bool {
        if self.upgrade != Upgrade::None || self.state == State::Closed {
            return false;
        }
        self.upgrade = Upgrade::Waiting;
        self.upgrade_by = now.saturating_add(config.upgrade_timeout());
        true
    }

    /// Handles a packet of the probing WebSocket; `None` if it cannot be decoded.
    pub fn receive_probe(
        &mut self,
        packet: Option<Packet<'_>>,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) {
        match packet {
            _ if !self.is_upgrading() => out.close_socket(SocketRole::Probe),
            Some(Packet::Text(Type::Ping, "probe")) => {
                out.frame(SocketRole::Probe, Packet::Text(Type::Pong, "probe"));
                self.upgrade = Upgrade::Probed;
                self.flush_at = now + UPGRADE_FLUSH_MS;
                out.upgrading();
            }
            Some(Packet::Text(Type::Upgrade, _)) => self.switch_transport(config, now, out),
            _ => self.abandon_upgrade(out),
        }
    }

    /// Handles the end of the probing WebSocket: the session keeps its transport.
    pub fn probe_lost(&mut self, out: &mut impl Output) {
        if self.is_upgrading() {
            self.upgrade = Upgrade::None;
            self.upgrade_by = 0;
            out.upgrade_lost();
        }
    }

    /// True if the session takes a WebSocket for this part, or goes on with the one it has.
    pub fn has_use_for(&self, socket: SocketRole) -> bool {
        match socket {
            SocketRole::Main => self.state != State::Closed,
            SocketRole::Probe => self.is_upgrading() && self.state != State::Closed,
        }
    }

    pub(super) fn is_upgrading(&self) -> bool {
        matches!(self.upgrade, Upgrade::Waiting | Upgrade::Probed)
    }

    /// Gives up the upgrade under way, and closes its WebSocket.
    pub(super) fn abandon_upgrade(&mut self, out: &mut impl Output) {
        out.close_socket(SocketRole::Probe);
        self.probe_lost(out);
    }

    /// Moves the session to the WebSocket of the upgrade.
    fn switch_transport(&mut self, config: &EngineConfig, now: u64, out: &mut impl Output) {
        if std::mem::take(&mut self.poll_pending) {
            out.answer(self.form.payload(&[Packet::Text(Type::Close, "")]));
        }
        if self.websocket {
            out.close_socket(SocketRole::Main);
        } else {
            out.abort_post();
        }
        self.upgrade = Upgrade::Done;
        self.upgrade_by = 0;
        self.websocket = true;
        if !self.is_v3() && self.pong_by != 0 {
            // The ping may be lost with the old transport: the next one follows in an interval.
            self.pong_by = 0;
            self.ping_at = now.saturating_add(config.ping_interval());
        }
        // Buffered packets go first: nothing may be sent over the new transport before them.
        self.buffered = 0;
        for packet in std::mem::take(&mut self.buffer) {
            out.frame(SocketRole::Probe, packet.as_packet());
        }
        out.upgraded();
        if self.state == State::Closing {
            self.end(CloseReason::without_detail(Reason::ForcedClose), out);
        }
    }
}

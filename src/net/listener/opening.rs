//! A session that a request opens natively.

use std::sync::Arc;

use crate::counters::Carrier;
use crate::eio::encoding::PacketEncoding;
use crate::eio::handshake::Handshake;
use crate::eio::id;
use crate::eio::packet::Type;
use crate::eio::session::Outgoing;
use crate::net::events::Opened;
use crate::net::listener::Listener;
use crate::net::listener::settings::Settings;
use crate::net::listener::snapshot::RequestSnapshot;
use crate::net::lock;
use crate::net::runtime::{Opening, TooMany};
use crate::net::session::admission::Refusal;
use crate::net::session::shared::SharedSession;

impl Listener {
    /// Opens a session, and tells JavaScript. `start` gets the session and its first packets, and
    /// has its thread serve it. Returns its id.
    ///
    /// # Errors
    /// The refusal, if a bound leaves no place. `None` if the process has no handle left, or if
    /// JavaScript has changed the settings since the request was looked at: no session begins by
    /// what was permitted before.
    pub(in crate::net) fn open_session(
        &self,
        settings: &Settings,
        packed: RequestSnapshot,
        websocket: bool,
        start: impl FnOnce(Arc<SharedSession>, Vec<Outgoing>),
    ) -> Result<String, Option<&'static Refusal>> {
        let sid = id::generate().map_err(|_| None)?;
        let mut packets = first_packets(settings, &sid, websocket);
        let (inbox, engine) = (self.inbox.clone(), self.engine.clone());
        let current = lock(&self.settings);
        if !std::ptr::eq(&**current, settings) {
            return Err(None);
        }
        let limits = &engine.config.admission;
        let opening = Opening {
            form: PacketEncoding::V4,
            websocket,
            external: false,
            decode_in_js: settings.raw,
            sid: &sid,
            address: (limits.is_any()).then(|| packed.remote.into()),
            is_checked: true,
            inline: false,
        };
        let created = self.runtime.create(inbox.clone(), engine.clone(), opening);
        let peer = created.map_err(|full| match full {
            TooMany::OfEngine(bound) => Some(Refusal::of(bound)),
            TooMany::OfProcess => None,
        })?;
        let carrier = match websocket {
            true => Carrier::WebSocketNative,
            false => Carrier::PollingNative,
        };
        peer.begin(carrier, &sid);
        let opened = Opened {
            sid: &sid,
            websocket,
            remote: packed.remote,
            request: (&packed.shared, &packed.own),
        };
        let mut start = Some(start);
        let mut is_started = false;
        let mut start = || {
            if let Some(start) = start.take() {
                start(peer.clone(), std::mem::take(&mut packets));
                is_started = true;
            }
        };
        inbox.opened(self.id, peer.handle, &opened, &mut start);
        drop(current);
        if is_started {
            return Ok(sid);
        }
        // The environment is gone.
        self.runtime.close(peer.handle, true);
        Err(None)
    }
}

/// The open packet of a session, and what is sent right behind it.
fn first_packets(settings: &Settings, sid: &str, websocket: bool) -> Vec<Outgoing> {
    let upgrades = if websocket {
        "[]"
    } else {
        &settings.upgrade_list
    };
    let open = Handshake {
        sid,
        upgrades,
        ping_interval: settings.ping_interval,
        ping_timeout: settings.ping_timeout,
        max_payload: settings.max_payload,
    };
    let mut packets = vec![Outgoing::Text(Type::Open, open.to_json().into())];
    packets.extend(settings.initial.clone());
    packets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eio::packet::Packet;

    fn texts(packets: &[Outgoing]) -> Vec<String> {
        let text = |packet: &Outgoing| match packet.as_packet() {
            Packet::Text(_, text) => text.to_owned(),
            Packet::Binary(_) => panic!("no text"),
        };
        packets.iter().map(text).collect()
    }

    #[test]
    fn the_open_packet_tells_the_settings_and_the_initial_packet_follows() {
        let settings = Settings {
            upgrade_list: r#"["websocket"]"#.into(),
            ping_interval: 1,
            ping_timeout: 2,
            max_payload: Some(3),
            initial: Some(Outgoing::Text(Type::Message, "soup".into())),
            ..Settings::default()
        };
        let polling = texts(&first_packets(&settings, "abc", false));
        let open = r#"{"sid":"abc","upgrades":["websocket"],"pingInterval":1,"pingTimeout":2,"maxPayload":3}"#;
        assert_eq!(polling, [open, "soup"]);
        let websocket = texts(&first_packets(&settings, "abc", true));
        assert!(websocket[0].contains(r#""upgrades":[]"#));
    }
}

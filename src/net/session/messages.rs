//! The packets of one session on their way to JavaScript: the decoder, and the request that they came in.

use crate::config::EngineConfig;
use crate::counters::Bound;
use crate::eio::packet::{Packet, Type};
use crate::net::events::{EventSink, Note};
use crate::net::handle::Handle;
use crate::net::session::engine::SharedEngine;
use crate::net::session::pace::Pace;
use crate::net::session::shared::SharedSession;
use crate::sio;

/// The error of a session of which most bytes wait for the rest of their packets, when too much waits
/// of all.
const HELD_TOO_MUCH: &str = "too many bytes of attachments are waiting";

/// Decodes received packets and passes them to JavaScript.
#[derive(Default)]
pub struct Messages {
    decoder: sio::Decoder,
    /// Packets are decoded in JavaScript.
    decode_in_js: bool,
    /// An undecodable packet came: later packets are ignored.
    refused: bool,
    /// A binary message is a packet, and no attachment: no Socket.IO server with the usual parser
    /// takes the packets.
    pub(super) counts_binary: bool,
    request: Request,
    /// The rates of the connection, once they are limited.
    pub(super) pace: Option<Box<Pace>>,
}

impl Messages {
    /// Those of a new session. `decode_in_js`: JavaScript decodes its packets.
    pub(super) fn new(decode_in_js: bool) -> Self {
        Self {
            decode_in_js,
            counts_binary: decode_in_js,
            ..Self::default()
        }
    }

    /// Has packets decoded in JavaScript from now on (`decode_in_js`), or natively again.
    pub fn set_decode_in_js(&mut self, decode_in_js: bool) {
        self.decode_in_js = decode_in_js;
    }

    /// The packets that follow, until [`Messages::end_request`], are those of one request.
    /// `announced`: a note tells JavaScript where they begin; not needed for a request that
    /// JavaScript has received itself.
    pub fn begin_request(&mut self, announced: bool) {
        self.request = if announced {
            Request::Unannounced
        } else {
            Request::KnownToJs
        };
    }

    /// All packets of the request have been received.
    pub fn end_request(&mut self) {
        self.request = Request::None;
    }

    /// True if a packet of the request that is being received was passed on.
    pub fn has_announced(&self) -> bool {
        self.request == Request::Announced
    }

    /// True if packets are decoded in JavaScript.
    pub fn decodes_in_js(&self) -> bool {
        self.decode_in_js
    }

    /// Bytes of memory held for a packet that waits for its attachments.
    pub fn held(&self) -> usize {
        self.decoder.held()
    }

    /// Drops the packet that waits for its attachments.
    pub fn drop_held(&mut self, engine: &SharedEngine) {
        let held = std::mem::take(&mut self.decoder).held();
        if held > 0 {
            engine.attachments.replace(held, 0);
        }
    }

    /// Refuses the packet that waits for its attachments, because too much waits in all: JavaScript is
    /// told, and later packets are ignored. Returns false if no packet waits.
    pub fn refuse_held(&mut self, session: &SharedSession) -> bool {
        if self.held() == 0 {
            return false;
        }
        self.drop_held(&session.engine);
        self.refused = true;
        self.request.announce(session.handle, &*session.inbox);
        session.inbox.refused(session.handle, HELD_TOO_MUCH);
        true
    }

    /// Decodes a packet of a session, and passes it to `inbox`. Returns the cost of its record.
    pub fn receive(
        &mut self,
        packet: Packet<'_>,
        handle: Handle,
        engine: &SharedEngine,
        inbox: &dyn EventSink,
    ) -> usize {
        if self.decode_in_js {
            self.request.announce(handle, inbox);
            return inbox.engine_packet(handle, packet);
        }
        if self.refused {
            return 0;
        }
        let limits = sio::Limits {
            max_attachments: engine.config.max_attachments(),
            max_attachment_bytes: attachment_limit(&engine.config),
            max_depth: engine.config.max_depth(),
        };
        let result = match packet {
            Packet::Text(Type::Message, text) => self.decoder.text(text, &limits).map(|packet| {
                packet.map_or(0, |packet| {
                    self.request.announce(handle, inbox);
                    inbox.packet(handle, &packet, Vec::new())
                })
            }),
            Packet::Binary(bytes) => self
                .decoder
                .binary(bytes.into_owned(), &limits)
                .map(|done| {
                    done.map_or(0, |mut done| {
                        let attachments = std::mem::take(&mut done.attachments);
                        self.request.announce(handle, inbox);
                        inbox.packet(handle, &done.packet(), attachments)
                    })
                }),
            Packet::Text(..) => Ok(0),
        };
        result.unwrap_or_else(|error| {
            self.refused = true;
            match error {
                sio::Error::TooManyAttachments => engine.counters.reached(Bound::Attachments),
                sio::Error::TooDeep => engine.counters.reached(Bound::Depth),
                sio::Error::AttachmentsTooLarge => engine.counters.reached(Bound::AttachmentBytes),
                _ => {}
            }
            self.request.announce(handle, inbox);
            inbox.refused(handle, &error.to_string());
            0
        })
    }
}

/// The state of the request whose packets are being received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Request {
    /// No request is being received.
    #[default]
    None,
    /// No packet has been passed on; a note has to tell JavaScript of the request first.
    Unannounced,
    /// No packet has been passed on; JavaScript knows where the request begins.
    KnownToJs,
    /// A packet has been passed on.
    Announced,
}

impl Request {
    /// Notes where the request begins, before its first packet is passed on.
    fn announce(&mut self, handle: Handle, inbox: &dyn EventSink) {
        match self {
            Self::Unannounced => inbox.note(handle, Note::Request),
            Self::KnownToJs => {}
            Self::None | Self::Announced => return,
        }
        *self = Self::Announced;
    }
}

/// The bytes of attachments that one packet may gather: as many full messages as attachments are
/// allowed.
fn attachment_limit(config: &EngineConfig) -> usize {
    match usize::try_from(config.max_message()) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(max) => max.saturating_mul(config.max_attachments() as usize),
    }
}

#[cfg(test)]
mod tests;

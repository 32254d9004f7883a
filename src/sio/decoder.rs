//! From engine messages to packets, one decoder per connection.
//!
//! A plain packet is borrowed from its message: nothing is copied, nothing is kept. Only a
//! packet that announces attachments is copied and held until they have all arrived.

use super::{Error, Id, Kind, Packet, header, json};
use crate::config::MAX_DEPTH;

/// Bounds on what one connection can make the decoder hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Attachments per packet. Default 10.
    pub max_attachments: u32,
    /// Bytes of all attachments of one packet together. Default 10 MB, which is ten messages
    /// of the default `maxHttpBufferSize`.
    pub max_attachment_bytes: usize,
    /// Arrays and objects that may be nested in the data of one packet. Default 1,000.
    pub max_depth: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_attachments: 10,
            max_attachment_bytes: 10_000_000,
            max_depth: MAX_DEPTH,
        }
    }
}

/// A binary packet with all its attachments.
#[derive(Debug)]
pub struct Assembled {
    kind: Kind,
    nsp: Box<str>,
    id: Option<Id>,
    json: Option<Box<str>>,
    announced: u32,
    /// In the order of arrival, which is the order the placeholders count in.
    pub attachments: Vec<Vec<u8>>,
}

impl Assembled {
    /// The packet that announced the attachments.
    pub fn packet(&self) -> Packet<'_> {
        Packet {
            kind: self.kind,
            nsp: &self.nsp,
            id: self.id,
            json: self.json.as_deref(),
            attachments: self.announced,
        }
    }
}

/// The memory of a packet that waits for its attachments, in bytes, beside its text.
const PACKET_BYTES: usize = 256;
/// The memory of an attachment beside its bytes: its place in the list, and what the allocator adds.
const ATTACHMENT_BYTES: usize = 64;

#[derive(Debug)]
struct Pending {
    assembled: Assembled,
    /// Bytes of the attachments so far.
    bytes: usize,
    /// Bytes of memory that all of it takes.
    held: usize,
}

/// Decodes the messages of one connection. One pointer wide; owns nothing while no
/// attachments are awaited.
///
/// After an error the connection is to be closed; the decoder is left as it was before.
#[derive(Debug, Default)]
pub struct Decoder {
    pending: Option<Box<Pending>>,
}

impl Decoder {
    /// A decoder awaiting a packet.
    pub const fn new() -> Decoder {
        Decoder { pending: None }
    }

    /// Feeds a text message, without the engine's type character.
    ///
    /// `None`: the packet announced attachments and is held until [`Decoder::binary`]
    /// completes it.
    ///
    /// # Errors
    /// Any refusal of the header or the data, and text while attachments are missing.
    pub fn text<'a>(
        &mut self,
        text: &'a str,
        limits: &Limits,
    ) -> Result<Option<Packet<'a>>, Error> {
        if self.pending.is_some() {
            return Err(Error::UnexpectedText);
        }
        let packet = decode(text, limits)?;
        if packet.attachments == 0 {
            return Ok(Some(packet));
        }
        self.pending = Some(Box::new(Pending {
            assembled: Assembled {
                kind: packet.kind,
                nsp: packet.nsp.into(),
                id: packet.id,
                json: packet.json.map(Into::into),
                announced: packet.attachments,
                attachments: Vec::new(),
            },
            bytes: 0,
            held: PACKET_BYTES + text.len(),
        }));
        Ok(None)
    }

    /// Feeds a binary message: the next attachment. `None`: more are missing.
    ///
    /// # Errors
    /// No packet awaits attachments, or they exceed [`Limits::max_attachment_bytes`].
    pub fn binary(&mut self, bytes: Vec<u8>, limits: &Limits) -> Result<Option<Assembled>, Error> {
        let pending = self.pending.as_mut().ok_or(Error::UnexpectedBinary)?;
        let total = pending.bytes.saturating_add(bytes.len());
        if total > limits.max_attachment_bytes {
            return Err(Error::AttachmentsTooLarge);
        }
        pending.bytes = total;
        pending.held += ATTACHMENT_BYTES + bytes.capacity();
        let Assembled {
            attachments,
            announced,
            ..
        } = &mut pending.assembled;
        attachments.push(bytes);
        if attachments.len() < *announced as usize {
            return Ok(None);
        }
        Ok(self.pending.take().map(|pending| pending.assembled))
    }

    /// Bytes of memory held for a packet that waits for attachments; 0 if there is none.
    pub fn held(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| pending.held)
    }

    /// Bytes held for an unfinished packet: its text and the attachments so far.
    #[cfg(test)]
    fn held_bytes(&self) -> usize {
        self.pending.as_ref().map_or(0, |pending| {
            let Assembled { nsp, json, .. } = &pending.assembled;
            pending.bytes + nsp.len() + json.as_ref().map_or(0, |json| json.len())
        })
    }
}

fn decode<'a>(text: &'a str, limits: &Limits) -> Result<Packet<'a>, Error> {
    let header = header::read(text, limits.max_attachments)?;
    let json = (!header.rest.is_empty()).then_some(header.rest);
    if json.is_some_and(|json| !json::is_payload(header.kind, json)) {
        return Err(Error::InvalidPayload);
    }
    if json.is_some_and(|json| json::is_deeper(json, limits.max_depth)) {
        return Err(Error::TooDeep);
    }
    Ok(Packet {
        kind: header.kind,
        nsp: header.nsp,
        id: header.id,
        json,
        attachments: header.attachments,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        max_attachments: 10,
        max_attachment_bytes: 100,
        max_depth: 3,
    };

    fn text(text: &str) -> Result<Option<Packet<'_>>, Error> {
        Decoder::new().text(text, &LIMITS)
    }

    #[test]
    fn an_idle_decoder_is_one_pointer() {
        assert_eq!(size_of::<Decoder>(), size_of::<usize>());
    }

    #[test]
    fn plain_packets_borrow_from_their_message() {
        let message = String::from("2/admin,12[\"foo\",{\"_placeholder\":true,\"num\":9}]");
        let packet = text(&message).unwrap().unwrap();
        assert_eq!(packet.kind, Kind::Event);
        assert_eq!(packet.nsp, "/admin");
        assert_eq!(packet.id, Some(Id::from(12)));
        let json = packet.json.unwrap();
        assert!(message.as_bytes().as_ptr_range().contains(&json.as_ptr()));
        assert_eq!(json, "[\"foo\",{\"_placeholder\":true,\"num\":9}]");
        assert_eq!(packet.attachments, 0);
    }

    #[test]
    fn absent_data_is_accepted() {
        for message in ["0", "1", "2", "21", "3", "4", "1/a,"] {
            assert_eq!(text(message).unwrap().unwrap().json, None, "{message:?}");
        }
    }

    #[test]
    fn refused_data() {
        for message in [
            "0[]",
            "0\"x\"",
            "0null",
            "1[]",
            "1{}",
            "2{}",
            "2[]",
            "2[null]",
            "2[{}]",
            "2[true]",
            "2[[]]",
            "31{}",
            "3x",
            "2[\"connect\"]",
            "2[\"\\u0063onnect\"]",
            "2[\"a\"",
            "2[\"a\"],[\"b\"]",
            "51-[{\"_placeholder\":true,\"num\":0}]",
            "51-1-",
        ] {
            assert_eq!(text(message), Err(Error::InvalidPayload), "{message:?}");
        }
    }

    #[test]
    fn the_nesting_of_data_is_bounded() {
        assert!(text("2[\"a\",[{}]]").is_ok());
        for message in [
            "2[\"a\",[[[]]]]",
            "0{\"a\":{\"b\":{\"c\":{}}}}",
            "31[[[{}]]]",
        ] {
            assert_eq!(text(message), Err(Error::TooDeep), "{message:?}");
        }
    }

    #[test]
    fn attachments_are_gathered_in_order() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.text("52-/a,7[\"x\"]", &LIMITS), Ok(None));
        assert!(decoder.binary(vec![1], &LIMITS).unwrap().is_none());
        assert_eq!(decoder.held_bytes(), 1 + "/a".len() + "[\"x\"]".len());
        let held = PACKET_BYTES + "52-/a,7[\"x\"]".len() + ATTACHMENT_BYTES + 1;
        assert_eq!(decoder.held(), held);
        let assembled = decoder.binary(vec![], &LIMITS).unwrap().unwrap();
        assert_eq!(assembled.attachments, [vec![1], vec![]]);
        let packet = assembled.packet();
        assert_eq!(
            (packet.kind, packet.nsp, packet.attachments),
            (Kind::BinaryEvent, "/a", 2)
        );
        assert_eq!(
            (packet.id, packet.json),
            (Some(Id::from(7)), Some("[\"x\"]"))
        );
        assert_eq!((decoder.held_bytes(), decoder.held()), (0, 0));
        assert!(decoder.text("2[\"next\"]", &LIMITS).unwrap().is_some());
    }

    #[test]
    fn messages_out_of_turn() {
        let mut decoder = Decoder::new();
        assert_eq!(
            decoder.binary(vec![1], &LIMITS).unwrap_err(),
            Error::UnexpectedBinary
        );
        assert_eq!(decoder.text("61-[]", &LIMITS), Ok(None));
        assert_eq!(
            decoder.text("2[\"a\"]", &LIMITS),
            Err(Error::UnexpectedText)
        );
    }

    #[test]
    fn the_sum_of_attachments_is_bounded() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.text("53-[\"a\"]", &LIMITS), Ok(None));
        assert!(decoder.binary(vec![0; 60], &LIMITS).unwrap().is_none());
        assert_eq!(
            decoder.binary(vec![0; 41], &LIMITS).unwrap_err(),
            Error::AttachmentsTooLarge
        );
        assert!(decoder.binary(vec![0; 40], &LIMITS).unwrap().is_none());
    }

    /// GHSA-2m8v-j782-fhvr: zero attachments must not leave the decoder collecting for ever.
    #[test]
    fn no_attachments_announced() {
        let mut decoder = Decoder::new();
        assert_eq!(
            decoder.text("50-[\"a\"]", &LIMITS),
            Err(Error::IllegalAttachments)
        );
        assert_eq!(
            decoder.binary(vec![1], &LIMITS).unwrap_err(),
            Error::UnexpectedBinary
        );
    }

    proptest! {
        #[test]
        fn no_sequence_panics(messages in proptest::collection::vec(
            prop_oneof![any::<String>(), "[0-7][0-3]?-?(/a,)?[0-9 ]{0,2}(\\[\"a\"\\])?"], 0..8,
        )) {
            let mut decoder = Decoder::new();
            for message in &messages {
                if let Ok(None) = decoder.text(message, &LIMITS) {
                    prop_assert!(decoder.pending.is_some());
                    let _ = decoder.binary(message.clone().into_bytes(), &LIMITS);
                }
            }
            prop_assert!(decoder.held_bytes() <= 100 + messages.iter().map(String::len).max().unwrap_or(0));
        }
    }
}

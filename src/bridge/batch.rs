//! Batches of records as JavaScript takes them: one JSON array per batch, parsed by one `JSON.parse`,
//! and beside it the values that do not belong inside (long payloads, binary).
//!
//! The array is flat: each record is its code, the session's handle, and as many items as the
//! code has ([`RecordCode`]). Payloads are embedded as they came, which is safe because `sio` has proven each to
//! be exactly one JSON value; a number in the place of a payload is the index of a value beside.

use std::io::Write as _;
use std::ops::Range;
#[cfg(unix)]
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use crate::bridge::record::RecordCode;
use crate::config::{
    BATCH_BYTES, BATCH_COST, BATCH_VALUE_BYTES, INLINE_PAYLOAD_BYTES, RECORD_OVERHEAD,
};
use crate::eio::packet::Packet as EnginePacket;
use crate::eio::payload::Payload;
use crate::eio::session::SocketRole;
use crate::error::CloseReason;
use crate::net::events::{Note, Opened, StreamEnd};
use crate::net::handle::Handle;
use crate::sio::{Kind, Packet};
use crate::ws::frame::Opcode;

/// The number of a control frame of WebSocket, in place of the type of an Engine.IO packet.
pub const fn control_number(opcode: Opcode) -> i8 {
    -(opcode as i8)
}

/// A value that travels beside the text.
#[derive(Debug, PartialEq, Eq)]
pub enum Value {
    /// Becomes a string.
    Text(String),
    /// Becomes a Buffer.
    Bytes(Vec<u8>),
}

/// Records for one environment, in order.
#[derive(Debug, Default)]
pub struct Batch {
    text: Vec<u8>,
    values: Vec<Value>,
    value_bytes: usize,
    records: usize,
    /// The cost of the packets of each session, in the order of the records.
    costs: Vec<(Handle, usize)>,
    /// The places of the records of opened sessions in the text.
    opened: Vec<Range<usize>>,
    /// The time of its first record; none in tests.
    begun: Option<Instant>,
    /// Connections that are handed over; they are closed if nobody takes the batch.
    #[cfg(unix)]
    sockets: Vec<OwnedFd>,
}

impl Batch {
    /// A batch that begins now.
    pub fn begin() -> Self {
        Self {
            begun: Some(Instant::now()),
            ..Self::default()
        }
    }

    /// The time since it began.
    pub fn age(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    /// The bytes of its records and their values.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.value_bytes
    }

    /// True if the next record belongs to another batch.
    pub fn is_full(&self) -> bool {
        self.text.len() >= BATCH_BYTES
            || self.value_bytes >= BATCH_VALUE_BYTES
            || self.cost() >= BATCH_COST
    }

    /// The cost of holding it: its bytes, and an overhead for each record and each value.
    pub fn cost(&self) -> usize {
        let objects = self.records + self.values.len();
        self.bytes() + objects * RECORD_OVERHEAD
    }

    /// Counts the cost of a packet for its session.
    pub fn charge(&mut self, handle: Handle, cost: usize) {
        match self.costs.last_mut() {
            Some((last, sum)) if *last == handle => *sum += cost,
            _ => self.costs.push((handle, cost)),
        }
    }

    /// Takes the cost of the packets of each session; a session may be there several times.
    pub fn take_costs(&mut self) -> Vec<(Handle, usize)> {
        std::mem::take(&mut self.costs)
    }

    /// The array's text and the values beside it.
    pub fn finish(mut self) -> (Vec<u8>, Vec<Value>) {
        self.text.push(b']');
        #[cfg(unix)]
        for socket in self.sockets {
            let _ = socket.into_raw_fd();
        }
        (self.text, self.values)
    }

    fn record(&mut self, code: RecordCode, name: u32) {
        self.records += 1;
        self.text
            .push(if self.text.is_empty() { b'[' } else { b',' });
        // Writing to a Vec cannot fail, here and below.
        let _ = write!(self.text, "{},{name}", code as u8);
    }

    fn number(&mut self, n: impl std::fmt::Display) {
        let _ = write!(self.text, ",{n}");
    }

    fn null(&mut self) {
        self.text.extend_from_slice(b",null");
    }

    fn string(&mut self, s: &str) {
        self.text.push(b',');
        let _ = serde_json::to_writer(&mut self.text, s);
    }

    fn value(&mut self, value: Value) {
        self.value_bytes += match &value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        };
        self.number(self.values.len());
        self.values.push(value);
    }

    fn payload(&mut self, json: &str) {
        if json.len() > INLINE_PAYLOAD_BYTES {
            return self.value(Value::Text(json.to_owned()));
        }
        self.text.push(b',');
        self.text.extend_from_slice(json.as_bytes());
    }

    /// Appends a Socket.IO packet.
    pub fn packet(&mut self, handle: Handle, packet: &Packet<'_>, attachments: Vec<Vec<u8>>) {
        let handle = handle.raw();
        if packet.nsp == "/" {
            match (packet.kind, packet.id, packet.json) {
                (Kind::Event, None, Some(json)) => {
                    self.record(RecordCode::Event, handle);
                    return self.payload(json);
                }
                (Kind::Event | Kind::Ack, Some(id), Some(json)) => {
                    let event = packet.kind == Kind::Event;
                    self.record(
                        if event {
                            RecordCode::EventWithAck
                        } else {
                            RecordCode::Ack
                        },
                        handle,
                    );
                    self.id(id);
                    return self.payload(json);
                }
                _ => {}
            }
        }
        self.record(RecordCode::Packet, handle);
        self.number(packet.kind.digit());
        self.string(packet.nsp);
        match packet.id {
            Some(id) => self.id(id),
            None => self.null(),
        }
        match packet.json {
            Some(json) => self.payload(json),
            None => self.null(),
        }
        self.number(self.values.len());
        self.number(attachments.len());
        for bytes in attachments {
            self.value_bytes += bytes.len();
            self.values.push(Value::Bytes(bytes));
        }
    }

    fn id(&mut self, id: crate::sio::Id) {
        let mut text = String::new();
        id.write_json(&mut text);
        self.number(text);
    }

    /// Appends an Engine.IO packet.
    pub fn engine_packet(&mut self, handle: Handle, packet: EnginePacket<'_>) {
        self.record(RecordCode::EnginePacket, handle.raw());
        match packet {
            EnginePacket::Text(kind, text) => {
                self.number(kind.digit());
                self.value(Value::Text(text.to_owned()));
            }
            EnginePacket::Binary(bytes) => {
                self.number(-1);
                self.value(Value::Bytes(bytes.into_owned()));
            }
        }
    }

    /// Appends a control frame of WebSocket, in the record of an Engine.IO packet.
    pub fn control_frame(&mut self, handle: Handle, opcode: Opcode, payload: &[u8]) {
        self.record(RecordCode::EnginePacket, handle.raw());
        self.number(control_number(opcode));
        self.value(Value::Bytes(payload.to_vec()));
    }

    /// Appends a packet for a WebSocket that JavaScript serves: text is encoded, bytes are in no
    /// form yet.
    pub fn frame(&mut self, handle: Handle, socket: SocketRole, packet: EnginePacket<'_>) {
        self.record(RecordCode::Frame, handle.raw());
        self.number(u8::from(socket == SocketRole::Probe));
        self.value(match packet {
            EnginePacket::Text(..) => {
                let mut text = String::new();
                packet.encode(&mut text);
                Value::Text(text)
            }
            EnginePacket::Binary(bytes) => Value::Bytes(bytes.into_owned()),
        });
    }

    /// Appends a refusal.
    pub fn refused(&mut self, handle: Handle, message: &str) {
        self.record(RecordCode::Refused, handle.raw());
        self.string(message);
    }

    /// Appends the answer to a poll.
    pub fn answer(&mut self, handle: Handle, payload: Payload) {
        self.record(RecordCode::Answer, handle.raw());
        self.value(match payload {
            Payload::Text(text) => Value::Text(text),
            Payload::Binary(bytes) => Value::Bytes(bytes),
        });
    }

    /// Appends a note.
    pub fn note(&mut self, handle: Handle, note: Note) {
        self.record(RecordCode::Note, handle.raw());
        self.number(note as u8);
    }

    /// Appends a session that a listener has opened.
    pub fn opened(&mut self, listener: u32, handle: Handle, opened: &Opened<'_>) {
        // Behind the bracket or the comma.
        let start = self.text.len() + 1;
        self.record(RecordCode::Opened, listener);
        self.number(handle.raw());
        self.number(u8::from(opened.websocket));
        self.string(opened.sid);
        self.string(&opened.remote.to_string());
        self.string(opened.request.0);
        self.string(opened.request.1);
        self.opened.push(start..self.text.len());
    }

    /// Appends the records of opened sessions to a list of them; each once.
    pub fn take_opened(&mut self, list: &mut Vec<u8>) {
        for place in self.opened.drain(..) {
            list.push(if list.is_empty() { b'[' } else { b',' });
            list.extend_from_slice(self.text.get(place).unwrap_or_default());
        }
    }

    /// Appends a connection. Whoever takes the batch owns the descriptor.
    #[cfg(unix)]
    pub fn handover(&mut self, listener: u32, socket: OwnedFd, bytes: Vec<u8>, of: Option<Handle>) {
        self.record(RecordCode::Handover, listener);
        self.number(socket.as_raw_fd());
        self.value(Value::Bytes(bytes));
        self.number(of.map_or(-1, |handle| i64::from(handle.raw())));
        self.sockets.push(socket);
    }

    /// Appends the place of something that JavaScript knows already.
    pub fn place(&mut self, handle: u32) {
        self.record(RecordCode::Place, handle);
    }

    /// Appends that the last connection of a listener has ended.
    pub fn listener_drained(&mut self, listener: u32) {
        self.record(RecordCode::ListenerDrained, listener);
    }

    /// Appends the end of a session.
    pub fn closed(&mut self, handle: Handle, closure: &CloseReason, told: bool) {
        self.record(RecordCode::Closed, handle.raw());
        self.number(closure.reason as u8);
        match &closure.detail {
            Some(detail) => self.string(detail),
            None => self.null(),
        }
        self.number(u8::from(told));
    }

    /// Appends bytes for a pumped stream.
    pub fn stream_write(&mut self, stream: u32, bytes: &[u8]) {
        self.record(RecordCode::StreamWrite, stream);
        self.value(Value::Bytes(bytes.to_vec()));
    }

    /// Appends the end of a connection.
    pub fn stream_end(&mut self, stream: u32, end: StreamEnd) {
        self.record(RecordCode::StreamEnd, stream);
        self.number(u8::from(end.abort));
        self.number(end.read);
        self.number(end.written);
    }

    /// Appends that the input of a pumped stream has been taken.
    pub fn stream_taken(&mut self, stream: u32) {
        self.record(RecordCode::StreamTaken, stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sio::{Decoder, Limits};
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        max_attachments: 10,
        max_attachment_bytes: 1 << 20,
        max_depth: u32::MAX,
    };

    fn parsed(batch: Batch) -> (Vec<serde_json::Value>, Vec<Value>) {
        let (text, values) = batch.finish();
        let array: serde_json::Value = serde_json::from_slice(&text).expect("a batch is JSON");
        (array.as_array().expect("an array").clone(), values)
    }

    #[cfg(unix)]
    #[test]
    fn a_connection_handed_over_is_closed_unless_somebody_takes_it() {
        use std::io::Read as _;
        use std::os::fd::FromRawFd as _;
        use std::os::unix::net::UnixStream;

        for taken in [false, true] {
            let (own, mut peer) = UnixStream::pair().expect("two sockets");
            peer.set_nonblocking(true).expect("set");
            let mut batch = Batch::default();
            batch.handover(1, own.into(), Vec::new(), None);
            let fd = taken.then(|| parsed(batch).0[2].as_i64().expect("a descriptor"));
            let read = peer.read(&mut [0]);
            assert_eq!(read.ok(), (!taken).then_some(0));
            if let Some(fd) = fd {
                // SAFETY: it was given to whoever took the batch.
                drop(unsafe { UnixStream::from_raw_fd(fd as i32) });
                assert_eq!(peer.read(&mut [0]).ok(), Some(0));
            }
        }
    }

    #[test]
    fn records_have_their_values() {
        let mut batch = Batch::default();
        let handle = Handle::from_raw(5);
        let mut decoder = Decoder::new();
        for text in ["2[\"a\",1]", "27[\"b\"]", "31[]", "0/x,{\"t\":1}", "1"] {
            let packet = decoder
                .text(text, &LIMITS)
                .expect("valid")
                .expect("complete");
            batch.packet(handle, &packet, Vec::new());
        }
        batch.closed(handle, &CloseReason::transport("why \"quoted\""), false);
        let end = StreamEnd {
            abort: true,
            read: 5,
            written: 7,
        };
        batch.stream_end(9, end);
        let (array, values) = parsed(batch);
        let expected = serde_json::json!([
            0, 5, ["a", 1], 1, 5, 7, ["b"], 2, 5, 1, [], 3, 5, 0, "/x", null, {"t": 1}, 0, 0,
            3, 5, 1, "/", null, null, 0, 0, 5, 5, 0, "why \"quoted\"", 0, 10, 9, 1, 5, 7
        ]);
        assert_eq!(serde_json::Value::from(array), expected);
        assert!(values.is_empty());
    }

    #[test]
    fn each_record_has_the_length_of_its_code() {
        let handle = Handle::from_raw(5);
        let opened = Opened {
            sid: "a",
            websocket: true,
            remote: std::net::Ipv4Addr::LOCALHOST.into(),
            request: ("", ""),
        };
        let packet = |batch: &mut Batch, text: &str| {
            let mut decoder = Decoder::new();
            let packet = decoder.text(text, &LIMITS).expect("valid");
            batch.packet(handle, &packet.expect("complete"), Vec::new());
        };
        for &(code, ..) in RecordCode::VARIANTS {
            let mut batch = Batch::default();
            match code {
                RecordCode::Event => packet(&mut batch, "2[\"a\"]"),
                RecordCode::EventWithAck => packet(&mut batch, "21[\"a\"]"),
                RecordCode::Ack => packet(&mut batch, "31[]"),
                RecordCode::Packet => packet(&mut batch, "0{}"),
                RecordCode::Refused => batch.refused(handle, ""),
                RecordCode::Closed => batch.closed(handle, &CloseReason::transport(""), true),
                RecordCode::Answer => batch.answer(handle, Payload::Text(String::new())),
                RecordCode::EnginePacket => {
                    batch.engine_packet(handle, EnginePacket::Binary([].as_slice().into()));
                }
                RecordCode::Note => batch.note(handle, Note::Drained),
                RecordCode::StreamWrite => batch.stream_write(1, &[]),
                RecordCode::StreamEnd => batch.stream_end(1, StreamEnd::default()),
                RecordCode::StreamTaken => batch.stream_taken(1),
                RecordCode::Opened => batch.opened(1, handle, &opened),
                #[cfg(unix)]
                RecordCode::Handover => {
                    let (socket, _) = std::os::unix::net::UnixStream::pair().expect("two sockets");
                    batch.handover(1, socket.into(), Vec::new(), None);
                }
                #[cfg(not(unix))]
                RecordCode::Handover => continue,
                RecordCode::ListenerDrained => batch.listener_drained(1),
                RecordCode::Frame => {
                    let packet = EnginePacket::Binary([].as_slice().into());
                    batch.frame(handle, SocketRole::Main, packet);
                }
                RecordCode::Place => batch.place(1),
            }
            let (array, _) = parsed(batch);
            assert_eq!(array[0], code as u8, "{code:?}");
            assert_eq!(array.len(), code.length(), "{code:?}");
        }
    }

    #[test]
    fn long_payloads_travel_beside() {
        let long = format!("[\"{}\"]", "x".repeat(INLINE_PAYLOAD_BYTES));
        let text = format!("2{long}");
        let mut batch = Batch::default();
        let packet = Decoder::new()
            .text(&text, &LIMITS)
            .expect("valid")
            .expect("complete");
        batch.packet(Handle::from_raw(1), &packet, Vec::new());
        let (array, values) = parsed(batch);
        assert_eq!(serde_json::Value::from(array), serde_json::json!([0, 1, 0]));
        assert_eq!(values, [Value::Text(long)]);
    }

    proptest! {
        /// The record of any message holds one payload, and leaves the records behind it as they
        /// are: no client can write records for others.
        #[test]
        fn a_payload_cannot_break_out(
            body in r#"[\[\]{},:"'\\0-9a-z \-+.eE]{0,40}"#,
            prefix in prop::sample::select(vec!["2", "21", "31", "2[\"e\",", "2[\"e\"],", "2/n,"]),
        ) {
            let text = format!("{prefix}{body}");
            let mut batch = Batch::default();
            let victim = Handle::from_raw(77);
            if let Ok(Some(packet)) = Decoder::new().text(&text, &LIMITS) {
                batch.packet(Handle::from_raw(1), &packet, Vec::new());
            }
            batch.refused(victim, "marker");
            let (array, _) = parsed(batch);
            // The marker is the last record, and the first one has exactly its own length.
            let n = array.len();
            let marker = serde_json::json!([4, 77, "marker"]);
            prop_assert_eq!(serde_json::Value::from(array[n - 3..].to_vec()), marker);
            let own = if n == 3 {
                0
            } else {
                let code = array[0].as_u64();
                let code = RecordCode::VARIANTS.iter().find(|(c, ..)| Some(*c as u64) == code);
                code.expect("a record").0.length()
            };
            prop_assert_eq!(n, own + 3);
        }
    }
}

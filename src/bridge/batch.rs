//! Batches of records as JavaScript takes them: one JSON array per batch, parsed by one `JSON.parse`,
//! and beside it the values that do not belong inside (long payloads, binary).
//!
//! The array is flat: each record is its code, the session's handle, and as many items as the
//! code has ([`RecordCode`]). Payloads are embedded as they came, which is safe because `sio` has proven each to
//! be exactly one JSON value; a number in the place of a payload is the index of a value beside. A
//! negative number, -1 - index, names a value `[places,payload]`, and behind it the strings that belong
//! to these places of the payload.

use std::io::Write as _;
use std::ops::Range;
#[cfg(unix)]
use std::os::fd::{AsRawFd as _, OwnedFd};
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
use crate::sio::{Kind, Packet, lift};
use crate::sync::oneshot;
use crate::ws::frame::Opcode;

/// The room for text that a batch begins with, in bytes.
const FIRST_BYTES: usize = 256;

/// The index of the shared part in a record of an opened session.
const OPENED_SHARED: usize = 6;

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

/// The places in the text of a record of an opened session.
#[derive(Debug)]
struct OpenedRecord {
    before: Range<usize>,
    /// Stands in this record, or in one before.
    shared: Range<usize>,
    behind: Range<usize>,
}

/// A string that requests have in common.
#[derive(Debug)]
struct SharedPart {
    string: String,
    /// Its index among the items.
    item: usize,
    /// Its place in the text.
    place: Range<usize>,
}

/// Records for one environment, in order.
#[derive(Debug, Default)]
pub struct Batch {
    text: Vec<u8>,
    values: Vec<Value>,
    value_bytes: usize,
    /// Number of the values that are strings of a payload in front of them.
    lifted: usize,
    records: usize,
    /// Number of the items in the text.
    items: usize,
    /// The cost of the packets of each session, in the order of the records.
    costs: Vec<(Handle, usize)>,
    /// Those who wait until the batch has been worked off.
    waiting: Vec<oneshot::Sender<()>>,
    /// The records of opened sessions.
    opened: Vec<OpenedRecord>,
    /// The shared part of the last request that has opened a session.
    shared: Option<SharedPart>,
    /// The time of its first record; none in tests.
    begun: Option<Instant>,
    /// Connections that are handed over; they are closed unless somebody takes them.
    #[cfg(unix)]
    sockets: Vec<OwnedFd>,
}

impl Batch {
    /// A batch that begins now.
    pub fn begin() -> Self {
        Self {
            // The text of one small record, or of a few, does not have to grow.
            text: Vec::with_capacity(FIRST_BYTES),
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
        let objects = self.records + self.values.len() - self.lifted;
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

    /// Those who wait until the batch has been worked off.
    pub const fn waiting(&mut self) -> &mut Vec<oneshot::Sender<()>> {
        &mut self.waiting
    }

    /// Takes the connections that are handed over.
    #[cfg(unix)]
    pub fn take_sockets(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.sockets)
    }

    /// The array's text and the values beside it.
    pub fn finish(mut self) -> (Vec<u8>, Vec<Value>) {
        self.text.push(b']');
        (self.text, self.values)
    }

    fn record(&mut self, code: RecordCode, name: u32) {
        self.records += 1;
        self.items += code.length();
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
            return match lift(json, INLINE_PAYLOAD_BYTES) {
                Some((text, strings)) => self.lifted(json.len(), text, &strings),
                None => self.value(Value::Text(json.to_owned())),
            };
        }
        self.text.push(b',');
        self.text.extend_from_slice(json.as_bytes());
    }

    /// A payload of `len` bytes that costs the same as if it had its strings inside.
    fn lifted(&mut self, len: usize, text: String, strings: &[&str]) {
        self.value_bytes += len;
        self.lifted += strings.len();
        let _ = write!(self.text, ",-{}", self.values.len() + 1);
        self.values.push(Value::Text(text));
        let strings = strings.iter().map(|&string| Value::Text(string.to_owned()));
        self.values.extend(strings);
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
        let index = self.items + OPENED_SHARED;
        self.record(RecordCode::Opened, listener);
        self.number(handle.raw());
        self.number(u8::from(opened.websocket));
        self.string(opened.sid);
        self.string(&opened.remote.to_string());
        let before = start..self.text.len();
        let (shared, own) = opened.request;
        let shared = self.shared_part(shared, index);
        let end = self.text.len();
        self.string(own);
        self.opened.push(OpenedRecord {
            before,
            shared,
            behind: end..self.text.len(),
        });
    }

    /// Appends a string, or the index of the last one if that is equal. Returns the place of the string.
    fn shared_part(&mut self, string: &str, item: usize) -> Range<usize> {
        if let Some(known) = &self.shared
            && known.string == string
        {
            let (item, place) = (known.item, known.place.clone());
            self.number(item);
            return place;
        }
        let start = self.text.len();
        self.string(string);
        let place = start..self.text.len();
        self.shared = Some(SharedPart {
            string: string.to_owned(),
            item,
            place: place.clone(),
        });
        place
    }

    /// Appends the records of opened sessions to a list of them; each once.
    pub fn take_opened(&mut self, list: &mut Vec<u8>) {
        for record in self.opened.drain(..) {
            list.push(if list.is_empty() { b'[' } else { b',' });
            for place in [record.before, record.shared, record.behind] {
                list.extend_from_slice(self.text.get(place).unwrap_or_default());
            }
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
mod tests;

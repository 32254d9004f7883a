//! Batches for JavaScript: whatever clients send, a batch is one JSON array with exactly the records
//! that went in. `fuzz/batches.mjs` has `JSON.parse` say the same.
//!
//! Input: records, each a code and a handle, then what it wants; texts end with a zero byte.

#![no_main]

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use serde_json::value::RawValue;
use socket_io_native::bridge::batch::{Batch, Value};
use socket_io_native::bridge::record::RecordCode;
use socket_io_native::config::INLINE_PAYLOAD_BYTES;
use socket_io_native::eio::packet::{Packet as EnginePacket, Type};
use socket_io_native::eio::payload::Payload;
use socket_io_native::eio::session::SocketRole;
use socket_io_native::error::{CloseReason, Reason};
use socket_io_native::net::events::{Note, Opened, StreamEnd};
use socket_io_native::net::handle::Handle;
use socket_io_native::sio::{Decoder, Id, Kind, Limits, Packet, lift};
use support::Input;
use support::dump::dump;

const LIMITS: Limits = Limits {
    max_attachments: 10,
    max_attachment_bytes: 1 << 20,
    max_depth: u32::MAX,
};

/// An item of a record, as it has to come out.
#[derive(Debug)]
enum Item {
    Number(u64),
    Minus1,
    Null,
    Text(String),
    /// JSON of a client.
    Raw(String),
    Id(Id),
    /// The index of a value beside the text.
    Beside(Value),
    /// A long payload: the index of its text, or of what is left of it without its long strings.
    Long(String),
}

impl Item {
    fn check(&self, raw: &str, values: &[Value]) {
        match self {
            Self::Number(number) => assert_eq!(raw, number.to_string()),
            Self::Minus1 => assert_eq!(raw, "-1"),
            Self::Null => assert_eq!(raw, "null"),
            Self::Text(text) => {
                let parsed: String = serde_json::from_str(raw).expect("a string");
                assert_eq!(parsed, *text);
            }
            Self::Raw(text) => assert_eq!(raw, text.trim_matches([' ', '\t', '\r', '\n'])),
            Self::Id(id) if id.get().is_nan() => assert_eq!(raw, "\"NaN\""),
            Self::Id(id) => assert_eq!(raw.parse(), Ok(id.get())),
            Self::Long(json) if lift(json, INLINE_PAYLOAD_BYTES).is_none() => {
                let index: usize = raw.parse().expect("an index");
                assert_eq!(values[index], Value::Text(json.clone()));
            }
            Self::Long(json) => {
                let index: usize = raw[1..].parse().expect("an index");
                let expected = elements(json.as_bytes());
                let expected: Vec<_> = expected.iter().map(|one| one.get()).collect();
                assert_eq!(put_back(&values[index - 1..]), expected);
            }
            Self::Beside(value) => {
                let index: usize = raw.parse().expect("an index");
                assert_eq!(&values[index], value);
            }
        }
    }

    /// The number of values that it has beside the text.
    fn values(&self) -> usize {
        match self {
            Self::Long(json) => {
                1 + lift(json, INLINE_PAYLOAD_BYTES).map_or(0, |(_, strings)| strings.len())
            }
            Self::Beside(_) => 1,
            _ => 0,
        }
    }

    fn beside(text: impl Into<String>) -> Self {
        Self::Beside(Value::Text(text.into()))
    }

    fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Beside(Value::Bytes(bytes.into()))
    }
}

/// The elements of a payload whose long strings are values of their own.
fn put_back(values: &[Value]) -> Vec<String> {
    let string = |value: &Value| match value {
        Value::Text(text) => text.clone(),
        Value::Bytes(_) => panic!("bytes in a payload"),
    };
    let text = string(&values[0]);
    let both = elements(text.as_bytes());
    let [places, payload] = both[..] else {
        panic!("places and an array");
    };
    let places: Vec<usize> = serde_json::from_str(places.get()).expect("places");
    let payload = elements(payload.get().as_bytes());
    let mut elements: Vec<String> = payload.iter().map(|one| one.get().to_owned()).collect();
    assert!(!places.is_empty());
    for (place, value) in places.into_iter().zip(&values[1..]) {
        let element = std::mem::replace(&mut elements[place], format!("\"{}\"", string(value)));
        assert_eq!(element, "0");
    }
    elements
}

/// The index of the shared part of a request in the record of an opened session.
const SHARED: usize = 6;

/// A batch, and the records that went in.
#[derive(Default)]
struct Model {
    batch: Batch,
    items: Vec<Item>,
    /// The places of the records of opened sessions, and of the shared parts of their requests.
    opened: Vec<(usize, usize)>,
    /// The last shared part that was written out.
    shared: Option<(String, usize)>,
    /// Attachments, with their indices among the values.
    attached: Vec<(usize, Vec<u8>)>,
    sockets: Vec<i32>,
}

impl Model {
    /// Expects a record of `code`.
    fn expect(&mut self, code: RecordCode, name: u32, items: impl IntoIterator<Item = Item>) {
        let before = self.items.len();
        self.items.push(Item::Number(code as u64));
        self.items.push(Item::Number(name.into()));
        self.items.extend(items);
        assert_eq!(self.items.len() - before, code.length());
    }

    fn packet(&mut self, handle: Handle, packet: &Packet<'_>, attachments: Vec<Vec<u8>>) {
        self.batch.packet(handle, packet, attachments.clone());
        let payload = |json: &str| {
            if json.len() > INLINE_PAYLOAD_BYTES {
                Item::Long(json.into())
            } else {
                Item::Raw(json.into())
            }
        };
        let name = handle.raw();
        if packet.nsp == "/"
            && let Some(json) = packet.json
        {
            match (packet.kind, packet.id) {
                (Kind::Event, None) => {
                    return self.expect(RecordCode::Event, name, [payload(json)]);
                }
                (Kind::Event, Some(id)) => {
                    let items = [Item::Id(id), payload(json)];
                    return self.expect(RecordCode::EventWithAck, name, items);
                }
                (Kind::Ack, Some(id)) => {
                    return self.expect(RecordCode::Ack, name, [Item::Id(id), payload(json)]);
                }
                _ => {}
            }
        }
        // The values that are beside so far, with the payload of this packet.
        let payload = packet.json.map_or(Item::Null, payload);
        let first = self.items.iter().map(Item::values).sum::<usize>()
            + payload.values()
            + self.attached.len();
        let items = [
            Item::Number(packet.kind as u64),
            Item::Text(packet.nsp.into()),
            packet.id.map_or(Item::Null, Item::Id),
            payload,
            Item::Number(first as u64),
            Item::Number(attachments.len() as u64),
        ];
        self.expect(RecordCode::Packet, name, items);
        for (i, bytes) in attachments.into_iter().enumerate() {
            self.attached.push((first + i, bytes));
        }
    }
}

/// A text of the input.
fn text(input: &mut Input<'_>) -> String {
    String::from_utf8_lossy(input.until(0)).into_owned()
}

/// An Engine.IO packet of the input, text or not.
fn engine_packet(input: &mut Input<'_>) -> (Option<Type>, String) {
    let kind = Type::from_digit(b'0' + input.byte() % 8);
    (kind, text(input))
}

/// Adds the packet of a message; its attachments have as many bytes as their numbers.
fn client(model: &mut Model, handle: Handle, message: &str) {
    let mut decoder = Decoder::new();
    match decoder.text(message, &LIMITS) {
        Ok(Some(packet)) => model.packet(handle, &packet, Vec::new()),
        Ok(None) => {
            for length in 0..LIMITS.max_attachments {
                let bytes = vec![7; length as usize];
                if let Ok(Some(mut assembled)) = decoder.binary(bytes, &LIMITS) {
                    let attachments = std::mem::take(&mut assembled.attachments);
                    return model.packet(handle, &assembled.packet(), attachments);
                }
            }
            panic!("more attachments than announced");
        }
        Err(error) => refuse(model, handle, &error.to_string()),
    }
}

fn refuse(model: &mut Model, handle: Handle, message: &str) {
    model.batch.refused(handle, message);
    model.expect(
        RecordCode::Refused,
        handle.raw(),
        [Item::Text(message.into())],
    );
}

fn record(model: &mut Model, input: &mut Input<'_>) {
    let code = input.byte() % 18;
    let name = input.number() & i32::MAX as u32;
    let handle = Handle::from_raw(name);
    let flag = |input: &mut Input<'_>| input.byte() & 1 == 1;
    match code {
        0..=3 => client(model, handle, &text(input)),
        4 => {
            // A payload around the length from which payloads travel beside the text, and their strings
            // beside them.
            let padding = INLINE_PAYLOAD_BYTES - 40 + usize::from(input.byte());
            let (prefix, tail) = (text(input), text(input));
            let message = format!("{prefix}[\"{}\"{tail}]", "x".repeat(padding));
            client(model, handle, &message);
        }
        5 => refuse(model, handle, &text(input)),
        6 => {
            let told = flag(input);
            let reason = Reason::ALL[usize::from(input.byte()) % Reason::ALL.len()];
            let detail = flag(input).then(|| text(input));
            let closure = CloseReason {
                reason,
                detail: detail.clone().map(Into::into),
            };
            model.batch.closed(handle, &closure, told);
            let items = [
                Item::Number(reason as u64),
                detail.map_or(Item::Null, Item::Text),
                Item::Number(told.into()),
            ];
            model.expect(RecordCode::Closed, name, items);
        }
        7 => {
            let (binary, body) = (flag(input), text(input));
            let (payload, item) = if binary {
                let bytes = body.into_bytes();
                (Payload::Binary(bytes.clone()), Item::bytes(bytes))
            } else {
                (Payload::Text(body.clone()), Item::beside(body))
            };
            model.batch.answer(handle, payload);
            model.expect(RecordCode::Answer, name, [item]);
        }
        8 => {
            let (kind, data) = engine_packet(input);
            let (packet, items) = match kind {
                Some(kind) => (
                    EnginePacket::Text(kind, &data),
                    [Item::Number(kind as u64), Item::beside(&*data)],
                ),
                None => (
                    EnginePacket::Binary(data.as_bytes().into()),
                    [Item::Minus1, Item::bytes(data.as_bytes())],
                ),
            };
            model.batch.engine_packet(handle, packet);
            model.expect(RecordCode::EnginePacket, name, items);
        }
        9 => {
            let probe = flag(input);
            let role = if probe {
                SocketRole::Probe
            } else {
                SocketRole::Main
            };
            let (kind, data) = engine_packet(input);
            let (packet, item) = match kind {
                Some(kind) => (
                    EnginePacket::Text(kind, &data),
                    Item::beside(format!("{}{data}", kind.digit())),
                ),
                None => (
                    EnginePacket::Binary(data.as_bytes().into()),
                    Item::bytes(data.as_bytes()),
                ),
            };
            model.batch.frame(handle, role, packet);
            model.expect(RecordCode::Frame, name, [Item::Number(probe.into()), item]);
        }
        10 => {
            let note = Note::ALL[usize::from(input.byte()) % Note::ALL.len()];
            model.batch.note(handle, note);
            model.expect(RecordCode::Note, name, [Item::Number(note as u64)]);
        }
        11 => {
            let bytes = text(input).into_bytes();
            model.batch.stream_write(name, &bytes);
            model.expect(RecordCode::StreamWrite, name, [Item::bytes(bytes)]);
        }
        12 => {
            let end = StreamEnd {
                abort: flag(input),
                read: u64::from(input.number()) << 20,
                written: input.number().into(),
            };
            model.batch.stream_end(name, end);
            let numbers = [end.abort.into(), end.read, end.written];
            model.expect(RecordCode::StreamEnd, name, numbers.map(Item::Number));
        }
        13 => {
            model.batch.stream_taken(name);
            model.expect(RecordCode::StreamTaken, name, []);
        }
        14 => {
            let websocket = flag(input);
            let remote: IpAddr = match input.number() {
                number if number & 1 == 0 => Ipv4Addr::from(number).into(),
                number => Ipv6Addr::from(u128::from(number) << 90).into(),
            };
            let listener = input.number();
            let [sid, shared, own] = [(); 3].map(|()| text(input));
            let opened = Opened {
                sid: &sid,
                websocket,
                remote,
                request: (&shared, &own),
            };
            let at = model.items.len();
            model.batch.opened(listener, handle, &opened);
            let known = model.shared.as_ref().filter(|(known, _)| *known == shared);
            let part = if let Some(&(_, place)) = known {
                model.opened.push((at, place));
                Item::Number(place as u64)
            } else {
                model.opened.push((at, at + SHARED));
                model.shared = Some((shared.clone(), at + SHARED));
                Item::Text(shared)
            };
            let items = [
                Item::Number(name.into()),
                Item::Number(websocket.into()),
                Item::Text(sid),
                Item::Text(remote.to_string()),
                part,
                Item::Text(own),
            ];
            model.expect(RecordCode::Opened, listener, items);
        }
        15 => {
            model.batch.place(name);
            model.expect(RecordCode::Place, name, []);
        }
        16 => {
            model.batch.listener_drained(name);
            model.expect(RecordCode::ListenerDrained, name, []);
        }
        _ if model.sockets.len() < 2 => {
            let socket: OwnedFd = File::open("/dev/null").expect("a descriptor").into();
            let number = socket.as_raw_fd();
            let bytes = text(input).into_bytes();
            let of = flag(input).then_some(handle);
            model.batch.handover(1, socket, bytes.clone(), of);
            model.sockets.push(number);
            let items = [
                Item::Number(number as u64),
                Item::bytes(bytes),
                of.map_or(Item::Minus1, |_| Item::Number(name.into())),
            ];
            model.expect(RecordCode::Handover, 1, items);
        }
        _ => {}
    }
}

/// The elements of an array, as they stand in it.
fn elements(array: &[u8]) -> Vec<&RawValue> {
    let mut deserializer = serde_json::Deserializer::from_slice(array);
    deserializer.disable_recursion_limit();
    let elements = serde::Deserialize::deserialize(&mut deserializer).expect("an array");
    deserializer.end().expect("one array");
    elements
}

/// The payloads of clients in a batch, with their places, for `JSON.parse`.
fn tell(text: &[u8], items: &[Item]) {
    dump(|| {
        let payloads: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| match item {
                Item::Raw(text) => Some((at, text)),
                _ => None,
            })
            .collect();
        let texts: Vec<_> = items
            .iter()
            .enumerate()
            .filter_map(|(at, item)| match item {
                Item::Text(text) => Some((at, text)),
                _ => None,
            })
            .collect();
        let text = std::str::from_utf8(text).expect("a batch is UTF-8");
        json!({ "text": text, "items": items.len(), "payloads": payloads, "texts": texts })
    });
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let mut model = Model::default();
    let mut records = 0;
    while !input.is_empty() && records < 64 {
        let before = model.batch.cost();
        record(&mut model, &mut input);
        assert!(model.batch.cost() >= before);
        records += 1;
    }
    let Model {
        mut batch,
        items,
        opened,
        shared: _,
        attached,
        sockets,
    } = model;
    if items.is_empty() {
        return;
    }
    let cost = batch.cost();
    let mut list = Vec::new();
    batch.take_opened(&mut list);
    let taken = batch.take_sockets();
    assert!(taken.iter().map(AsRawFd::as_raw_fd).eq(sockets));
    let (text, values) = batch.finish();
    tell(&text, &items);

    let found = elements(&text);
    assert_eq!(found.len(), items.len(), "records that nobody wrote");
    for (item, raw) in items.iter().zip(&found) {
        item.check(raw.get(), &values);
    }
    for (index, bytes) in attached {
        assert_eq!(values[index], Value::Bytes(bytes));
    }
    let bytes: usize = values
        .iter()
        .map(|value| match value {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
        })
        .sum();
    assert!(cost >= text.len() - 1 + bytes, "costs less than its bytes");
    if !opened.is_empty() {
        list.push(b']');
        let list = elements(&list);
        let length = RecordCode::Opened.length();
        assert_eq!(list.len(), opened.len() * length);
        for (record, (at, shared)) in list.chunks(length).zip(opened) {
            let mut expected = found[at..at + length].to_vec();
            expected[SHARED] = found[shared];
            assert!(record.iter().zip(expected).all(|(a, b)| a.get() == b.get()));
        }
    }
});

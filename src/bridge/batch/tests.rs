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

/// The items and values of a batch with one packet.
fn of_packet(text: &str) -> (serde_json::Value, Vec<Value>) {
    let mut batch = Batch::default();
    let packet = Decoder::new().text(text, &LIMITS).expect("valid");
    batch.packet(Handle::from_raw(1), &packet.expect("complete"), Vec::new());
    // The payload costs the same, whether its strings are inside it or beside it.
    assert_eq!(
        batch.cost(),
        batch.text.len() + text.len() - 1 + 2 * RECORD_OVERHEAD
    );
    let (array, values) = parsed(batch);
    (array.into(), values)
}

#[test]
fn long_payloads_travel_beside() {
    let long = format!("[\"e\",{{\"k\":\"{}\"}}]", "x".repeat(INLINE_PAYLOAD_BYTES));
    let (array, values) = of_packet(&format!("2{long}"));
    assert_eq!(array, serde_json::json!([0, 1, 0]));
    assert_eq!(values, [Value::Text(long)]);
}

#[test]
fn long_strings_travel_beside_their_payload() {
    let [x, y] = ["x", "y"].map(|unit| unit.repeat(INLINE_PAYLOAD_BYTES));
    let (array, values) = of_packet(&format!("2[\"e\",\"{x}\",1,\"{y}\"]"));
    assert_eq!(array, serde_json::json!([0, 1, -1]));
    let text = Value::Text("[[1,3],[\"e\",0,1,0]]".into());
    assert_eq!(values, [text, Value::Text(x), Value::Text(y)]);
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

//! The open packet: what a new session tells its client (Engine.IO protocol 4, "Handshake").

use std::fmt::Write as _;

/// The contents of an open packet.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The session id.
    pub sid: &'a str,
    /// The transports that the client may upgrade to, as a JSON array.
    pub upgrades: &'a str,
    /// In ms.
    pub ping_interval: u64,
    /// In ms.
    pub ping_timeout: u64,
    /// In bytes; `None` when unlimited, which JSON shows as `null`.
    pub max_payload: Option<u64>,
}

impl Handshake<'_> {
    /// The JSON text, with its keys in the order every client has seen so far.
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(128);
        let sid = serde_json::Value::from(self.sid);
        let max = self
            .max_payload
            .map_or_else(|| "null".into(), |n| n.to_string());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            r#"{{"sid":{sid},"upgrades":{},"pingInterval":{},"pingTimeout":{},"maxPayload":{max}}}"#,
            self.upgrades, self.ping_interval, self.ping_timeout
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_order_and_ids_are_escaped() {
        let text = Handshake {
            sid: "a\"b",
            upgrades: r#"["websocket"]"#,
            ping_interval: 25_000,
            ping_timeout: 20_000,
            max_payload: Some(1_000_000),
        }
        .to_json();
        assert_eq!(
            text,
            r#"{"sid":"a\"b","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }
}

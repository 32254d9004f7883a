//! The open packet: what a new session tells its client (Engine.IO protocol 4, "Handshake").

use std::fmt::Write as _;

/// The contents of an open packet.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The session id.
    pub sid: &'a str,
    /// The id is a number, and is told as one.
    pub is_number: bool,
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
        // An id chosen by the application may hold anything.
        let number = self.is_number.then(|| self.sid.parse().ok()).flatten();
        let sid = number.map_or_else(|| self.sid.into(), serde_json::Value::Number);
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
            is_number: false,
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

    #[test]
    fn an_id_that_is_a_number_is_told_as_one() {
        let told = |sid| {
            let handshake = Handshake {
                sid,
                is_number: true,
                upgrades: "[]",
                ping_interval: 1,
                ping_timeout: 1,
                max_payload: None,
            };
            handshake.to_json()
        };
        assert!(told("17").starts_with(r#"{"sid":17,"#));
        assert!(told("1.5").starts_with(r#"{"sid":1.5,"#));
        assert!(told("NaN").starts_with(r#"{"sid":"NaN","#));
    }
}

//! The proof that a packet's data is exactly one JSON value of the right kind.
//!
//! This is a security boundary: the texts of many packets are joined into one array for a
//! single `JSON.parse`. A text such as `1],[2` let through here would forge an event in the
//! name of another client. Nothing recurses: depth is bounded by the message size alone.

use serde::de::{Deserialize, IgnoredAny};

use super::{Kind, lift};

/// Names that a server emits about a socket itself, so that no client may send them.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Longest escaped spelling of a reserved name: every character as `\uXXXX`.
const RESERVED_MAX: usize = "removeListener".len() * 6;

/// True if `text` is exactly one JSON value, as `JSON.parse` would accept it: white space
/// around it allowed, lone surrogate escapes and numbers of any size too.
pub fn is_value(text: &str) -> bool {
    match without_long_strings(text) {
        Some(rest) => is_value_as_it_is(&rest),
        None => is_value_as_it_is(text),
    }
}

/// The length from which texts are looked through for long strings, in bytes.
const LONG_TEXT: usize = 1 << 10;
/// The length of a long string, in bytes.
const LONG_STRING: usize = 256;

/// The same text with empty strings in place of long ones, if it has some: it is JSON if, and only if,
/// the other is. A string that is left out has neither escapes nor characters that need one.
fn without_long_strings(text: &str) -> Option<String> {
    if text.len() < LONG_TEXT {
        return None;
    }
    let mut rest = String::new();
    let mut copied = 0;
    for string in lift::find(text.as_bytes(), LONG_STRING) {
        rest.push_str(text.get(copied..string.start)?);
        copied = string.end;
    }
    if copied == 0 {
        return None;
    }
    rest.push_str(text.get(copied..)?);
    Some(rest)
}

fn is_value_as_it_is(text: &str) -> bool {
    let mut json = serde_json::Deserializer::from_str(text);
    json.disable_recursion_limit();
    IgnoredAny::deserialize(&mut json).is_ok() && json.end().is_ok()
}

/// True if `json`, a value that was proven to be one, has more than `max` arrays and objects inside each
/// other.
pub(super) fn is_deeper(json: &str, max: u32) -> bool {
    let bytes = json.as_bytes();
    let max = max as usize;
    // Each has an end too; most packets are too short.
    if bytes.len() / 2 <= max {
        return false;
    }
    if beginnings(bytes) <= max {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The number of `[` and `{`. Counted in bytes, as many as cannot overflow one, which the compiler
/// turns into vectors: half an instruction a byte, where a larger counter takes six.
fn beginnings(bytes: &[u8]) -> usize {
    let in_part = |part: &[u8]| {
        let begins = part.iter().map(|byte| u8::from(byte | 0x20 == b'{'));
        usize::from(begins.fold(0_u8, u8::wrapping_add))
    };
    bytes.chunks(192).map(in_part).sum()
}

/// True if clients may not send an event of this name.
pub fn is_reserved_event(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// True if `text` is valid data for a packet of type `kind`.
pub(super) fn is_payload(kind: Kind, text: &str) -> bool {
    let first = trim(text).as_bytes().first();
    let fits = match kind {
        Kind::Disconnect => false,
        Kind::Connect => first == Some(&b'{'),
        Kind::ConnectError => matches!(first, Some(b'{' | b'"')),
        Kind::Event | Kind::BinaryEvent | Kind::Ack | Kind::BinaryAck => first == Some(&b'['),
    };
    fits && is_value(text)
        && match kind {
            Kind::Event | Kind::BinaryEvent => has_event_name(text),
            _ => true,
        }
}

/// Looks at the first element of an array already proven valid.
fn has_event_name(array: &str) -> bool {
    let Some(elements) = trim(array).strip_prefix('[') else {
        return false;
    };
    let name = trim(elements);
    match name.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => true,
        Some(b'"') => !is_reserved_literal(name),
        _ => false,
    }
}

/// True if the string literal at the start of `text` spells a reserved name, escapes included.
fn is_reserved_literal(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut escaped = false;
    let mut at = 1;
    // A longer spelling than the longest reserved one need not be read to its end.
    while at <= RESERVED_MAX + 1 {
        match bytes.get(at) {
            Some(b'"') => {
                let name = &text[1..at];
                return if escaped {
                    // A lone surrogate has no spelling in a reserved name.
                    serde_json::from_str::<String>(&text[..=at])
                        .is_ok_and(|name| is_reserved_event(&name))
                } else {
                    is_reserved_event(name)
                };
            }
            Some(b'\\') => {
                escaped = true;
                at += 2;
            }
            Some(_) => at += 1,
            None => return false,
        }
    }
    false
}

/// Without JSON white space in front.
fn trim(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn values_and_others() {
        for text in [
            "1",
            " [ ] ",
            "-0",
            "1e999",
            "\"\\ud800\"",
            "{\"a\":1,\"a\":2}",
            "\"\u{7f}\u{2028}\"",
            "\t\n\r0",
        ] {
            assert!(is_value(text), "{text:?}");
        }
        for text in [
            "",
            " ",
            "1],[1",
            "1,1",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "nul",
            "NaN",
            "[1,]",
            "{\"a\":1,}",
            "{1:1}",
            "'a'",
            "\"\u{1}\"",
            "\"\\x41\"",
            "\"\\u12g4\"",
            "\"a",
            "[",
            "]",
            "[}",
            "\u{feff}1",
            "\u{a0}1",
            "1\u{b}",
            "1//",
            "1\0",
        ] {
            assert!(!is_value(text), "{text:?}");
        }
    }

    #[test]
    fn the_depth_counts_arrays_and_objects_outside_of_strings() {
        for (json, depth) in [
            ("[]", 1),
            ("[[],[],[]]", 2),
            ("[{\"a\":[1]},[[]]]", 3),
            ("[\"[[[[[[\"]", 1),
            ("[\"\\\"[[[[\",\"\\\\\",[]]", 2),
            ("{\"[[[\":{}}", 2),
        ] {
            assert!(!is_deeper(json, depth), "{json}");
            assert!(is_deeper(json, depth - 1), "{json}");
        }
        assert!(!is_deeper("[[[[[[", 6));
    }

    #[test]
    fn depth_is_no_limit() {
        // Miri is some thousand times slower.
        let deep = if cfg!(miri) { 4_000 } else { 400_000 };
        assert!(is_payload(
            Kind::Ack,
            &format!("{}{}", "[".repeat(deep), "]".repeat(deep))
        ));
        assert!(!is_payload(
            Kind::Ack,
            &format!("{}{}", "[".repeat(deep), "]".repeat(deep - 1))
        ));
        let objects = format!("[1,{}1{}]", "{\"a\":".repeat(deep), "}".repeat(deep));
        assert!(is_payload(Kind::Event, &objects));
    }

    #[test]
    fn kinds() {
        let texts = [
            "{}", "[]", "null", "\"x\"", "1", "true", "[1]", "[\"a\"]", "[null]",
        ];
        let accepted = |kind| {
            texts
                .into_iter()
                .filter(|text| is_payload(kind, text))
                .collect::<Vec<_>>()
        };
        assert_eq!(accepted(Kind::Connect), ["{}"]);
        assert_eq!(accepted(Kind::Disconnect), [""; 0]);
        assert_eq!(accepted(Kind::ConnectError), ["{}", "\"x\""]);
        for kind in [Kind::Event, Kind::BinaryEvent] {
            assert_eq!(accepted(kind), ["[1]", "[\"a\"]"]);
        }
        for kind in [Kind::Ack, Kind::BinaryAck] {
            assert_eq!(accepted(kind), ["[]", "[1]", "[\"a\"]", "[null]"]);
        }
    }

    #[test]
    fn event_names() {
        for name in RESERVED {
            assert!(!is_payload(Kind::Event, &format!("[\"{name}\"]")), "{name}");
            let spelled: String = name.bytes().map(|b| format!("\\u{b:04X}")).collect();
            assert!(
                !is_payload(Kind::Event, &format!("[ \"{spelled}\",1]")),
                "{spelled}"
            );
            assert!(is_payload(Kind::Event, &format!("[\"{name} \"]")), "{name}");
            assert!(
                is_payload(Kind::Event, &format!("[\"{spelled}\\u0020\"]")),
                "{spelled}"
            );
        }
        for name in [
            "",
            "error",
            "connection",
            "__proto__",
            "\\ud800",
            "\\\"connect",
            "connect\\\\",
            "Connect",
        ] {
            assert!(is_payload(Kind::Event, &format!("[\"{name}\"]")), "{name}");
        }
        let long = "\u{e9}".repeat(100);
        assert!(is_payload(Kind::Event, &format!("[\"{long}\"]")));
    }

    /// Texts made of the pieces JSON is made of: valid ones, and all kinds of near misses.
    fn scraps() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            3 => proptest::sample::select(vec![
                "1", "-0", "1e999", "null", "true", "\"a\"", "\"\\ud800\"", "[]", "{}", "[1,\"],[\"]", "{\"k\":[{}]}",
            ]),
            2 => proptest::sample::select(vec![
                "[", "]", "{", "}", ",", ":", "\"", "\\", "-", ".", "e", " ", "\n", "\"k\":", "\\u12", "],[", "\u{1}",
                "\u{e9}",
            ]),
        ];
        proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    /// The same pieces around long strings, which are left out, and others like them, which are not.
    fn pieces_with_long_strings() -> impl Strategy<Value = String> {
        let long = |unit: &str, behind: &str| format!("\"{}{behind}\"", unit.repeat(LONG_TEXT));
        prop_oneof![
            scraps(),
            proptest::sample::select(vec![
                long("a", ""),
                format!(",{}", long("a", "")),
                format!("{},", long("\u{e9}", "")),
                long("],[", ""),
                long("a", "\n"),
                long("a", "\\"),
                long("a", "\\\""),
                long("\u{1}", ""),
                ",".into(),
                "\"".into(),
                "tru".into(),
            ]),
        ]
    }

    /// Strings and numbers that JavaScript accepts and a full parser here refuses.
    fn beyond_a_full_parser(text: &str) -> bool {
        text.contains("\\u") || text.contains('e')
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5000))]

        #[test]
        fn agrees_with_a_full_parser(text in scraps()) {
            match serde_json::from_str::<Value>(&text) {
                Ok(_) => prop_assert!(is_value(&text)),
                Err(_) => prop_assert!(!is_value(&text) || beyond_a_full_parser(&text)),
            }
        }

        #[test]
        fn long_strings_change_nothing(texts in proptest::collection::vec(pieces_with_long_strings(), 0..9)) {
            for text in [format!("[{}]", texts.concat()), texts.concat()] {
                prop_assert_eq!(is_value(&text), is_value_as_it_is(&text), "{}", text);
            }
        }

        #[test]
        fn accepted_texts_stay_inside_their_place(texts in proptest::collection::vec(scraps(), 1..6)) {
            let accepted: Vec<_> = texts.iter().filter(|text| is_value(text)).collect();
            let joined = format!("[0{}]", accepted.iter().map(|text| format!(",{text}")).collect::<String>());
            prop_assert!(is_value(&joined));
            match serde_json::from_str(&joined) {
                Ok(Value::Array(elements)) => {
                    prop_assert_eq!(elements.len(), accepted.len() + 1);
                    for (element, text) in elements[1..].iter().zip(accepted) {
                        prop_assert_eq!(element, &serde_json::from_str::<Value>(text).unwrap());
                    }
                }
                Ok(other) => prop_assert!(false, "not an array: {other}"),
                Err(_) => prop_assert!(beyond_a_full_parser(&joined)),
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), digit in b'0'..=b'6') {
            let kind = Kind::from_digit(digit).unwrap();
            let _ = is_payload(kind, &text);
            let _ = is_payload(kind, &format!("[\"{text}\"]"));
        }
    }
}

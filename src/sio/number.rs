//! Numbers as JavaScript reads and prints them.
//!
//! Published peers convert the digits of a header with `Number(text)`; ids and attachment
//! counts follow the same rules, so that an acknowledgement carries the id its client expects.

use std::fmt;

/// An acknowledgement id: the value of `Number(text)`.
///
/// `Display` prints it as JavaScript would (`1e+21`, `Infinity`, `NaN`), which is how an
/// acknowledgement repeats it on the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Id(f64);

impl Id {
    /// Reads the characters of an id: digits and white space only.
    pub(super) fn parse(text: &str) -> Id {
        Id(number(text))
    }

    /// The value as a JavaScript number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Appends the id as one JSON value that `JSON.parse` turns into the same id.
    ///
    /// JSON knows no NaN: it is written as the string `"NaN"`, which a header repeats alike.
    pub fn write_json(self, out: &mut String) {
        if self.0.is_nan() {
            out.push_str("\"NaN\"");
        } else if self.0.is_infinite() {
            out.push_str("1e999");
        } else {
            self.write(out);
        }
    }

    /// Appends the id as it stands in a packet header.
    pub fn write(self, out: &mut String) {
        use fmt::Write;
        // Writing to a String cannot fail.
        let _ = write!(out, "{self}");
    }
}

impl From<u32> for Id {
    fn from(id: u32) -> Id {
        Id(f64::from(id))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.is_nan() {
            f.write_str("NaN")
        } else if value.is_infinite() {
            f.write_str("Infinity")
        } else if value < 9_007_199_254_740_992.0 {
            // Below 2^53: an exact integer, and the integer path is the fast one.
            write!(f, "{}", value as u64)
        } else if value < 1e21 {
            write!(f, "{value}")
        } else {
            // Rust prints `1.5e25`, JavaScript `1.5e+25`.
            f.write_str(&format!("{value:e}").replace('e', "e+"))
        }
    }
}

/// White space as `Number` and `String.prototype.trim` see it.
pub(super) fn is_space(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// `Number(text)`. Linear in the length of the text.
pub fn number(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    match text.as_bytes() {
        [] => 0.0,
        [b'0', b'x' | b'X', digits @ ..] => radix(digits, 16),
        [b'0', b'o' | b'O', digits @ ..] => radix(digits, 8),
        [b'0', b'b' | b'B', digits @ ..] => radix(digits, 2),
        bytes => decimal(text, bytes),
    }
}

fn decimal(text: &str, bytes: &[u8]) -> f64 {
    match text {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust also reads `inf` and `nan` in any case: only the plain notation may reach it.
        _ if bytes
            .iter()
            .all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) =>
        {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

fn radix(digits: &[u8], base: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    let mut value = 0.0;
    for &byte in digits {
        match char::from(byte).to_digit(base) {
            Some(digit) => value = value * f64::from(base) + f64::from(digit),
            None => return f64::NAN,
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_javascript() {
        let cases = [
            ("", 0.0),
            ("  ", 0.0),
            ("007", 7.0),
            ("\u{feff}7\u{a0}", 7.0),
            ("+3", 3.0),
            ("1e1", 10.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("0x1F", 31.0),
            ("0b11", 3.0),
            ("0O17", 15.0),
            ("Infinity", f64::INFINITY),
            ("1e400", f64::INFINITY),
        ];
        for (text, value) in cases {
            assert_eq!(number(text), value, "{text:?}");
        }
        for text in [
            ".", "e1", "1e", "inf", "nan", "NaN", "1_0", "1 2", "0x", "0x+1", "0b2", "\u{85}1",
            "--1",
        ] {
            assert!(number(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn prints_like_javascript() {
        let cases = [
            ("0", "0"),
            ("007", "7"),
            ("9007199254740993", "9007199254740992"),
            ("123456789012345678901", "123456789012345680000"),
            ("999999999999999999999", "1e+21"),
            ("1234567890123456789012", "1.2345678901234568e+21"),
            ("1 2", "NaN"),
        ];
        for (text, printed) in cases {
            assert_eq!(Id::parse(text).to_string(), printed, "{text:?}");
        }
        assert_eq!(Id::parse(&"9".repeat(400)).to_string(), "Infinity");
    }

    #[test]
    fn every_id_is_one_json_value() {
        for (text, json) in [
            ("12", "12"),
            ("999999999999999999999", "1e+21"),
            ("1 2", "\"NaN\""),
        ] {
            let mut out = String::new();
            Id::parse(text).write_json(&mut out);
            assert_eq!(out, json);
        }
        let mut out = String::new();
        Id::parse(&"9".repeat(400)).write_json(&mut out);
        assert_eq!(out, "1e999");
    }
}

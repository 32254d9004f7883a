//! Acknowledgement ids. They are read and printed as JavaScript does it, so that an acknowledgement
//! carries the id that its client expects.

use std::fmt;

use crate::number::number;

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

#[cfg(test)]
mod tests {
    use super::*;

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

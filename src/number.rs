//! Numbers as JavaScript reads them: published peers convert the digits of a header with
//! `Number(text)`, and so do both protocols here.

/// White space as `Number` and `String.prototype.trim` see it.
pub fn is_space(c: char) -> bool {
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
}

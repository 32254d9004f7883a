//! A validator for JSON, ECMA-404, that shares nothing with the one that is fuzzed.

/// True if `text` is exactly one JSON value, white space around it allowed. Its own stack bounds
/// nothing but memory.
pub fn is_value(text: &str) -> bool {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        at: 0,
    };
    scanner.document().is_some()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The kind of thing that may come next.
enum Next {
    Value,
    /// A value, or the end of an array that is empty.
    FirstElement,
    /// A name, or the end of an object that is empty.
    FirstName,
    Name,
    /// A comma, or the end of what is open.
    Behind,
}

impl Scanner<'_> {
    fn document(&mut self) -> Option<()> {
        // True: an object is open; false: an array.
        let mut open = Vec::new();
        let mut next = Next::Value;
        loop {
            self.space();
            next = match next {
                Next::FirstElement if self.skip(b']') => self.close(&mut open),
                Next::FirstName if self.skip(b'}') => self.close(&mut open),
                Next::Name | Next::FirstName => {
                    self.string()?;
                    self.space();
                    self.skip(b':').then_some(Next::Value)?
                }
                Next::Value | Next::FirstElement => match self.peek() {
                    b'[' => {
                        self.at += 1;
                        open.push(false);
                        Next::FirstElement
                    }
                    b'{' => {
                        self.at += 1;
                        open.push(true);
                        Next::FirstName
                    }
                    _ => {
                        self.scalar()?;
                        Next::Behind
                    }
                },
                Next::Behind => match open.last() {
                    None => return (self.at == self.bytes.len()).then_some(()),
                    Some(true) if self.skip(b'}') => self.close(&mut open),
                    Some(false) if self.skip(b']') => self.close(&mut open),
                    Some(&object) if self.skip(b',') => {
                        if object {
                            Next::Name
                        } else {
                            Next::Value
                        }
                    }
                    Some(_) => return None,
                },
            };
        }
    }

    fn close(&self, open: &mut Vec<bool>) -> Next {
        open.pop();
        Next::Behind
    }

    /// The next byte; 0 at the end, which no value has outside of its strings.
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.at < self.bytes.len() && self.peek() == byte;
        self.at += usize::from(is_there);
        is_there
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek() {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let rest = &self.bytes[self.at..];
                let words = ["true", "false", "null"];
                let word = words
                    .iter()
                    .find(|word| rest.starts_with(word.as_bytes()))?;
                self.at += word.len();
                Some(())
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        if !self.skip(b'"') {
            return None;
        }
        while self.at < self.bytes.len() {
            let byte = self.peek();
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                0..=0x1f => return None,
                b'\\' => {
                    let escape = self.peek();
                    self.at += 1;
                    match escape {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.bytes.get(self.at..self.at + 4)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn number(&mut self) -> Option<()> {
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        if self.skip(b'e') || self.skip(b'E') {
            let _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        Some(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }
}

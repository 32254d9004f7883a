//! The grammar of `Sec-WebSocket-Extensions`, RFC 6455 §9.1: which extensions a header offers.
//!
//! Stricter than the RFC in one place, as the `ws` package is: no space stands around `=`.

use std::borrow::Cow;

use super::handshake::is_token_byte;

/// One extension of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Its name, as written: names are compared byte by byte.
    pub name: &'a str,
    /// Its parameters in their order, each with its value if it has one. A parameter that occurs
    /// twice is listed twice.
    pub parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The offers of a header, in their order; repeated headers are joined by commas before. `None` if
/// it does not follow the grammar, as an empty one does not.
pub fn parse(header: &str) -> Option<Vec<Offer<'_>>> {
    let mut rest = Scanner(header);
    let mut offers = Vec::new();
    loop {
        let mut offer = Offer {
            name: rest.padded_token()?,
            parameters: Vec::new(),
        };
        while rest.skip(';') {
            rest.spaces();
            let name = rest.token()?;
            let value = if rest.skip('=') {
                Some(rest.value()?)
            } else {
                None
            };
            rest.spaces();
            offer.parameters.push((name, value));
        }
        offers.push(offer);
        if rest.0.is_empty() {
            return Some(offers);
        }
        if !rest.skip(',') {
            return None;
        }
    }
}

/// The rest of the header.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    fn spaces(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn skip(&mut self, wanted: char) -> bool {
        let after = self.0.strip_prefix(wanted);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        let bytes = self.0.bytes();
        let len = bytes.take_while(|byte| is_token_byte(*byte)).count();
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn padded_token(&mut self) -> Option<&'a str> {
        self.spaces();
        let token = self.token()?;
        self.spaces();
        Some(token)
    }

    /// A token, plain or quoted; quoted, each of its bytes may follow a backslash.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if !self.skip('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        while !self.skip('"') {
            self.skip('\\');
            let mut rest = self.0.chars();
            value.push(
                rest.next()
                    .filter(|c| u8::try_from(*c).is_ok_and(is_token_byte))?,
            );
            self.0 = rest.as_str();
        }
        (!value.is_empty()).then_some(Cow::Owned(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The offers in a short form: `name a=1 b`.
    fn shown(header: &str) -> Option<Vec<String>> {
        let offers = parse(header)?;
        Some(
            offers
                .into_iter()
                .map(|offer| {
                    offer
                        .parameters
                        .iter()
                        .fold(offer.name.to_owned(), |shown, (name, value)| match value {
                            Some(value) => format!("{shown} {name}={value}"),
                            None => format!("{shown} {name}"),
                        })
                })
                .collect(),
        )
    }

    #[test]
    fn good_headers() {
        let cases: [(&str, &[&str]); 12] = [
            ("a", &["a"]),
            (" \ta\t ", &["a"]),
            ("a,b", &["a", "b"]),
            ("a \t,\t b", &["a", "b"]),
            ("a;b;c=1", &["a b c=1"]),
            ("a ; b ; c=1 , d", &["a b c=1", "d"]),
            ("a; b=\"1\"; c", &["a b=1 c"]),
            ("a; b=\"1\" ; c", &["a b=1 c"]),
            ("a; b=\"1\\2\\3\",d", &["a b=123", "d"]),
            ("a; b; b=2, a", &["a b b=2", "a"]),
            ("__proto__; constructor=1", &["__proto__ constructor=1"]),
            ("!#$%&'*+-.^_`|~09azAZ", &["!#$%&'*+-.^_`|~09azAZ"]),
        ];
        for (header, offers) in cases {
            let offers = offers.iter().map(|offer| (*offer).to_owned()).collect();
            assert_eq!(shown(header), Some(offers), "{header:?}");
        }
    }

    #[test]
    fn bad_headers() {
        for header in [
            "",
            " ",
            ",",
            ";",
            "=",
            "a,",
            ",a",
            "a,,b",
            "a;",
            "a; ",
            "a;;b",
            "a; =1",
            "=1",
            "a=1",
            "a b",
            "a; b c",
            "a; b=",
            "a; b=\"\"",
            "a; b =1",
            "a; b= 1",
            "a; b=1 2",
            "a; b=1=2",
            "a; b=\"1",
            "a; b=\"",
            "a; b=\"1\\",
            "a; b=\"\\\\\"",
            "a; b=\"1 2\"",
            "a; b=\"1,2\"",
            "a; b=\"1\"2",
            "a; b=1\"2\"",
            "a; b=\"@\"",
            "a; b=\"\\@\"",
            "a; b=\"x\\\"y\"",
            "a/b",
            "\"a\"",
            "\u{e9}",
            "a; b=\"\u{e9}\"",
            "a\u{a0}",
            "a\n",
        ] {
            assert_eq!(shown(header), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(header in "[ \t,;=\"\\\\ab\u{e9}]{0,24}|.{0,40}") {
            for offer in parse(&header).unwrap_or_default() {
                prop_assert!(!offer.name.is_empty());
                prop_assert!(offer.name.bytes().all(is_token_byte));
            }
        }
    }
}

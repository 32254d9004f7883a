//! The characters in front of a packet's data: type, attachments, namespace, id.

use super::id::Id;
use super::{Error, Kind};
use crate::number::{is_space, number};

/// A header and the text behind it.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub kind: Kind,
    pub attachments: u32,
    pub nsp: &'a str,
    pub id: Option<Id>,
    /// The text behind the header: the data, or nothing.
    pub rest: &'a str,
}

/// Reads the header of `text`, looking at each character once.
pub(super) fn read(text: &str, max_attachments: u32) -> Result<Header<'_>, Error> {
    let (kind, rest) = read_kind(text)?;
    let (attachments, rest) = if kind.is_binary() {
        read_attachments(rest, max_attachments)?
    } else {
        (0, rest)
    };
    let (nsp, rest) = read_namespace(rest);
    let (id, rest) = read_id(rest);
    Ok(Header {
        kind,
        attachments,
        nsp,
        id,
        rest,
    })
}

fn read_kind(text: &str) -> Result<(Kind, &str), Error> {
    let Some(first) = text.chars().next() else {
        return Err(Error::EmptyMessage);
    };
    let rest = &text[first.len_utf8()..];
    // White space converts to the number 0, which is CONNECT.
    let digit = if is_space(first) {
        Some(0)
    } else {
        first.to_digit(10).map(|d| d as u8)
    };
    match digit.and_then(|d| Kind::from_digit(b'0' + d)) {
        Some(kind) => Ok((kind, rest)),
        None => Err(Error::UnknownType(digit)),
    }
}

fn read_attachments(rest: &str, max: u32) -> Result<(u32, &str), Error> {
    let (count, rest) = rest.split_once('-').ok_or(Error::IllegalAttachments)?;
    let count = number(count);
    if !count.is_finite() || count.fract() != 0.0 || count < 1.0 {
        return Err(Error::IllegalAttachments);
    }
    // Refused here, at the header: nothing is reserved for what a peer only announces.
    if count > f64::from(max) {
        return Err(Error::TooManyAttachments);
    }
    Ok((count as u32, rest))
}

fn read_namespace(rest: &str) -> (&str, &str) {
    if rest.starts_with('/') {
        rest.split_once(',').unwrap_or((rest, ""))
    } else {
        ("/", rest)
    }
}

fn read_id(rest: &str) -> (Option<Id>, &str) {
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && !is_space(c))
        .unwrap_or(rest.len());
    let (id, rest) = rest.split_at(end);
    ((!id.is_empty()).then(|| Id::parse(id)), rest)
}

/// Appends a packet header; the data, if any, goes right behind it.
///
/// `attachments` is written for binary types only. The namespace `/` is left out, any other is
/// followed by a comma even when nothing comes after it.
pub fn write_header(out: &mut String, kind: Kind, attachments: u32, nsp: &str, id: Option<Id>) {
    out.push(kind.digit());
    if kind.is_binary() {
        Id::from(attachments).write(out);
        out.push('-');
    }
    if nsp != "/" {
        out.push_str(nsp);
        out.push(',');
    }
    if let Some(id) = id {
        id.write(out);
    }
}

/// Appends the header of an event: EVENT, or BINARY_EVENT when there are attachments.
pub fn write_event_prefix(out: &mut String, attachments: u32, nsp: &str, id: Option<Id>) {
    let kind = if attachments == 0 {
        Kind::Event
    } else {
        Kind::BinaryEvent
    };
    write_header(out, kind, attachments, nsp, id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types() {
        assert_eq!(read("", 10).unwrap_err(), Error::EmptyMessage);
        assert_eq!(read("7", 10).unwrap_err(), Error::UnknownType(Some(7)));
        for text in ["x", "-1", "\u{661}", "\u{85}", "\u{1f600}"] {
            assert_eq!(
                read(text, 10).unwrap_err(),
                Error::UnknownType(None),
                "{text:?}"
            );
        }
        for text in ["0", " ", "\u{a0}"] {
            assert_eq!(read(text, 10).unwrap().kind, Kind::Connect, "{text:?}");
        }
    }

    #[test]
    fn attachment_counts() {
        for (text, count) in [
            ("51-", 1),
            ("61e1-", 10),
            ("5 1-", 1),
            ("50x2-", 2),
            ("5+3-", 3),
            ("51.0-", 1),
        ] {
            assert_eq!(read(text, 10).unwrap().attachments, count, "{text:?}");
        }
        for text in [
            "5",
            "51",
            "5-",
            "50-",
            "5-1-",
            "51.5-",
            "51[\"a\"]",
            "5Infinity-",
            "5x-",
            "51e400-",
        ] {
            assert_eq!(
                read(text, 10).unwrap_err(),
                Error::IllegalAttachments,
                "{text:?}"
            );
        }
        for text in ["511-", "51e300-", "599999999999999999999-"] {
            assert_eq!(
                read(text, 10).unwrap_err(),
                Error::TooManyAttachments,
                "{text:?}"
            );
        }
    }

    #[test]
    fn namespaces_and_ids() {
        let cases = [
            ("2[1]", "/", None, "[1]"),
            ("2/a,[1]", "/a", None, "[1]"),
            ("2/a?b=c,7[1]", "/a?b=c", Some("7"), "[1]"),
            ("2/,[1]", "/", None, "[1]"),
            ("1/a", "/a", None, ""),
            ("2/a[1]", "/a[1]", None, ""),
            ("2007[1]", "/", Some("7"), "[1]"),
            ("2 \u{2028}[1]", "/", Some("0"), "[1]"),
            ("21 2[1]", "/", Some("NaN"), "[1]"),
            ("21\u{85}[1]", "/", Some("1"), "\u{85}[1]"),
        ];
        for (text, nsp, id, rest) in cases {
            let header = read(text, 10).unwrap();
            assert_eq!(header.nsp, nsp, "{text:?}");
            assert_eq!(
                header.id.map(|id| id.to_string()).as_deref(),
                id,
                "{text:?}"
            );
            assert_eq!(header.rest, rest, "{text:?}");
        }
    }

    #[test]
    fn event_prefixes() {
        let cases = [
            (0, "/", None, "2"),
            (2, "/admin", Some(Id::from(12)), "52-/admin,12"),
        ];
        for (attachments, nsp, id, text) in cases {
            let mut out = String::new();
            write_event_prefix(&mut out, attachments, nsp, id);
            assert_eq!(out, text);
        }
    }

    proptest! {
        #[test]
        fn written_headers_read_back(
            digit in b'0'..=b'6',
            attachments in 1u32..=10,
            nsp in "/[^,]{0,8}",
            id in proptest::option::of(any::<u32>()),
        ) {
            let kind = Kind::from_digit(digit).unwrap();
            let id = id.map(Id::from);
            let mut out = String::new();
            write_header(&mut out, kind, attachments, &nsp, id);
            out.push_str("[]");
            let header = read(&out, 10).unwrap();
            prop_assert_eq!(header.kind, kind);
            prop_assert_eq!(header.attachments, if kind.is_binary() { attachments } else { 0 });
            prop_assert_eq!(header.nsp, nsp.as_str());
            prop_assert_eq!(header.id, id);
            prop_assert_eq!(header.rest, "[]");
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = read(&text, 10);
            let _ = read(&format!("5{text}"), 10);
        }
    }
}

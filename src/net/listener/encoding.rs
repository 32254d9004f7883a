//! The header `Accept-Encoding` (RFC 9110, §12.5.3): the encoding of an answer.

use std::cmp::Reverse;

/// An encoding of compressed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// gzip.
    Gzip,
    /// zlib.
    Deflate,
}

impl Encoding {
    /// The token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// The encodings that a client takes, with its preferences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    gzip: Preference,
    deflate: Preference,
}

/// The preference for one encoding. The larger one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// In thousandths; 0: not acceptable.
    weight: u16,
    /// The header names the encoding, and not only `*`.
    named: bool,
    place: Reverse<usize>,
}

impl Accepted {
    /// Reads the header; without one, nothing is compressed.
    pub fn parse(header: Option<&str>) -> Self {
        let mut accepted = Self::default();
        for (place, item) in header.unwrap_or_default().split(',').enumerate() {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let preference = Preference {
                weight: parts.find_map(weight).unwrap_or(1000),
                named: name != "*",
                place: Reverse(place),
            };
            match name {
                n if n.eq_ignore_ascii_case("gzip") => accepted.gzip = preference,
                n if n.eq_ignore_ascii_case("deflate") => accepted.deflate = preference,
                "*" => {
                    for one in [&mut accepted.gzip, &mut accepted.deflate] {
                        if !one.named {
                            *one = preference;
                        }
                    }
                }
                _ => {}
            }
        }
        accepted
    }

    /// The encoding that the client likes best, gzip of two equal ones; `None`: the answer is sent
    /// as it is.
    pub fn best(&self) -> Option<Encoding> {
        let (best, preference) = if self.gzip >= self.deflate {
            (Encoding::Gzip, self.gzip)
        } else {
            (Encoding::Deflate, self.deflate)
        };
        (preference.weight > 0).then_some(best)
    }
}

/// The thousandths of a `q` parameter; 0 if it is no number.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let q: f32 = value.trim().parse().unwrap_or(0.0);
    Some((q.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::Encoding::{Deflate, Gzip};
    use super::*;

    #[test]
    fn the_preference_of_the_client_decides() {
        for (header, best) in [
            (None, None),
            (Some(""), None),
            (Some("*"), Some(Gzip)),
            (Some("gzip"), Some(Gzip)),
            (Some("gzip, deflate, br"), Some(Gzip)),
            (Some("deflate, gzip"), Some(Deflate)),
            (Some("gzip;q=0"), None),
            (Some("gzip;q=0.5, deflate"), Some(Deflate)),
            (Some("identity, gzip;q=0.5"), Some(Gzip)),
            (Some("*;q=0"), None),
            (Some("br"), None),
            (Some("gzip;q=0.5, *"), Some(Deflate)),
            (Some("identity"), None),
            (Some("*, gzip;q=0.2"), Some(Deflate)),
            (Some("gzip;q=foo"), None),
            (Some("GZIP"), Some(Gzip)),
            (Some("deflate;q=0.5, *;q=0.8"), Some(Gzip)),
        ] {
            assert_eq!(Accepted::parse(header).best(), best, "{header:?}");
        }
    }
}

//! What an answer may be compressed with: the `Accept-Encoding` header, RFC 9110 §12.5.3.

use std::cmp::Reverse;

/// How an answer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Brotli; known so that its preference is respected, but not spoken here.
    Brotli,
    /// gzip.
    Gzip,
    /// zlib.
    Deflate,
}

impl Encoding {
    /// The token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// How much a client wants each encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    brotli: Preference,
    gzip: Preference,
    deflate: Preference,
}

/// Ordered as preferences are: the larger one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    /// In thousandths; 0: not acceptable.
    weight: u16,
    /// Not only meant by `*`.
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
                n if n.eq_ignore_ascii_case("br") => accepted.brotli = preference,
                n if n.eq_ignore_ascii_case("gzip") => accepted.gzip = preference,
                n if n.eq_ignore_ascii_case("deflate") => accepted.deflate = preference,
                "*" => {
                    for one in [
                        &mut accepted.brotli,
                        &mut accepted.gzip,
                        &mut accepted.deflate,
                    ] {
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

    /// The best of `offered`, the server's favourite first; `None`: the answer goes as it is.
    pub fn best(&self, offered: &[Encoding]) -> Option<Encoding> {
        let preference = |encoding: &Encoding| match encoding {
            Encoding::Brotli => self.brotli,
            Encoding::Gzip => self.gzip,
            Encoding::Deflate => self.deflate,
        };
        // Of equal ones the last is taken.
        let best = offered.iter().rev().max_by_key(|one| preference(one))?;
        (preference(best).weight > 0).then_some(*best)
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
    use super::Encoding::{Brotli, Deflate, Gzip};
    use super::*;

    #[test]
    fn the_clients_preference_decides() {
        for (header, polling, file) in [
            (None, None, None),
            (Some(""), None, None),
            (Some("*"), Some(Gzip), Some(Brotli)),
            (Some("gzip"), Some(Gzip), Some(Gzip)),
            (Some("gzip, deflate, br"), Some(Gzip), Some(Gzip)),
            (Some("deflate, gzip"), Some(Deflate), Some(Deflate)),
            (Some("gzip;q=0"), None, None),
            (Some("gzip;q=0.5, deflate"), Some(Deflate), Some(Deflate)),
            (Some("identity, gzip;q=0.5"), Some(Gzip), Some(Gzip)),
            (Some("*;q=0"), None, None),
            (Some("br"), None, Some(Brotli)),
            (Some("gzip;q=0.5, *"), Some(Deflate), Some(Brotli)),
            (Some("identity"), None, None),
            (Some("*, gzip;q=0.2"), Some(Deflate), Some(Brotli)),
            (Some("gzip;q=foo"), None, None),
            (Some("GZIP"), Some(Gzip), Some(Gzip)),
            (Some("deflate;q=0.5, *;q=0.8"), Some(Gzip), Some(Brotli)),
        ] {
            let accepted = Accepted::parse(header);
            assert_eq!(accepted.best(&[Gzip, Deflate]), polling, "{header:?}");
            assert_eq!(accepted.best(&[Brotli, Gzip, Deflate]), file, "{header:?}");
        }
    }
}

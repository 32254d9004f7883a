//! Long strings as JSON writes them: `JSON.stringify` looks at each character, this at many at once.

/// One unit of a string: a byte of ASCII, or a unit of UTF-16.
pub trait Unit: Copy + From<u8> + Into<u16> {}
impl Unit for u8 {}
impl Unit for u16 {}

/// Units that are looked at together.
const TOGETHER: usize = 64;

/// The text of a string as `JSON.stringify` gives it, quotes included; `None`: the string stands
/// between quotes as it is. Lone surrogates become escapes.
pub fn quote<T: Unit>(units: &[T]) -> Option<Vec<T>> {
    let mut out = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(unit) = next_special(units, &mut at) {
        let next = units.get(at + 1).map_or(0, |&next| next.into());
        if is_high(unit) && is_low(next) {
            at += 2;
            continue;
        }
        if out.is_empty() {
            out.reserve(units.len() + units.len() / 8 + 16);
            out.push(b'"'.into());
        }
        out.extend_from_slice(units.get(copied..at).unwrap_or_default());
        escape(unit, &mut out);
        at += 1;
        copied = at;
    }
    if out.is_empty() {
        return None;
    }
    out.extend_from_slice(units.get(copied..).unwrap_or_default());
    out.push(b'"'.into());
    Some(out)
}

/// Moves `at` to the next unit that may need an escape, and returns it.
pub(super) fn next_special<T: Unit>(units: &[T], at: &mut usize) -> Option<u16> {
    loop {
        let rest = units.get(*at..)?;
        let together = rest.get(..TOGETHER).unwrap_or(rest);
        // No early exit: the compiler makes vector instructions of it.
        let any = (together.iter()).fold(false, |any, &unit| any | is_special(unit.into()));
        if any {
            let place = (together.iter()).position(|&unit| is_special(unit.into()))?;
            *at += place;
            return together.get(place).map(|&unit| unit.into());
        }
        if together.is_empty() {
            return None;
        }
        *at += together.len();
    }
}

const fn is_special(unit: u16) -> bool {
    (unit < 0x20) | (unit == b'"' as u16) | (unit == b'\\' as u16) | (unit & 0xf800 == 0xd800)
}

const fn is_high(unit: u16) -> bool {
    unit & 0xfc00 == 0xd800
}

const fn is_low(unit: u16) -> bool {
    unit & 0xfc00 == 0xdc00
}

fn escape<T: Unit>(unit: u16, out: &mut Vec<T>) {
    let short = match unit {
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x22 => b'"',
        0x5c => b'\\',
        _ => {
            out.extend([b'\\', b'u'].map(T::from));
            let digits = [12, 8, 4, 0].map(|shift| (unit >> shift & 0xf) as u8);
            out.extend(
                digits.map(|digit| T::from(digit + if digit < 10 { b'0' } else { b'a' - 10 })),
            );
            return;
        }
    };
    out.extend([b'\\', short].map(T::from));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_string_without_specials_stands_as_it_is() {
        for len in [0, 1, 63, 64, 65, 1000] {
            assert_eq!(quote(&vec![b'x'; len]), None);
        }
        let text: Vec<u16> = "\u{7f}é\u{2028}😀".encode_utf16().collect();
        assert_eq!(quote(&text), None);
    }

    #[test]
    fn lone_surrogates_are_escaped() {
        let units = [0xd83d, 0xde00, 0xde00, 0xd83d, u16::from(b'a'), 0xdbff];
        let quoted = String::from_utf16(&quote(&units).expect("escapes")).expect("well-formed");
        assert_eq!(quoted, "\"😀\\ude00\\ud83da\\udbff\"");
    }

    proptest! {
        #[test]
        fn escapes_are_those_of_json(text in "([ -~]{0,90}|[\u{0}-\u{1f}\"\\\\é😀]){0,12}") {
            let json = serde_json::to_string(&text).expect("JSON");
            let units: Vec<u16> = text.encode_utf16().collect();
            let wide = quote(&units).map_or_else(|| format!("\"{text}\""), |q| String::from_utf16_lossy(&q));
            prop_assert_eq!(&wide, &json);
            let narrow = quote(text.as_bytes()).unwrap_or_else(|| format!("\"{text}\"").into_bytes());
            prop_assert_eq!(narrow, json.into_bytes());
        }
    }
}

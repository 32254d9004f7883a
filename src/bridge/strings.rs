//! Strings of JavaScript from UTF-8, in the narrowest form that holds them: V8's own decoder looks at
//! one character after the other.

use std::ptr;

use napi::sys;

/// A JavaScript string; bytes that are no UTF-8 become U+FFFD. Null: it is longer than a string may be.
pub fn make_string(env: sys::napi_env, text: &[u8]) -> sys::napi_value {
    if text.is_ascii() {
        return latin1(env, text);
    }
    let text = String::from_utf8_lossy(text);
    match narrow(&text) {
        Some(bytes) => latin1(env, &bytes),
        None => utf16(env, &wide(&text)),
    }
}

fn latin1(env: sys::napi_env, text: &[u8]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length of one slice.
    unsafe {
        sys::napi_create_string_latin1(env, text.as_ptr().cast(), text.len() as isize, &mut value)
    };
    value
}

fn utf16(env: sys::napi_env, units: &[u16]) -> sys::napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: pointer and length of one slice.
    unsafe { sys::napi_create_string_utf16(env, units.as_ptr(), units.len() as isize, &mut value) };
    value
}

/// The least first byte of a character beyond Latin-1.
const BEYOND_LATIN1: u8 = 0xc4;

/// The text as Latin-1, if it has no other characters.
fn narrow(text: &str) -> Option<Vec<u8>> {
    // No early exit: the compiler makes vector instructions of it.
    let is_wide = |pieces: &[u8]| {
        pieces
            .iter()
            .fold(false, |any, &byte| any | (byte >= BEYOND_LATIN1))
    };
    if text.as_bytes().chunks(4096).any(is_wide) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    each_run(text, |run| match run {
        Run::Ascii(run) => bytes.extend_from_slice(run),
        Run::Character(character) => bytes.push(character as u32 as u8),
    });
    Some(bytes)
}

/// The text as UTF-16.
fn wide(text: &str) -> Vec<u16> {
    let mut units = Vec::with_capacity(text.len());
    each_run(text, |run| match run {
        Run::Ascii(run) => units.extend(run.iter().map(|&byte| u16::from(byte))),
        Run::Character(character) => {
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    });
    units
}

enum Run<'a> {
    Ascii(&'a [u8]),
    Character(char),
}

/// The length of runs of ASCII that are taken at once.
const RUN: usize = 16;

/// Calls back for runs of ASCII, and for each character between them.
fn each_run(text: &str, mut on: impl FnMut(Run<'_>)) {
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(run) = rest.as_bytes().first_chunk::<RUN>()
            && run.is_ascii()
        {
            on(Run::Ascii(run));
            rest = rest.get(RUN..).unwrap_or_default();
            continue;
        }
        // Up to the end of what was found not to be ASCII.
        let mut left = RUN as isize;
        let mut characters = rest.chars();
        while left > 0
            && let Some(character) = characters.next()
        {
            left -= character.len_utf8() as isize;
            on(Run::Character(character));
        }
        rest = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_keeps_its_characters(text in "([ -~]{0,40}|[\u{80}-\u{ff}]{0,9}|[€😀]{0,3}){0,6}") {
            prop_assert_eq!(wide(&text), text.encode_utf16().collect::<Vec<_>>());
            let is_narrow = text.chars().all(|character| (character as u32) < 0x100);
            let narrow = narrow(&text);
            prop_assert_eq!(narrow.is_some(), is_narrow);
            if let Some(narrow) = narrow {
                let back: String = narrow.into_iter().map(char::from).collect();
                prop_assert_eq!(back, text);
            }
        }
    }
}

//! Long strings of a packet's data, which reach JavaScript as they are: a JSON parser would look at each
//! of their characters once more.

use super::quote::next_special;

/// Takes strings of at least `min` bytes out of `array`, a JSON array that was proven to be one; those
/// without escapes that stand in it itself, and in front of other arrays and objects. Returns the
/// text `[places,array]` with zeros in place of the strings, and the strings; `None`: there are none.
pub fn lift(array: &str, min: usize) -> Option<(String, Vec<&str>)> {
    let found = find(array.as_bytes(), min);
    let size: usize = found.iter().map(|one| one.end - one.start).sum();
    found.first()?;
    let mut text = String::with_capacity(array.len() - size + 16 * (found.len() + 1));
    let mut copied = 0;
    let mut places = String::from("[[");
    let mut strings = Vec::with_capacity(found.len());
    for one in &found {
        if places.len() > 2 {
            places.push(',');
        }
        places.push_str(&one.place.to_string());
        // The quotes are left out with the string.
        text.push_str(array.get(copied..one.start - 1)?);
        text.push('0');
        strings.push(array.get(one.start..one.end)?);
        copied = one.end + 1;
    }
    text.push_str(array.get(copied..)?);
    places.push_str("],");
    text.insert_str(0, &places);
    text.push(']');
    Some((text, strings))
}

/// A string inside an array, without its quotes.
pub(super) struct Found {
    /// Its index in the array.
    place: usize,
    /// The index of its first byte.
    pub start: usize,
    /// The index of the quote behind it.
    pub end: usize,
}

/// Finds strings of at least `min` bytes, as [`lift`] does, in a text that need not be JSON: in front of
/// each there are a bracket or a comma, and values that are whole if the text is JSON. They hold neither
/// escapes nor control characters.
pub(super) fn find(array: &[u8], min: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = skip_space(array, 0);
    let mut place = 0;
    // Behind the bracket, and then behind each comma.
    while matches!(array.get(at), Some(b'[' | b',')) {
        at = skip_space(array, at + 1);
        match array.get(at) {
            Some(b'"') => {
                let start = at + 1;
                let Some((end, escaped)) = end_of_string(array, start) else {
                    break;
                };
                if !escaped && end - start >= min {
                    found.push(Found { place, start, end });
                }
                at = end + 1;
            }
            // A number, or a word.
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                let rest = array.get(at..).unwrap_or_default();
                let ends = |byte: &u8| matches!(byte, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                at += rest.iter().position(ends).unwrap_or(rest.len());
            }
            _ => break,
        }
        at = skip_space(array, at);
        place += 1;
    }
    found
}

/// The index of the quote that ends a string, and true if there are escapes in front of it.
fn end_of_string(json: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    while let Some(special) = next_special(json, &mut at) {
        if special == u16::from(b'"') {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
    None
}

fn skip_space(json: &[u8], at: usize) -> usize {
    let rest = json.get(at..).unwrap_or_default();
    let is_space = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
    at + rest.iter().take_while(is_space).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The array that JavaScript makes of what was lifted.
    fn put_back(lifted: &(String, Vec<&str>)) -> Value {
        let (text, strings) = lifted;
        let Ok((places, Value::Array(mut array))) =
            serde_json::from_str::<(Vec<usize>, Value)>(text)
        else {
            panic!("places and an array: {text}");
        };
        assert_eq!(places.len(), strings.len());
        for (place, string) in places.into_iter().zip(strings) {
            assert_eq!(array[place], 0);
            array[place] = Value::from(*string);
        }
        Value::Array(array)
    }

    #[test]
    fn long_strings_leave_zeros_behind() {
        for (json, text, strings) in [
            (r#"["e","long"]"#, r#"[[1],["e",0]]"#, vec!["long"]),
            (
                " [ \"long\" , -1e5,null,\"é\u{1f600}\",[\"long\"],\"long\"] ",
                "[[0,3], [ 0 , -1e5,null,0,[\"long\"],\"long\"] ]",
                vec!["long", "é\u{1f600}"],
            ),
            (
                r#"["a\"long,","long\\","long"]"#,
                r#"[[2],["a\"long,","long\\",0]]"#,
                vec!["long"],
            ),
        ] {
            let lifted = lift(json, 4).expect(json);
            assert_eq!(lifted, (text.to_owned(), strings));
            assert_eq!(
                put_back(&lifted),
                serde_json::from_str::<Value>(json).expect("JSON")
            );
        }
    }

    #[test]
    fn other_data_stays_as_it_is() {
        for json in [
            "[]",
            "[1]",
            "[\"lon\"]",
            "{\"long\":\"long\"}",
            "\"long\"",
            "null",
            "",
            "[[\"long\"]]",
        ] {
            assert_eq!(lift(json, 4), None, "{json}");
        }
    }

    fn element() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[a-z,\\]\\[\"\\\\é\n]{0,12}".prop_map(Value::from),
            "[a-zé,\\]]{0,150}".prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            Just(serde_json::json!({"k": ["longer", 1]})),
        ]
    }

    proptest! {
        #[test]
        fn nothing_is_lost(array in prop::collection::vec(element(), 0..8), pretty in any::<bool>()) {
            let array = Value::Array(array);
            let json = if pretty { format!("{array:#}") } else { array.to_string() };
            if let Some(lifted) = lift(&json, 5) {
                prop_assert!(lifted.1.iter().all(|string| string.len() >= 5));
                prop_assert_eq!(put_back(&lifted), array);
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = lift(&text, 1);
            let _ = lift(&format!("[\"{text}"), 1);
        }
    }
}

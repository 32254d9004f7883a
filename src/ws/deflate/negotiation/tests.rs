//! Which offers are granted, and the words of the answer; the cases are those of the `ws` package.

use super::*;

fn answer(header: &str, options: &Options) -> Result<String, Refusal> {
    let offer = header.replace("PD", NAME);
    let agreement = negotiate(Some(&offer), options)?;
    Ok(agreement.map_or_else(String::new, |agreement| {
        agreement.response.replace(NAME, "PD")
    }))
}

#[track_caller]
fn expect(options: Options, cases: &[(&str, Option<&str>)]) {
    for (header, expected) in cases {
        let expected = (*expected).map(str::to_owned).ok_or(Refusal::Extensions);
        assert_eq!(answer(header, &options), expected, "{header:?} {options:?}");
    }
}

#[test]
fn nothing_is_agreed_on_that_was_not_offered() {
    assert_eq!(negotiate(None, &Options::default()), Ok(None));
    for header in ["foo", "foo; a; a", "PERMESSAGE-DEFLATE", "__proto__; a=1"] {
        assert_eq!(negotiate(Some(header), &Options::default()), Ok(None));
    }
}

#[test]
fn what_a_client_asks_for_is_granted() {
    expect(
        Options::default(),
        &[
            ("PD", Some("PD")),
            ("foo; server_max_window_bits=99, PD", Some("PD")),
            ("PD, PD; client_max_window_bits", Some("PD")),
            ("PD; client_max_window_bits", Some("PD")),
            (
                "PD; server_max_window_bits=8",
                Some("PD; server_max_window_bits=8"),
            ),
            (
                "PD; server_max_window_bits=9, PD",
                Some("PD; server_max_window_bits=9"),
            ),
            (
                "PD; client_max_window_bits=15",
                Some("PD; client_max_window_bits=15"),
            ),
            (
                "PD; client_no_context_takeover; server_no_context_takeover",
                Some("PD; client_no_context_takeover; server_no_context_takeover"),
            ),
            (
                "PD; client_max_window_bits=\"1\\0\"; server_max_window_bits=010",
                Some("PD; client_max_window_bits=10; server_max_window_bits=10"),
            ),
        ],
    );
}

#[test]
fn numbers_are_read_as_javascript_reads_them() {
    for text in [
        "10", "010", "1e1", "0xa", "0Xa", "0b1010", "0o12", "+10", "10.0", "10.",
    ] {
        assert_eq!(window_bits(text), Some(10), "{text}");
    }
    for text in [
        "7", "16", "abc", "-10", "10.5", "0x+a", "+0xa", "nan", "inf", "1_0", "0x",
    ] {
        assert_eq!(window_bits(text), None, "{text}");
    }
}

#[test]
fn malformed_offers_refuse_the_request() {
    for offer in [
        "",
        "PD;",
        "PD; foo",
        "PD; foo, PD",
        "PD, PD; foo",
        "PD; Client_Max_Window_Bits",
        "PD; server_no_context_takeover=1",
        "PD; client_no_context_takeover=true",
        "PD; server_max_window_bits",
        "PD; server_max_window_bits=7",
        "PD; server_max_window_bits=16",
        "PD; client_max_window_bits=7",
        "PD; client_max_window_bits; client_max_window_bits",
        "PD; client_max_window_bits=10; client_max_window_bits=10",
        "PD; server_no_context_takeover; server_no_context_takeover",
        "PD; __proto__",
    ] {
        assert_eq!(
            answer(offer, &Options::default()),
            Err(Refusal::Extensions),
            "{offer:?}"
        );
    }
}

#[test]
fn takeover_options() {
    let no_takeover = Options {
        server_no_context_takeover: Some(true),
        client_no_context_takeover: true,
        ..Options::default()
    };
    let both = "PD; server_no_context_takeover; client_no_context_takeover";
    expect(
        no_takeover,
        &[
            ("PD", Some(both)),
            (
                "PD; client_no_context_takeover",
                Some("PD; client_no_context_takeover; server_no_context_takeover"),
            ),
            (
                "PD; client_max_window_bits=10",
                Some(
                    "PD; client_max_window_bits=10; server_no_context_takeover; \
                     client_no_context_takeover",
                ),
            ),
        ],
    );
    let never = Options {
        server_no_context_takeover: Some(false),
        ..Options::default()
    };
    expect(
        never,
        &[
            ("PD; server_no_context_takeover", None),
            (
                "PD; server_no_context_takeover, PD; client_max_window_bits=9",
                Some("PD; client_max_window_bits=9"),
            ),
            (
                "PD; client_no_context_takeover",
                Some("PD; client_no_context_takeover"),
            ),
        ],
    );
}

#[test]
fn the_servers_window() {
    let options = |server_max_window_bits| Options {
        server_max_window_bits,
        ..Options::default()
    };
    expect(
        options(Bits::Exactly(11.0)),
        &[
            ("PD", Some("PD; server_max_window_bits=11")),
            ("PD; server_max_window_bits=10", None),
            (
                "PD; server_max_window_bits=12; client_max_window_bits=9",
                Some("PD; server_max_window_bits=11; client_max_window_bits=9"),
            ),
            (
                "PD; server_no_context_takeover",
                Some("PD; server_no_context_takeover; server_max_window_bits=11"),
            ),
        ],
    );
    expect(
        options(Bits::Unsaid),
        &[("PD", Some("PD")), ("PD; server_max_window_bits=15", None)],
    );
    for (bits, said) in [
        (7.0, "7"),
        (16.0, "16"),
        (11.5, "11.5"),
        (f64::NAN, "NaN"),
        (-1.0, "-1"),
    ] {
        let said = format!("PD; server_max_window_bits={said}");
        expect(options(Bits::Exactly(bits)), &[("PD", Some(&said))]);
    }
}

#[test]
fn the_clients_window() {
    let options = |client_max_window_bits| Options {
        client_max_window_bits,
        ..Options::default()
    };
    expect(
        options(Bits::Exactly(11.0)),
        &[
            ("PD", None),
            ("PD; client_max_window_bits=10", None),
            (
                "PD; client_max_window_bits",
                Some("PD; client_max_window_bits=11"),
            ),
            (
                "PD; client_max_window_bits=12",
                Some("PD; client_max_window_bits=11"),
            ),
            (
                "PD, PD; client_max_window_bits",
                Some("PD; client_max_window_bits=11"),
            ),
        ],
    );
    expect(
        options(Bits::Unsaid),
        &[
            ("PD; client_max_window_bits", Some("PD")),
            (
                "PD; client_max_window_bits=10; server_max_window_bits=9",
                Some("PD; server_max_window_bits=9"),
            ),
        ],
    );
}

#[test]
fn parameters_are_what_the_answer_says() {
    let offer = "permessage-deflate; server_no_context_takeover; client_max_window_bits=9";
    let agreement = negotiate(Some(offer), &Options::default())
        .unwrap()
        .unwrap();
    assert_eq!(
        agreement.parameters,
        Parameters {
            server_takeover: false,
            client_window_bits: 9,
            ..Parameters::default()
        }
    );
    let options = Options {
        client_no_context_takeover: true,
        server_max_window_bits: Bits::Exactly(1e9),
        client_max_window_bits: Bits::Exactly(f64::NAN),
        ..Options::default()
    };
    let offer = "permessage-deflate; client_max_window_bits";
    let agreement = negotiate(Some(offer), &options).unwrap().unwrap();
    assert_eq!(
        agreement.parameters,
        Parameters {
            client_takeover: false,
            client_window_bits: 8,
            ..Parameters::default()
        }
    );
}

#[test]
fn no_context_is_taken_over_where_none_may_be_kept() {
    let none = Options {
        keeps_no_contexts: true,
        ..Options::default()
    };
    let refuses = Options {
        server_no_context_takeover: Some(false),
        ..none
    };
    for (options, offer, expected) in [
        (
            none,
            "PD; client_max_window_bits",
            Some("PD; server_no_context_takeover; client_no_context_takeover"),
        ),
        (
            none,
            "PD; client_no_context_takeover; server_no_context_takeover",
            Some("PD; client_no_context_takeover; server_no_context_takeover"),
        ),
        (
            refuses,
            "PD",
            Some("PD; server_no_context_takeover; client_no_context_takeover"),
        ),
        // As it is for all others.
        (refuses, "PD; server_no_context_takeover", None),
    ] {
        let agreement = negotiate(Some(&offer.replace("PD", NAME)), &options).ok();
        let agreement = agreement.flatten();
        let response = agreement
            .as_ref()
            .map(|its| its.response.replace(NAME, "PD"));
        assert_eq!(response.as_deref(), expected);
        for parameters in agreement.iter().map(|its| its.parameters) {
            assert!(!parameters.server_takeover && !parameters.client_takeover);
        }
    }
    assert_eq!(negotiate(Some("foo"), &none), Ok(None));
}

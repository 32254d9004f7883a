use proptest::prelude::*;

use super::*;

const PATH: &str = "/socket.io/";

fn look(text: &str) -> Inspected<'_> {
    inspect(text.as_bytes(), PATH)
}

fn wanted<'a>(text: &'a str) -> Option<RequestKind<'a>> {
    match look(text) {
        Inspected::Ours(request) => {
            assert_eq!(request.head, text.len());
            Some(request.kind)
        }
        _ => None,
    }
}

/// A request with the usual headers and those of `more`.
fn request(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

fn get(query: &str) -> String {
    request(&format!("GET /socket.io/?{query}"), "")
}

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

#[test]
fn what_clients_ask_for() {
    let handshake = get("EIO=4&transport=polling&t=abc");
    assert_eq!(wanted(&handshake), Some(RequestKind::Handshake));
    let poll = get("EIO=4&transport=polling&sid=xyz");
    assert_eq!(wanted(&poll), Some(RequestKind::Poll("xyz")));
    let empty = get("EIO=4&transport=polling&sid=");
    assert_eq!(wanted(&empty), Some(RequestKind::Handshake));
    let push = request(
        "POST /socket.io/?EIO=4&transport=polling&sid=xyz",
        "Content-Length: 3\r\nContent-type: text/plain;charset=UTF-8\r\n",
    );
    assert_eq!(wanted(&push), Some(RequestKind::Push("xyz")));
    let line = "GET /socket.io/?EIO=4&transport=websocket";
    let websocket = request(line, UPGRADE);
    assert_eq!(wanted(&websocket), Some(RequestKind::WebSocket(None)));
    let upgrade = request(&format!("{line}&sid=xyz"), UPGRADE);
    assert_eq!(wanted(&upgrade), Some(RequestKind::WebSocket(Some("xyz"))));
}

#[test]
fn the_first_bytes_tell_the_path() {
    for (bytes, engine, is_there) in [
        ("GET /socket.io/?EIO=4&tr", "/socket.io/", true),
        ("POST /socket.io/?", "/socket.io/", true),
        ("GET /socket.io?", "/socket.io", true),
        ("GET /socket.io/?", "/socket.io", true),
        ("GET /socket.io/", "/socket.io/", false),
        ("GET /socket.io/client.js?", "/socket.io/", false),
        ("GET /other/?EIO=4", "/socket.io/", false),
        ("HEAD /socket.io/?EIO=4", "/socket.io/", false),
        ("GET", "/socket.io/", false),
        ("", "/socket.io/", false),
    ] {
        assert_eq!(
            is_at(bytes.as_bytes(), engine),
            is_there,
            "{bytes} at {engine}"
        );
    }
}

#[test]
fn the_path_may_end_with_a_slash_more_than_the_servers() {
    let query = Some("EIO=4");
    for (target, engine, found) in [
        ("/socket.io/?EIO=4", "/socket.io/", query),
        ("/socket.io?EIO=4", "/socket.io", query),
        ("/socket.io/?EIO=4", "/socket.io", query),
        ("/?EIO=4", "/", query),
        ("/socket.io?EIO=4", "/socket.io/", None),
        ("/socket.io/x?EIO=4", "/socket.io/", None),
        ("/socket.iox?EIO=4", "/socket.io", None),
        ("/socket.io/", "/socket.io/", None),
    ] {
        assert_eq!(query_at(target, engine), found, "{target} at {engine}");
    }
}

#[test]
fn the_last_of_repeated_parameters_counts() {
    let text = get("sid=a&EIO=3&transport=x&sid=b&EIO=4&transport=polling&__proto__=1&x=%20+");
    assert_eq!(wanted(&text), Some(RequestKind::Poll("b")));
}

#[test]
fn what_else_the_request_says() {
    let text = request(
        "POST /socket.io/?EIO=4&transport=polling&sid=x",
        "content-length: 7\r\nConnection: close\r\nAccept-Encoding: gzip\r\n",
    );
    let Inspected::Ours(request) = look(&text) else {
        panic!("not ours");
    };
    assert_eq!((request.body, request.closes), (7, true));
    assert_eq!(request.target, "/socket.io/?EIO=4&transport=polling&sid=x");
    assert_eq!(request.headers[0], ("Host", "a"));
    assert_eq!(request.headers.len(), 4);
}

#[test]
fn what_is_unusual_is_left_to_node() {
    const HANDSHAKE: &str = "GET /socket.io/?EIO=4&transport=polling";
    for query in [
        "EIO=3&transport=polling",
        "transport=polling",
        "EIO=4",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=websocket",
        "EIO=4&transport=polling&j=0",
        "EIO=4&transport=polling&b64=1",
        "EIO=4&transport=poll%69ng",
        "EIO=4&transport=polling&s%69d=x",
        "EIO=4&transport=polling#x",
        "EIO=4&transport=polling&x=\"",
        "EIO=4&transport=polling&<",
        "EIO=4&transport=polling&x=>",
        "EIO=4&transport=polling&sid=\u{e9}",
    ] {
        assert_eq!(look(&get(query)), Inspected::Foreign, "{query}");
    }
    for line in [
        "GET /",
        "GET /socket.io?EIO=4&transport=polling",
        "GET http://a/socket.io/?EIO=4&transport=polling",
        "HEAD /socket.io/?EIO=4&transport=polling",
        "OPTIONS /socket.io/?EIO=4&transport=polling&sid=x",
        "POST /socket.io/?EIO=4&transport=polling&sid=x",
        "POST /socket.io/?EIO=4&transport=polling",
        "GET /socket.io/socket.io.js",
        "GET /socket.io/socket.io.js?EIO=4&transport=polling",
    ] {
        assert_eq!(look(&request(line, "")), Inspected::Foreign, "{line}");
    }
    for header in [
        "Expect: 100-continue",
        "Transfer-Encoding: chunked",
        "Proxy-Connection: close",
        "Content-Length: 1",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: +0",
        "Content-Length: 99999999999999999999999",
        "Host: b",
        "Connection: TE",
        "User-Agent: Mozilla/5.0 Trident/7.0",
        "X-Name: \u{e9}",
        "Upgrade: h2c",
        "Connection: Upgrade\r\nUpgrade: websocket",
    ] {
        let text = request(HANDSHAKE, &format!("{header}\r\n"));
        assert_eq!(look(&text), Inspected::Foreign, "{header}");
    }
    for text in [
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\n\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        assert_eq!(look(text), Inspected::Foreign, "{text:?}");
    }
    let octets = request(
        "POST /socket.io/?EIO=4&transport=polling&sid=x",
        "Content-Length: 1\r\nContent-Type: application/octet-stream\r\n",
    );
    assert_eq!(look(&octets), Inspected::Foreign);
}

#[test]
fn a_head_is_awaited_whole_but_not_for_ever() {
    let text = get("EIO=4&transport=polling");
    for end in 0..text.len() {
        assert_eq!(look(&text[..end]), Inspected::Partial, "{end}");
    }
    let with_more = format!("{text}GET / HTTP/1.1\r\n");
    let Inspected::Ours(request) = look(&with_more) else {
        panic!("not ours");
    };
    assert_eq!(request.head, text.len());
    let long = format!(
        "GET /socket.io/?EIO=4&x={} HTTP/1.1\r\n",
        "a".repeat(MAX_HEAD)
    );
    assert_eq!(look(&long), Inspected::Foreign);
    let many = self::request(
        "GET /socket.io/?EIO=4&transport=polling",
        &"A: b\r\n".repeat(MAX_HEADERS),
    );
    assert_eq!(look(&many), Inspected::Foreign);
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = inspect(&bytes, PATH);
        let mut text = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n".to_vec();
        text.extend(bytes);
        let _ = inspect(&text, PATH);
    }
}

/// Pieces of heads, and what spoils them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&str] = &[
        "GET ",
        "POST ",
        "/socket.io/?EIO=4&transport=polling",
        "/socket.io/?EIO=4&transport=websocket",
        "&sid=abc",
        "/socket.io/socket.io.js",
        " HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 3\r\n",
        "Content-Length:3\t\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close, Upgrade\r\n",
        "Upgrade: websocket\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        " ",
        ":",
    ];
    prop_oneof![
        6 => prop::sample::select(known).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// hyper's own types take whatever is taken, and the length of the body is the one announced.
    #[test]
    fn what_is_ours_means_the_same_to_hyper(
        line in prop::sample::select(&[
            "GET /socket.io/?EIO=4&transport=polling",
            "GET /socket.io/?EIO=4&transport=websocket",
            "POST /socket.io/?EIO=4&transport=polling&sid=x",
            "",
        ][..]),
        target in prop::collection::vec(piece(), 0..2),
        lines in prop::collection::vec(piece(), 0..5),
    ) {
        let mut bytes = line.as_bytes().to_vec();
        bytes.extend(target.concat());
        bytes.extend_from_slice(b" HTTP/1.1\r\nHost: a\r\n");
        bytes.extend(lines.concat());
        bytes.extend_from_slice(b"\r\n");
        let Inspected::Ours(request) = inspect(&bytes, PATH) else {
            return Ok(());
        };
        prop_assert!(bytes[..request.head].ends_with(b"\r\n\r\n"));
        prop_assert!(hyper::Uri::try_from(request.target).is_ok());
        let lengths: Vec<_> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .collect();
        prop_assert!(lengths.len() <= 1);
        let length = lengths.first().map_or(Ok(0), |(_, value)| value.parse::<u64>());
        prop_assert_eq!(length, Ok(request.body as u64));
        for (name, value) in &request.headers {
            prop_assert!(!name.eq_ignore_ascii_case("transfer-encoding"));
            prop_assert!(hyper::header::HeaderName::try_from(*name).is_ok());
            prop_assert!(hyper::header::HeaderValue::try_from(*value).is_ok());
        }
    }

    #[test]
    fn every_single_byte_in_a_target_is_taken_by_hyper_or_left_to_node(byte in 0u8..=127) {
        let text = get(&format!("EIO=4&transport=polling&x={}", char::from(byte)));
        if let Inspected::Ours(request) = look(&text) {
            prop_assert!(hyper::Uri::try_from(request.target).is_ok());
        }
    }
}

#[test]
fn the_session_that_a_request_for_node_names() {
    let named = |text: &str| session_named(text.as_bytes(), "/socket.io/").map(str::to_owned);
    let sid = Some("abc".to_owned());
    for line in [
        "POST /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /socket.io/?sid=abc HTTP/1.1",
        "PUT /socket.io/?sid=x&sid=abc&t=1 HTTP/1.0\n",
    ] {
        assert_eq!(named(line), sid, "{line}");
    }
    for line in [
        "",
        "GET",
        "GET /socket.io/?t=1 HTTP/1.1\r\nX: /socket.io/?sid=abc\r\n",
        "GET /elsewhere?sid=abc HTTP/1.1",
        "GET /socket.io/sid=abc HTTP/1.1",
    ] {
        assert_eq!(named(line), None, "{line}");
    }
    assert_eq!(
        session_named(b"GET /socket.io/?sid=\xff HTTP/1.1", "/socket.io/"),
        None
    );
}

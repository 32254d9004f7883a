//! Heads of requests to a port. A request that the listener takes itself has to be the same request
//! for hyper, which reads it again; `fuzz/heads.mjs` asks Node's parser.
//!
//! Input: the bytes of a connection.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use socket_io_native::net::listener::head::{
    Inspected, MAX_HEAD, Request, RequestKind, inspect, session_named,
};
use support::dump::{dump, latin1};
use support::http;

const PATH: &str = "/socket.io/";
/// The longest body that is given to hyper, in bytes.
const MAX_BODY: usize = 8 << 10;

fn check(request: &Request<'_>, bytes: &[u8]) {
    assert!(request.head <= MAX_HEAD && request.head <= bytes.len());
    assert!(bytes[..request.head].ends_with(b"\r\n\r\n"));
    let query = request
        .target
        .strip_prefix(PATH)
        .expect("the engine's path");
    let query = query.strip_prefix('/').unwrap_or(query);
    let query = query.strip_prefix('?').expect("a query");
    assert!(request.body == 0 || matches!(request.kind, RequestKind::Push(_)));
    let (RequestKind::Poll(sid) | RequestKind::Push(sid) | RequestKind::WebSocket(Some(sid))) =
        request.kind
    else {
        return check_fields(request);
    };
    assert!(!sid.is_empty() && !sid.contains(['%', '+', '&', ' ', '#']));
    // Node's side takes the last one, too.
    let pairs = query.split('&');
    assert_eq!(
        pairs
            .filter_map(|pair| pair.strip_prefix("sid="))
            .next_back(),
        Some(sid)
    );
    check_fields(request);
}

/// No header is there that could end the body elsewhere for somebody else.
fn check_fields(request: &Request<'_>) {
    let values = |name: &str| {
        let all = request.headers.iter();
        all.filter(|(n, _)| n.eq_ignore_ascii_case(name)).count()
    };
    assert_eq!(values("host"), 1);
    assert_eq!(values("transfer-encoding") + values("expect"), 0);
    assert!(values("content-length") <= 1);
    for (name, value) in &request.headers {
        assert!(!name.is_empty() && !name.contains([' ', ':', '\r', '\n', '\0']));
        assert!(!value.contains(['\r', '\n', '\0']));
    }
}

/// hyper reads the same request from the bytes that it is given, and takes them all.
fn compare_with_hyper(request: &Request<'_>, head: &[u8]) {
    let body = request.body.min(MAX_BODY);
    let mut bytes = head.to_vec();
    bytes.resize(head.len() + body, b'x');
    let (seen, taken) = http::read(&bytes);
    if body < request.body {
        return;
    }
    let seen = seen.expect("hyper takes the request");
    assert_eq!(taken, bytes.len());
    assert_eq!(seen.method, method(request));
    assert_eq!(seen.target, request.target);
    assert_eq!(seen.body, request.body);
    assert_eq!(seen.announced, Some(request.body as u64));
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes().to_vec()))
        .collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(seen.headers, headers);
}

const fn method(request: &Request<'_>) -> &'static str {
    match request.kind {
        RequestKind::Push(_) => "POST",
        _ => "GET",
    }
}

fn tell(request: &Request<'_>, head: &[u8]) {
    let (kind, sid) = match request.kind {
        RequestKind::Handshake => ("handshake", None),
        RequestKind::Poll(sid) => ("poll", Some(sid)),
        RequestKind::Push(sid) => ("push", Some(sid)),
        RequestKind::WebSocket(sid) => ("websocket", sid),
    };
    dump(|| {
        json!({
            "head": latin1(head),
            "kind": kind,
            "sid": sid,
            "method": method(request),
            "target": request.target,
            "headers": request.headers,
            "body": request.body,
            "closes": request.closes,
        })
    });
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(sid) = session_named(bytes, PATH) {
        let line = bytes.split(|&byte| byte == b'\n').next();
        assert!(line.is_some_and(|line| line.len() > sid.len() + PATH.len()));
    }
    let inspected = inspect(bytes, PATH);
    let Inspected::Ours(request) = inspected else {
        // More bytes may come to a decision, but what is decided stays.
        let part = inspect(&bytes[..bytes.len() / 2], PATH);
        assert!(!matches!(part, Inspected::Ours(_)));
        if inspected == Inspected::Partial {
            assert_eq!(part, Inspected::Partial);
        }
        return;
    };
    check(&request, bytes);
    let head = &bytes[..request.head];
    assert_eq!(inspect(head, PATH), Inspected::Ours(request));
    let Inspected::Ours(request) = inspect(bytes, PATH) else {
        panic!("not the same twice");
    };
    for cut in [head.len() / 3, head.len() / 2, head.len() - 1] {
        assert_eq!(inspect(&head[..cut], PATH), Inspected::Partial, "at {cut}");
    }
    if !matches!(request.kind, RequestKind::WebSocket(_)) {
        compare_with_hyper(&request, head);
    }
    tell(&request, head);
});

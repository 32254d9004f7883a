//! A request as JavaScript keeps it: two strings, of which one is common to most clients. Their form
//! is that of `lib/engine/session/request-snapshot.ts`, which builds the request again when an
//! application asks for it.

use std::net::{IpAddr, SocketAddr};

use crate::config::{SHARED_HEADERS, SNAPSHOT_OWN as OWN, SNAPSHOT_SEPARATOR as SEPARATOR};
use crate::net::listener::head::Request;

/// A request, without the memory that many requests can share.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestSnapshot {
    /// The part that many requests have in common.
    pub shared: String,
    /// The rest.
    pub own: String,
    /// The client's address.
    pub remote: IpAddr,
}

/// Packs a request and the ends of its connection.
pub fn pack(
    request: &Request<'_>,
    remote: SocketAddr,
    local: Option<SocketAddr>,
) -> RequestSnapshot {
    let family = if remote.is_ipv4() { "IPv4" } else { "IPv6" };
    let address = local.map_or_else(String::new, |a| a.ip().to_string());
    let port = local.map_or_else(String::new, |a| a.port().to_string());
    let mut shared = String::with_capacity(256);
    let mut own = String::with_capacity(128);
    for (i, value) in ["", "GET", "1.1", family, &address, &port]
        .iter()
        .enumerate()
    {
        push(&mut shared, value, i == 0);
    }
    push(&mut own, request.target, true);
    push(&mut own, &remote.port().to_string(), false);
    for (name, value) in &request.headers {
        push(&mut shared, name, false);
        if SHARED_HEADERS.iter().any(|h| h.eq_ignore_ascii_case(name)) {
            push(&mut shared, value, false);
        } else {
            push(&mut shared, OWN, false);
            push(&mut own, value, false);
        }
    }
    RequestSnapshot {
        shared,
        own,
        remote: remote.ip(),
    }
}

fn push(text: &mut String, value: &str, first: bool) {
    if !first {
        text.push(SEPARATOR);
    }
    text.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::listener::encoding::Accepted;
    use crate::net::listener::head::RequestKind;

    #[test]
    fn common_values_are_shared_and_the_others_are_of_the_request() {
        let request = Request {
            kind: RequestKind::Handshake,
            head: 0,
            body: 0,
            closes: false,
            target: "/socket.io/?EIO=4",
            headers: vec![(SHARED_HEADERS[0], "common"), ("x-own", "1")],
            accepts: Accepted::default(),
        };
        let remote = "10.0.0.1:5000".parse().unwrap();
        let local = "10.0.0.2:80".parse().ok();
        let snapshot = pack(&request, remote, local);
        let shared: Vec<_> = snapshot.shared.split(SEPARATOR).collect();
        let own: Vec<_> = snapshot.own.split(SEPARATOR).collect();
        let before = ["", "GET", "1.1", "IPv4", "10.0.0.2", "80"];
        assert_eq!(shared[..6], before);
        assert_eq!(shared[6..], [SHARED_HEADERS[0], "common", "x-own", OWN]);
        assert_eq!(own, ["/socket.io/?EIO=4", "5000", "1"]);
        assert_eq!(snapshot.remote, remote.ip());
    }
}

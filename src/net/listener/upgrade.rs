//! A connection that becomes a WebSocket.

use std::io::Write as _;
use std::rc::Rc;

use crate::eio::encoding::PacketEncoding;
use crate::eio::session::SocketRole;
use crate::net::events::Note;
use crate::net::listener::ConnectionGuard;
use crate::net::listener::request_io::RequestIo;
use crate::net::listener::route::{Admitted, Route, UpgradeAccept};
use crate::net::listener::settings::{Lines, Settings};
use crate::net::thread::state::IoThread;
use crate::net::thread::{Attach, NO_STREAM, Source};
use crate::ws::handshake::response_head;

/// Hands the connection of an upgrade request to the thread of its session, or opens one.
pub fn leave_as_websocket(
    io: Rc<RequestIo>,
    guard: ConnectionGuard,
    local: &Rc<IoThread>,
    settings: &Settings,
    request: Admitted,
) {
    let cors = settings.cors.lines(request.origin.as_deref());
    let Route::WebSocket(accept, session) = request.route else {
        return;
    };
    let Some(response) = switching_protocols(&accept, cors) else {
        return;
    };
    io.consume(request.head);
    let Some((stream, head)) = io.into_parts() else {
        return;
    };
    let Ok(stream) = stream.into_std() else {
        return;
    };
    let listener = guard.listener.clone();
    let inbox = listener.inbox.clone();
    let runtime = listener.runtime;
    let (mut stream, counted) = (Some(stream), head.len() + request.head);
    let mut parts = Some((head, response, accept.deflate, guard.open));
    let attach = |peer, role, first| {
        let (Some(stream), Some((head, response, deflate, open))) = (stream.take(), parts.take())
        else {
            return;
        };
        runtime.attach(Attach {
            shared: peer,
            role,
            form: PacketEncoding::V4,
            source: Source::Socket(stream.into()),
            stream: NO_STREAM,
            inbox,
            before: (counted as u64, 0),
            head,
            response,
            deflate,
            first,
            open: Some(open),
        });
    };
    match session {
        Ok(peer) => {
            let granted = runtime.upgrade(&peer, false);
            if granted {
                peer.inbox.note(peer.handle, Note::Offered);
            }
            attach(granted.then_some(peer), SocketRole::Probe, Vec::new());
        }
        Err(packed) => {
            let opened = listener.open_session(settings, packed, true, |peer, first| {
                attach(Some(peer), SocketRole::Main, first);
            });
            if let (Err(Some(refusal)), Some(mut stream)) = (opened, stream) {
                listener.engine.counters.reached(refusal.bound);
                // As much as the system takes at once.
                let _ = stream.write(refusal.upgrade_response().as_bytes());
            }
        }
    }
    local.wake_later(&listener.inbox);
}

/// The answer to an upgrade request, with the lines of CORS; `None` for one that cannot be written.
fn switching_protocols(accept: &UpgradeAccept, cors: &Lines) -> Option<Vec<u8>> {
    let extensions = accept.extensions.iter();
    let extensions = extensions.map(|value| format!("Sec-WebSocket-Extensions: {value}"));
    let cors = cors.iter().filter_map(|(name, value)| {
        Some(format!(
            "{}: {}",
            capitalized(name.as_str()),
            value.to_str().ok()?
        ))
    });
    let lines = extensions.chain(cors);
    let head = response_head(&accept.accept, accept.protocol.as_deref(), lines).ok()?;
    Some(head.into_bytes())
}

/// The name of a header as the cors package spells it: each word with a capital.
fn capitalized(name: &str) -> String {
    let mut begins = true;
    let spell = |letter: char| {
        let spelled = if begins {
            letter.to_ascii_uppercase()
        } else {
            letter
        };
        begins = letter == '-';
        spelled
    };
    name.chars().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, VARY};

    use super::*;

    fn accept() -> UpgradeAccept {
        UpgradeAccept {
            accept: "key".into(),
            protocol: None,
            extensions: None,
            deflate: None,
        }
    }

    fn lines(accept: &UpgradeAccept, cors: &Lines) -> Vec<String> {
        let answer = String::from_utf8(switching_protocols(accept, cors).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n"));
        answer.split("\r\n").skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn the_101_has_the_key_and_nothing_that_was_not_agreed_on() {
        let lines = lines(&accept(), &Vec::new());
        assert!(lines.contains(&"Sec-WebSocket-Accept: key".to_owned()));
        assert!(!lines.iter().any(|line| line.contains("Extensions")));
    }

    #[test]
    fn the_101_has_the_extensions_then_the_lines_of_cors() {
        let mut accept = accept();
        accept.extensions = Some("permessage-deflate".into());
        let cors = vec![
            (
                ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("http://a"),
            ),
            (VARY, HeaderValue::from_static("Origin")),
        ];
        let lines = lines(&accept, &cors);
        let place = |line: &str| lines.iter().position(|one| one == line);
        let extensions = place("Sec-WebSocket-Extensions: permessage-deflate");
        let origin = place("Access-Control-Allow-Origin: http://a");
        assert!(extensions.is_some() && extensions < origin && origin < place("Vary: Origin"));
    }
}

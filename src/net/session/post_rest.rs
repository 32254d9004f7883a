//! A POST of which JavaScript has yet to take packets: the part of its body that is not decoded, and
//! those who wait until it is.

use tokio::sync::oneshot;

use crate::config::EngineConfig;
use crate::eio::session::{Output, Session};
use crate::net::events::{EventSink, Note};
use crate::net::handle::Handle;

/// A body that is being decoded.
pub enum Body {
    /// Text.
    Text(String),
    /// Bytes: protocol 3.
    Binary(Vec<u8>),
}

impl Body {
    const fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// The rest of a POST. The POST is answered when all of its packets have been passed on.
pub struct PostRest {
    /// The body from the first packet that is not decoded on; `None`: all are.
    body: Option<Body>,
    /// The place of that packet in the body.
    at: usize,
    /// JavaScript has received the POST, and answers it.
    in_js: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

impl PostRest {
    /// The rest of a POST; `None`: all of it is decoded. `in_js`: JavaScript has received it.
    pub const fn new(body: Option<Body>, in_js: bool) -> Self {
        Self {
            body,
            at: 0,
            in_js,
            waiting: Vec::new(),
        }
    }

    /// The returned channel ends when all packets have been passed on, or the session has ended.
    pub fn wait(&mut self) -> oneshot::Receiver<()> {
        let (waiting, done) = oneshot::channel();
        self.waiting.push(waiting);
        done
    }

    /// Decodes packets until `out` has enough. Returns true if that were all.
    pub fn decode(
        &mut self,
        session: &mut Session,
        config: &EngineConfig,
        now: u64,
        out: &mut impl Output,
    ) -> bool {
        let Some(body) = &self.body else {
            return true;
        };
        let left = match body {
            Body::Text(text) => {
                let rest = text.get(self.at..).unwrap_or_default();
                session.push(rest, config, now, out)
            }
            Body::Binary(bytes) => {
                let rest = bytes.get(self.at..).unwrap_or_default();
                session.push_binary_rest(rest, config, now, out)
            }
        };
        match left {
            Some(left) => self.at = body.len() - left,
            None => self.body = None,
        }
        left.is_none()
    }

    /// Tells those who wait that the POST is to be answered.
    pub fn finish(self, handle: Handle, inbox: &dyn EventSink) {
        if self.in_js {
            inbox.note(handle, Note::PostTaken);
        }
    }
}

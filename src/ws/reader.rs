//! Bytes of one connection in, messages out, wherever the chunks are cut.
//!
//! A message that lies whole in its chunk is unmasked where it is and lent from there. Only what a
//! chunk leaves unfinished is copied, into one box that goes when the message does: an idle
//! connection holds two words.

use std::mem;
use std::ops::ControlFlow;

use super::assembly::{Assembled, Assembly};
use super::deflate::Inflater;
use super::frame::{Header, MAX_CLIENT_HEADER, Opcode, Progress, decode, unmask};
use super::{Error, close};
use crate::config;

/// The limits of the messages of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest data message over all its fragments, in bytes; 0 is unlimited. Default 1,000,000.
    /// Of a compressed message, both forms are limited.
    pub max_message: u64,
    /// Fragments of one message, empty ones included; at least 1. Default 16,384.
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: config::MAX_HTTP_BUFFER_SIZE,
            max_fragments: config::MAX_FRAGMENTS,
        }
    }
}

/// A complete, valid message, lent for the time of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// A ping, which is to be answered by a pong with the same payload, at most 125 bytes.
    Ping(&'a [u8]),
    /// The answer to a ping, or an unasked pong.
    Pong(&'a [u8]),
    /// The peer's last message: the code, and the whole payload, to be echoed
    /// ([`close::write_echo`]).
    Close(Option<u16>, &'a [u8]),
}

impl Message<'_> {
    /// Its payload.
    pub const fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) | Self::Close(_, bytes) => {
                bytes
            }
        }
    }
}

/// The reason for which a receiver of messages breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nothing more is read: later chunks are ignored.
    End,
    /// The rest of the chunk is read later.
    Pause,
}

/// The reading half of one connection.
#[derive(Debug, Default)]
pub struct Reader {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// Between two messages.
    #[default]
    Idle,
    /// Inside a frame, or between the fragments of a message.
    Partial(Box<Partial>),
    /// After a close, an error, or a break of the receiver: later bytes are ignored.
    Ended,
}

/// The frame and the message that the chunks so far have left unfinished.
#[derive(Debug, Default)]
struct Partial {
    /// Bytes of a header that is not complete.
    header: Vec<u8>,
    /// A frame whose payload is not complete.
    frame: Option<Frame>,
    /// The payload so far of a control frame.
    control: Vec<u8>,
    /// A data message that is not complete.
    message: Option<Assembly>,
}

/// A frame and how much of its payload is still to come.
#[derive(Debug)]
struct Frame {
    /// Its mask is kept turned: the first byte belongs to the next byte of payload.
    header: Header,
    remaining: u64,
}

impl Reader {
    /// Consumes the whole chunk, unmasking it in place, and calls `on` for each message that is
    /// complete, in order.
    ///
    /// If `on` breaks, the rest of the chunk is dropped and later chunks are ignored. The same
    /// holds after [`Message::Close`] and after an error.
    ///
    /// # Errors
    /// The first violation by the peer. The messages before it have been delivered.
    pub fn feed(
        &mut self,
        chunk: &mut [u8],
        limits: &Limits,
        on: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.feed_with(chunk, limits, None, on)
    }

    /// The number of bytes before the next frame begins; `None`: a header is not complete.
    pub(super) fn next_frame(&self) -> Option<u64> {
        match &self.state {
            State::Partial(partial) if !partial.header.is_empty() => None,
            State::Partial(partial) => Some((partial.frame.as_ref()).map_or(0, |f| f.remaining)),
            State::Idle | State::Ended => Some(0),
        }
    }

    /// [`Reader::feed`] where compression may have been agreed on; then the connection's inflater
    /// has to come with every chunk.
    ///
    /// # Errors
    /// The first violation by the peer. The messages before it have been delivered.
    pub fn feed_with(
        &mut self,
        chunk: &mut [u8],
        limits: &Limits,
        inflater: Option<&mut Inflater>,
        mut on: impl FnMut(Message<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.feed_until(chunk, limits, inflater, |message| {
            on(message).map_break(|()| Stop::End)
        })?;
        Ok(())
    }

    /// [`Reader::feed_with`] for a receiver that may pause. Returns the number of bytes at the end of
    /// the chunk that were not read; they have to come first in the next chunk.
    ///
    /// # Errors
    /// The first violation by the peer. The messages before it have been delivered.
    pub fn feed_until(
        &mut self,
        chunk: &mut [u8],
        limits: &Limits,
        inflater: Option<&mut Inflater>,
        mut on: impl FnMut(Message<'_>) -> ControlFlow<Stop>,
    ) -> Result<usize, Error> {
        let mut partial = match mem::replace(&mut self.state, State::Ended) {
            State::Idle => None,
            State::Partial(partial) => Some(partial),
            State::Ended => return Ok(0),
        };
        // `Ended` stays unless reading is to go on.
        let (flow, left) = read(&mut partial, chunk, limits, inflater, &mut on)?;
        if flow == ControlFlow::Break(Stop::End) {
            return Ok(0);
        }
        self.state = match partial {
            Some(partial) if !partial.is_empty() => State::Partial(partial),
            _ => State::Idle,
        };
        Ok(left)
    }

    /// True if the reader stands between two messages and holds nothing.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// True if later chunks are ignored: after a close, an error or a break.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Bytes allocated for what is unfinished: a constant and at most about twice what was fed, or
    /// what it was inflated to.
    pub fn allocated(&self) -> usize {
        match &self.state {
            State::Partial(partial) => partial.allocated(),
            State::Idle | State::Ended => 0,
        }
    }
}

impl Partial {
    fn is_empty(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    fn allocated(&self) -> usize {
        let message = self.message.as_ref().map_or(0, Assembly::allocated);
        size_of::<Self>() + self.header.capacity() + self.control.capacity() + message
    }
}

impl Frame {
    fn new(header: Header) -> Self {
        Self {
            header,
            remaining: header.len,
        }
    }

    /// Takes the bytes of `rest` that belong to this frame's payload, and unmasks them.
    fn take<'a>(&mut self, rest: &mut &'a mut [u8]) -> &'a mut [u8] {
        let here = usize::try_from(self.remaining).map_or(rest.len(), |n| n.min(rest.len()));
        let bytes = take(rest, here);
        unmask(bytes, self.header.mask);
        self.header.mask.rotate_left(here % 4);
        self.remaining -= here as u64;
        bytes
    }
}

/// Splits off the first `count` bytes, or all if there are fewer.
fn take<'a>(rest: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let count = count.min(rest.len());
    rest.split_off_mut(..count).unwrap_or_default()
}

/// Reads `rest`, one round per frame, until the receiver breaks. Returns the number of bytes that are
/// left then.
fn read(
    partial: &mut Option<Box<Partial>>,
    mut rest: &mut [u8],
    limits: &Limits,
    mut inflater: Option<&mut Inflater>,
    on: &mut impl FnMut(Message<'_>) -> ControlFlow<Stop>,
) -> Result<(ControlFlow<Stop>, usize), Error> {
    while !rest.is_empty() {
        let Some(mut frame) = next_frame(partial, &mut rest, limits, inflater.is_some())? else {
            break;
        };
        if rest.is_empty() && frame.remaining > 0 {
            // The chunk ends after the header: nothing of the payload to keep.
            partial.get_or_insert_default().frame = Some(frame);
            break;
        }
        let begins = frame.remaining == frame.header.len;
        let bytes = frame.take(&mut rest);
        let whole = begins && frame.remaining == 0 && frame.header.fin;
        let flow = match (frame.header.opcode, &mut inflater) {
            (Some(opcode), Some(inflater)) if whole && frame.header.compressed => {
                inflate(inflater, opcode, bytes, limits, on)?
            }
            (Some(opcode), _) if whole => deliver(opcode, bytes, on)?,
            (_, inflater) => {
                let partial = partial.get_or_insert_default();
                let inflater = inflater.as_deref_mut();
                keep(partial, frame, bytes, begins, limits, inflater, on)?
            }
        };
        if flow.is_break() {
            return Ok((flow, rest.len()));
        }
    }
    Ok((ControlFlow::Continue(()), 0))
}

/// The frame that goes on at `rest`, or begins there; `None`: `rest` ends inside the header, and
/// what there is of it has been kept.
fn next_frame(
    partial: &mut Option<Box<Partial>>,
    rest: &mut &mut [u8],
    limits: &Limits,
    compression: bool,
) -> Result<Option<Frame>, Error> {
    let mut so_far = Progress::default();
    let mut cut = None;
    if let Some(partial) = partial.as_deref_mut() {
        if let Some(frame) = partial.frame.take() {
            return Ok(Some(frame));
        }
        so_far = partial.message.as_ref().map_or(so_far, Assembly::progress);
        cut = Some(mem::take(&mut partial.header)).filter(|held| !held.is_empty());
    }
    let (decoded, held) = match &mut cut {
        None => (decode(rest, so_far, limits, compression)?, 0),
        Some(cut) => {
            let held = cut.len();
            cut.extend(rest.iter().take(MAX_CLIENT_HEADER - held));
            (decode(cut, so_far, limits, compression)?, held)
        }
    };
    if let Some((header, size)) = decoded {
        take(rest, size - held);
        return Ok(Some(Frame::new(header)));
    }
    partial.get_or_insert_default().header = cut.unwrap_or_else(|| rest.to_vec());
    Ok(None)
}

/// Keeps `bytes`, the latest bytes of `frame`, and delivers the message if they end it.
fn keep(
    partial: &mut Partial,
    frame: Frame,
    bytes: &[u8],
    begins: bool,
    limits: &Limits,
    inflater: Option<&mut Inflater>,
    on: &mut impl FnMut(Message<'_>) -> ControlFlow<Stop>,
) -> Result<ControlFlow<Stop>, Error> {
    let Header {
        opcode,
        fin,
        compressed,
        ..
    } = frame.header;
    let ends = frame.remaining == 0;
    let control = opcode.filter(|opcode| opcode.is_control());
    if control.is_some() {
        partial.control.extend_from_slice(bytes);
    } else {
        let new = match compressed {
            true => Assembly::compressed,
            false => Assembly::new,
        };
        let message = partial.message.get_or_insert_with(|| new(opcode));
        if begins {
            message.begin_fragment();
        }
        match inflater.filter(|_| message.is_compressed()) {
            Some(inflater) => {
                message.count_compressed(bytes.len());
                inflater.inflate(bytes, ends && fin, |piece, _| {
                    message.push_inflated(piece, limits)
                })?;
            }
            None => message.push(bytes)?,
        }
    }
    if !ends {
        partial.frame = Some(frame);
        return Ok(ControlFlow::Continue(()));
    }
    if let Some(opcode) = control {
        return deliver(opcode, &mem::take(&mut partial.control), on);
    }
    match partial.message.take_if(|_| fin) {
        None => Ok(ControlFlow::Continue(())),
        Some(message) => finish(message, on),
    }
}

/// Hands over a message that has ended.
fn finish(
    message: Assembly,
    on: &mut impl FnMut(Message<'_>) -> ControlFlow<Stop>,
) -> Result<ControlFlow<Stop>, Error> {
    Ok(match message.finish()? {
        Assembled::Text(text) => on(Message::Text(&text)),
        Assembled::Binary(bytes) => on(Message::Binary(&bytes)),
    })
}

/// Inflates a message that lies whole in its chunk; a short one is lent from where it was inflated
/// to.
fn inflate(
    inflater: &mut Inflater,
    opcode: Opcode,
    bytes: &[u8],
    limits: &Limits,
    on: &mut impl FnMut(Message<'_>) -> ControlFlow<Stop>,
) -> Result<ControlFlow<Stop>, Error> {
    let mut message = Assembly::compressed(Some(opcode));
    let mut delivered = None;
    inflater.inflate(bytes, true, |piece, last| {
        let short = limits.max_message == 0 || piece.len() as u64 <= limits.max_message;
        if last && short && message.len() == 0 {
            delivered = Some(deliver(opcode, piece, on)?);
            return Ok(());
        }
        message.push_inflated(piece, limits)
    })?;
    match delivered {
        Some(flow) => Ok(flow),
        None => finish(message, on),
    }
}

/// Checks a whole message and hands it over. Nothing is read after a close.
fn deliver(
    opcode: Opcode,
    bytes: &[u8],
    on: &mut impl FnMut(Message<'_>) -> ControlFlow<Stop>,
) -> Result<ControlFlow<Stop>, Error> {
    Ok(match opcode {
        Opcode::Text => on(Message::Text(
            std::str::from_utf8(bytes).map_err(|_| Error::Utf8)?,
        )),
        Opcode::Binary => on(Message::Binary(bytes)),
        Opcode::Ping => on(Message::Ping(bytes)),
        Opcode::Pong => on(Message::Pong(bytes)),
        Opcode::Close => {
            let _ = on(Message::Close(close::parse(bytes)?, bytes));
            ControlFlow::Break(Stop::End)
        }
    })
}

//! The reading half: compressed payloads in, messages out, piece by piece as they arrive.

use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};

use super::pool::{Pool, new_decompressor};
use super::{Parameters, TAIL};
use crate::sums::Share;
use crate::ws::Error;

/// The decompressor of one connection, for [`Reader::feed_with`](crate::ws::Reader::feed_with).
pub struct Inflater {
    pool: Rc<Pool>,
    takeover: bool,
    window_bits: u8,
    /// The context: inside a message, and after it if it is taken over.
    context: Option<Decompress>,
    /// The compressed data has said that it ends: the bytes that follow in the message are ignored.
    ended: bool,
    /// Counts the contexts of the connection.
    _contexts: Option<Share>,
}

impl Inflater {
    /// The inflater of a connection whose handshake gave these parameters.
    pub fn new(parameters: Parameters, pool: Rc<Pool>) -> Self {
        Self {
            pool,
            takeover: parameters.client_takeover,
            window_bits: parameters.client_window_bits,
            context: None,
            ended: false,
            _contexts: None,
        }
    }

    /// The same, and the contexts of the connection count as long as the inflater lives.
    pub fn counting(self, contexts: Option<Share>) -> Self {
        let _contexts = contexts;
        Self { _contexts, ..self }
    }

    /// Inflates bytes of a message, the last ones of it or not. `take` gets the inflated bytes in
    /// pieces of some 64 KiB, and is told which is the last of this call.
    ///
    /// # Errors
    /// [`Error::Inflate`], or what `take` gives.
    pub(in crate::ws) fn inflate(
        &mut self,
        bytes: &[u8],
        last: bool,
        take: impl FnMut(&[u8], bool) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut context = match self.context.take() {
            Some(context) => context,
            None if self.takeover => new_decompressor(self.window_bits),
            None => self.pool.decompressor(),
        };
        let mut piece = self.pool.piece();
        let tail: &[u8] = if last { &TAIL } else { &[] };
        let inflated = run(
            &mut context,
            &mut self.ended,
            [bytes, tail],
            &mut piece,
            take,
        );
        self.pool.return_piece(piece);
        inflated?;
        let ended = last && std::mem::take(&mut self.ended);
        if last && !self.takeover {
            self.pool.return_decompressor(context);
        } else if !ended {
            self.context = Some(context);
        }
        Ok(())
    }

    /// True if it holds a context of its own.
    #[cfg(test)]
    pub fn holds_context(&self) -> bool {
        self.context.is_some()
    }
}

fn run(
    context: &mut Decompress,
    ended: &mut bool,
    inputs: [&[u8]; 2],
    piece: &mut [u8],
    mut take: impl FnMut(&[u8], bool) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut filled = 0;
    for mut input in inputs {
        while !*ended {
            let (taken, made) = (context.total_in(), context.total_out());
            let room = piece.get_mut(filled..).unwrap_or_default();
            let status = context
                .decompress(input, room, FlushDecompress::None)
                .map_err(|error| Error::Inflate(reason(error.message())))?;
            let taken = length(context.total_in() - taken);
            let made = length(context.total_out() - made);
            input = input.get(taken..).unwrap_or_default();
            filled += made;
            if filled == piece.len() {
                take(piece, false)?;
                filled = 0;
                continue;
            }
            *ended = status == Status::StreamEnd;
            if input.is_empty() || taken + made == 0 {
                break;
            }
        }
    }
    take(piece.get(..filled).unwrap_or_default(), true)
}

fn length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// zlib's message for an error, as a static string.
fn reason(message: Option<&str>) -> &'static str {
    const KNOWN: [&str; 11] = [
        "invalid block type",
        "invalid stored block lengths",
        "too many length or distance symbols",
        "invalid code lengths set",
        "invalid bit length repeat",
        "invalid code -- missing end-of-block",
        "invalid literal/lengths set",
        "invalid distances set",
        "invalid literal/length code",
        "invalid distance code",
        "invalid distance too far back",
    ];
    let message = message.unwrap_or_default().trim_end_matches('\0');
    let known = KNOWN.into_iter().find(|known| *known == message);
    known.unwrap_or("invalid compressed data")
}

//! The negotiation in the handshake: the choice among the offers of a client, and the answer.

use std::mem::discriminant;

use super::{Compression, MAX_WINDOW_BITS, Parameters};
use crate::ws::extensions::{Offer, parse};
use crate::ws::handshake::Refusal;

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The size of a window that the application asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Bits {
    /// The size that the client asks for.
    #[default]
    Any,
    /// No size is negotiated: a client that limits the server's window is refused, its offer to
    /// limit its own window stays unanswered.
    Unsaid,
    /// This power of two. Outside 8 to 15 it is answered as it is, which clients refuse.
    Exactly(f64),
}

impl Bits {
    fn exact(self) -> Option<f64> {
        match self {
            Self::Exactly(bits) => Some(bits),
            Self::Any | Self::Unsaid => None,
        }
    }
}

/// The options of the extension, as the `ws` package has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// `Some(true)`: the server takes no context over. `Some(false)`: clients that want that are
    /// refused. `None`, the default: as the client wants.
    pub server_no_context_takeover: Option<bool>,
    /// The client may take no context over, whether it offered that or not. Default `false`.
    pub client_no_context_takeover: bool,
    /// The server's window.
    pub server_max_window_bits: Bits,
    /// The client's window. If it is exact, clients that cannot be told are refused.
    pub client_max_window_bits: Bits,
    /// The level and the threshold of the server's compression.
    pub compression: Compression,
    /// Neither side takes a context over with any offer that is granted, which a server may always say
    /// (RFC 7692 §7.1.1).
    pub keeps_no_contexts: bool,
}

/// A granted offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Value of `Sec-WebSocket-Extensions` in the answer.
    pub response: String,
    /// The parameters that the answer agrees on.
    pub parameters: Parameters,
}

/// Chooses from the value of a request's `Sec-WebSocket-Extensions` (repeated headers joined by
/// commas; `None` where absent) the first offer that the options allow. `Ok(None)`: compression
/// was not offered. Asked after [`handshake::check`](crate::ws::handshake::check).
///
/// # Errors
/// [`Refusal::Extensions`] if the header or an offer of compression is malformed, or no such offer
/// is allowed.
pub fn negotiate(header: Option<&str>, options: &Options) -> Result<Option<Agreement>, Refusal> {
    let Some(header) = header else {
        return Ok(None);
    };
    let offers = parse(header).ok_or(Refusal::Extensions)?;
    let mut offers = offers.iter().filter(|offer| offer.name == NAME).peekable();
    if offers.peek().is_none() {
        return Ok(None);
    }
    let offers: Option<Vec<_>> = offers.map(parameters).collect();
    let offers = offers.ok_or(Refusal::Extensions)?;
    let mut agreements = offers.iter().filter_map(|offer| agree(offer, options));
    agreements.next().map(Some).ok_or(Refusal::Extensions)
}

/// A parameter of an offer, RFC 7692 §7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parameter {
    ServerNoTakeover,
    ClientNoTakeover,
    ServerBits(u8),
    ClientBits(Option<u8>),
}

/// The parameters of an offer; `None` if one is unknown, has no right value or occurs twice.
fn parameters(offer: &Offer<'_>) -> Option<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for (name, value) in &offer.parameters {
        let parameter = match (*name, value.as_deref()) {
            (SERVER_NO_TAKEOVER, None) => Parameter::ServerNoTakeover,
            (CLIENT_NO_TAKEOVER, None) => Parameter::ClientNoTakeover,
            (SERVER_BITS, Some(bits)) => Parameter::ServerBits(window_bits(bits)?),
            (CLIENT_BITS, None) => Parameter::ClientBits(None),
            (CLIENT_BITS, Some(bits)) => Parameter::ClientBits(Some(window_bits(bits)?)),
            _ => return None,
        };
        let kind = discriminant(&parameter);
        if parameters.iter().any(|other| discriminant(other) == kind) {
            return None;
        }
        parameters.push(parameter);
    }
    Some(parameters)
}

/// A whole number from 8 to 15, written in any way that JavaScript reads numbers.
fn window_bits(text: &str) -> Option<u8> {
    let number = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => radix(text, 16)?,
        Some("0o") => radix(text, 8)?,
        Some("0b") => radix(text, 2)?,
        _ => text.parse().ok()?,
    };
    (8..=MAX_WINDOW_BITS).find(|bits| f64::from(*bits) == number)
}

fn radix(text: &str, radix: u32) -> Option<f64> {
    let digits = text.get(2..).filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, radix).ok().map(f64::from)
}

/// The answer to an offer; `None` if the options do not allow it.
fn agree(offer: &[Parameter], options: &Options) -> Option<Agreement> {
    let server_bits = options.server_max_window_bits;
    let client_bits = options.client_max_window_bits;
    let mut answer = Answer::default();
    for parameter in offer {
        match *parameter {
            Parameter::ServerNoTakeover => {
                if options.server_no_context_takeover == Some(false) {
                    return None;
                }
                answer.server_no_takeover();
            }
            Parameter::ClientNoTakeover => answer.client_no_takeover(),
            Parameter::ServerBits(asked) => match server_bits {
                Bits::Any => answer.server_bits(f64::from(asked)),
                Bits::Exactly(bits) if bits > f64::from(asked) => return None,
                Bits::Exactly(bits) => answer.server_bits(bits),
                Bits::Unsaid => return None,
            },
            Parameter::ClientBits(most) => match (client_bits, most.map(f64::from)) {
                (Bits::Any, Some(most)) => answer.client_bits(most),
                (Bits::Exactly(bits), Some(most)) if most < bits => return None,
                (Bits::Exactly(bits), _) => answer.client_bits(bits),
                (Bits::Any, None) | (Bits::Unsaid, _) => {}
            },
        }
    }
    let offered = |name: fn(&Parameter) -> bool| offer.iter().any(name);
    if client_bits.exact().is_some() && !offered(|p| matches!(p, Parameter::ClientBits(_))) {
        return None;
    }
    if (options.server_no_context_takeover == Some(true) || options.keeps_no_contexts)
        && !offered(|p| matches!(p, Parameter::ServerNoTakeover))
    {
        answer.server_no_takeover();
    }
    if (options.client_no_context_takeover || options.keeps_no_contexts)
        && !offered(|p| matches!(p, Parameter::ClientNoTakeover))
    {
        answer.client_no_takeover();
    }
    if let Some(bits) = server_bits.exact()
        && !offered(|p| matches!(p, Parameter::ServerBits(_)))
    {
        answer.server_bits(bits);
    }
    Some(answer.0)
}

/// An answer in the making: its text, and the parameters that it agrees on.
struct Answer(Agreement);

impl Default for Answer {
    fn default() -> Self {
        Self(Agreement {
            response: NAME.into(),
            parameters: Parameters::default(),
        })
    }
}

impl Answer {
    fn say(&mut self, text: &str) {
        self.0.response.push_str("; ");
        self.0.response.push_str(text);
    }

    fn server_no_takeover(&mut self) {
        self.say(SERVER_NO_TAKEOVER);
        self.0.parameters.server_takeover = false;
    }

    fn client_no_takeover(&mut self) {
        self.say(CLIENT_NO_TAKEOVER);
        self.0.parameters.client_takeover = false;
    }

    fn server_bits(&mut self, bits: f64) {
        self.say(&format!("{SERVER_BITS}={bits}"));
        self.0.parameters.server_window_bits = clamped(bits);
    }

    fn client_bits(&mut self, bits: f64) {
        self.say(&format!("{CLIENT_BITS}={bits}"));
        self.0.parameters.client_window_bits = clamped(bits);
    }
}

/// The nearest window there is. A float out of range saturates, NaN is 0.
fn clamped(bits: f64) -> u8 {
    (bits as u8).clamp(8, MAX_WINDOW_BITS)
}

#[cfg(test)]
mod tests;

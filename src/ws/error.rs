//! The violations of a peer after the handshake: the close code for the peer, and the message for
//! the application.

use std::fmt;

/// A violation that ends the connection. `Display` gives the message without the name of the
/// JavaScript error; [`Error::description`] gives both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// RSV1 is set, the bit of a compressed message, where none may begin.
    Rsv1,
    /// RSV2 or RSV3 is set, which no extension known here uses.
    Rsv2Or3,
    /// An unknown opcode, a continuation of nothing (0), or a new message inside another (1, 2).
    Opcode(u8),
    /// A control frame in fragments.
    FragmentedControl,
    /// The 7-bit length of a control frame: above 125, or 1 in a close frame.
    ControlLength(u8),
    /// A client's frame without mask.
    Unmasked,
    /// A length that JavaScript's numbers cannot hold.
    LengthOverflow,
    /// A message above [`Limits::max_message`](super::Limits::max_message).
    MessageTooBig,
    /// A message in more pieces than [`Limits::max_fragments`](super::Limits::max_fragments).
    TooManyFragments,
    /// A close code that no endpoint may send.
    CloseCode(u16),
    /// Text, or a close reason, that is not UTF-8.
    Utf8,
    /// A compressed message that cannot be inflated, with zlib's message.
    Inflate(&'static str),
}

impl Error {
    /// The close code to send, RFC 6455 §7.4.1.
    pub const fn code(self) -> u16 {
        match self {
            Self::Rsv1
            | Self::Rsv2Or3
            | Self::Opcode(_)
            | Self::FragmentedControl
            | Self::ControlLength(_)
            | Self::Unmasked
            | Self::CloseCode(_) => 1002,
            Self::Utf8 | Self::Inflate(_) => 1007,
            Self::TooManyFragments => 1008,
            Self::LengthOverflow | Self::MessageTooBig => 1009,
        }
    }

    /// True if JavaScript shows it as a `RangeError`; otherwise it is an `Error`.
    pub const fn is_range_error(self) -> bool {
        !matches!(self, Self::Utf8 | Self::Inflate(_))
    }

    /// The message of the description given to `close` listeners, e.g.
    /// `RangeError: Max payload size exceeded`.
    pub fn description(self) -> String {
        let name = if self.is_range_error() {
            "RangeError"
        } else {
            "Error"
        };
        format!("{name}: {self}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const INVALID: &str = "Invalid WebSocket frame";
        match self {
            Self::Rsv1 => write!(f, "{INVALID}: RSV1 must be clear"),
            Self::Rsv2Or3 => write!(f, "{INVALID}: RSV2 and RSV3 must be clear"),
            Self::Opcode(opcode) => write!(f, "{INVALID}: invalid opcode {opcode}"),
            Self::FragmentedControl => write!(f, "{INVALID}: FIN must be set"),
            Self::ControlLength(len) => write!(f, "{INVALID}: invalid payload length {len}"),
            Self::Unmasked => write!(f, "{INVALID}: MASK must be set"),
            Self::CloseCode(code) => write!(f, "{INVALID}: invalid status code {code}"),
            Self::Utf8 => write!(f, "{INVALID}: invalid UTF-8 sequence"),
            Self::LengthOverflow => {
                f.write_str("Unsupported WebSocket frame: payload length > 2^53 - 1")
            }
            Self::MessageTooBig => f.write_str("Max payload size exceeded"),
            Self::Inflate(reason) => f.write_str(reason),
            Self::TooManyFragments => f.write_str("Too many message fragments"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn every_error_has_its_code_and_description() {
        let cases = [
            (
                Error::Rsv1,
                1002,
                "RangeError: Invalid WebSocket frame: RSV1 must be clear",
            ),
            (
                Error::Rsv2Or3,
                1002,
                "RangeError: Invalid WebSocket frame: RSV2 and RSV3 must be clear",
            ),
            (
                Error::Opcode(11),
                1002,
                "RangeError: Invalid WebSocket frame: invalid opcode 11",
            ),
            (
                Error::FragmentedControl,
                1002,
                "RangeError: Invalid WebSocket frame: FIN must be set",
            ),
            (
                Error::ControlLength(126),
                1002,
                "RangeError: Invalid WebSocket frame: invalid payload length 126",
            ),
            (
                Error::Unmasked,
                1002,
                "RangeError: Invalid WebSocket frame: MASK must be set",
            ),
            (
                Error::CloseCode(1005),
                1002,
                "RangeError: Invalid WebSocket frame: invalid status code 1005",
            ),
            (
                Error::Utf8,
                1007,
                "Error: Invalid WebSocket frame: invalid UTF-8 sequence",
            ),
            (
                Error::Inflate("invalid block type"),
                1007,
                "Error: invalid block type",
            ),
            (
                Error::TooManyFragments,
                1008,
                "RangeError: Too many message fragments",
            ),
            (
                Error::LengthOverflow,
                1009,
                "RangeError: Unsupported WebSocket frame: payload length > 2^53 - 1",
            ),
            (
                Error::MessageTooBig,
                1009,
                "RangeError: Max payload size exceeded",
            ),
        ];
        for (error, code, description) in cases {
            assert_eq!(error.code(), code);
            assert_eq!(error.description(), description);
        }
    }
}

//! Compressed bodies of answers.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::body::Bytes;

use crate::net::listener::encoding::Encoding;

/// Bodies from this length on are compressed on a thread of their own, in bytes.
const LONG: usize = 64 << 10;

/// Compresses a body.
///
/// # Errors
/// The thread that was to compress it is gone.
pub async fn compressed(bytes: Bytes, encoding: Encoding) -> io::Result<Bytes> {
    if bytes.len() < LONG {
        return compress(&bytes, encoding).map(Bytes::from);
    }
    let compressing = tokio::task::spawn_blocking(move || compress(&bytes, encoding));
    compressing
        .await
        .map_err(io::Error::other)?
        .map(Bytes::from)
}

fn compress(bytes: &[u8], encoding: Encoding) -> io::Result<Vec<u8>> {
    let level = Compression::default();
    match encoding {
        Encoding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Encoding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

    #[test]
    fn a_body_is_what_was_compressed() {
        let body = b"soup".repeat(10_000);
        for encoding in [Encoding::Gzip, Encoding::Deflate] {
            let compressed = compress(&body, encoding).unwrap();
            assert!(compressed.len() < body.len() / 10);
            let mut read = Vec::new();
            match encoding {
                Encoding::Gzip => GzDecoder::new(&*compressed).read_to_end(&mut read),
                Encoding::Deflate => ZlibDecoder::new(&*compressed).read_to_end(&mut read),
            }
            .unwrap();
            assert_eq!(read, body);
        }
    }
}

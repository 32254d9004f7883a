//! Compressed bodies of answers.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::body::Bytes;
use tokio::sync::OnceCell;

use crate::net::listener::encoding::Encoding;
use crate::net::lock;

/// Bodies from this length on are compressed on a thread of their own, in bytes.
const LONG: usize = 64 << 10;
/// Compressed bodies that are kept for the next clients that get the same.
const KEPT: usize = 4;
/// The time for which they are kept. The polls of a room are answered one after the other.
const KEPT_FOR: Duration = Duration::from_millis(100);

/// The bodies that were compressed last: what many clients get, of a broadcast say, is compressed
/// once.
#[derive(Default)]
pub struct Compressor {
    kept: Arc<Mutex<VecDeque<Arc<Body>>>>,
}

struct Body {
    plain: Bytes,
    encoding: Encoding,
    compressed: OnceCell<Bytes>,
}

impl Compressor {
    /// Compresses a body.
    ///
    /// # Errors
    /// The thread that was to compress it is gone.
    pub async fn compressed(&self, plain: Bytes, encoding: Encoding) -> io::Result<Bytes> {
        let body = self.body(plain, encoding);
        let made = body.compressed.get_or_try_init(|| compress_body(&body));
        made.await.cloned()
    }

    /// The entry of a body, which others that get the same may have made.
    fn body(&self, plain: Bytes, encoding: Encoding) -> Arc<Body> {
        let mut kept = lock(&self.kept);
        let same = |body: &&Arc<Body>| body.encoding == encoding && body.plain == plain;
        if let Some(body) = kept.iter().find(same) {
            return body.clone();
        }
        let body = Arc::new(Body {
            plain,
            encoding,
            compressed: OnceCell::new(),
        });
        if kept.is_empty() {
            let kept = self.kept.clone();
            tokio::task::spawn_local(async move {
                tokio::time::sleep(KEPT_FOR).await;
                lock(&kept).clear();
            });
        }
        kept.truncate(KEPT - 1);
        kept.push_front(body.clone());
        body
    }
}

async fn compress_body(body: &Arc<Body>) -> io::Result<Bytes> {
    if body.plain.len() < LONG {
        return compress(&body.plain, body.encoding).map(Bytes::from);
    }
    let body = body.clone();
    let compressing = tokio::task::spawn_blocking(move || compress(&body.plain, body.encoding));
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
    use futures_util::future::join_all;
    use tokio::task::LocalSet;

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

    #[test]
    fn a_body_for_many_is_compressed_once() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        LocalSet::new().block_on(&runtime, async {
            let compressor = Compressor::default();
            for length in [1000, LONG] {
                let bodies = || [b'a', b'b'].map(|c| Bytes::from(vec![c; length]));
                let all = (0..20).flat_map(|_| bodies());
                let gzip = all.map(|body| compressor.compressed(body, Encoding::Gzip));
                let made = join_all(gzip).await;
                let addresses = |n: usize| {
                    let every = made.iter().skip(n).step_by(2);
                    every
                        .map(|body| body.as_ref().unwrap().as_ptr())
                        .collect::<Vec<_>>()
                };
                for n in [0, 1] {
                    let [first, rest @ ..] = &addresses(n)[..] else {
                        unreachable!()
                    };
                    assert!(rest.len() == 19 && rest.iter().all(|one| one == first));
                }
                assert_ne!(addresses(0)[0], addresses(1)[0]);
                let [body, _] = bodies();
                let zlib = compressor
                    .compressed(body, Encoding::Deflate)
                    .await
                    .unwrap();
                assert_ne!(made[0].as_ref().unwrap(), &zlib);
            }
            tokio::time::sleep(KEPT_FOR * 2).await;
            assert!(lock(&compressor.kept).is_empty());
        });
    }
}

//! The bytes that wait to be written on one connection. Small frames are copied together, so that
//! one call writes them all; a large frame that goes to many connections is shared between them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::sums::Sum;

/// A frame that many connections have in their queues. Its bytes are a share of a sum, once.
pub struct SharedFrame {
    bytes: Box<[u8]>,
    sum: Option<Arc<Sum>>,
}

impl SharedFrame {
    /// A frame whose bytes count in `sum` while a connection has it.
    pub fn new(bytes: &[u8], sum: Option<Arc<Sum>>) -> Arc<Self> {
        if let Some(sum) = &sum {
            sum.replace(0, bytes.len());
        }
        let bytes = bytes.into();
        Arc::new(Self { bytes, sum })
    }
}

impl Drop for SharedFrame {
    fn drop(&mut self) {
        if let Some(sum) = &self.sum {
            sum.replace(self.bytes.len(), 0);
        }
    }
}

enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<SharedFrame>),
    /// The place of a frame that is not made yet; what is behind it waits. It counts for one byte.
    Later(u64),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(frame) => &frame.bytes,
            Self::Later(_) => &[],
        }
    }

    fn is_later(&self) -> bool {
        matches!(self, Self::Later(_))
    }

    /// Bytes of memory that no other connection has.
    fn held(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.capacity(),
            Self::Shared(_) | Self::Later(_) => 0,
        }
    }
}

fn append(bytes: &mut Vec<u8>, pieces: &[&[u8]]) {
    pieces
        .iter()
        .for_each(|piece| bytes.extend_from_slice(piece));
}

impl Default for Chunk {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// The number of written bytes that a chunk may keep.
const WRITTEN_BYTES: usize = 64 << 10;
/// Copied bytes after which another chunk begins: what is written is freed, and nothing is copied to
/// a larger place again and again.
const CHUNK_BYTES: usize = 256 << 10;

/// The queue of one connection. It owns no memory while it is empty.
#[derive(Default)]
pub struct Queue {
    first: Chunk,
    /// Bytes of `first` that are written.
    at: usize,
    rest: Option<Box<Rest>>,
    len: usize,
}

/// The chunks behind the first one.
#[derive(Default)]
struct Rest {
    chunks: VecDeque<Chunk>,
    /// Bytes of memory that no other connection has.
    held: usize,
}

impl Rest {
    fn push(&mut self, chunk: Chunk) {
        self.held += chunk.held();
        self.chunks.push_back(chunk);
    }

    fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.held -= chunk.held();
        Some(chunk)
    }
}

impl Queue {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that the queue holds and no other connection has.
    pub fn held(&self) -> usize {
        self.first.held() + self.rest.as_ref().map_or(0, |rest| rest.held)
    }

    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Copies bytes to the end; `buffer` gives a place for them if there is none yet.
    pub fn push(&mut self, pieces: &[&[u8]], buffer: impl Fn() -> Vec<u8>) {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        self.len += len;
        if let (Chunk::Own(bytes), None) = (&mut self.first, &self.rest) {
            if bytes.capacity() == 0 {
                *bytes = buffer();
            }
            // Nearly every message takes this way.
            if bytes.capacity() - bytes.len() >= len {
                return append(bytes, pieces);
            }
        }
        self.push_to_last(pieces, len, buffer);
    }

    /// Copies `len` bytes to the last chunk, which grows, or to a new one.
    #[cold]
    fn push_to_last(&mut self, pieces: &[&[u8]], len: usize, buffer: impl Fn() -> Vec<u8>) {
        let mut unused = 0;
        let rest = self.rest.as_deref_mut();
        let rest = rest.and_then(|rest| Some((rest.chunks.back_mut()?, &mut rest.held)));
        let (last, held) = rest.unwrap_or((&mut self.first, &mut unused));
        let before = last.held();
        if let Chunk::Own(bytes) = last
            && (bytes.len() + len <= bytes.capacity().max(CHUNK_BYTES) || bytes.is_empty())
        {
            if bytes.capacity() == 0 {
                *bytes = buffer();
            }
            let needed = bytes.len() + len;
            if needed > bytes.capacity() {
                // Doubled, but not beyond the end of the chunk.
                let capacity = (bytes.capacity() * 2).min(CHUNK_BYTES).max(needed);
                bytes.reserve_exact(capacity - bytes.len());
            }
            append(bytes, pieces);
            *held += last.held() - before;
            return;
        }
        let mut bytes = if len < CHUNK_BYTES {
            buffer()
        } else {
            Vec::with_capacity(len)
        };
        append(&mut bytes, pieces);
        self.rest().push(Chunk::Own(bytes));
    }

    /// Puts a frame at the end without copying it.
    pub fn share(&mut self, frame: Arc<SharedFrame>) {
        let len = frame.bytes.len();
        if len == 0 {
            return;
        }
        self.push_chunk(Chunk::Shared(frame), len);
    }

    fn push_chunk(&mut self, chunk: Chunk, len: usize) {
        if self.is_empty() {
            (self.first, self.at) = (chunk, 0);
        } else {
            self.rest().push(chunk);
        }
        self.len += len;
    }

    /// Keeps a place at the end for a frame that is not made yet.
    pub fn keep_place(&mut self, ticket: u64) {
        self.push_chunk(Chunk::Later(ticket), 1);
    }

    /// Puts a frame into the place that was kept for it. Returns false if there is no such place.
    pub fn fill_place(&mut self, ticket: u64, frame: Arc<SharedFrame>) -> bool {
        let rest = self.rest.iter_mut().flat_map(|rest| &mut rest.chunks);
        let place = std::iter::once(&mut self.first)
            .chain(rest)
            .find(|chunk| matches!(chunk, Chunk::Later(its) if *its == ticket));
        let Some(place) = place else {
            return false;
        };
        self.len += frame.bytes.len() - 1;
        *place = Chunk::Shared(frame);
        true
    }

    /// True if there are bytes to write: something waits, and not for a frame that is not made yet.
    pub fn is_writable(&self) -> bool {
        self.len > 0 && !self.first.is_later()
    }

    /// The bytes that one call can write; empty if the queue [is not writable](Self::is_writable).
    pub fn front(&self) -> &[u8] {
        self.first.bytes().get(self.at..).unwrap_or_default()
    }

    /// Removes the first `n` bytes, which were written. Buffers that are empty now go to `recycle`.
    pub fn written(&mut self, n: usize, mut recycle: impl FnMut(Vec<u8>)) {
        self.at += n;
        self.len = self.len.saturating_sub(n);
        if let (Chunk::Own(bytes), None) = (&mut self.first, &self.rest)
            && self.at == bytes.len()
        {
            self.at = 0;
            return recycle(std::mem::take(bytes));
        }
        while !self.first.is_later() && self.at >= self.first.bytes().len() {
            self.at -= self.first.bytes().len();
            let next = self.rest.as_mut().and_then(|rest| rest.pop());
            let last = next.is_none();
            if let Chunk::Own(bytes) = std::mem::replace(&mut self.first, next.unwrap_or_default())
            {
                recycle(bytes);
            }
            if last {
                self.rest = None;
                return;
            }
        }
        if let Chunk::Own(bytes) = &mut self.first
            && self.at > WRITTEN_BYTES
            && self.at > bytes.len() / 2
        {
            // Most of it is written: linear over all, however slowly the peer reads.
            bytes.drain(..std::mem::take(&mut self.at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shared_frame_is_not_copied() {
        let sum = Arc::new(Sum::default());
        let frame = SharedFrame::new(&[7; 1000], Some(sum.clone()));
        let mut queues: Vec<Queue> = (0..5).map(|_| Queue::default()).collect();
        for queue in &mut queues {
            queue.push(&[b"ab"], Vec::new);
            queue.share(frame.clone());
        }
        assert_eq!(Arc::strong_count(&frame), 6);
        for queue in &mut queues {
            assert_eq!(queue.len(), 1002);
            assert!(queue.held() < 1000 && sum.get() == 1000);
            queue.written(1002, drop);
            assert!(queue.is_empty() && queue.front().is_empty());
        }
        assert_eq!(Arc::strong_count(&frame), 1);
        drop(frame);
        assert_eq!(sum.get(), 0);
    }

    #[test]
    fn a_queue_holds_little_more_memory_than_bytes_that_wait() {
        let mut queue = Queue::default();
        for _ in 0..10_000 {
            queue.push(&[&[1], &[2; 999]], Vec::new);
            assert!(
                queue.held() <= queue.len() * 2 + (2 << 10)
                    || queue.held() <= queue.len() + CHUNK_BYTES
            );
        }
        while queue.len() > 20_000 {
            queue.written(queue.front().len().min(10_000), drop);
            assert!(
                queue.held() <= queue.len() + 2 * CHUNK_BYTES,
                "{} {}",
                queue.held(),
                queue.len()
            );
        }
        queue.written(queue.front().len(), drop);
        while !queue.is_empty() {
            queue.written(queue.front().len(), drop);
        }
        assert_eq!(queue.held(), 0);
        // One message is as large as it is.
        queue.push(&[&[0; 5_000_000]], Vec::new);
        assert_eq!(queue.held(), 5_000_000);
    }

    #[test]
    fn what_is_behind_a_place_waits_for_its_frame() {
        let mut queue = Queue::default();
        queue.push(&[b"before"], Vec::new);
        queue.keep_place(1);
        queue.push(&[b"between"], Vec::new);
        queue.keep_place(2);
        queue.share(SharedFrame::new(b"behind", None));
        let frame = |bytes: &[u8]| SharedFrame::new(bytes, None);
        assert!(queue.fill_place(2, frame(b"second")));
        assert!(!queue.fill_place(2, frame(b"again")));
        assert_eq!(queue.len(), 26);
        queue.written(6, drop);
        assert!(!queue.is_writable() && !queue.is_empty() && queue.front().is_empty());
        assert!(queue.fill_place(1, frame(b"first")));
        let mut written = Vec::new();
        while queue.is_writable() {
            let n = queue.front().len().min(4);
            written.extend_from_slice(&queue.front()[..n]);
            queue.written(n, drop);
        }
        assert_eq!(written, b"firstbetweensecondbehind");
        assert!(queue.is_empty());
        queue.keep_place(3);
        assert!(!queue.is_writable());
        assert!(queue.fill_place(3, frame(b"alone")));
        assert_eq!(queue.front(), b"alone");
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            steps in prop::collection::vec((0u8..3, 0usize..200_000), 1..60),
        ) {
            let mut queue = Queue::default();
            let mut model: VecDeque<u8> = VecDeque::new();
            let mut next = 0u8;
            for (kind, n) in steps {
                if kind == 2 {
                    let n = n.min(queue.front().len());
                    let out: Vec<u8> = queue.front()[..n].to_vec();
                    prop_assert_eq!(out, model.drain(..n).collect::<Vec<_>>());
                    queue.written(n, drop);
                } else {
                    let bytes: Vec<u8> = (0..n % 3000).map(|_| { next = next.wrapping_add(1); next }).collect();
                    model.extend(&bytes);
                    if kind == 0 {
                        queue.push(&[&bytes], Vec::new);
                    } else {
                        queue.share(SharedFrame::new(&bytes, None));
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                let rest = queue.rest.iter().flat_map(|rest| &rest.chunks);
                let held: usize = rest.map(Chunk::held).sum();
                prop_assert_eq!(queue.held(), held + queue.first.held());
                prop_assert_eq!(queue.front().is_empty(), model.is_empty());
            }
        }
    }
}

//! The bytes that wait to be written on one connection. Small frames are copied together, so that
//! one call writes them all; a large frame that goes to many connections is shared between them.

use std::collections::VecDeque;
use std::sync::Arc;

enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// The number of written bytes that a chunk may keep.
const WRITTEN_BYTES: usize = 64 << 10;

/// The queue of one connection. It owns no memory while it is empty.
#[derive(Default)]
pub struct Queue {
    first: Chunk,
    /// Bytes of `first` that are written.
    at: usize,
    rest: VecDeque<Chunk>,
    len: usize,
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

    /// Copies bytes to the end; `buffer` gives a place for them if there is none yet.
    pub fn push(&mut self, pieces: &[&[u8]], buffer: impl FnOnce() -> Vec<u8>) {
        if let Chunk::Shared(_) = self.rest.back().unwrap_or(&self.first) {
            self.rest.push_back(Chunk::default());
        }
        if let Chunk::Own(bytes) = self.rest.back_mut().unwrap_or(&mut self.first) {
            if bytes.capacity() == 0 {
                *bytes = buffer();
            }
            for piece in pieces {
                bytes.extend_from_slice(piece);
                self.len += piece.len();
            }
        }
    }

    /// Puts a frame at the end without copying it.
    pub fn share(&mut self, frame: Arc<[u8]>) {
        let len = frame.len();
        if len == 0 {
            return;
        }
        if self.is_empty() {
            (self.first, self.at) = (Chunk::Shared(frame), 0);
        } else {
            self.rest.push_back(Chunk::Shared(frame));
        }
        self.len += len;
    }

    /// The bytes that one call can write; empty only if nothing waits.
    pub fn front(&self) -> &[u8] {
        self.first.bytes().get(self.at..).unwrap_or_default()
    }

    /// Removes the first `n` bytes, which were written. Buffers that are empty now go to `recycle`.
    pub fn written(&mut self, n: usize, mut recycle: impl FnMut(Vec<u8>)) {
        self.at += n;
        self.len = self.len.saturating_sub(n);
        while self.at >= self.first.bytes().len() {
            self.at -= self.first.bytes().len();
            let next = self.rest.pop_front();
            let last = next.is_none();
            if let Chunk::Own(bytes) = std::mem::replace(&mut self.first, next.unwrap_or_default())
            {
                recycle(bytes);
            }
            if last {
                self.rest = VecDeque::new();
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
        let frame: Arc<[u8]> = vec![7; 1000].into();
        let mut queues: Vec<Queue> = (0..5).map(|_| Queue::default()).collect();
        for queue in &mut queues {
            queue.push(&[b"ab"], Vec::new);
            queue.share(frame.clone());
        }
        assert_eq!(Arc::strong_count(&frame), 6);
        for queue in &mut queues {
            assert_eq!(queue.len(), 1002);
            queue.written(1002, drop);
            assert!(queue.is_empty() && queue.front().is_empty());
        }
        assert_eq!(Arc::strong_count(&frame), 1);
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
                        queue.share(bytes.into());
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.front().is_empty(), model.is_empty());
            }
        }
    }
}

//! The bytes that JavaScript has to write to pumped streams of its own thread.

use std::cell::RefCell;

/// The bytes that JavaScript has to write to streams.
#[derive(Debug, Default)]
pub struct Output(RefCell<Writes>);

#[derive(Debug, Default)]
struct Writes {
    bytes: Vec<u8>,
    places: Vec<(u32, usize, usize)>,
}

impl Output {
    /// Appends bytes for a stream; none end it.
    pub fn push(&self, stream: u32, bytes: &[u8]) {
        let mut all = self.0.borrow_mut();
        let all = &mut *all;
        // A broadcast gives many streams the same bytes.
        if let Some(&(_, start, end)) = all.places.last()
            && all.bytes.get(start..end) == Some(bytes)
        {
            return all.places.push((stream, start, end));
        }
        let start = all.bytes.len();
        all.bytes.extend_from_slice(bytes);
        all.places.push((stream, start, all.bytes.len()));
    }

    /// True if there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().places.is_empty()
    }

    /// Takes all writes as one run of bytes: their number, and for each the number of its stream and the
    /// places in the run where its bytes begin and end, as 32 bits each in the order of this machine;
    /// then the bytes.
    pub fn take(&self) -> Vec<u8> {
        let Writes { bytes, places } = self.0.take();
        let head = 4 + 12 * places.len();
        let mut run = Vec::with_capacity(head + bytes.len());
        let mut number = |n: usize| {
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            run.extend_from_slice(&n.to_ne_bytes());
        };
        number(places.len());
        for (stream, start, end) in places {
            number(stream as usize);
            number(head + start);
            number(head + end);
        }
        run.extend_from_slice(&bytes);
        run
    }
}

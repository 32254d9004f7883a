//! The bytes that JavaScript has to write to pumped streams of its own thread.

use std::cell::RefCell;

/// The bytes that JavaScript has to write to streams.
#[derive(Debug, Default)]
pub struct Output(RefCell<Writes>);

#[derive(Debug, Default)]
struct Writes {
    bytes: Vec<u8>,
    places: Vec<Place>,
    /// Nothing is added to the last place.
    is_sealed: bool,
}

/// The bytes of one write; none end the stream.
#[derive(Clone, Copy, Debug)]
struct Place {
    stream: u32,
    start: usize,
    end: usize,
}

impl Output {
    /// Appends bytes for a stream; none end it.
    pub fn push(&self, stream: u32, bytes: &[u8]) {
        let mut all = self.0.borrow_mut();
        let Writes {
            bytes: run,
            places,
            is_sealed,
        } = &mut *all;
        let is_sealed = std::mem::take(is_sealed);
        let start = run.len();
        if let Some(last) = places.last_mut() {
            // JavaScript writes at once what stands side by side.
            let is_behind = last.stream == stream && last.start < last.end && last.end == start;
            if is_behind && !is_sealed && !bytes.is_empty() {
                run.extend_from_slice(bytes);
                last.end = run.len();
                return;
            }
            // A broadcast gives many streams the same bytes.
            let Place { start, end, .. } = *last;
            if run.get(start..end) == Some(bytes) {
                return places.push(Place { stream, start, end });
            }
        }
        run.extend_from_slice(bytes);
        let end = run.len();
        places.push(Place { stream, start, end });
    }

    /// Makes what was pushed last a write of its own.
    pub fn seal(&self) {
        self.0.borrow_mut().is_sealed = true;
    }

    /// True if there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().places.is_empty()
    }

    /// Takes all writes as one run of bytes: their number, and for each the number of its stream and the
    /// places in the run where its bytes begin and end, as 32 bits each in the order of this machine;
    /// then the bytes.
    pub fn take(&self) -> Vec<u8> {
        let Writes { bytes, places, .. } = self.0.take();
        let head = 4 + 12 * places.len();
        let mut run = Vec::with_capacity(head + bytes.len());
        let mut number = |n: usize| {
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            run.extend_from_slice(&n.to_ne_bytes());
        };
        number(places.len());
        for Place { stream, start, end } in places {
            number(stream as usize);
            number(head + start);
            number(head + end);
        }
        run.extend_from_slice(&bytes);
        run
    }
}

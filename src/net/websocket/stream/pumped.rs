//! A stream that JavaScript pumps: TLS, or any Duplex.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{ByteStream, Output};
use crate::config::READ_BUFFER_BYTES;
use crate::net::events::EventSink;

/// Bytes on their way to JavaScript that a pumped stream may hold before it counts as blocked.
pub(super) const PUMP_WINDOW: usize = 64 << 10;

/// Input that waits is joined up to this length.
const JOINED_BYTES: usize = 16 << 10;

/// A stream that JavaScript reads and writes: TLS, or any Duplex.
pub struct Pumped {
    stream: u32,
    inbox: Arc<dyn EventSink>,
    /// Where bytes to be written go, if the stream lives on the JavaScript thread.
    output: Option<Rc<Output>>,
    chunks: RefCell<VecDeque<Vec<u8>>>,
    ended: Cell<bool>,
    in_flight: Cell<usize>,
    /// JavaScript waits until all input has been taken.
    awaited: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

impl Pumped {
    /// The stream that JavaScript knows by the number `stream`.
    pub fn new(stream: u32, inbox: Arc<dyn EventSink>, output: Option<Rc<Output>>) -> Self {
        Self {
            stream,
            inbox,
            output,
            chunks: RefCell::default(),
            ended: Cell::new(false),
            in_flight: Cell::new(0),
            awaited: Cell::new(false),
            reader: RefCell::default(),
            writer: RefCell::default(),
        }
    }

    /// The number of pieces in which input waits.
    #[cfg(test)]
    pub(super) fn chunks_waiting(&self) -> usize {
        self.chunks.borrow().len()
    }

    fn give(&self, bytes: &[u8]) {
        match &self.output {
            Some(output) => output.push(self.stream, bytes),
            None => self.inbox.stream_write(self.stream, bytes),
        }
    }
}

impl ByteStream for Pumped {
    fn shutdown(&self) -> bool {
        // An empty write tells JavaScript that no more will come.
        self.give(&[]);
        true
    }

    fn is_pumped(&self) -> bool {
        true
    }

    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut chunks = self.chunks.borrow_mut();
        let Some(mut chunk) = chunks.pop_front() else {
            if self.awaited.take() {
                self.inbox.stream_taken(self.stream);
            }
            if self.ended.get() {
                return Poll::Ready(Ok(0));
            }
            *self.reader.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        if n < chunk.len() {
            chunk.drain(..n);
            chunks.push_front(chunk);
        }
        Poll::Ready(Ok(n))
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let room = PUMP_WINDOW.saturating_sub(self.in_flight.get());
        let n = bytes.len().min(room);
        if n == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.in_flight.set(self.in_flight.get() + n);
        self.give(&bytes[..n]);
        Ok(n)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                *self.writer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }

    fn feed(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.ended.set(true);
        } else {
            let mut chunks = self.chunks.borrow_mut();
            match chunks.back_mut() {
                // Many small ones would take far more memory than their bytes.
                Some(last) if last.len() + bytes.len() <= JOINED_BYTES => {
                    last.extend_from_slice(bytes);
                }
                _ => chunks.extend(bytes.chunks(READ_BUFFER_BYTES).map(<[u8]>::to_vec)),
            }
        }
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    fn await_taken(&self) {
        self.awaited.set(true);
        if let Some(waker) = self.reader.borrow_mut().take() {
            waker.wake();
        }
    }

    fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    fn written(&self, n: usize) {
        self.in_flight.set(self.in_flight.get().saturating_sub(n));
        if let Some(waker) = self.writer.borrow_mut().take() {
            waker.wake();
        }
    }
}

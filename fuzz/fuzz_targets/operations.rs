//! Send batches: any bytes read as one, and any operations written to one.
//!
//! Input: a byte for the limit of a message; operations, each a code, flags, a handle, a length and its
//! data. The same bytes are read as a batch.

#![no_main]

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use socket_io_native::net::send_batch::{Op, Reader, TooLong, Writer};
use support::Input;

/// Bytes of the head of an operation and its lengths, at most.
const HEAD: usize = 10;

thread_local! {
    /// A panic of a callback is wanted.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Has panics of callbacks pass, which the fuzzer takes for findings otherwise.
fn allow_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let finding = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                finding(info);
            }
        }));
    });
}

/// Checks that `part` lies in `batch`.
fn is_inside(part: &[u8], batch: &[u8]) -> bool {
    let (part, batch) = (part.as_ptr_range(), batch.as_ptr_range());
    part.start >= batch.start && part.end <= batch.end
}

/// Writes an operation that was read.
fn write(writer: &mut Writer, op: &Op<'_>) -> Result<(), TooLong> {
    let copy = |from: &[u8], to: &mut [u8]| {
        to.copy_from_slice(from);
        from.len()
    };
    match *op {
        Op::Text {
            handle,
            flags,
            data,
        } => writer.text_with(handle, flags, data.len(), |place| copy(data, place)),
        Op::Binary {
            handle,
            flags,
            data,
        } => writer.binary(handle, flags, data),
        Op::Broadcast {
            handles,
            flags,
            binary: false,
            data,
        } => writer.broadcast_text_with(handles, flags, data.len(), |place| copy(data, place)),
        Op::Broadcast {
            handles,
            flags,
            binary: true,
            data,
        } => writer.broadcast_binary(handles, flags, data),
        Op::Close { handle, flags } => {
            writer.close(handle, flags);
            Ok(())
        }
        Op::Release { handle } => {
            writer.release(handle);
            Ok(())
        }
    }
}

/// Any bytes as a batch: what is read lies inside, and is read again when it is written again.
fn read_any(batch: &[u8]) {
    let mut size = 0;
    let mut ops = Vec::new();
    for op in Reader::new(batch) {
        let parts: [&[u8]; 2] = match op {
            Op::Text { data, .. } | Op::Binary { data, .. } => [data, &[]],
            Op::Broadcast { handles, data, .. } => [handles, data],
            Op::Close { .. } | Op::Release { .. } => [&[], &[]],
        };
        for part in parts {
            assert!(
                part.is_empty() || is_inside(part, batch),
                "outside of the batch"
            );
            size += part.len();
        }
        size += 6;
        assert!(size <= batch.len(), "more was read than there is");
        ops.push(op);
    }
    let mut writer = Writer::default();
    for op in &ops {
        write(&mut writer, op).expect("as long as it was");
    }
    let again = writer.take();
    assert!(again.len() <= batch.len());
    assert_eq!(Reader::new(&again).collect::<Vec<_>>(), ops);
    // A batch that is cut is read up to its last whole operation.
    for cut in [again.len() / 2, again.len().saturating_sub(1)] {
        let part: Vec<_> = Reader::new(&again[..cut]).collect();
        assert!(part.len() < ops.len() || ops.is_empty());
        assert_eq!(part, ops[..part.len()]);
    }
}

/// The end of an attempt to write an operation.
enum End {
    Written,
    TooLong,
    Panicked,
}

/// An operation from the input is written, and its callback may write less or panic.
fn attempt<'a>(writer: &mut Writer, input: &mut Input<'a>, max: usize) -> (Op<'a>, End) {
    let [code, flags, how] = [(); 3].map(|()| input.byte());
    let handle = input.number();
    let handles_len = usize::from(input.byte());
    let len = usize::from(input.byte());
    let handles = input.take(handles_len);
    let data = input.take(len);
    let room = data.len() + usize::from(how >> 2);
    let panics = how & 3 == 3;
    let fill = |place: &mut [u8]| {
        assert_eq!(place.len(), room);
        assert!(place.iter().all(|&byte| byte == 0));
        place[..data.len()].copy_from_slice(data);
        if panics {
            EXPECTED.set(true);
            panic!("a callback that fails");
        }
        // More than there is room for counts as all of it.
        if room == data.len() {
            usize::MAX
        } else {
            data.len()
        }
    };
    let (op, result) = match code % 6 {
        0 => {
            let text = AssertUnwindSafe(|| writer.text_with(handle, flags, room, fill));
            let op = Op::Text {
                handle,
                flags,
                data,
            };
            (op, panic::catch_unwind(text))
        }
        1 => {
            let text = AssertUnwindSafe(|| writer.broadcast_text_with(handles, flags, room, fill));
            let op = Op::Broadcast {
                handles,
                flags,
                binary: false,
                data,
            };
            (op, panic::catch_unwind(text))
        }
        other => {
            let op = match other {
                2 => Op::Binary {
                    handle,
                    flags,
                    data,
                },
                3 => Op::Broadcast {
                    handles,
                    flags,
                    binary: true,
                    data,
                },
                4 => Op::Close { handle, flags },
                _ => Op::Release { handle },
            };
            (op, Ok(write(writer, &op)))
        }
    };
    EXPECTED.set(false);
    let end = match result {
        Ok(Ok(())) => End::Written,
        Ok(Err(TooLong(len))) => {
            assert!(len > max);
            End::TooLong
        }
        Err(_) => End::Panicked,
    };
    (op, end)
}

fuzz_target!(|data: &[u8]| {
    allow_expected_panics();
    read_any(data);

    let mut input = Input::new(data);
    let max = 16 * usize::from(input.byte());
    let mut writer = Writer::with_max_message(max);
    let mut expected = Vec::new();
    while !input.is_empty() {
        let before = writer.len();
        let (op, end) = attempt(&mut writer, &mut input, max);
        let (data, handles) = match op {
            Op::Text { data, .. } | Op::Binary { data, .. } => (data.len(), 0),
            Op::Broadcast { data, handles, .. } => (data.len(), handles.len()),
            _ => (0, 0),
        };
        match end {
            End::Written => {
                assert!(data <= max && handles <= max);
                assert!(writer.len() <= before + HEAD + data + handles);
                expected.push(op);
            }
            End::TooLong => {
                assert!(data > max || handles > max);
                assert_eq!(writer.len(), before, "a part of a long message is left");
            }
            End::Panicked => {
                assert_eq!(writer.len(), before, "a part of a failed message is left");
            }
        }
    }
    let batch = writer.take();
    assert!(writer.is_empty());
    assert_eq!(Reader::new(&batch).collect::<Vec<_>>(), expected);
});

//! Spare buffers of a thread, so that a connection holds one only while there are bytes in it.
//!
//! Bounds: at most [`MOST`] buffers of at most [`LARGEST`] bytes are kept for each thread.

use std::cell::RefCell;

use bytes::BytesMut;

/// The size of the buffers that are kept.
pub(crate) const SIZE: usize = 8 * 1024;
/// A larger buffer is freed instead of kept.
const LARGEST: usize = 2 * SIZE;
/// The most buffers that a thread keeps.
const MOST: usize = 32;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room for at least [`SIZE`] bytes.
pub(crate) fn take() -> BytesMut {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| BytesMut::with_capacity(SIZE))
}

/// Takes the memory of a buffer back and forgets what was in it.
pub(crate) fn give_back(buffer: &mut BytesMut) {
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    if !buffer.try_reclaim(SIZE) || buffer.capacity() > LARGEST {
        return;
    }
    // There is no store while the thread ends.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < MOST {
            spare.push(buffer);
        }
    });
}

/// Takes the memory of an empty buffer back, unless `Bytes` that were cut from it are still in use: what is left of it
/// would otherwise be lost with each of them.
///
/// `size` is what [`make_room`] was asked for.
pub(crate) fn give_back_unused(buffer: &mut BytesMut, size: usize) {
    if buffer.is_empty() && buffer.try_reclaim(size) {
        give_back(buffer);
    }
}

/// Makes room for a read: `size` bytes where the buffer is empty, at least a quarter of them otherwise.
///
/// Memory of which parts are still in use elsewhere is read into until less than a quarter of it is left, so small
/// parts do not hold much more memory than they have bytes.
pub(crate) fn make_room(buffer: &mut BytesMut, size: usize) {
    if !buffer.is_empty() {
        if buffer.capacity() - buffer.len() < size / 4 {
            buffer.reserve(size / 2);
        }
    } else if !buffer.try_reclaim(size) && buffer.capacity() < size / 4 {
        *buffer = if size <= SIZE { take() } else { BytesMut::with_capacity(size) };
    }
}

#[cfg(test)]
mod tests;

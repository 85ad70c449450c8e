#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn spare() -> usize {
    SPARE.with_borrow(Vec::len)
}

#[test]
fn a_buffer_that_was_given_back_is_used_again() {
    let mut buffer = take();
    buffer.extend_from_slice(b"bytes of one client");
    let memory = buffer.as_ptr();
    give_back(&mut buffer);
    assert_eq!((buffer.capacity(), spare()), (0, 1));
    let again = take();
    assert_eq!((again.as_ptr(), again.len(), spare()), (memory, 0, 0));
    assert!(again.capacity() >= SIZE);
}

#[test]
fn neither_many_buffers_nor_large_ones_are_kept() {
    let mut many: Vec<BytesMut> = (0..MOST + 8).map(|_| take()).collect();
    many.iter_mut().for_each(give_back);
    assert_eq!(spare(), MOST);
    SPARE.with_borrow_mut(Vec::clear);
    give_back(&mut BytesMut::with_capacity(LARGEST + 1));
    give_back(&mut BytesMut::with_capacity(SIZE - 1));
    give_back(&mut BytesMut::new());
    assert_eq!(spare(), 0);
}

/// A client that sends a body a byte at a time, each of which waits somewhere, does not fill the memory.
#[test]
fn small_parts_in_use_share_one_buffer() {
    for size in [SIZE, 2 * SIZE, 8 * SIZE] {
        let mut buffer = BytesMut::new();
        let mut parts = Vec::new();
        let mut memory = 0;
        for _ in 0..size {
            let before = buffer.as_ptr();
            make_room(&mut buffer, size);
            if buffer.as_ptr() != before {
                memory += buffer.capacity();
            }
            buffer.extend_from_slice(b"x");
            parts.push(buffer.split_to(1).freeze());
            give_back_unused(&mut buffer, size);
        }
        assert!(memory <= 2 * size, "{memory} bytes of memory for {} bytes", parts.len());
        drop(parts);
        give_back_unused(&mut buffer, size);
        assert_eq!(buffer.capacity(), 0);
        SPARE.with_borrow_mut(Vec::clear);
    }
}

#[test]
fn an_unused_buffer_has_its_whole_room_again() {
    let mut buffer = BytesMut::new();
    make_room(&mut buffer, 4 * SIZE);
    let memory = buffer.as_ptr();
    buffer.resize(3 * SIZE, 0);
    let part = buffer.split_to(3 * SIZE);
    drop(part);
    make_room(&mut buffer, 4 * SIZE);
    assert_eq!((buffer.as_ptr(), buffer.capacity()), (memory, 4 * SIZE));
}

#[test]
fn what_is_in_a_buffer_is_neither_moved_nor_lost_for_room() {
    let mut buffer = BytesMut::new();
    for n in 0..6 * SIZE {
        make_room(&mut buffer, SIZE);
        assert!(buffer.capacity() - buffer.len() >= SIZE / 4);
        buffer.extend_from_slice(&[(n % 251) as u8]);
    }
    assert!(buffer.iter().enumerate().all(|(n, byte)| *byte == (n % 251) as u8));
}

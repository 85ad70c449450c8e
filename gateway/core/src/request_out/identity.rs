//! The encoding of user and roles: visible ASCII, every other byte percent-encoded.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

/// Writes one text; `%` is encoded too, so that it can be read back.
pub(super) fn put_text(out: &mut BytesMut, text: &str) {
    if text.bytes().all(plain) {
        return out.put_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        put_byte(out, byte, plain(byte));
    }
}

/// Writes a list with commas between, at most [`MAX_ROLES`] and [`MAX_BYTES`]; it ends with the last role that fits whole.
pub(super) fn put_list(out: &mut BytesMut, roles: &[Arc<str>]) {
    let mut left = MAX_BYTES;
    for (position, role) in roles.iter().take(MAX_ROLES).enumerate() {
        let comma = usize::from(position > 0);
        let bytes: usize = role.bytes().map(|byte| if plain_in_list(byte) { 1 } else { 3 }).sum();
        let Some(rest) = left.checked_sub(comma + bytes) else {
            return;
        };
        left = rest;
        if comma == 1 {
            out.put_u8(b',');
        }
        if bytes == role.len() {
            out.put_slice(role.as_bytes());
            continue;
        }
        for byte in role.bytes() {
            put_byte(out, byte, plain_in_list(byte));
        }
    }
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

fn plain_in_list(byte: u8) -> bool {
    plain(byte) && byte != b','
}

fn put_byte(out: &mut BytesMut, byte: u8, plain: bool) {
    if plain {
        out.put_u8(byte);
    } else {
        out.put_slice(percent_encoding::percent_encode_byte(byte).as_bytes());
    }
}

const MAX_ROLES: usize = 64;
const MAX_BYTES: usize = 4096;

//! Frame boundaries of a WebSocket. A close frame may only be written at a boundary.

/// Follows the frame boundaries of one direction (RFC 6455 §5.2) without looking at payloads.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The header bytes of the current frame.
    head: [u8; 10],
    have: usize,
    /// Bytes of mask and payload that are still to come.
    left: u64,
    /// A close frame was among them.
    closes: bool,
}

/// The opcode in the first byte of a frame, and that of a close frame (RFC 6455 §5.2).
const OPCODE: u8 = 0x0F;
const CLOSE: u8 = 0x08;
/// `1012 Service Restart`, unmasked as a server sends it.
pub(super) const CLOSE_RESTART: [u8; 4] = [0x88, 0x02, 0x03, 0xF4];
/// `1001 Going Away`
pub(super) const CLOSE_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];
/// `1008 Policy Violation`, with a reason.
pub(super) const CLOSE_EXPIRED: [u8; 30] = *b"\x88\x1C\x03\xF0the credential has expired";
/// The same for a credential that was revoked.
pub(super) const CLOSE_REVOKED: [u8; 30] = *b"\x88\x1C\x03\xF0the credential was revoked";

impl Frames {
    /// Follows bytes that are forwarded. Returns where the last frame that ends in them does.
    pub(super) fn feed(&mut self, all: &[u8]) -> Option<usize> {
        let (mut bytes, mut whole) = (all, None);
        while !bytes.is_empty() {
            if self.left > 0 {
                let step = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                self.left -= step as u64;
                bytes = bytes.get(step..).unwrap_or_default();
            } else {
                let Some((first, rest)) = bytes.split_first() else { break };
                if let Some(slot) = self.head.get_mut(self.have) {
                    *slot = *first;
                }
                self.have += 1;
                bytes = rest;
                if self.have >= 2 && self.have == self.head_length() {
                    self.left = self.payload();
                    self.have = 0;
                }
            }
            if self.at_boundary() {
                self.closes |= self.head[0] & OPCODE == CLOSE;
                whole = Some(all.len() - bytes.len());
            }
        }
        whole
    }

    /// What comes behind the last whole frame was not forwarded.
    pub(super) fn cut(&mut self) {
        (self.have, self.left) = (0, 0);
    }

    /// Whether a close frame was among the bytes.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Whether no frame is incomplete.
    pub(super) fn at_boundary(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    fn head_length(&self) -> usize {
        match self.head[1] & 0x7F {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    fn payload(&self) -> u64 {
        let [_, second, rest @ ..] = self.head;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let length = match second & 0x7F {
            126 => u64::from(u16::from_be_bytes([rest[0], rest[1]])),
            127 => u64::from_be_bytes(rest),
            short => u64::from(short),
        };
        length.saturating_add(mask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_found_in_any_slicing() {
        let mut stream = vec![0x81, 0x03, b'a', b'b', b'c', 0x82, 0x7E, 0x01, 0x00];
        stream.extend([7; 256]);
        stream.extend([0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2]);
        stream.extend([0x89, 0x81, 1, 2, 3, 4, 9]);
        for step in [1, 2, 3, 7, 100, stream.len()] {
            let mut frames = Frames::default();
            let mut boundaries = 0;
            for chunk in stream.chunks(step) {
                frames.feed(chunk);
                boundaries += usize::from(frames.at_boundary());
            }
            assert!(frames.at_boundary(), "step {step}");
            if step == 1 {
                assert_eq!(boundaries, 4);
            }
        }
        let mut frames = Frames::default();
        frames.feed(&[0x81, 0x03, b'a']);
        assert!(!frames.at_boundary());
    }

    #[test]
    fn the_last_whole_frame_is_found_and_a_close_frame_noticed() {
        let mut frames = Frames::default();
        assert_eq!(frames.feed(b"\x81\x03a"), None);
        assert_eq!(frames.feed(b"bc\x89\x00\x82\x02d"), Some(4));
        assert!(!frames.at_boundary());
        frames.cut();
        assert!(frames.at_boundary() && !frames.closes());
        // A payload is not looked at, whatever is in it.
        assert_eq!(frames.feed(b"\x82\x02\x88\x00"), Some(4));
        assert!(!frames.closes());
        assert_eq!(frames.feed(b"\x88\x02."), None);
        assert!(!frames.closes(), "it may be cut");
        assert_eq!(frames.feed(b"."), Some(1));
        assert!(frames.closes());
        assert_eq!(frames.feed(b""), None);
    }
}

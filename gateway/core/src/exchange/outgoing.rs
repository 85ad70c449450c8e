//! What is still to be written to the app: the head, and the data in hand in the coding that the head announces.

use bytes::{Buf, Bytes, BytesMut};

use crate::chunked::{CHUNK_END, ChunkSizeLine, LAST_CHUNK, chunk_size_line};

/// The bytes for the app, in order. The head is kept to the end, because another try sends it again.
#[derive(Debug)]
pub(super) struct Outgoing {
    head: BytesMut,
    head_sent: usize,
    size: Option<ChunkSizeLine>,
    size_sent: usize,
    data: Bytes,
    end: &'static [u8],
}

impl Outgoing {
    pub(super) fn new(head: BytesMut) -> Self {
        Self { head, head_sent: 0, size: None, size_sent: 0, data: Bytes::new(), end: b"" }
    }

    /// Whether all of it is with the app.
    pub(super) fn is_empty(&self) -> bool {
        self.parts().iter().all(|part| part.is_empty())
    }

    /// The bytes, in the order in which they are sent.
    pub(super) fn parts(&self) -> [&[u8]; 4] {
        [
            self.head.get(self.head_sent..).unwrap_or_default(),
            self.size.as_ref().and_then(|size| size.as_bytes().get(self.size_sent..)).unwrap_or_default(),
            &self.data,
            self.end,
        ]
    }

    /// Adds data as it is. What was there before must be with the app.
    pub(super) fn plain(&mut self, data: Bytes) {
        self.data = data;
    }

    /// Adds data as one chunk. Data that was there before must be with the app.
    pub(super) fn chunk(&mut self, data: Bytes) {
        self.size = Some(chunk_size_line(data.len()));
        self.size_sent = 0;
        self.data = data;
        self.end = CHUNK_END;
    }

    /// Adds the last chunk.
    pub(super) fn last_chunk(&mut self) {
        self.end = LAST_CHUNK;
    }

    /// The app took so many bytes.
    pub(super) fn took(&mut self, mut bytes: usize) {
        let [head, size, data, end] = self.parts().map(<[u8]>::len);
        let mut of = |part: usize| {
            let step = bytes.min(part);
            bytes -= step;
            step
        };
        let (head, size, data, end) = (of(head), of(size), of(data), of(end));
        self.head_sent += head;
        self.size_sent += size;
        self.data.advance(data);
        self.end = self.end.get(end..).unwrap_or_default();
    }

    /// Begins anew, with the head.
    pub(super) fn rewind(&mut self) {
        let head = std::mem::take(&mut self.head);
        *self = Self::new(head);
    }

    /// The buffer of the head, for another exchange.
    pub(super) fn into_buffer(self) -> BytesMut {
        self.head
    }
}

//! Body limits, declared and streamed.
//!
//! Protects the app from bodies that are larger than it expects. A large `Content-Length` is refused early; the bytes that
//! really arrive are counted in any case. An app that does not read the body of a GET would take it for the next request,
//! which was never checked: `body.get = "deny"` refuses such bodies. Bounds: two numbers per request.

use crate::denial::Denial;
use crate::guard::signature::{SignatureChecked, SignedBody};
use crate::request::RequestBody;

/// `body`: how large a request body may be, and whether a GET may have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyPolicy {
    /// Bytes after transfer coding is taken off; [`BodyPolicy::UNLIMITED`]`.max` is no cap.
    pub max: u64,
    /// Whether GET and HEAD may have a body.
    pub on_get: bool,
}

/// Evidence: the declared length is not above the cap.
#[derive(Debug)]
pub struct SizeChecked {
    max: u64,
}

/// Counts the bytes of a body on their way to the app, and judges the signature of one that has to be signed. After it refused a chunk,
/// it refuses every other one.
#[derive(Debug)]
pub struct BodyGate {
    max: u64,
    seen: u64,
    signed: Option<Box<SignedBody>>,
}

impl BodyPolicy {
    /// No cap at all.
    pub const UNLIMITED: Self = Self { max: u64::MAX, on_get: true };

    /// Checks the declared length.
    ///
    /// # Errors
    /// [`Denial::BodyTooLarge`] for a `Content-Length` above the cap, [`Denial::UnexpectedBody`] for a body of any
    /// length where the method may have none.
    pub fn admit(&self, method: &str, body: RequestBody) -> Result<SizeChecked, Denial> {
        if !body.is_empty() && !self.on_get && matches!(method, "GET" | "HEAD") {
            return Err(Denial::UnexpectedBody);
        }
        match body {
            RequestBody::Known(declared) if declared > self.max => {
                Err(Denial::BodyTooLarge { max: self.max })
            }
            RequestBody::None | RequestBody::Known(_) | RequestBody::Unknown => {
                Ok(SizeChecked { max: self.max })
            }
        }
    }
}

impl SizeChecked {
    /// The gate that counts the bytes that arrive, and judges their signature where there has to be one.
    #[must_use]
    pub fn gate(self, signature: SignatureChecked) -> BodyGate {
        BodyGate { max: self.max, seen: 0, signed: signature.into_body() }
    }
}

impl BodyGate {
    /// Lets no byte pass.
    pub(crate) const CLOSED: Self = Self { max: 0, seen: 0, signed: None };

    /// Counts the next `chunk` bytes, before they are sent on.
    ///
    /// # Errors
    /// [`Denial::BodyTooLarge`] for the chunk that passes the cap, which must not be sent on, and
    /// for everything after it; [`Denial::SignaturesFull`] where a body that has to be signed cannot be held back.
    pub fn pass(&mut self, chunk: usize) -> Result<(), Denial> {
        let bytes = u64::try_from(chunk).unwrap_or(u64::MAX);
        self.seen = self.seen.saturating_add(bytes);
        if self.seen > self.max {
            return Err(Denial::BodyTooLarge { max: self.max });
        }
        self.signed.as_mut().map_or(Ok(()), |signed| signed.hold(chunk))
    }

    /// The body has to be signed, and is not judged yet.
    pub(crate) fn awaits_signature(&self) -> bool {
        self.signed.is_some()
    }

    /// What judges the body as a whole, where it has to be signed. It is given once.
    pub(crate) fn take_signed(&mut self) -> Option<Box<SignedBody>> {
        self.signed.take()
    }

    /// Bytes counted so far, the refused chunk among them.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests;

//! OCSP staples: the word of an issuer that a certificate is not revoked (RFC 6960), sent with the certificate (RFC 6066 §8).
//!
//! A staple that does not help is left out: clients refuse a certificate with a stale staple, and accept it without one. Its signature is
//! not verified here; a client does that. What is read is in the operator's own file.

use std::ops::RangeInclusive;

use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// A response of an OCSP responder that says that a certificate is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Staple {
    /// The response, DER.
    pub(super) der: Vec<u8>,
    /// When it counts, in seconds since the epoch.
    pub(super) valid: RangeInclusive<u64>,
}

impl Staple {
    /// Reads a response about the certificate with this serial number.
    ///
    /// # Errors
    /// Why it cannot be sent.
    pub(super) fn read(der: &[u8], serial: &[u8]) -> Result<Self, &'static str> {
        const MALFORMED: &str = "not an OCSP response (DER)";
        let response = single(der).ok_or(MALFORMED)??;
        if strip_zeros(response.serial) != strip_zeros(serial) {
            return Err("an OCSP response for another certificate");
        }
        if response.status != GOOD {
            return Err("an OCSP response that does not say `good`");
        }
        let until = response.until.ok_or("an OCSP response without an end")?;
        Ok(Self { der: der.to_vec(), valid: response.from..=until })
    }

    /// The same response, if it counts at `now`.
    ///
    /// # Errors
    /// Why it does not: it is out of date, or begins later (RFC 6960 §4.2.2.1).
    pub(super) fn at(self, now: u64) -> Result<Self, &'static str> {
        if now < *self.valid.start() {
            return Err("an OCSP response that is not valid yet");
        }
        if now > *self.valid.end() {
            return Err("an OCSP response that is out of date");
        }
        Ok(self)
    }
}

/// What the first response of a file says.
struct SingleResponse<'d> {
    serial: &'d [u8],
    /// The tag of `certStatus`.
    status: u8,
    /// `thisUpdate`
    from: u64,
    /// `nextUpdate`
    until: Option<u64>,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const GENERALIZED_TIME: u8 = 0x18;
/// A constructed element with a context tag: `[0]`.
const CONTEXT_0: u8 = 0xa0;
/// `certStatus` `good`: `[0]` with nothing in it.
const GOOD: u8 = 0x80;

/// The first single response of an `OCSPResponse` (RFC 6960 §4.2.1); `None` for what is none.
fn single(der: &[u8]) -> Option<Result<SingleResponse<'_>, &'static str>> {
    let mut response = Der(whole(der, SEQUENCE)?);
    if response.take(ENUMERATED)? != [0] {
        return Some(Err("an OCSP response that tells an error"));
    }
    let mut bytes = Der(whole(response.take(CONTEXT_0)?, SEQUENCE)?);
    bytes.take(OID)?;
    let mut basic = Der(whole(bytes.take(OCTETS)?, SEQUENCE)?);
    let mut data = Der(basic.take(SEQUENCE)?);
    // version [0] may be left out; responderID is [1] or [2].
    if data.tag()? == CONTEXT_0 {
        data.any()?;
    }
    data.any()?;
    data.take(GENERALIZED_TIME)?;
    let mut first = Der(Der(data.take(SEQUENCE)?).take(SEQUENCE)?);
    let mut id = Der(first.take(SEQUENCE)?);
    id.take(SEQUENCE)?;
    id.take(OCTETS)?;
    id.take(OCTETS)?;
    let serial = id.take(INTEGER)?;
    let status = first.tag()?;
    first.any()?;
    let from = seconds(first.element(GENERALIZED_TIME)?)?;
    let until = match first.tag() {
        Some(CONTEXT_0) => Some(seconds(first.take(CONTEXT_0)?)?),
        Some(_) | None => None,
    };
    Some(Ok(SingleResponse { serial, status, from, until }))
}

/// A time as seconds since the epoch.
fn seconds(der: &[u8]) -> Option<u64> {
    let (_, time) = ASN1Time::from_der(der).ok()?;
    u64::try_from(time.timestamp()).ok()
}

/// Elements of DER, one after the other.
struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The content of the next element, which has to have this tag.
    fn take(&mut self, tag: u8) -> Option<&'d [u8]> {
        (self.tag()? == tag).then(|| self.any())?
    }

    /// The next element as a whole, which has to have this tag.
    fn element(&mut self, tag: u8) -> Option<&'d [u8]> {
        let all = self.0;
        self.take(tag)?;
        all.get(..all.len() - self.0.len())
    }

    /// The content of the next element.
    fn any(&mut self) -> Option<&'d [u8]> {
        let [_, length, rest @ ..] = self.0 else { return None };
        let (length, rest) = match *length {
            short @ 0..0x80 => (usize::from(short), rest),
            long => {
                let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
                if digits.is_empty() || digits.len() > 4 {
                    return None;
                }
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

/// The content of an element that is all of `der`.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut elements = Der(der);
    let content = elements.take(tag)?;
    elements.0.is_empty().then_some(content)
}

fn strip_zeros(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// `GOOD_RESPONSE` is for serial number 7, from 2026-01-01 to 2036-01-01.
    fn response() -> Vec<u8> {
        let time = |text: &str| element(GENERALIZED_TIME, text.as_bytes());
        let id = element(
            SEQUENCE,
            &[
                element(SEQUENCE, &[]),
                element(OCTETS, b"name"),
                element(OCTETS, b"key"),
                element(INTEGER, &[7]),
            ]
            .concat(),
        );
        let single = element(
            SEQUENCE,
            &[id, element(GOOD, &[]), time("20260101000000Z"), element(CONTEXT_0, &time("20360101000000Z"))]
                .concat(),
        );
        let data = element(
            SEQUENCE,
            &[
                element(0xa2, &element(OCTETS, b"responder")),
                time("20260101000000Z"),
                element(SEQUENCE, &single),
            ]
            .concat(),
        );
        let basic =
            element(SEQUENCE, &[data, element(SEQUENCE, &[]), element(0x03, b"\0signature")].concat());
        let bytes = element(
            SEQUENCE,
            &[element(OID, &[43, 6, 1, 5, 5, 7, 48, 1, 1]), element(OCTETS, &basic)].concat(),
        );
        element(SEQUENCE, &[element(ENUMERATED, &[0]), element(CONTEXT_0, &bytes)].concat())
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let head = if length < 128 {
            vec![tag, length as u8]
        } else {
            vec![tag, 0x82, (length >> 8) as u8, length as u8]
        };
        [head, content.to_vec()].concat()
    }

    const NOW: u64 = 1_790_000_000;

    #[test]
    fn a_staple_is_for_its_certificate_and_has_an_end() {
        let der = response();
        let staple = Staple::read(&der, &[7]).unwrap();
        assert_eq!((&staple.der, staple.valid), (&der, 1_767_225_600..=2_082_758_400));
        assert!(Staple::read(&der, &[0, 7]).is_ok());
        for (der, serial, now, expected) in [
            (der.clone(), 8, NOW, "another certificate"),
            (der.clone(), 7, 2_082_758_401, "out of date"),
            (der.clone(), 7, 1_767_225_599, "not valid yet"),
            (b"nothing".to_vec(), 7, NOW, "not an OCSP response"),
            (element(SEQUENCE, &element(ENUMERATED, &[6])), 7, NOW, "tells an error"),
        ] {
            let fault = Staple::read(&der, &[serial]).and_then(|staple| staple.at(now)).unwrap_err();
            assert!(fault.contains(expected), "{expected}: {fault}");
        }
        let revoked: Vec<u8> = {
            let mut der = der.clone();
            let at = der.windows(2).position(|pair| pair == [GOOD, 0]).unwrap();
            der[at] = 0xa1;
            der
        };
        for now in [1_767_225_600, 2_082_758_400] {
            assert!(Staple::read(&der, &[7]).unwrap().at(now).is_ok());
        }
        assert!(Staple::read(&revoked, &[7]).unwrap_err().contains("does not say `good`"));
    }

    #[test]
    fn no_damage_is_a_panic() {
        let der = response();
        for at in 0..der.len() {
            let _ = Staple::read(&der[..at], &[7]);
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut damaged = der.clone();
                damaged[at] = value;
                let _ = Staple::read(&damaged, &[7]);
            }
        }
    }
}

//! What one pass over the fields of an answer finds: which of the fields that a policy edits may be there.
//!
//! Most answers have few of them. A field that was not seen is added without looking for it.

use http::HeaderValue;

/// What the name of a response field means to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing: it passes.
    Plain,
    /// A policy looks for it, and may add or replace it.
    Edited(Edited),
    /// `access-control-*`
    Cors,
    /// It names fields of the connection, and is one.
    Connection,
    /// It goes on with a 426 and a 101 alone.
    Upgrade,
    /// The make and version of the app, and fields of the connection: never sent.
    Leaks,
}

/// A field, or a group of fields, that a policy looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edited {
    /// `Location`, `Content-Location` and `Refresh`.
    Address,
    ContentType,
    Vary,
    RequestId,
    ServerTiming,
    FrameOptions,
    ContentPolicy,
    ContentPolicyReport,
    ContentTypeOptions,
    ReferrerPolicy,
    PermissionsPolicy,
    OpenerPolicy,
    ResourcePolicy,
    Hsts,
    /// `ratelimit*` and `x-ratelimit-*`.
    Limits,
    /// `access-control-*`, where the app's own pass.
    Cors,
}

/// Which fields may be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    present: u32,
    media: bool,
}

impl Meaning {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "location" | "content-location" | "refresh" => Self::Edited(Edited::Address),
            "content-type" => Self::Edited(Edited::ContentType),
            "vary" => Self::Edited(Edited::Vary),
            "x-request-id" => Self::Edited(Edited::RequestId),
            "server-timing" => Self::Edited(Edited::ServerTiming),
            "x-frame-options" => Self::Edited(Edited::FrameOptions),
            "content-security-policy" => Self::Edited(Edited::ContentPolicy),
            "content-security-policy-report-only" => Self::Edited(Edited::ContentPolicyReport),
            "x-content-type-options" => Self::Edited(Edited::ContentTypeOptions),
            "referrer-policy" => Self::Edited(Edited::ReferrerPolicy),
            "permissions-policy" => Self::Edited(Edited::PermissionsPolicy),
            "cross-origin-opener-policy" => Self::Edited(Edited::OpenerPolicy),
            "cross-origin-resource-policy" => Self::Edited(Edited::ResourcePolicy),
            "strict-transport-security" => Self::Edited(Edited::Hsts),
            "ratelimit"
            | "ratelimit-policy"
            | "x-ratelimit-limit"
            | "x-ratelimit-remaining"
            | "x-ratelimit-reset" => Self::Edited(Edited::Limits),
            "connection" => Self::Connection,
            "upgrade" => Self::Upgrade,
            // The code is the gateway's own: no other answer has it.
            "server" | "x-powered-by" | "x-generator" | "x-xss-protection" | "keep-alive"
            | "proxy-authenticate" | "proxy-connection" | "te" | "trailer" | CODE_NAME => Self::Leaks,
            _ if name.starts_with("x-aspnet") => Self::Leaks,
            _ if name.starts_with("access-control-") => Self::Cors,
            _ => Self::Plain,
        }
    }
}

impl Seen {
    /// No field was seen.
    pub(super) const NONE: Self = Self { present: 0, media: false };

    /// Nobody looked: every field may be there.
    pub(super) const UNKNOWN: Self = Self { present: u32::MAX, media: false };

    /// Notes a field that stays.
    pub(super) fn note(&mut self, field: Edited, value: &HeaderValue) {
        if field == Edited::ContentType && !self.may_have(field) {
            self.media = is_media(value);
        }
        self.present |= bit(field);
    }

    /// `false` where the field is not there.
    pub(super) fn may_have(self, field: Edited) -> bool {
        self.present & bit(field) != 0
    }

    /// The `Content-Type` is there no more.
    pub(super) fn forget_media(&mut self) {
        self.media = false;
    }

    /// Whether the first `Content-Type` that was seen is one of audio, video or images.
    pub(super) fn is_media(self) -> bool {
        self.media
    }
}

/// The name of the field that names the code of a refusal.
pub(super) const CODE_NAME: &str = "x-stagedoor-code";

fn bit(field: Edited) -> u32 {
    1 << field as u32
}

fn is_media(kind: &HeaderValue) -> bool {
    let kind = kind.as_bytes().trim_ascii_start();
    [&b"audio/"[..], b"video/", b"image/"]
        .iter()
        .any(|prefix| kind.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

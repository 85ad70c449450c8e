//! The values of the presets.

use http::{HeaderName, HeaderValue, header};

/// `preset`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Pages for people.
    #[default]
    Web,
    /// Answers for programs.
    Api,
    /// No security headers of ours on the app's answers; what leaks is removed all the same.
    Off,
}

impl Preset {
    /// The fields whose value depends on nothing but the preset.
    pub(super) fn fields(self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::Web => vec![
                (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
                (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
                (PERMISSIONS_POLICY, HeaderValue::from_static(WEB_PERMISSIONS)),
                (OPENER_POLICY, HeaderValue::from_static("same-origin-allow-popups")),
            ],
            Self::Api => vec![
                (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
                (PERMISSIONS_POLICY, HeaderValue::from_static(NO_PERMISSIONS)),
                (OPENER_POLICY, SAME_ORIGIN),
            ],
            Self::Off => Vec::new(),
        }
    }

    /// The directives of the enforced policy besides `frame-ancestors`.
    pub(super) fn directives(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Web => &[("base-uri", "'self'"), ("object-src", "'none'")],
            Self::Api => &[("default-src", "'none'")],
            Self::Off => &[],
        }
    }

    /// The whole set of answers of our own, whatever the app's preset.
    pub(super) fn local() -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = Self::Api.fields();
        fields.extend([
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
            ),
            (RESOURCE_POLICY, SAME_ORIGIN),
        ]);
        fields
    }
}

/// Whether caches take from a field of this name how long an answer is kept: RFC 9111 §5.2, RFC 9213 §2.1, and what
/// some put before both.
pub(super) fn says_how_long_to_keep(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("cache-control") || matches!(name, "expires" | "surrogate-control" | "x-accel-expires")
}

pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(super) const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Tells which refusal of the gateway an answer is; on no other answer.
pub(crate) const CODE: HeaderName = HeaderName::from_static(CODE_NAME);
pub(super) const CODE_NAME: &str = "x-stagedoor-code";
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(super) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub(super) const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(crate) const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What a media app plays and records with stays its own, and is no frame's; what it needs a wake lock, the clipboard or
/// a passkey for is untouched.
const WEB_PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), gyroscope=(), hid=(), idle-detection=(), \
     local-fonts=(), magnetometer=(), midi=(), payment=(), serial=(), usb=(), window-management=(), \
     xr-spatial-tracking=(), autoplay=(self), camera=(self), display-capture=(self), encrypted-media=(self), \
     fullscreen=(self), geolocation=(self), microphone=(self), picture-in-picture=(self)";

/// What the preset `web` leaves to an app that may not need it, in the order in which it is told.
pub(crate) const CLOSEABLE: [&str; 4] = ["camera", "microphone", "display-capture", "geolocation"];

/// Whether this is the preset's value.
pub(super) fn is_web(value: &HeaderValue) -> bool {
    value == WEB_PERMISSIONS
}

/// The preset's value without what is [`CLOSEABLE`]: for an app that uses none of it.
pub fn permissions_closed() -> String {
    let closed = |feature: &str| match feature.strip_suffix("=(self)") {
        Some(name) if CLOSEABLE.contains(&name) => format!("{name}=()"),
        Some(_) | None => feature.to_owned(),
    };
    WEB_PERMISSIONS.split(", ").map(closed).collect::<Vec<_>>().join(", ")
}

const NO_PERMISSIONS: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), \
     clipboard-read=(), clipboard-write=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), \
     geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
     screen-wake-lock=(), serial=(), storage-access=(), usb=(), window-management=(), \
     xr-spatial-tracking=()";

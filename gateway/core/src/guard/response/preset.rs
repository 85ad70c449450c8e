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

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(super) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub(super) const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What a media app plays with stays its own; what it needs a wake lock, the clipboard or a passkey for is untouched.
const WEB_PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), \
     geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), serial=(), usb=(), window-management=(), xr-spatial-tracking=(), \
     autoplay=(self), encrypted-media=(self), fullscreen=(self), picture-in-picture=(self)";

const NO_PERMISSIONS: &str = "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), \
     clipboard-read=(), clipboard-write=(), display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), \
     geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), \
     payment=(), picture-in-picture=(), publickey-credentials-create=(), publickey-credentials-get=(), \
     screen-wake-lock=(), serial=(), storage-access=(), usb=(), window-management=(), \
     xr-spatial-tracking=()";

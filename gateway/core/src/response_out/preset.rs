//! The values of the presets.

use http::{HeaderName, HeaderValue, header};

use super::seen::{CODE_NAME, Edited};

/// `preset`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// For pages in browsers.
    #[default]
    Web,
    /// For answers to programs.
    Api,
    /// No security headers on the app's answers; fields that leak are still removed.
    Off,
}

impl Preset {
    /// The fields whose value depends only on the preset.
    pub(super) fn fields(self) -> Vec<(Edited, HeaderName, HeaderValue)> {
        let (referrer, permissions, opener) = match self {
            Self::Web => ("strict-origin-when-cross-origin", WEB_PERMISSIONS, "same-origin-allow-popups"),
            Self::Api => ("no-referrer", NO_PERMISSIONS, "same-origin"),
            Self::Off => return Vec::new(),
        };
        let value = HeaderValue::from_static;
        vec![
            (Edited::ContentTypeOptions, header::X_CONTENT_TYPE_OPTIONS, value("nosniff")),
            (Edited::ReferrerPolicy, header::REFERRER_POLICY, value(referrer)),
            (Edited::PermissionsPolicy, PERMISSIONS_POLICY, value(permissions)),
            (Edited::OpenerPolicy, OPENER_POLICY, value(opener)),
        ]
    }

    /// The directives of the enforced policy besides `frame-ancestors`.
    pub(super) fn directives(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Web => &[("base-uri", "'self'"), ("object-src", "'none'")],
            Self::Api => &[("default-src", "'none'")],
            Self::Off => &[],
        }
    }

    /// The fields of local answers, whatever the app's preset.
    pub(super) fn local() -> Vec<(HeaderName, HeaderValue)> {
        let mut fields: Vec<_> =
            Self::Api.fields().into_iter().map(|(_, name, value)| (name, value)).collect();
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

/// Whether a field of this name tells caches how long to keep an answer: RFC 9111 §5.2, RFC 9213 §2.1, and fields that
/// some caches use before both.
pub(super) fn says_how_long_to_keep(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.ends_with("cache-control") || matches!(name, "expires" | "surrogate-control" | "x-accel-expires")
}

pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
pub(super) const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// The field that names the code of a refusal; no other answer has it.
pub(crate) const CODE: HeaderName = HeaderName::from_static(CODE_NAME);
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(super) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub(super) const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(crate) const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The features that a media app plays and records with are allowed for its own pages, not for frames. Wake lock,
/// clipboard and passkeys are not restricted.
const WEB_PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), gyroscope=(), hid=(), idle-detection=(), \
     local-fonts=(), magnetometer=(), midi=(), payment=(), serial=(), usb=(), window-management=(), \
     xr-spatial-tracking=(), autoplay=(self), camera=(self), display-capture=(self), encrypted-media=(self), \
     fullscreen=(self), geolocation=(self), microphone=(self), picture-in-picture=(self)";

/// The features that the preset `web` allows and that an app may not need, in the order of messages.
pub(crate) const CLOSEABLE: [&str; 4] = ["camera", "microphone", "display-capture", "geolocation"];

/// Whether this is the value of the preset `web`.
pub(super) fn is_web(value: &HeaderValue) -> bool {
    value == WEB_PERMISSIONS
}

/// The value of the preset `web` with every feature in [`CLOSEABLE`] forbidden.
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

//! Who may frame the app: `frame-ancestors` and `X-Frame-Options`, which always agree.

use http::HeaderValue;

use super::preset::Preset;

/// Who may frame the app, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FramePolicy {
    /// From the preset; an `X-Frame-Options` of the app goes before it.
    Preset(FrameAncestors),
    /// From the key `frame`.
    Configured(FrameAncestors),
    /// From `frame-ancestors` of an enforced `csp.policy`.
    FromCsp(FrameAncestors),
    /// Not restricted.
    Unset,
}

/// The sources of `frame-ancestors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FrameAncestors {
    /// `'none'`
    Nobody,
    /// `'self'`
    SelfOnly,
    /// Any other list, which `X-Frame-Options` cannot express.
    Sources(String),
}

impl FramePolicy {
    /// `frame`, else `in_policy`, the `frame-ancestors` of an enforced `csp.policy`, else the preset's.
    pub(super) fn compile(preset: Preset, frame: Option<&[String]>, in_policy: Option<&[String]>) -> Self {
        match (frame, in_policy, preset) {
            (Some(sources), _, _) => Self::Configured(FrameAncestors::parse(sources)),
            (None, Some(sources), _) => Self::FromCsp(FrameAncestors::parse(sources)),
            (None, None, Preset::Web) => Self::Preset(FrameAncestors::SelfOnly),
            (None, None, Preset::Api) => Self::Preset(FrameAncestors::Nobody),
            (None, None, Preset::Off) => Self::Unset,
        }
    }

    /// The sources; `None` if framing is not restricted.
    pub(super) fn ancestors(&self) -> Option<&FrameAncestors> {
        match self {
            Self::Preset(ancestors) | Self::Configured(ancestors) | Self::FromCsp(ancestors) => {
                Some(ancestors)
            }
            Self::Unset => None,
        }
    }

    /// The value of `X-Frame-Options`, if it can express the sources.
    pub(super) fn x_frame_options(&self) -> Option<HeaderValue> {
        match self.ancestors()? {
            FrameAncestors::Nobody => Some(HeaderValue::from_static("DENY")),
            FrameAncestors::SelfOnly => Some(HeaderValue::from_static("SAMEORIGIN")),
            FrameAncestors::Sources(_) => None,
        }
    }
}

impl FrameAncestors {
    fn parse(sources: &[String]) -> Self {
        match sources {
            [] => Self::Nobody,
            [one] if one.eq_ignore_ascii_case("'none'") => Self::Nobody,
            [one] if one.eq_ignore_ascii_case("'self'") => Self::SelfOnly,
            several => Self::Sources(several.join(" ")),
        }
    }

    /// Whether `X-Frame-Options` says the same: that of the app, else the gateway's.
    pub(super) fn is_told_by(&self, framed: Option<&HeaderValue>) -> bool {
        match framed {
            Some(value) => Self::of_x_frame_options(value).as_ref() == Some(self),
            None => !matches!(self, Self::Sources(_)),
        }
    }

    /// What an `X-Frame-Options` of the app means; `None` for a value that browsers ignore.
    pub(super) fn of_x_frame_options(value: &HeaderValue) -> Option<Self> {
        let value = value.as_bytes().trim_ascii();
        if value.eq_ignore_ascii_case(b"deny") {
            Some(Self::Nobody)
        } else if value.eq_ignore_ascii_case(b"sameorigin") {
            Some(Self::SelfOnly)
        } else {
            None
        }
    }

    /// The source list of `frame-ancestors`.
    pub(super) fn sources(&self) -> &str {
        match self {
            Self::Nobody => "'none'",
            Self::SelfOnly => "'self'",
            Self::Sources(sources) => sources,
        }
    }
}

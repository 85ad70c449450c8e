//! Who may frame the app: `frame-ancestors` and `X-Frame-Options`, always saying the same.

use http::HeaderValue;

use super::preset::Preset;

/// Who may frame the app, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Framers {
    /// The preset's word: gives way to an `X-Frame-Options` of the app.
    Preset(Ancestors),
    /// The operator's word, by `frame`.
    Stated(Ancestors),
    /// The operator's word, by the policy that is enforced.
    InPolicy(Ancestors),
    /// Nothing is said.
    Unsaid,
}

/// The sources of `frame-ancestors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ancestors {
    /// `'none'`
    Nobody,
    /// `'self'`
    SelfOnly,
    /// Any other list, which `X-Frame-Options` cannot say.
    Sources(String),
}

impl Framers {
    /// `frame`, else `in_policy`, the `frame-ancestors` of an enforced `csp.policy`, else the preset's.
    pub(super) fn compile(preset: Preset, frame: Option<&[String]>, in_policy: Option<&[String]>) -> Self {
        match (frame, in_policy, preset) {
            (Some(sources), _, _) => Self::Stated(Ancestors::parse(sources)),
            (None, Some(sources), _) => Self::InPolicy(Ancestors::parse(sources)),
            (None, None, Preset::Web) => Self::Preset(Ancestors::SelfOnly),
            (None, None, Preset::Api) => Self::Preset(Ancestors::Nobody),
            (None, None, Preset::Off) => Self::Unsaid,
        }
    }

    /// The sources, where anything is said.
    pub(super) fn ancestors(&self) -> Option<&Ancestors> {
        match self {
            Self::Preset(ancestors) | Self::Stated(ancestors) | Self::InPolicy(ancestors) => Some(ancestors),
            Self::Unsaid => None,
        }
    }

    /// `X-Frame-Options`, where it can say it.
    pub(super) fn x_frame_options(&self) -> Option<HeaderValue> {
        match self.ancestors()? {
            Ancestors::Nobody => Some(HeaderValue::from_static("DENY")),
            Ancestors::SelfOnly => Some(HeaderValue::from_static("SAMEORIGIN")),
            Ancestors::Sources(_) => None,
        }
    }
}

impl Ancestors {
    fn parse(sources: &[String]) -> Self {
        match sources {
            [] => Self::Nobody,
            [one] if one.eq_ignore_ascii_case("'none'") => Self::Nobody,
            [one] if one.eq_ignore_ascii_case("'self'") => Self::SelfOnly,
            several => Self::Sources(several.join(" ")),
        }
    }

    /// Whether `X-Frame-Options` says it: that of the app, else ours.
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

    /// As CSP writes it.
    pub(super) fn sources(&self) -> &str {
        match self {
            Self::Nobody => "'none'",
            Self::SelfOnly => "'self'",
            Self::Sources(sources) => sources,
        }
    }
}

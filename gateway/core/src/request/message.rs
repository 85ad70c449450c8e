//! The parts of a request that every version of HTTP has.

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// A token of RFC 9110 §5.6.2, in the client's spelling.
    pub name: &'a str,
    /// The value without surrounding white space; no CR, LF, NUL or other control but tab.
    pub value: &'a [u8],
}

/// The protocol that brought a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl Protocol {
    /// As the access log names it: `HTTP/1.1`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }

    /// Whether a request can become a WebSocket: by `Upgrade` (RFC 9110 §7.8), or in HTTP/2 by an extended CONNECT
    /// (RFC 8441), whose head holds the same fields.
    #[must_use]
    pub fn can_upgrade(self) -> bool {
        match self {
            Self::Http11 | Self::Http2 => true,
            Self::Http10 => false,
        }
    }

    /// Whether a client may split its cookies over several fields that are one line in HTTP/1.1 (RFC 9113 §8.2.3).
    #[must_use]
    pub fn splits_cookies(self) -> bool {
        match self {
            Self::Http2 => true,
            Self::Http10 | Self::Http11 => false,
        }
    }
}

/// The scheme of a URL (RFC 9110 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl Scheme {
    /// The scheme of an absolute URL, and what follows `SCHEME://` in it; `None` for any other text.
    #[must_use]
    pub fn split(url: &[u8]) -> Option<(Self, &[u8])> {
        [Self::Http, Self::Https].into_iter().find_map(|scheme| Some((scheme, scheme.strip(url)?)))
    }

    /// The scheme of this name, in lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    /// In lower case, without `://`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// `https` for `http`, and the other way round.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Http => Self::Https,
            Self::Https => Self::Http,
        }
    }

    /// The port of a URL that names none.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// What follows `SCHEME://` in a URL of this scheme; `None` for any other text. Schemes have no case.
    #[must_use]
    pub fn strip(self, url: &[u8]) -> Option<&[u8]> {
        let (scheme, rest) = url.split_at_checked(self.as_str().len())?;
        scheme.eq_ignore_ascii_case(self.as_str().as_bytes()).then(|| rest.strip_prefix(b"://")).flatten()
    }
}

/// The body that a head announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// No body, and no word of one.
    None,
    /// The length that the client declared, in bytes. Zero is said to the app too: some ask for a length.
    Known(u64),
    /// A body of which only its end tells the length.
    Unknown,
}

impl RequestBody {
    /// Whether no byte of a body follows.
    #[must_use]
    pub fn is_empty(self) -> bool {
        match self {
            Self::None | Self::Known(0) => true,
            Self::Known(_) | Self::Unknown => false,
        }
    }
}

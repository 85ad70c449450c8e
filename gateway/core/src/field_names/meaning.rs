//! What the names of request fields mean to the gateway.

/// What the gateway does with a request field of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A field of the app's own: it is forwarded.
    Plain,
    /// A field that HTTP or browsers define, such as `cookie`: it is forwarded.
    Message,
    /// A field of one connection (RFC 9110 §7.6.1, §10.1.1): never forwarded.
    HopByHop,
    /// A field that delimits the body: the gateway writes it.
    Framing,
    /// A field that the gateway writes in every request to the app.
    Written,
    /// `proxy`: CGI turns it into the variable `HTTP_PROXY`, which programs use as the address of their own proxy. Never
    /// forwarded.
    Httpoxy,
    /// A field that names the caller to an app. A client's is forwarded only if `identity.pass` names it.
    Identity,
    /// A field that tells an app an address, a scheme, a host, a method or a path. A client's is forwarded only if
    /// `identity.pass` names it.
    Routing,
}

impl Meaning {
    /// Why a field of this meaning is the gateway's to write, to drop or to judge; continues "it …".
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::Plain => "means nothing to the gateway",
            Self::Message => "means something else to HTTP",
            Self::HopByHop => "belongs to one connection and is never forwarded",
            Self::Framing => "delimits the body",
            Self::Written => "is written by the gateway in every request",
            Self::Httpoxy => {
                "becomes the variable HTTP_PROXY, which programs take for the address of their own proxy"
            }
            Self::Identity => "tells an app who asks",
            Self::Routing => "tells an app an address, a scheme, a host, a method or a path",
        }
    }

    /// Whether a client's field is never forwarded, whatever the configuration says.
    #[must_use]
    pub fn never_passes(self) -> bool {
        match self {
            Self::HopByHop | Self::Framing | Self::Written | Self::Httpoxy => true,
            Self::Plain | Self::Message | Self::Identity | Self::Routing => false,
        }
    }

    /// Whether a client's field is forwarded unless the configuration says otherwise.
    #[must_use]
    pub fn passes(self) -> bool {
        match self {
            Self::Plain | Self::Message => true,
            Self::HopByHop
            | Self::Framing
            | Self::Written
            | Self::Httpoxy
            | Self::Identity
            | Self::Routing => false,
        }
    }

    /// Whether the configuration may choose a field of this name to tell the app its caller.
    #[must_use]
    pub fn tells_caller(self) -> bool {
        match self {
            Self::Plain | Self::Identity => true,
            Self::Message
            | Self::HopByHop
            | Self::Framing
            | Self::Written
            | Self::Httpoxy
            | Self::Routing => false,
        }
    }

    /// Whether the configuration may choose a field of this name to carry the gateway's token.
    #[must_use]
    pub fn carries_tokens(self) -> bool {
        // The proxies of identity services send their tokens in fields such as `cf-access-jwt-assertion`.
        self.tells_caller()
    }
}

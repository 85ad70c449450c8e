//! What is wrong with a path, a token or a certificate, and why an app gave no answer: one row each.
//!
//! The client reads what is wrong with its path. All other texts are for the operator only.

/// Makes an enum of rows, and the function that reads a row.
macro_rules! faults {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident => $row:expr,)+
        }
        $(#[$read_meta:meta])*
        $visibility:vis fn $read:ident(self) -> $type:ty;
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// All of them, in the order of their rows.
            pub const ALL: [Self; [$(Self::$variant),+].len()] = [$(Self::$variant),+];

            $(#[$read_meta])*
            $visibility fn $read(self) -> $type {
                match self {
                    $(Self::$variant => $row,)+
                }
            }
        }
    };
}

faults! {
    /// Why the app and the gateway could read a path differently.
    pub enum PathFault {
        /// The path does not start with a slash.
        NoLeadingSlash => PathRow {
            text: "the path does not start with a slash",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// A `%` is not followed by two hexadecimal digits.
        PercentEncoding => PathRow {
            text: "a `%` without two hexadecimal digits",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// A control byte, also an encoded one.
        ControlByte => PathRow {
            text: "a control byte in the path",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// A backslash, also an encoded one, under `backslash = "refuse"`.
        Backslash => PathRow {
            text: "a backslash in the path: `backslash = \"name\"` lets it stand in a name",
            keys: &["backslash"],
            remedy: PathRemedy::Backslash,
        },
        /// A raw backslash and an encoded one: browsers read them differently.
        MixedBackslashes => PathRow {
            text: "a raw backslash beside an encoded one in the path",
            keys: &["backslash"],
            remedy: PathRemedy::NoKey,
        },
        /// A character in more bytes than UTF-8 allows.
        OverlongForm => PathRow {
            text: "a character in overlong form in the path",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// A segment `.` or `..`, also an encoded one.
        DotSegment => PathRow {
            text: "a dot segment in the path",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// An encoded slash, where the route does not allow one.
        EncodedSlash => PathRow {
            text: "an encoded slash in the path",
            keys: &["encoded_slash"],
            remedy: PathRemedy::EncodedSlash,
        },
        /// The route names an owner by a segment, and the path is not UTF-8.
        OwnerNotText => PathRow {
            text: "the path is not UTF-8, and its route names an owner",
            keys: &ANY_KEY,
            remedy: PathRemedy::NoKey,
        },
        /// A reading of the path names another owner.
        OtherOwner => PathRow {
            text: "another spelling of the path names another owner",
            keys: &ANY_KEY,
            remedy: PathRemedy::SpellingInAnyCase,
        },
        /// A reading of the path matches another route.
        OtherRoute => PathRow {
            text: "another spelling of the path matches another route",
            keys: &ANY_KEY,
            remedy: PathRemedy::Spelling,
        },
        /// With its slashes merged the path meets another route.
        OtherRouteMerged => PathRow {
            text: "another spelling of the path matches another route: `slashes = \"merge\"` takes `//` for `/`",
            keys: &["slashes"],
            remedy: PathRemedy::Spelling,
        },
        /// With its backslash read as a slash the path meets another route.
        OtherRouteBackslash => PathRow {
            text: "another spelling of the path matches another route: its backslash read as a slash",
            keys: &["backslash"],
            remedy: PathRemedy::SpellingInAnyCase,
        },
        /// Cut at an encoded `?` or `#` the path meets another route.
        OtherRouteCut => PathRow {
            text: "another spelling of the path matches another route: cut at its encoded `?` or `#`",
            keys: &[],
            remedy: PathRemedy::SpellingInAnyCase,
        },
        /// With a leading `//` read as the start of a host the path meets another route.
        OtherRouteHost => PathRow {
            text: "another spelling of the path matches another route: its leading `//` read as the start of a host; \
                   `slashes = \"merge\"` takes it for `/`",
            keys: &["slashes"],
            remedy: PathRemedy::Spelling,
        },
        /// With its start read as that of a host the path meets another route.
        OtherRouteAuthority => PathRow {
            text: "another spelling of the path matches another route: its start read as that of a host",
            keys: &ANY_KEY,
            remedy: PathRemedy::Spelling,
        },
        /// A reading of the path is one of the gateway's own pages.
        GatewayPage => PathRow {
            text: "another spelling of a path of the gateway's own",
            keys: &ANY_KEY,
            remedy: PathRemedy::Spelling,
        },
    }
    fn row(self) -> PathRow;
}

/// What is said of a fault of a path.
#[derive(Clone, Copy)]
struct PathRow {
    text: &'static str,
    keys: &'static [&'static str],
    remedy: PathRemedy,
}

/// What may let a path with a fault pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRemedy {
    /// Nothing: the client has to send another path.
    NoKey,
    /// Allow encoded slashes.
    EncodedSlash,
    /// Allow backslashes in names.
    Backslash,
    /// List the spelling too, merge slashes, or mind case.
    Spelling,
    /// List the spelling too, or merge slashes. To mind case does not help: some apps read the path past a rule.
    SpellingInAnyCase,
}

/// The keys that say how a path is read.
const ANY_KEY: [&str; 3] = ["encoded_slash", "slashes", "case"];

impl PathFault {
    /// What the client and the operator read.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().text
    }

    /// The keys that can have refused, nearest first.
    #[must_use]
    pub fn keys(self) -> &'static [&'static str] {
        self.row().keys
    }

    /// What may let the path pass.
    #[must_use]
    pub fn remedy(self) -> PathRemedy {
        self.row().remedy
    }
}

faults! {
    /// Why the certificate of a client names no user. For the log.
    pub enum SubjectFault {
        /// It has no common name.
        Nameless => "its subject has no common name",
        /// It has several common names.
        Ambiguous => "its subject has several common names",
        /// A common name or an organisational unit that cannot be used, or too many units.
        Unusable =>
            "its common name or an organisational unit is not a text of 1 to 256 bytes, or holds a control character, or there are \
            more than 64 units",
    }
    /// What the operator reads in the log.
    #[must_use]
    pub fn reason(self) -> &'static str;
}

faults! {
    /// What is wrong with a token. For the log; the client only learns `invalid_token`.
    pub enum TokenFault {
        /// Larger than `max_bytes`.
        TooLarge => "token is larger than `max_bytes`",
        /// Not three base64url parts, or the parts are not JSON objects of the right shape.
        Malformed => "token is not a signed JSON Web Token",
        /// The header says something we never accept: `none`, `crit`, `zip`, `b64`, a foreign `typ`.
        Header => "token header says `none`, `crit`, `zip`, `b64` or a foreign `typ`",
        /// No key of the provider fits `kid` and `alg`.
        UnknownKey => "no key of the provider (`keys`, `jwks`) fits the token's `kid` and `alg`",
        /// The signature does not verify.
        Signature => "token signature does not verify with the key of the provider (`keys`, `jwks`)",
        /// `iss` is missing, of the wrong type or not ours.
        Issuer => "token claim `iss` is not the provider's `issuer`",
        /// `aud` is missing, of the wrong type or not ours.
        Audience => "token claim `aud` has none of the provider's `audience`",
        /// `exp` is missing or of the wrong type.
        Expiry => "token claim `exp` is missing or not a number",
        /// `nbf` is in the future, or of the wrong type.
        NotYetValid =>
            "token claim `nbf` is in the future or not a number; `leeway` allows for clocks that differ",
        /// `iat` is in the future, or of the wrong type.
        IssuedLater =>
            "token claim `iat` is in the future or not a number; `leeway` allows for clocks that differ",
        /// Valid for longer than `max_lifetime`.
        Lifetime => "token is valid for longer than `max_lifetime`",
        /// The user claim is missing, empty, too long, holds controls, or is no string.
        User => "token's user claim (`claims.user`) is not a text of 1 to 256 bytes, or holds a control character",
        /// Roles or scopes are of the wrong type.
        Claims =>
            "token's roles or scopes (`claims.roles`, `claims.scopes`) are neither a text nor a list of texts",
        /// More roles or scopes than are read.
        Names =>
            "token has more than 1024 roles or more than 1024 scopes (`claims.roles`, `claims.scopes`)",
        /// A role or scope holds a control character.
        Controls =>
            "one of the token's roles or scopes (`claims.roles`, `claims.scopes`) holds a control character",
    }
    /// What the operator reads in the log.
    #[must_use]
    pub fn reason(self) -> &'static str;
}

faults! {
    /// Why an app gave no answer. For the log, `why` and the metrics; the client learns nothing of it.
    pub enum UpstreamFault {
        /// Nothing listens at its address.
        Refused => UpstreamRow {
            label: "refused",
            reason: "nothing listens at the address in `upstream.urls`",
            advice: "start the app, or see where it listens: nothing listens at `URL`",
        },
        /// Its name has no address.
        NoSuchName => UpstreamRow {
            label: "no_such_name",
            reason: "the name in `upstream.urls` has no address",
            advice:
                "see whether the name in `URL` is right, and whether the machine or container of the gateway can resolve it",
        },
        /// No network leads to its address.
        NoRoute => UpstreamRow {
            label: "no_route",
            reason: "no network leads to the address in `upstream.urls`",
            advice: "see whether the gateway and the app at `URL` share a network",
        },
        /// The system does not let the gateway connect to it.
        NotPermitted => UpstreamRow {
            label: "not_permitted",
            reason: "the system does not let the gateway connect to the address in `upstream.urls`",
            advice:
                "let the user of the gateway reach `URL`: the mode and the group of a Unix socket and of its folders, or the firewall of this machine",
        },
        /// The gateway has as many files and connections open as it may.
        OutOfDescriptors => UpstreamRow {
            label: "out_of_descriptors",
            reason: "gateway has no file descriptor left for a connection to the app",
            advice:
                "let the gateway open more files (`LimitNOFILE` of its unit, `ulimit -n`, `ulimits` of its container): it had none left for `URL`",
        },
        /// The system has no local address or no free port for a connection to its address.
        NoLocalAddress => UpstreamRow {
            label: "no_local_address",
            reason: "this machine has no local address or no free port for a connection to the address in `upstream.urls`",
            advice:
                "see whether this machine has IPv6 where `URL` leads to an IPv6 address; else its ports are used up: let the app keep connections open between requests, or widen `net.ipv4.ip_local_port_range`",
        },
        /// It reset the connection.
        Reset => UpstreamRow {
            label: "reset",
            reason: "app reset the connection before its answer was whole",
            advice: "see the log of the app at `URL`: it ended the connection without an answer",
        },
        /// It closed the connection before its answer was whole.
        Closed => UpstreamRow {
            label: "closed",
            reason: "app closed the connection before its answer was whole",
            advice: "see the log of the app at `URL`: it ended the connection without an answer",
        },
        /// It took too long.
        Timeout => UpstreamRow {
            label: "timeout",
            reason: "app took longer than `upstream.connect` or `upstream.read`",
            advice:
                "see why the app at `URL` is slow; `upstream.connect` and `upstream.read` are its deadlines",
        },
        /// It speaks TLS where plain HTTP is expected.
        SpeaksTls => UpstreamRow {
            label: "tls",
            reason: "app speaks TLS at the address in `upstream.urls`, which says `http`",
            advice: "write `https://` in the place of `URL`, or name a port where the app speaks plain HTTP",
        },
        /// It does not speak TLS where TLS is expected.
        SpeaksNoTls => UpstreamRow {
            label: "tls",
            reason: "app does not speak TLS at the address in `upstream.urls`, which says `https`",
            advice: "write `http://` in the place of `URL`, or name a port where the app speaks TLS",
        },
        /// Its certificate is by an issuer that is not trusted.
        CertificateIssuer => UpstreamRow {
            label: "tls",
            reason:
                "app's certificate is by an issuer that `upstream.ca` does not list, or, without that key, that browsers do not trust",
            advice:
                "name the PEM file with the certificate of the issuer, or with that of the app at `URL` itself, in `upstream.ca`",
        },
        /// Its certificate is for another name.
        CertificateName => UpstreamRow {
            label: "tls",
            reason:
                "app's certificate is for another name than `upstream.server_name`, or, without that key, than the host in `upstream.urls`",
            advice: "name one of the names in the certificate of the app at `URL` in `upstream.server_name`; the log lists them",
        },
        /// Its certificate is not valid at this time.
        CertificateTime => UpstreamRow {
            label: "tls",
            reason: "app's certificate has expired, or is not valid yet",
            advice: "renew the certificate of the app at `URL`, and see whether the clocks of both machines are right",
        },
        /// Its certificate cannot be accepted for another reason.
        Certificate => UpstreamRow {
            label: "tls",
            reason: "app's certificate is malformed, not one for servers, or signed in a way that is not accepted",
            advice: "give the app at `URL` another certificate; the log says what is wrong with this one",
        },
        /// The TLS handshake with it failed, or TLS broke off later, though not for its certificate.
        TlsHandshake => UpstreamRow {
            label: "tls",
            reason: "app ended the TLS handshake, or has no version or cipher in common with the gateway",
            advice:
                "see whether the app at `URL` speaks TLS 1.2 or 1.3 and asks for no client certificate; the log says what it answered",
        },
        /// Its answer is malformed, or one that may not be passed on.
        BadAnswer => UpstreamRow {
            label: "bad_answer",
            reason: "app's answer is not HTTP, or must not be passed on",
            advice: "see what the app at `URL` answers to a request that does not pass the gateway",
        },
    }
    fn row(self) -> UpstreamRow;
}

/// What is said of an app's fault.
#[derive(Clone, Copy)]
struct UpstreamRow {
    label: &'static str,
    reason: &'static str,
    /// `URL` stands for the app's address.
    advice: &'static str,
}

impl UpstreamFault {
    /// The stable name, as in logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// What the operator reads in the log.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.row().reason
    }

    /// What the operator may do about it; `url` is where the app is looked for.
    #[must_use]
    pub fn advice(self, url: &str) -> String {
        self.row().advice.replace("URL", url)
    }
}

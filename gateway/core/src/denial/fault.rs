//! What is wrong with a token, and why an app gave no answer: one row each.
//!
//! These texts are for the operator. A client is told none of them.

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
    /// What is wrong with a token. For the log; the client only learns `invalid_token`.
    pub enum TokenFault {
        /// Larger than `max_bytes`.
        TooLarge => "token is larger than `max_bytes`",
        /// Not three base64url parts, or the parts are not JSON objects of the right shape.
        Malformed => "token is not a signed JSON Web Token",
        /// The header says something we never accept: `none`, `crit`, `zip`, `b64`, a foreign `typ`.
        Header => "token header says `none`, `crit`, `zip`, `b64` or a foreign `typ`",
        /// No key of the provider fits `kid` and `alg`.
        UnknownKey => "no key in `keys` fits the token's `kid` and `alg`",
        /// The signature does not verify.
        Signature => "token signature does not verify with the key in `keys`",
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
        /// It speaks TLS where plain HTTP is expected, or the other way round.
        Tls => UpstreamRow {
            label: "tls",
            reason: "app speaks TLS at the address in `upstream.urls`, which says `http`",
            advice: "let the app at `URL` speak plain HTTP to the gateway, or name a port where it does",
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

//! Which names of the client's fields may reach the app.
//!
//! Names are compared folded, because CGI, WSGI and PHP fold them: `X_Auth_User`, `x-auth-user` and
//! `X.Auth.User` can be one variable there.

/// What becomes of a field by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It passes.
    Kept,
    /// The gateway writes it itself, or it ends at this connection; never let through.
    Ours,
    /// The app could take it for the word of a proxy; let through by `identity.pass` alone.
    Spoof,
}

/// The fate of the field `name`, in any case and spelling.
pub(super) fn fate(name: &str) -> Fate {
    let mut buffer = [0; LONGEST];
    let folded = folded(name, &mut buffer);
    // A longer name was cut: it can match by how it begins, but is none of the whole names.
    let whole = name.len() <= LONGEST;
    if whole && OURS.contains(&folded) {
        Fate::Ours
    } else if (whole && SPOOFS.contains(&folded))
        || SPOOF_STARTS.iter().any(|start| folded.starts_with(start))
    {
        Fate::Spoof
    } else {
        Fate::Kept
    }
}

/// Whether two names fold to the same.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| fold(a) == fold(b))
}

/// Lower case, and everything that is no letter or digit as `-`.
fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

fn folded<'b>(name: &str, buffer: &'b mut [u8; LONGEST]) -> &'b [u8] {
    for (place, byte) in buffer.iter_mut().zip(name.bytes()) {
        *place = fold(byte);
    }
    buffer.get(..name.len()).unwrap_or(buffer)
}

/// Longer than any name below.
const LONGEST: usize = 40;

/// Hop-by-hop fields (RFC 9110 §7.6.1), framing, and what stands in every request because the gateway writes it.
const OURS: [&[u8]; 19] = [
    b"connection",
    b"content-length",
    b"expect",
    b"host",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
    b"x-request-id",
    // CGI makes it the variable HTTP_PROXY, which programs take for their own proxy.
    b"proxy",
];

/// Identity, method, path and address as only a proxy may state them.
const SPOOFS: [&[u8]; 22] = [
    b"cf-connecting-ip",
    b"forwarded",
    // WSGI servers and apps cut the script name off the path: `/public/admin` would be read as `/admin`.
    b"path-info",
    b"script-name",
    b"true-client-ip",
    b"x-auth-email",
    b"x-client-ip",
    b"x-forwarded",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-uri",
    b"x-original-url",
    b"x-real-ip",
    b"x-rewrite-url",
    b"x-scheme",
    b"x-script-name",
    b"x-user",
    b"x-user-email",
    b"x-user-id",
    b"x-user-name",
    b"x-username",
];

/// Whatever begins so. An app's own `x-auth-token` or `x-user-agent` does not.
const SPOOF_STARTS: [&[u8]; 13] = [
    b"remote-",
    b"tailscale-user-",
    b"x-auth-group",
    b"x-auth-request-",
    b"x-auth-role",
    b"x-auth-user",
    b"x-authentik-",
    b"x-client-cert",
    b"x-forwarded-",
    b"x-remote-",
    b"x-ssl-client",
    b"x-user-role",
    b"x-webauth-",
];

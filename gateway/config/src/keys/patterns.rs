//! Regular expressions (ECMA 262) of strings, for editors.

/// Authentication methods that are needed together.
pub(super) const METHODS: &str = r"^[!#-*,-\[\]-~]{1,128}(\+[!#-*,-\[\]-~]{1,128})*$";
/// An authentication context.
pub(super) const CONTEXT: &str = r"^[!#-\[\]-~]{1,128}$";
/// Where a token may stand.
pub(super) const SOURCE: &str = r"^(bearer|(header|cookie|query):.+)$";
/// An address with a port, the path of a Unix socket, or the name of passed sockets.
pub(super) const LISTEN: &str = r"^(unix:[^@].*|fd:[^:]+|(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+)$";
/// Permission bits, in octal.
pub(super) const UNIX_MODE: &str = r"^0?[0-7]{3}$";
/// An address with a port, or none.
pub(super) const SOCKET_OR_OFF: &str = r"^(off|(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+)$";
/// An address or a network.
pub(super) const NETWORK: &str = r"^[0-9A-Fa-f:.]+(/[0-9]+)?$";
/// An address or a network, or the clients of Unix sockets.
pub(super) const PEERS: &str = r"^(unix|[0-9A-Fa-f:.]+(/[0-9]+)?)$";
/// The name of a query parameter.
pub(super) const PARAMETER: &str = r"^[^\s&=;?#%+\[\]]+$";
/// A rate or a quota.
pub(super) const LIMIT: &str =
    r"^\s*[0-9]+\s*/\s*[0-9]*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(\s+burst\s+[0-9]+)?\s*$";
/// The address of an app.
pub(super) const URL: &str = r"^([hH][tT][tT][pP][sS]?://[^/?#@\s]+/?|unix:/.*[^/])$";
/// The address of a service.
pub(super) const SERVICE_URL: &str = r"^[hH][tT][tT][pP][sS]?://[^/?#@\s]+([/?][^#\s]*)?$";
/// An algorithm whose key may be published.
pub(super) const PUBLIC_ALGORITHM: &str = r"^((RS|PS)(256|384|512)|ES(256|384)|EdDSA)$";
/// A path below which an app lies, or its root.
pub(super) const BASE: &str = r"^(/|(/[A-Za-z0-9._~-]+)+)$";
/// An origin as browsers send it, or any.
pub(super) const ORIGIN: &str = r"^(\*|[A-Za-z][A-Za-z0-9+.-]*://[^/?#@*\s,]+)$";
/// A name, a wildcard, or an address with or without brackets.
pub(super) const HOST: &str = r"^((\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])$";
/// A name without a wildcard, or an address with or without brackets.
pub(super) const WHOLE_HOST: &str = r"^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])$";

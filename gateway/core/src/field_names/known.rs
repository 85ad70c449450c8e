//! The list of known field names.
//!
//! The names are folded, sorted by their bytes, and listed once, as a test checks. A comment names the program that writes
//! a field if the name does not.

use super::meaning::Meaning::{self, Framing, HopByHop, Httpoxy, Identity, Message, Routing, Written};

/// Whole names; they go before [`STARTS`].
pub(super) const WHOLE: &[(&str, Meaning)] = &[
    ("age", Message),
    ("authorization", Message),
    ("cache-control", Message),
    ("cf-connecting-ip", Routing),
    ("cf-connecting-ipv6", Routing),
    ("cf-pseudo-ipv4", Routing),
    ("client-ip", Routing),
    ("connection", HopByHop),
    ("content-length", Framing),
    ("cookie", Message),
    ("date", Message),
    ("depth", Message),
    ("destination", Message),
    ("dnt", Message),
    ("early-data", Message),
    // Answered by the gateway itself.
    ("expect", HopByHop),
    ("fastly-client-ip", Routing),
    ("fly-client-ip", Routing),
    ("forwarded", Routing),
    ("from", Message),
    // Microsoft
    ("front-end-https", Routing),
    ("host", Written),
    ("http2-settings", HopByHop),
    ("if", Message),
    ("if-match", Message),
    // IBM Security Verify Access
    ("iv-user", Identity),
    ("keep-alive", HopByHop),
    ("link", Message),
    ("lock-token", Message),
    ("max-forwards", Message),
    // mod_auth_openidc
    ("oidc-access-token", Identity),
    ("oidc-id-token", Identity),
    ("origin", Message),
    ("overwrite", Message),
    // WSGI servers and apps cut the script name off the path: `/public/admin` would be read as `/admin`.
    ("path-info", Routing),
    ("pragma", Message),
    ("prefer", Message),
    ("priority", Message),
    // See httpoxy.org.
    ("proxy", Httpoxy),
    ("proxy-authenticate", HopByHop),
    ("proxy-authorization", HopByHop),
    ("proxy-connection", HopByHop),
    ("range", Message),
    ("referer", Message),
    ("remote-addr", Routing),
    ("remote-host", Routing),
    ("remote-port", Routing),
    ("script-name", Routing),
    // SiteMinder
    ("sm-user", Identity),
    ("tailscale-app-capabilities", Identity),
    ("te", HopByHop),
    ("timeout", Message),
    ("trailer", HopByHop),
    ("transfer-encoding", Framing),
    ("true-client-ip", Routing),
    ("upgrade", HopByHop),
    ("user-agent", Message),
    ("vary", Message),
    ("via", Message),
    ("warning", Message),
    // Kong
    ("x-anonymous-consumer", Identity),
    ("x-auth-email", Identity),
    ("x-client-ip", Routing),
    ("x-cluster-client-ip", Routing),
    ("x-forwarded", Routing),
    ("x-forwarded-client-cert", Identity),
    ("x-forwarded-email", Identity),
    ("x-forwarded-for", Written),
    ("x-forwarded-groups", Identity),
    ("x-forwarded-host", Written),
    ("x-forwarded-port", Written),
    ("x-forwarded-preferred-username", Identity),
    ("x-forwarded-proto", Written),
    ("x-forwarded-user", Identity),
    ("x-host", Routing),
    // Symfony and others
    ("x-http-host-override", Routing),
    ("x-http-method", Routing),
    ("x-http-method-override", Routing),
    ("x-method-override", Routing),
    // Next.js skips its middleware, and with it the login.
    ("x-middleware-subrequest", Routing),
    // ingress-nginx
    ("x-original-forwarded-for", Routing),
    ("x-original-host", Routing),
    ("x-original-method", Routing),
    ("x-original-uri", Routing),
    ("x-original-url", Routing),
    ("x-real-ip", Routing),
    ("x-remote-addr", Routing),
    ("x-request-id", Written),
    ("x-requested-with", Message),
    ("x-rewrite-url", Routing),
    ("x-scheme", Routing),
    ("x-script-name", Routing),
    // caddy-security
    ("x-token-subject", Identity),
    ("x-url-scheme", Routing),
    ("x-user", Identity),
    ("x-user-email", Identity),
    ("x-user-id", Identity),
    ("x-user-name", Identity),
    ("x-username", Identity),
];

/// Every name that begins with one of these. None of them begins with another one. An app's own `x-auth-token` or
/// `x-user-agent` is not among them.
pub(super) const STARTS: &[(&str, Meaning)] = &[
    ("accept", Message),
    ("access-control-", Message),
    ("cf-access-", Identity),
    ("content-", Message),
    ("if-", Message),
    // mod_auth_openidc
    ("oidc-claim-", Identity),
    ("remote-", Identity),
    ("sec-", Message),
    // Shibboleth
    ("shib-", Identity),
    // nginx and Apache
    ("ssl-client-", Identity),
    ("tailscale-user-", Identity),
    ("x-amzn-mtls-", Identity),
    ("x-amzn-oidc-", Identity),
    ("x-auth-group", Identity),
    ("x-auth-request-", Identity),
    ("x-auth-role", Identity),
    ("x-auth-user", Identity),
    ("x-authenticated-", Identity),
    ("x-authentik-", Identity),
    ("x-client-cert", Identity),
    // Kong
    ("x-consumer-", Identity),
    ("x-credential-", Identity),
    ("x-envoy-", Routing),
    ("x-forwarded-", Routing),
    ("x-goog-authenticated-user-", Identity),
    ("x-goog-iap-", Identity),
    ("x-ms-client-principal", Identity),
    ("x-ms-token-", Identity),
    ("x-pomerium-", Identity),
    ("x-remote-", Identity),
    ("x-ssl-client", Identity),
    // caddy-security
    ("x-token-user-", Identity),
    ("x-user-role", Identity),
    // Vouch Proxy
    ("x-vouch-", Identity),
    ("x-webauth-", Identity),
];

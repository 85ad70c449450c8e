//! The host of a request against the server name of its TLS connection.
//!
//! Protects every host from requests that arrive on a connection that was made for another one: what the handshake decided, such as
//! which certificate a client is shown, was decided for the server name. A client may use a connection for a further host if its
//! certificate is for that host too (RFC 9113 §9.1.1). A client that named no server was shown the first certificate, and may ask
//! for any host. Both the server name and the host are the client's choice; neither is believed for anything else here. Nothing
//! is stored.

use crate::denial::Denial;
use crate::host::{split_port, without_trailing_dot};
use crate::tls::{TlsSession, Transport};

/// Evidence: the connection may carry requests for the host.
#[derive(Debug)]
pub struct ServerNameChecked(());

impl ServerNameChecked {
    /// For a request that came over no connection: a dry run.
    pub(crate) const DRY_RUN: Self = Self(());
}

/// Checks the host that the request itself names.
///
/// # Errors
/// [`Denial::Misdirected`] where the connection was made for another host.
pub fn check(transport: &Transport, host: &str) -> Result<ServerNameChecked, Denial> {
    match transport {
        Transport::Plain => Ok(ServerNameChecked(())),
        Transport::Tls(session) if is_for(session, host) => Ok(ServerNameChecked(())),
        Transport::Tls(_) => Err(Denial::Misdirected),
    }
}

fn is_for(session: &TlsSession, host: &str) -> bool {
    let Some(server_name) = &session.server_name else { return true };
    let name = split_port(host).map_or(host, |(name, _)| without_trailing_dot(name));
    server_name.eq_ignore_ascii_case(name) || session.certificate.covers(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use super::*;
    use crate::tls::CertificateNames;

    fn over_tls(server_name: Option<&str>) -> Transport {
        let names = ["media.example.com", "*.films.example.com"];
        let certificate = CertificateNames::new(names, ["192.0.2.1".parse().unwrap()]);
        let server_name = server_name.map(Into::into);
        Transport::Tls(Arc::new(TlsSession { server_name, certificate: Arc::new(certificate), client: None }))
    }

    #[test]
    fn a_connection_is_for_its_server_name_and_for_what_its_certificate_is_for() {
        let named = over_tls(Some("media.example.com"));
        // The certificate is for another name, as in a house without a certificate for this one.
        let other = over_tls(Some("nas.example.com"));
        let nameless = over_tls(None);
        for (transport, host, passes) in [
            (&Transport::Plain, "anything", true),
            (&named, "media.example.com", true),
            (&named, "MEDIA.example.com:8443", true),
            (&named, "media.example.com.", true),
            (&named, "a.films.example.com", true),
            (&named, "192.0.2.1", true),
            (&named, "films.example.com", false),
            (&named, "b.a.films.example.com", false),
            (&named, "nas.example.com", false),
            (&named, "media.example.com.evil.example", false),
            (&other, "nas.example.com", true),
            (&other, "nas.example.com:443", true),
            (&other, "media.example.com", true),
            (&other, "router.example.com", false),
            (&nameless, "router.example.com", true),
        ] {
            let checked = check(transport, host).map(drop);
            assert_eq!(
                checked,
                if passes { Ok(()) } else { Err(Denial::Misdirected) },
                "{transport:?} {host}"
            );
        }
    }
}

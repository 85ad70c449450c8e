//! The certificate of the client against the authorities that the app asks for.
//!
//! Protects an app with `client_ca` from every connection on which no certificate of its own authorities was verified: one without TLS,
//! one of a client that named no server, and one that was made for another host or before the authorities were changed. The
//! handshake asks for a certificate by the server name (`policy::Policy::client_authority`); what it proved is compared here with the app
//! that the request is for, as both the server name and the host are the client's choice. A connection that was made for an app with
//! `client_ca` serves no app without it either, so that what is proven on one is never what another goes by. A certificate that has ended
//! since its handshake counts no longer. Trust: what the handshake verified alone, never a field of a proxy. Bounds: a few
//! comparisons; nothing is stored. RFC 5280 §4.1.2.5, RFC 9110 §15.5.20.

use crate::clock::Now;
use crate::denial::Denial;
use crate::policy::ClientAuthority;
use crate::tls::Transport;

/// Evidence: the connection has proven what the app asks for.
#[derive(Debug)]
pub struct ClientCertificateChecked(());

impl ClientCertificateChecked {
    /// For a request that came over no connection: a dry run.
    pub(crate) const DRY_RUN: Self = Self(());
}

/// Checks the connection of a request for an app that asks for this authority, or for none.
///
/// # Errors
/// [`Denial::ClientCertificate`].
pub fn check(
    transport: &Transport,
    asked: Option<&ClientAuthority>,
    now: Now,
) -> Result<ClientCertificateChecked, Denial> {
    match (transport.client_certificate(), asked) {
        (None, None) => Ok(ClientCertificateChecked(())),
        (Some(shown), Some(asked)) if shown.authority == asked.id() && now.unix() <= shown.not_after => {
            Ok(ClientCertificateChecked(()))
        }
        (_, Some(_)) | (Some(_), None) => Err(Denial::ClientCertificate),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::denial::SubjectFault;
    use crate::tls::{AuthorityId, CertificateNames, ClientCertificate, TlsSession};

    #[test]
    fn an_app_is_served_on_what_its_own_authorities_verified_alone() {
        let authority = |certificate: &[u8]| {
            ClientAuthority::new("clients.pem", vec![certificate.to_vec().into()], Vec::new())
        };
        let (family, guests) = (authority(b"family"), authority(b"guests"));
        let now = Now::new(Duration::ZERO, Duration::from_secs(1000));
        let over_tls = |client: Option<(AuthorityId, u64)>| {
            let client = client.map(|(authority, not_after)| ClientCertificate {
                authority,
                not_before: Duration::ZERO,
                not_after: Duration::from_secs(not_after),
                subject: Err(SubjectFault::Nameless),
            });
            let certificate = Arc::new(CertificateNames::default());
            Transport::Tls(Arc::new(TlsSession { server_name: None, certificate, client }))
        };
        for (transport, asked, passes) in [
            (Transport::Plain, None, true),
            (Transport::Plain, Some(&family), false),
            (over_tls(None), None, true),
            (over_tls(None), Some(&family), false),
            (over_tls(Some((family.id(), 1000))), Some(&family), true),
            (over_tls(Some((family.id(), 999))), Some(&family), false),
            (over_tls(Some((guests.id(), 2000))), Some(&family), false),
            (over_tls(Some((family.id(), 2000))), None, false),
        ] {
            let checked = check(&transport, asked, now).map(drop);
            let expected = if passes { Ok(()) } else { Err(Denial::ClientCertificate) };
            assert_eq!(checked, expected, "{transport:?} {asked:?}");
        }
    }
}

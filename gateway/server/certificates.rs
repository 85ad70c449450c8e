//! The certificates in force: which of them a client is shown, and the TLS configuration of its connection.
//!
//! They are replaced as a whole (`ArcSwap`): by a reload with those of its policy, and by a renewal with what is in their files
//! now (`certificate_renewal.rs`). A connection keeps the one that it began with.
//!
//! Session tickets (RFC 5077, RFC 8446 §4.6.1) are sealed with keys that rotate every six hours and never leave the process. rustls
//! takes a ticket back only for the server name that it was made for. A connection whose client has to show a certificate gets no
//! ticket: with one, the certificate would not be verified again once it is revoked, has ended, or its authority is no longer named.

mod listing;
mod renewal_fault;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};
use stagedoor_config::certificate::{Certificate, clients};
use stagedoor_core::policy::{ClientAuthority, TlsPolicy, TlsVersion};
use stagedoor_core::tls::AuthorityId;

pub(crate) use listing::listing;
pub(crate) use renewal_fault::RenewalFault;

/// The protocols over TLS that are offered (RFC 7301), in the order of preference.
const PROTOCOLS: &[&[u8]] = &[HTTP2, b"http/1.1"];
/// The name of HTTP/2 among them (RFC 9113 §3.1).
pub(crate) const HTTP2: &[u8] = b"h2";

/// The certificates in force, and what all their connections share.
pub(crate) struct Certificates {
    provider: Arc<CryptoProvider>,
    ticketer: Arc<dyn ProducesTickets>,
    served: ArcSwap<Vec<Arc<ServedCertificate>>>,
    faults: ArcSwap<Vec<RenewalFault>>,
    /// Held while they are replaced.
    replacing: Mutex<Wanted>,
}

/// What the policy asks of the configurations.
#[derive(Debug)]
struct Wanted {
    oldest: TlsVersion,
    /// What verifies clients, by their authorities.
    clients: Vec<(AuthorityId, Arc<dyn ClientCertVerifier>)>,
}

/// A certificate in force.
#[derive(Debug)]
pub(crate) struct ServedCertificate {
    /// The certificate.
    pub(crate) certificate: Certificate,
    /// The configuration of a connection that is shown it, and whose client is asked for no certificate.
    config: Arc<ServerConfig>,
    /// Those of connections whose clients are asked for a certificate, by the authorities that verify it.
    with_clients: Vec<(AuthorityId, Arc<ServerConfig>)>,
}

impl ServedCertificate {
    /// The configuration of a connection that is shown it, and whose client has to show a certificate of this authority; `None` where no
    /// app of the policy asks for that one.
    pub(crate) fn config(&self, authority: Option<AuthorityId>) -> Option<&Arc<ServerConfig>> {
        match authority {
            None => Some(&self.config),
            Some(authority) => {
                self.with_clients.iter().find(|(id, _)| *id == authority).map(|(_, config)| config)
            }
        }
    }
}

impl Certificates {
    /// Without a certificate.
    ///
    /// # Errors
    /// There are no random bytes for the keys of the tickets.
    pub(crate) fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
            ticketer: aws_lc_rs::Ticketer::new()?,
            served: ArcSwap::default(),
            faults: ArcSwap::default(),
            replacing: Mutex::new(Wanted { oldest: TlsVersion::Tls12, clients: Vec::new() }),
        })
    }

    /// Puts the certificates of a policy in force, and the authorities of the clients of its apps.
    ///
    /// # Errors
    /// The cryptography does not support a version of TLS, a fault of this file; or an authority of clients cannot be used, which the
    /// compiler of the configuration refuses.
    pub(crate) fn install(
        &self,
        tls: &TlsPolicy,
        authorities: Vec<Arc<ClientAuthority>>,
        certificates: Vec<Certificate>,
    ) -> Result<(), rustls::Error> {
        let verifier = |authority: Arc<ClientAuthority>| {
            let verifier = clients::verifier(&authority).map_err(rustls::Error::General)?;
            Ok::<_, rustls::Error>((authority.id(), verifier))
        };
        let clients = authorities.into_iter().map(verifier).collect::<Result<_, _>>()?;
        let mut replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted =
            Wanted { oldest: tls.https().map_or(TlsVersion::Tls12, |https| https.min_version), clients };
        let served = certificates
            .into_iter()
            .map(|certificate| self.serve(certificate, &wanted).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        *replacing = wanted;
        self.served.store(Arc::new(served));
        Ok(())
    }

    /// Puts a renewed certificate in the place of the one that was read from the same files. Returns whether there was one.
    ///
    /// # Errors
    /// As [`Certificates::install`].
    pub(crate) fn replace(&self, renewed: Certificate) -> Result<bool, rustls::Error> {
        let wanted = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut served = Vec::clone(&self.served.load());
        let Some(old) = served.iter_mut().find(|old| old.certificate.files == renewed.files) else {
            return Ok(false);
        };
        *old = Arc::new(self.serve(renewed, &wanted)?);
        self.served.store(Arc::new(served));
        Ok(true)
    }

    /// All of them, in the order of the policy.
    pub(crate) fn all(&self) -> Arc<Vec<Arc<ServedCertificate>>> {
        self.served.load_full()
    }

    /// Notes all renewals that fail now.
    pub(crate) fn note_faults(&self, faults: Vec<RenewalFault>) {
        self.faults.store(Arc::new(faults));
    }

    /// The renewals that fail.
    pub(crate) fn faults(&self) -> Arc<Vec<RenewalFault>> {
        self.faults.load_full()
    }

    /// For each host of a certificate, when the certificate ends, in seconds since the epoch.
    pub(crate) fn ends(&self) -> Vec<(String, u64)> {
        let ends = |one: &Arc<ServedCertificate>| {
            let not_after = one.certificate.not_after;
            listing::hosts(&one.certificate)
                .into_iter()
                .map(move |host| (host, not_after))
                .collect::<Vec<_>>()
        };
        self.served.load().iter().flat_map(ends).collect()
    }

    /// The certificate for a client that asks for this server, can verify signatures of these kinds and speaks these cipher suites; `None`
    /// where there is none at all.
    ///
    /// It is the first one that is for the server and that the client can verify, else the first one for the server. Without one,
    /// or without a name, it is the first of all that the client can verify, else the first: an address has no name, and a browser then
    /// says whose certificate it is.
    pub(crate) fn choose(
        &self,
        server_name: Option<&str>,
        schemes: &[SignatureScheme],
        suites: &[CipherSuite],
    ) -> Option<Arc<ServedCertificate>> {
        let served = self.served.load();
        let mut of_name =
            served.iter().filter(|one| server_name.is_some_and(|name| one.certificate.names.covers(name)));
        let verifies = |one: &&Arc<ServedCertificate>| {
            let key = &one.certificate.key.key;
            key.choose_scheme(schemes).is_some() && self.is_usable(key.algorithm(), suites)
        };
        let chosen = of_name.clone().find(verifies).or_else(|| of_name.next());
        chosen.or_else(|| served.iter().find(verifies)).or_else(|| served.first()).map(Arc::clone)
    }

    /// Whether one of these cipher suites goes with a key of this kind: those of TLS 1.2 name one (RFC 8422 §5.10), so that a client may
    /// know a kind of signature and still be unable to use it.
    fn is_usable(&self, key: SignatureAlgorithm, suites: &[CipherSuite]) -> bool {
        let mut spoken = self.provider.cipher_suites.iter().filter(|suite| suites.contains(&suite.suite()));
        spoken.any(|suite| suite.usable_for_signature_algorithm(key))
    }

    fn serve(&self, certificate: Certificate, wanted: &Wanted) -> Result<ServedCertificate, rustls::Error> {
        let Wanted { oldest, clients } = wanted;
        let mut config = self.config(&certificate, *oldest, None)?;
        config.ticketer = Arc::clone(&self.ticketer);
        let with_clients = clients.iter().map(|(authority, verifier)| {
            let mut config = self.config(&certificate, *oldest, Some(Arc::clone(verifier)))?;
            config.send_tls13_tickets = 0;
            Ok::<_, rustls::Error>((*authority, Arc::new(config)))
        });
        let with_clients = with_clients.collect::<Result<_, _>>()?;
        Ok(ServedCertificate { certificate, config: Arc::new(config), with_clients })
    }

    /// A configuration without tickets.
    fn config(
        &self,
        certificate: &Certificate,
        oldest: TlsVersion,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<ServerConfig, rustls::Error> {
        let versions: &[&SupportedProtocolVersion] = match oldest {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let shown = Arc::new(SingleCertAndKey::from(Arc::clone(&certificate.key)));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
            .with_cert_resolver(shown);
        config.alpn_protocols = PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
        // Tickets hold the sessions: nothing is stored for a client, and nothing is accepted before its handshake is complete.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.max_early_data_size = 0;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;

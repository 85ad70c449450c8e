//! TLS towards apps: which certificates are accepted.
//!
//! The handshake is not that of pingora's connector: it would check no certificate where no name is given, would build its
//! settings anew for each connection, and says of a failure nothing but a text.
//!
//! Trust: none in the app before its certificate has been verified (RFC 9525). HTTP/1.1 alone is offered (RFC 7301), and no data is
//! sent before the handshake has ended. Bounds: the sessions to resume of [`SESSIONS_OF_NAMES`] names, and one upstream has one
//! name; the caller limits the time.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use pingora::protocols::Stream;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use stagedoor_core::policy::{CertificateTrust, UpstreamTls};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Of how many names sessions are kept to be resumed.
const SESSIONS_OF_NAMES: usize = 1;

/// TLS with one app.
pub(super) struct AppTls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
}

impl AppTls {
    pub(super) fn new(policy: &UpstreamTls) -> Self {
        let UpstreamTls { server_name, trust } = policy;
        Self { connector: Arc::new(settings(trust)).into(), server_name: server_name.clone() }
    }

    /// The name that the certificate has to be for.
    pub(super) fn server_name(&self) -> Cow<'_, str> {
        self.server_name.to_str()
    }

    /// Makes the handshake.
    pub(super) async fn handshake(&self, stream: Stream) -> io::Result<Box<TlsStream<Stream>>> {
        self.connector.connect(self.server_name.clone(), stream).await.map(Box::new)
    }
}

/// The settings of TLS with an app or a service whose certificate is by whom `trust` says.
pub(crate) fn settings(trust: &CertificateTrust) -> ClientConfig {
    let provider = aws_lc_rs::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let verifier = match trust {
        CertificateTrust::WebAuthorities => {
            let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            AppVerifier { accepts: Accepts::IssuedBy { roots, listed: [].into() }, algorithms }
        }
        CertificateTrust::Listed(listed) => {
            let mut roots = RootCertStore::empty();
            // The compiler of the configuration has refused what cannot be read.
            roots.add_parsable_certificates(listed.iter().cloned());
            AppVerifier { accepts: Accepts::IssuedBy { roots, listed: Arc::clone(listed) }, algorithms }
        }
        CertificateTrust::Anyone => AppVerifier { accepts: Accepts::Any, algorithms },
    };
    #[allow(
        clippy::expect_used,
        reason = "the provider has cipher suites for both versions: a test shows it"
    )]
    let mut settings = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has no cipher suite")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    settings.alpn_protocols = vec![b"http/1.1".to_vec()];
    settings.resumption = Resumption::in_memory_sessions(SESSIONS_OF_NAMES);
    settings
}

/// Accepts the certificates of one app or service.
#[derive(Debug)]
struct AppVerifier {
    accepts: Accepts,
    /// How certificates and handshakes may be signed.
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Accepts {
    /// Certificates for the name, valid now, and issued by one of these authorities or listed themselves.
    IssuedBy { roots: RootCertStore, listed: Arc<[CertificateDer<'static>]> },
    /// `dangerous_any_certificate`.
    Any,
}

impl ServerCertVerifier for AppVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Accepts::IssuedBy { roots, listed } = &self.accepts else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms) {
            Ok(()) => {}
            // Its time of validity was judged before.
            Err(Error::InvalidCertificate(error)) if lacks_issuer(&error) => {
                if !listed.contains(end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
            }
            Err(error) => return Err(error),
        }
        verify_server_name(&parsed, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate is by no authority that is known: by one of another name, by one of the same name with another key, or by
/// itself, as `openssl req -x509` makes one of an authority for a server.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors of rustls are an open set")]
fn lacks_issuer(error: &CertificateError) -> bool {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => true,
        CertificateError::Other(OtherError(error)) => {
            error.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
        }
        _ => false,
    }
}

impl std::fmt::Debug for AppTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

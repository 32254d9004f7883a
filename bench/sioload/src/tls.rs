//! TLS towards the server: a session per connection, and bytes in and out of it. No I/O here.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

/// Accepts every certificate: the generator drives loopback addresses only, and the measured
/// servers make their certificates themselves.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Makes the sessions of a run. No session is resumed: every connection is a full handshake.
pub struct Connector(Arc<ClientConfig>);

impl Connector {
    pub fn new() -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Connector(Arc::new(config)))
    }

    pub fn session(&self, ip: IpAddr) -> Result<Session, String> {
        ClientConnection::new(self.0.clone(), ServerName::IpAddress(ip.into()))
            .map(Session)
            .map_err(|e| e.to_string())
    }
}

/// One connection's session.
pub struct Session(ClientConnection);

impl Session {
    /// Appends what has to go to the server to `out`: the handshake's bytes, then `plain` encrypted.
    pub fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        self.0
            .writer()
            .write_all(plain)
            .map_err(|e| e.to_string())?;
        while self.0.wants_write() {
            self.0.write_tls(out).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Appends what `wire` carries, decrypted, to `plain`.
    pub fn decrypt(&mut self, mut wire: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        while !wire.is_empty() {
            self.0.read_tls(&mut wire).map_err(|e| e.to_string())?;
            let state = self.0.process_new_packets().map_err(|e| e.to_string())?;
            let at = plain.len();
            plain.resize(at + state.plaintext_bytes_to_read(), 0);
            self.0
                .reader()
                .read_exact(&mut plain[at..])
                .map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// There are handshake bytes to send.
    pub fn wants_write(&self) -> bool {
        self.0.wants_write()
    }
}

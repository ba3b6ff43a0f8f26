//! How Terraform starts a plugin, and reaches it: a line on standard output, gRPC over TLS on a local socket.
//!
//! Source: <https://github.com/hashicorp/go-plugin/blob/main/docs/internals.md>. Terraform makes a certificate for itself for each run, and takes no
//! other peer than the one whose certificate stands in the line; so does this end.

use std::io::Write;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tonic::{Request, Response, Status};

use crate::controller::Empty;
use crate::controller::grpc_controller_server::{GrpcController, GrpcControllerServer};
use crate::protocol::provider_server::ProviderServer;
use crate::service::Service;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Serves until Terraform says that it is enough.
///
/// # Errors
/// When it was not started by Terraform, or no socket can be had.
pub(crate) async fn serve(service: Service) -> Result<(), Failure> {
    let client = client_certificate()?;
    let identity = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
    let acceptor = TlsAcceptor::from(Arc::new(server_config(&identity, client)?));
    let folder = tempfile::Builder::new().prefix("provider").tempdir()?;
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path)?;
    let certificate = BASE64_STANDARD_NO_PAD.encode(identity.cert.der());
    announce(&format!("1|6|unix|{}|grpc|{certificate}", path.display()))?;
    let enough = Arc::new(Notify::new());
    let going = Arc::clone(&enough);
    tonic::transport::Server::builder()
        .add_service(ProviderServer::new(service).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(GrpcControllerServer::new(Controller(enough)))
        .serve_with_incoming_shutdown(connections(listener, acceptor), async move { going.notified().await })
        .await?;
    Ok(())
}

/// The certificate of the Terraform that started this.
fn client_certificate() -> Result<CertificateDer<'static>, Failure> {
    if std::env::var("TF_PLUGIN_MAGIC_COOKIE").as_deref() != Ok(COOKIE) {
        return Err("this is a plugin of Terraform's: it is started by `terraform`, see its README".into());
    }
    let pem = std::env::var("PLUGIN_CLIENT_CERT").map_err(|_| "Terraform has given no certificate")?;
    Ok(CertificateDer::from_pem_slice(pem.as_bytes())?)
}

fn announce(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn server_config(
    identity: &rcgen::CertifiedKey<rcgen::KeyPair>,
    client: CertificateDer<'static>,
) -> Result<ServerConfig, Failure> {
    let crypto = Arc::new(aws_lc_rs::default_provider());
    let only = Arc::new(OnlyTerraform { client, crypto: Arc::clone(&crypto) });
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(crypto).with_safe_default_protocol_versions()?;
    let mut config =
        builder.with_client_cert_verifier(only).with_single_cert(vec![identity.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

type Connection = tokio_rustls::server::TlsStream<tokio::net::UnixStream>;

/// The connections of Terraform; one that fails its handshake is let go, as any stranger would be.
fn connections(
    listener: UnixListener,
    acceptor: TlsAcceptor,
) -> impl tokio_stream::Stream<Item = std::io::Result<Connection>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(connection) = acceptor.accept(stream).await else { continue };
            if sender.send(Ok(connection)).await.is_err() {
                break;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

/// Lets in the one client whose certificate it knows. That certificate is its own authority, which the usual check of a chain refuses.
#[derive(Debug)]
struct OnlyTerraform {
    client: CertificateDer<'static>,
    crypto: Arc<CryptoProvider>,
}

impl ClientCertVerifier for OnlyTerraform {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if end_entity.as_ref() == self.client.as_ref() {
            return Ok(ClientCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.crypto.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

struct Controller(Arc<Notify>);

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.notify_one();
        Ok(Response::new(Empty {}))
    }
}

/// By which a plugin knows that Terraform has started it. It is no secret.
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";
/// The name under which Terraform looks for a plugin's certificate.
const SERVER_NAME: &str = "localhost";
const MESSAGE_BYTES: usize = 64 << 20;

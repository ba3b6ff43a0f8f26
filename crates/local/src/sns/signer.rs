//! The key that messages are signed with, and its certificate.
//!
//! Unlike everything else, the key comes from the operating system's random numbers even where ids are seeded: the
//! cryptography library makes RSA keys from nothing else.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use serde::{Deserialize, Serialize};

use crate::aws::Aws;
use crate::error::AwsError;
use crate::secret::StoredSecret;
use crate::world::World;

/// The key of a data folder, made once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signer {
    /// PKCS #8, DER.
    key: StoredSecret,
    /// PEM, signed by the key itself.
    certificate: String,
    /// What tells the certificate from others: a part of the digest of the public key.
    id: String,
}

impl Signer {
    /// The path that the certificate is served at.
    pub(super) fn certificate_path(&self) -> String {
        format!("{PATH_START}{}{PATH_END}", self.id)
    }

    /// Signs as version 2 of SNS's signatures does: RSA PKCS #1 v1.5 with SHA-256. Gives Base64.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub(super) fn sign(&self, message: &[u8]) -> Result<String, AwsError> {
        let failed = |_| AwsError::internal();
        let key = RsaKeyPair::from_pkcs8(self.key.expose()).map_err(|_| AwsError::internal())?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &rand::SystemRandom::new(), message, &mut signature).map_err(failed)?;
        Ok(BASE64.encode(signature))
    }

    fn make() -> Option<Self> {
        let made = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&made).ok()?;
        let key = StoredSecret::new(pkcs8.as_ref());
        let hash = digest::digest(&digest::SHA256, made.public_key().as_ref());
        let id = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let certificate = self_signed(&key)?;
        Some(Self { key, certificate, id })
    }
}

impl Aws {
    /// Answers a request for the certificate that messages are signed with; none where it is for something else.
    pub(crate) fn certificate(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let is_get = request.method() == Method::GET;
        let id = request.uri().path().strip_prefix(PATH_START)?.strip_suffix(PATH_END).filter(|_| is_get)?;
        let known = self.with_world(|world| world.sns.signers.get(SIGNER).filter(|signer| signer.id == id).cloned());
        let mut response = Response::new(Bytes::new());
        match known {
            Some(signer) => {
                let content_type = header::HeaderValue::from_static("application/x-pem-file");
                response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                *response.body_mut() = Bytes::from(signer.certificate);
            }
            None => *response.status_mut() = StatusCode::NOT_FOUND,
        }
        Some(response)
    }
}

/// The signer of this world; made if there is none.
///
/// # Errors
/// When it cannot be made.
pub(super) fn ensure(world: &mut World) -> Result<Signer, AwsError> {
    if let Some(signer) = world.sns.signers.get(SIGNER) {
        return Ok(signer.clone());
    }
    let signer = Signer::make().ok_or_else(|| {
        tracing::error!("the key that messages are signed with cannot be made");
        AwsError::internal()
    })?;
    world.sns.signers.insert(SIGNER, signer.clone());
    Ok(signer)
}

fn self_signed(key: &StoredSecret) -> Option<String> {
    let pkcs8 = rustls_pki_types::PrivatePkcs8KeyDer::from(key.expose());
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).ok()?;
    let mut parameters = CertificateParams::new(Vec::new()).ok()?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "sns of keywright's local AWS");
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Some(parameters.self_signed(&key).ok()?.pem())
}

const SIGNER: &str = "signer";
const PATH_START: &str = "/SimpleNotificationService-";
const PATH_END: &str = ".pem";

use http::{HeaderValue, Request, header};

use super::refusal::Refusal;

/// The `Authorization` header of a signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub(super) scope: Scope,
    /// Lower-case names, in the order of the header.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
}

/// What the signing key was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) access_key_id: String,
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

impl Scope {
    /// The scope of a request that has a readable one.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        Authorization::read(request).ok().map(|authorization| authorization.scope)
    }
}

impl Authorization {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is missing, or anything in it is.
    pub(super) fn read<B>(request: &Request<B>) -> Result<Self, Refusal> {
        let header = request.headers().get(header::AUTHORIZATION).ok_or(Refusal::Missing)?;
        let text =
            header.to_str().map_err(|_| incomplete("Authorization header holds other than visible characters."))?;
        let Some(parts) = text.strip_prefix(ALGORITHM) else {
            return Err(incomplete(&format!("Unsupported algorithm in the Authorization header; use {ALGORITHM}.")));
        };
        let part = |name: &str| {
            parts
                .split([',', ' '])
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let signed_headers = signed_headers(part("SignedHeaders")?, request)?;
        Ok(Self { scope: scope(part("Credential")?)?, signed_headers, signature: part("Signature")?.to_owned() })
    }
}

fn scope(credential: &str) -> Result<Scope, Refusal> {
    let malformed = || {
        incomplete(&format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        ))
    };
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key_id, date, region, service, terminator] = parts.as_slice() else {
        return Err(malformed());
    };
    if *terminator != TERMINATOR {
        return Err(malformed());
    }
    Ok(Scope {
        access_key_id: (*access_key_id).to_owned(),
        date: (*date).to_owned(),
        region: (*region).to_owned(),
        service: (*service).to_owned(),
    })
}

/// The host must be signed, and every `x-amz-` header that is sent.
fn signed_headers<B>(list: &str, request: &Request<B>) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = list.split(';').map(str::to_ascii_lowercase).collect();
    let is_signed = |name: &str| names.iter().any(|signed| signed == name);
    if !is_signed("host") {
        return Err(incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
    }
    let unsigned =
        request.headers().keys().find(|name| name.as_str().starts_with("x-amz-") && !is_signed(name.as_str()));
    match unsigned {
        // Its value is compared with what was signed, so that it need not be signed itself.
        Some(name) if name != "x-amz-content-sha256" => Err(Refusal::Scope {
            reason: format!("There were headers present in the request which were not signed: {name}"),
        }),
        _ => Ok(names),
    }
}

fn incomplete(reason: &str) -> Refusal {
    Refusal::Incomplete { reason: reason.to_owned() }
}

/// The value of a header as it is signed: without spaces around, and with one where there were many inside.
pub(super) fn trimmed(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(super) const TERMINATOR: &str = "aws4_request";

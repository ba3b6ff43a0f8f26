//! Signature Version 4, verified.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

mod authorization;
mod canonical;
mod refusal;
mod signature;

use bytes::Bytes;
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp, civil};
use keywright_model::{AccountId, Partition, Region};

use authorization::Authorization;
pub(crate) use authorization::Scope;
use refusal::Refusal;

use crate::context::Caller;
use crate::error::AwsError;
use crate::secret::StoredSecret;
use crate::service::Service;
use crate::world::World;
use crate::{iam, sts};

/// Who signed a request, and for which region.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) caller: Caller,
    pub(crate) region: Region,
}

/// The secret of an access key, and who holds it.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) secret: StoredSecret,
    /// What must be sent along; none for lasting credentials.
    pub(crate) session: Option<SessionToken>,
    pub(crate) caller: Caller,
}

/// What temporary credentials have beside a secret.
#[derive(Debug)]
pub(crate) struct SessionToken {
    pub(crate) token: StoredSecret,
    pub(crate) expires: Timestamp,
    /// Whether IAM takes them.
    pub(crate) opens_iam: bool,
}

/// The computer's time, which serving puts into the extensions of requests where the world's clock is another.
///
/// Clients sign by the time of their computer. Some correct it by the `Date` of an answer, which is of the world's
/// clock; so the age of a signature may be right by either.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ComputerTime(pub(crate) Timestamp);

/// Verifies the signature of a request.
///
/// # Errors
/// With AWS's own code for what is wrong with it, in the words of the service.
pub(crate) fn authenticate(
    request: &Request<Bytes>,
    service: Service,
    now: Timestamp,
    world: &World,
) -> Result<Signer, AwsError> {
    verify(request, service, now, world).map_err(|refusal| refusal.into_error(service))
}

fn verify(request: &Request<Bytes>, service: Service, now: Timestamp, world: &World) -> Result<Signer, Refusal> {
    let authorization = Authorization::read(request)?;
    let signed_at = signing_time(request.headers())?;
    let region = scoped_region(&authorization.scope, service, &signed_at.stamp)?;
    let credentials = find_credentials(world, &authorization.scope.access_key_id, region.partition())
        .ok_or(Refusal::UnknownAccessKey)?;
    check_session(request.headers(), credentials.session.as_ref(), service, now)?;
    let computer_time = request.extensions().get::<ComputerTime>();
    check_age(&signed_at, now)
        .or_else(|refusal| computer_time.map_or(Err(refusal), |ComputerTime(now)| check_age(&signed_at, *now)))?;
    let payload_hash = payload_hash(request)?;
    let canonical = canonical::request(request, &authorization.signed_headers, &payload_hash)?;
    let expected =
        signature::sign(credentials.secret.expose_text(), &authorization.scope, &signed_at.stamp, &canonical);
    if !signature::is_equal(&expected, &authorization.signature) {
        return Err(Refusal::Mismatch);
    }
    Ok(Signer { caller: credentials.caller, region })
}

/// When a request says that it was signed.
struct SignedAt {
    time: Timestamp,
    /// As it is written: `20261124T220527Z`.
    stamp: String,
}

fn signing_time(headers: &HeaderMap) -> Result<SignedAt, Refusal> {
    let missing = || Refusal::Incomplete {
        reason: "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".into(),
    };
    let written = headers.get("x-amz-date").or_else(|| headers.get("date")).ok_or_else(missing)?;
    let stamp = written.to_str().unwrap_or_default().to_owned();
    let time = civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &stamp)
        .and_then(|time| jiff::tz::TimeZone::UTC.to_timestamp(time))
        .map_err(|_| Refusal::Incomplete {
            reason: format!("Date must be in ISO-8601 'basic format'. Got '{stamp}'."),
        })?;
    Ok(SignedAt { time, stamp })
}

/// The region of the scope, once the scope is known to be in order.
fn scoped_region(scope: &Scope, service: Service, stamp: &str) -> Result<Region, Refusal> {
    let day = stamp.get(..8).unwrap_or_default();
    if scope.date != day {
        let reason = format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{day}', from '{stamp}'.",
            scope.date
        );
        return Err(Refusal::Scope { reason });
    }
    let wrong_region = || Refusal::Scope { reason: "Credential should be scoped to a valid region.".into() };
    let region = Region::parse(&scope.region).map_err(|_| wrong_region())?;
    // A client that was given an endpoint signs for its own region, since it does not look the global one up; AWS's
    // own endpoint would refuse that. Either way the call goes to the global region.
    if service.is_global() {
        return Region::parse(region.partition().global_region()).map_err(|_| wrong_region());
    }
    Ok(region)
}

fn find_credentials(world: &World, access_key_id: &str, partition: Partition) -> Option<Credentials> {
    if let Ok(account) = AccountId::parse(access_key_id) {
        return Some(root_credentials(account));
    }
    iam::find_credentials(world, access_key_id, partition)
        .or_else(|| sts::find_credentials(world, access_key_id, partition))
}

/// The account's number as access key, with a secret that everybody knows, is its root user: the seed of an account.
fn root_credentials(account: AccountId) -> Credentials {
    Credentials { secret: StoredSecret::new(ROOT_SECRET), session: None, caller: Caller::root(account) }
}

fn check_session(
    headers: &HeaderMap,
    session: Option<&SessionToken>,
    service: Service,
    now: Timestamp,
) -> Result<(), Refusal> {
    if service == Service::Iam && session.is_some_and(|session| !session.opens_iam) {
        return Err(Refusal::UnknownAccessKey);
    }
    let sent = headers.get("x-amz-security-token").map(|token| token.as_bytes());
    match (session, sent) {
        (None, None) => Ok(()),
        (Some(session), Some(sent)) if signature::is_equal_bytes(session.token.expose(), sent) => {
            if session.expires <= now { Err(Refusal::ExpiredToken) } else { Ok(()) }
        }
        _ => Err(Refusal::UnknownAccessKey),
    }
}

fn check_age(signed_at: &SignedAt, now: Timestamp) -> Result<(), Refusal> {
    let stamp = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let oldest = now.saturating_sub(MAX_SKEW).unwrap_or(Timestamp::MIN);
    let newest = now.saturating_add(MAX_SKEW).unwrap_or(Timestamp::MAX);
    let (word, limit, sign) = if signed_at.time < oldest {
        ("Signature expired", oldest, "is now earlier than")
    } else if signed_at.time > newest {
        ("Signature not yet current", newest, "is still later than")
    } else {
        return Ok(());
    };
    let operator = if limit < now { '-' } else { '+' };
    let reason = format!("{word}: {} {sign} {} ({} {operator} 15 min.)", signed_at.stamp, stamp(limit), stamp(now));
    Err(Refusal::Skewed { reason })
}

/// The hash of the body. One that the request carries must be the same.
fn payload_hash(request: &Request<Bytes>) -> Result<String, Refusal> {
    let actual = signature::sha256_hex(request.body());
    match request.headers().get("x-amz-content-sha256") {
        Some(claimed) if claimed.as_bytes() != actual.as_bytes() => Err(Refusal::Mismatch),
        _ => Ok(actual),
    }
}

const ROOT_SECRET: &str = "test";
const MAX_SKEW: SignedDuration = SignedDuration::from_mins(15);

#[cfg(test)]
mod tests;

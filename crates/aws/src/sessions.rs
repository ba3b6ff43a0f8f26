use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::types as sts;
use aws_types::SdkConfig;
use keywright_engine::{CallerIdentity, ProviderError};
use keywright_model::{AccountId, Arn, Region};

use crate::Mfa;
use crate::calls::{CallCounter, lock};
use crate::error::{failed, own_error};

/// The sessions of roles, each assumed once and again before it expires.
pub(crate) struct Sessions {
    configuration: SdkConfig,
    home: Region,
    mfa: Option<Mfa>,
    calls: CallCounter,
    client: OnceLock<aws_sdk_sts::Client>,
    by_role: Mutex<HashMap<Arn, Arc<tokio::sync::Mutex<Option<Credentials>>>>>,
}

impl Sessions {
    /// Assumes with the credentials of `configuration`, through STS in the home Region.
    pub(crate) fn new(configuration: SdkConfig, home: Region, mfa: Option<Mfa>, calls: CallCounter) -> Self {
        Self { configuration, home, mfa, calls, client: OnceLock::new(), by_role: Mutex::default() }
    }

    /// Whose credentials they are that sessions are assumed with.
    pub(crate) async fn caller(&self) -> Result<CallerIdentity, ProviderError> {
        self.identity(self.client()).await
    }

    /// The session of a role.
    pub(crate) async fn session(self: &Arc<Self>, role: &Arn) -> Result<CallerIdentity, ProviderError> {
        let builder = aws_sdk_sts::config::Builder::from(&self.configuration).interceptor(self.calls.clone());
        let as_role = builder.credentials_provider(self.provider(role)).build();
        self.identity(&aws_sdk_sts::Client::from_conf(as_role)).await
    }

    async fn identity(&self, client: &aws_sdk_sts::Client) -> Result<CallerIdentity, ProviderError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let answer = client.get_caller_identity().send().await;
        let answer = answer.map_err(|error| failed(OPERATION, &self.home, error))?;
        let account = answer.account().and_then(|account| AccountId::parse(account).ok());
        let arn = answer.arn().and_then(|arn| Arn::parse(arn).ok());
        match (account, arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity { account, arn }),
            _ => Err(own_error(OPERATION, &self.home, "IncompleteAnswer", "the account or the ARN is missing")),
        }
    }

    /// The credentials of a role's session. Their expiry lies before the real one, so that no call
    /// is signed with what expires on its way.
    pub(crate) async fn credentials(&self, role: &Arn) -> Result<Credentials, ProviderError> {
        let slot = Arc::clone(lock(&self.by_role).entry(role.clone()).or_default());
        let mut held = slot.lock().await;
        if let Some(session) = held.as_ref().filter(|session| is_fresh(session)) {
            return Ok(session.clone());
        }
        Ok(held.insert(self.assume(role).await?).clone())
    }

    /// The sessions of one role, as the SDK takes credentials.
    pub(crate) fn provider(self: &Arc<Self>, role: &Arn) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(RoleSession { sessions: Arc::clone(self), role: role.clone() })
    }

    async fn assume(&self, role: &Arn) -> Result<Credentials, ProviderError> {
        const OPERATION: &str = "sts:AssumeRole";
        let request = self
            .client()
            .assume_role()
            .role_arn(role.as_str())
            .role_session_name(session_name())
            .duration_seconds(SESSION_SECONDS)
            .set_serial_number(self.mfa.as_ref().map(|mfa| mfa.serial.clone()))
            .set_token_code(self.mfa.as_ref().map(|mfa| mfa.code.expose().clone()));
        let answer = request.send().await.map_err(|error| failed(OPERATION, &self.home, error))?;
        let session = answer.credentials().and_then(session_credentials);
        session.ok_or_else(|| own_error(OPERATION, &self.home, "IncompleteAnswer", "there are no credentials in it"))
    }

    fn client(&self) -> &aws_sdk_sts::Client {
        self.client.get_or_init(|| {
            let builder = aws_sdk_sts::config::Builder::from(&self.configuration).interceptor(self.calls.clone());
            aws_sdk_sts::Client::from_conf(builder.build())
        })
    }
}

struct RoleSession {
    sessions: Arc<Sessions>,
    role: Arn,
}

impl fmt::Debug for RoleSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleSession").field("role", &self.role).finish_non_exhaustive()
    }
}

impl ProvideCredentials for RoleSession {
    fn provide_credentials<'a>(&'a self) -> ProvidedCredentials<'a>
    where
        Self: 'a,
    {
        ProvidedCredentials::new(async {
            self.sessions.credentials(&self.role).await.map_err(CredentialsError::provider_error)
        })
    }
}

fn session_credentials(answer: &sts::Credentials) -> Option<Credentials> {
    let real_expiry = SystemTime::try_from(*answer.expiration()).ok()?;
    Some(Credentials::new(
        answer.access_key_id(),
        answer.secret_access_key(),
        Some(answer.session_token().to_owned()),
        real_expiry.checked_sub(RENEWED_BEFORE_EXPIRY),
        "keywright-assume-role",
    ))
}

fn is_fresh(session: &Credentials) -> bool {
    session.expiry().is_some_and(|expiry| expiry > SystemTime::now())
}

/// Names the session after the program and the second, so that CloudTrail tells runs apart.
fn session_name() -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("keywright-{}", since_epoch.as_secs())
}

/// The most that a role takes unless it is told otherwise.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
const SESSION_SECONDS: i32 = 3600;

const RENEWED_BEFORE_EXPIRY: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use keywright_engine::{Actor, Failure, Provider};
    use keywright_model::{ResourceKind, Secret};
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{ACCOUNT, Canned, attributes};
    use crate::{AwsProvider, Options};

    fn role() -> Arn {
        Arn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/admin")).expect("an ARN")
    }

    fn key() -> Arn {
        Arn::parse(&format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/k")).expect("an ARN")
    }

    fn session(expiration: &str) -> Value {
        json!({ "Credentials": {
            "AccessKeyId": "ASIASESSION", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expiration,
        } })
    }

    fn role_made_at(created: &str) -> Value {
        json!({ "Role": {
            "Path": "/", "RoleName": "admin", "RoleId": "AROA", "Arn": role().as_str(), "CreateDate": created,
        } })
    }

    fn now() -> String {
        let now = aws_smithy_types::DateTime::from(SystemTime::now());
        now.fmt(aws_smithy_types::date_time::Format::DateTime).expect("a time")
    }

    async fn read_policy(provider: &AwsProvider) {
        provider.key_policy(&Actor::Role(role()), &key()).await.expect("a policy");
        provider.begin_refresh();
    }

    #[tokio::test]
    async fn a_session_is_assumed_once_and_signs_the_calls() {
        let canned = Canned::new()
            .ok("sts:AssumeRole", session("2099-01-01T00:00:00Z"))
            .ok("kms:GetKeyPolicy", json!({ "Policy": "{}" }));
        let provider = canned.provider().await;
        provider.assume(&role()).await.expect("a session");
        read_policy(&provider).await;
        read_policy(&provider).await;
        assert_eq!(canned.operations(), ["sts:AssumeRole", "kms:GetKeyPolicy", "kms:GetKeyPolicy"]);
        assert_eq!(canned.sent()[0].access_key_id, "AKIACALLER");
        assert_eq!(canned.sent()[1].access_key_id, "ASIASESSION");
        let sent = canned.body("sts:AssumeRole");
        assert_eq!((&sent["RoleArn"], &sent["DurationSeconds"]), (&json!(role().as_str()), &json!("3600")));
        assert!(sent["RoleSessionName"].as_str().is_some_and(|name| name.starts_with("keywright-")));
    }

    #[tokio::test]
    async fn a_session_is_renewed_before_it_expires() {
        let canned = Canned::new()
            .ok("sts:AssumeRole", session(&now()))
            .ok("sts:AssumeRole", session("2099-01-01T00:00:00Z"))
            .ok("kms:GetKeyPolicy", json!({ "Policy": "{}" }));
        let provider = canned.provider().await;
        provider.assume(&role()).await.expect("a session");
        read_policy(&provider).await;
        assert_eq!(canned.count("sts:AssumeRole"), 2);
    }

    #[tokio::test]
    async fn a_role_that_iam_has_just_made_is_waited_for() {
        let canned = Canned::new()
            .error("sts:AssumeRole", "AccessDenied", "is not authorized to perform: sts:AssumeRole")
            .error("sts:AssumeRole", "AccessDenied", "is not authorized to perform: sts:AssumeRole")
            .ok("sts:AssumeRole", session("2099-01-01T00:00:00Z"))
            .ok("iam:GetRole", role_made_at(&now()));
        canned.provider().await.assume(&role()).await.expect("a session");
        assert_eq!(canned.count("sts:AssumeRole"), 3);
    }

    #[tokio::test]
    async fn a_role_of_old_that_refuses_is_believed_at_once() {
        let canned = Canned::new()
            .error("sts:AssumeRole", "AccessDenied", "is not authorized to perform: sts:AssumeRole")
            .ok("iam:GetRole", role_made_at("2020-01-01T00:00:00Z"));
        let error = canned.provider().await.assume(&role()).await.expect_err("denied");
        assert!(matches!(error.failure, Failure::AccessDenied { .. }), "{error:?}");
        assert_eq!(canned.count("sts:AssumeRole"), 1);
    }

    #[tokio::test]
    async fn a_wrong_code_is_not_tried_again() {
        let canned = Canned::new().error(
            "sts:AssumeRole",
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
        );
        let mfa = Mfa { serial: "arn:aws:iam::111122223333:mfa/me".into(), code: Secret::new("123456".into()) };
        let options = Options { mfa: Some(mfa), ..canned.options() };
        assert!(!format!("{options:?}").contains("123456"));
        let provider = AwsProvider::connect(options).await.expect("a provider");
        provider.assume(&role()).await.expect_err("denied");
        let sent = canned.body("sts:AssumeRole");
        assert_eq!(
            (&sent["SerialNumber"], &sent["TokenCode"]),
            (&json!("arn:aws:iam::111122223333:mfa/me"), &json!("123456"))
        );
    }

    #[tokio::test]
    async fn a_call_as_a_role_that_cannot_be_assumed_fails_as_the_assuming_does() {
        let canned = Canned::new().error("sts:AssumeRole", "AccessDenied", "no");
        let known = attributes(json!({ "id": "k", "region": "eu-west-1" }));
        let provider = canned.provider().await;
        let error = provider.read(&Actor::Role(role()), ResourceKind::KmsKey, &known).await.expect_err("denied");
        assert!(matches!(error.failure, Failure::AccessDenied { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn the_caller_is_asked_for_once() {
        let canned = Canned::new();
        let provider = canned.provider().await;
        let (first, second) = tokio::join!(provider.caller(), provider.caller());
        assert_eq!(first.expect("a caller"), second.expect("a caller"));
        assert_eq!(provider.calls(), [("sts:GetCallerIdentity".to_owned(), 1)].into());
    }
}

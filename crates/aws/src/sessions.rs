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
        const OPERATION: &str = "sts:GetCallerIdentity";
        let answer = self.client().get_caller_identity().send().await;
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

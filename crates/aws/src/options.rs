use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use keywright_model::{Region, Secret};

use crate::{Patience, Transport};

/// How to reach AWS, and as whom.
#[derive(Clone)]
pub struct Options {
    /// The Region that STS is asked in; its partition says where IAM is.
    pub home: Region,
    /// The profile of the AWS configuration files; none for the usual choice (`AWS_PROFILE`, `default`).
    pub profile: Option<String>,
    /// One endpoint for every service. None leaves it to the SDK, which reads `AWS_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// Credentials in place of the usual chain. Neither files nor the environment are read then.
    pub credentials: Option<StaticCredentials>,
    /// The device that an AssumeRole is to be confirmed with.
    pub mfa: Option<Mfa>,
    /// What takes the requests in place of the network.
    pub transport: Option<Transport>,
    /// How long to wait for what AWS does not see yet.
    pub patience: Patience,
    /// What tells the time that requests are signed with; none for the computer's clock.
    pub clock: Option<Clock>,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Options {
    /// The usual: the SDK's credential chain, over the network.
    pub fn new(home: Region) -> Self {
        Self {
            home,
            profile: None,
            endpoint_url: None,
            credentials: None,
            mfa: None,
            transport: None,
            patience: Patience::default(),
            clock: None,
        }
    }

    /// In one process with an AWS that answers through `transport`, and sees at once what was done.
    pub fn in_process(home: Region, credentials: StaticCredentials, transport: Transport) -> Self {
        Self {
            credentials: Some(credentials),
            transport: Some(transport),
            patience: Patience::none(),
            ..Self::new(home)
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("home", &self.home)
            .field("profile", &self.profile)
            .field("endpoint_url", &self.endpoint_url)
            .field("credentials", &self.credentials)
            .field("mfa", &self.mfa)
            .field("in_process", &self.transport.is_some())
            .field("patience", &self.patience)
            .finish()
    }
}

/// An access key.
#[derive(Debug, Clone)]
pub struct StaticCredentials {
    /// Its ID, which is no secret.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: Secret<String>,
    /// The token of a session, where the key belongs to one.
    pub session_token: Option<Secret<String>>,
}

/// A multi-factor authentication device, and the code that it shows.
#[derive(Debug, Clone)]
pub struct Mfa {
    /// The serial number or the ARN of the device.
    pub serial: String,
    /// The code. It is good for one AssumeRole.
    pub code: Secret<String>,
}

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as ProvidedCredentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::sdk_config::StalledStreamProtectionConfig;
use keywright_engine::Actor;
use keywright_model::Region;

use crate::calls::{CallCounter, lock};
use crate::sessions::Sessions;
use crate::transport::http_client;
use crate::{Clock, Options, StaticCredentials};

/// The SDK's clients, each made when it is first needed and kept.
pub(crate) struct Clients {
    configuration: SdkConfig,
    sessions: Arc<Sessions>,
    calls: CallCounter,
    kms: Pool<aws_sdk_kms::Client>,
    iam: Pool<aws_sdk_iam::Client>,
    cloudwatch: Pool<aws_sdk_cloudwatch::Client>,
    logs: Pool<aws_sdk_cloudwatchlogs::Client>,
}

/// Makes a service's client from its crate; each crate has a type of its own for the same thing.
macro_rules! client {
    ($service:ident, $self:ident, $actor:ident, $region:ident) => {{
        let builder = $service::config::Builder::from(&$self.configuration($actor, $region));
        $service::Client::from_conf(builder.interceptor($self.calls.clone()).build())
    }};
}

impl Clients {
    pub(crate) fn new(configuration: SdkConfig, sessions: Arc<Sessions>, calls: CallCounter) -> Self {
        let (kms, iam, cloudwatch, logs) = (Pool::default(), Pool::default(), Pool::default(), Pool::default());
        Self { configuration, sessions, calls, kms, iam, cloudwatch, logs }
    }

    pub(crate) fn kms(&self, actor: &Actor, region: &Region) -> aws_sdk_kms::Client {
        self.kms.client(actor, region, || client!(aws_sdk_kms, self, actor, region))
    }

    /// IAM is one for a partition: `region` is the partition's global one.
    pub(crate) fn iam(&self, actor: &Actor, region: &Region) -> aws_sdk_iam::Client {
        self.iam.client(actor, region, || client!(aws_sdk_iam, self, actor, region))
    }

    pub(crate) fn cloudwatch(&self, actor: &Actor, region: &Region) -> aws_sdk_cloudwatch::Client {
        self.cloudwatch.client(actor, region, || client!(aws_sdk_cloudwatch, self, actor, region))
    }

    pub(crate) fn logs(&self, actor: &Actor, region: &Region) -> aws_sdk_cloudwatchlogs::Client {
        self.logs.client(actor, region, || client!(aws_sdk_cloudwatchlogs, self, actor, region))
    }

    fn configuration(&self, actor: &Actor, region: &Region) -> SdkConfig {
        let builder = self.configuration.to_builder().region(aws_region(region));
        match actor {
            Actor::Caller => builder.build(),
            Actor::Role(role) => builder.credentials_provider(self.sessions.provider(role)).build(),
        }
    }
}

/// What all clients have in common. Nothing is asked of the network yet.
pub(crate) async fn configuration(options: &Options) -> SdkConfig {
    let configuration = match &options.credentials {
        Some(credentials) => own_configuration(credentials),
        None => usual_configuration(options).await,
    };
    let mut builder = configuration.into_builder().region(aws_region(&options.home)).timeout_config(timeouts());
    if let Some(url) = &options.endpoint_url {
        builder = builder.endpoint_url(url);
    }
    if let Some(transport) = &options.transport {
        builder = builder
            .http_client(http_client(transport))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    }
    if let Some(clock) = &options.clock {
        builder = builder.time_source(SharedTimeSource::new(Told(Arc::clone(clock))));
    }
    builder.build()
}

/// A clock of somebody else's.
struct Told(Clock);

impl TimeSource for Told {
    fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told(..)")
    }
}

/// The credential chain, files and environment variables that every AWS tool uses.
async fn usual_configuration(options: &Options) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest()).retry_config(RetryConfig::standard());
    let Some(profile) = &options.profile else {
        return loader.load().await;
    };
    // Who names a profile means it, also where the environment holds a key: as the AWS CLI has it.
    let region = ProviderConfig::default().with_region(Some(aws_region(&options.home)));
    let files = ProfileFileCredentialsProvider::builder().configure(&region).profile_name(profile).build();
    let credentials = NamedProfile { name: profile.clone(), files };
    loader.profile_name(profile).credentials_provider(credentials).load().await
}

/// The credentials of one profile. Where there are none, its name is told.
#[derive(Debug)]
struct NamedProfile {
    name: String,
    files: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for NamedProfile {
    fn provide_credentials<'a>(&'a self) -> ProvidedCredentials<'a>
    where
        Self: 'a,
    {
        ProvidedCredentials::new(async {
            let given = self.files.provide_credentials().await;
            given.map_err(|error| match error {
                CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded(format!(
                    "the AWS configuration files have no credentials for the profile `{}`",
                    self.name
                )),
                other => other,
            })
        })
    }
}

/// Without a look at files or the environment: what is given is all there is.
fn own_configuration(credentials: &StaticCredentials) -> SdkConfig {
    let session_token = credentials.session_token.as_ref().map(|token| token.expose().clone());
    let secret = credentials.secret_access_key.expose();
    let credentials = Credentials::new(&credentials.access_key_id, secret, session_token, None, "keywright-static");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .build()
}

/// A Region that does not answer is known as such after these, times the SDK's three attempts.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(3_100))
        .read_timeout(Duration::from_secs(20))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build()
}

fn aws_region(region: &Region) -> aws_types::region::Region {
    aws_types::region::Region::new(region.as_str().to_owned())
}

/// Clients of one service.
struct Pool<C>(Mutex<HashMap<(Actor, Region), C>>);

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Clone> Pool<C> {
    fn client(&self, actor: &Actor, region: &Region, make: impl FnOnce() -> C) -> C {
        lock(&self.0).entry((actor.clone(), region.clone())).or_insert_with(make).clone()
    }
}

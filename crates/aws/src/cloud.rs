use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use aws_types::SdkConfig;
use keywright_engine::{Actor, Attributes, CallerIdentity, ProviderError};
use keywright_model::{Arn, Region};
use tokio::sync::OnceCell;

use crate::attributes::region_of;
use crate::calls::{CallCounter, lock};
use crate::clients::Clients;
use crate::error::own_error;
use crate::facts::Facts;
use crate::sessions::Sessions;
use crate::signed::Signed;
use crate::{Options, Patience};

/// What every kind of resource works with: clients, facts, and what this run has made.
pub(crate) struct Cloud {
    pub(crate) facts: Facts,
    pub(crate) patience: Patience,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) calls: CallCounter,
    home: Region,
    global: Region,
    clients: Clients,
    signed: Signed,
    caller: OnceCell<CallerIdentity>,
    made: Mutex<HashSet<String>>,
}

impl Cloud {
    pub(crate) fn new(options: &Options, configuration: SdkConfig) -> Result<Self, ProviderError> {
        let home = options.home.clone();
        let global = global_region(&home)?;
        let calls = CallCounter::default();
        let mfa = options.mfa.clone();
        let sessions = Arc::new(Sessions::new(configuration.clone(), home.clone(), mfa, calls.clone()));
        let signed = Signed::new(configuration.clone(), calls.clone());
        let clients = Clients::new(configuration, Arc::clone(&sessions), calls.clone());
        Ok(Self {
            facts: Facts::default(),
            patience: options.patience,
            sessions,
            calls,
            home,
            global,
            clients,
            signed,
            caller: OnceCell::new(),
            made: Mutex::default(),
        })
    }

    pub(crate) fn kms(&self, actor: &Actor, region: &Region) -> aws_sdk_kms::Client {
        self.clients.kms(actor, region)
    }

    pub(crate) fn iam(&self, actor: &Actor) -> aws_sdk_iam::Client {
        self.clients.iam(actor, &self.global)
    }

    pub(crate) fn cloudwatch(&self, actor: &Actor, region: &Region) -> aws_sdk_cloudwatch::Client {
        self.clients.cloudwatch(actor, region)
    }

    pub(crate) fn logs(&self, actor: &Actor, region: &Region) -> aws_sdk_cloudwatchlogs::Client {
        self.clients.logs(actor, region)
    }

    /// For services that have no client here.
    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The Region that a resource lives in.
    pub(crate) fn region(&self, attributes: &Attributes) -> Region {
        region_of(attributes, &self.home)
    }

    /// The Region that IAM is asked in.
    pub(crate) fn global(&self) -> &Region {
        &self.global
    }

    /// Whose credentials these are: asked once.
    pub(crate) async fn caller(&self) -> Result<CallerIdentity, ProviderError> {
        self.caller.get_or_try_init(|| self.sessions.caller()).await.cloned()
    }

    /// The ARN of something in the caller's account.
    pub(crate) async fn own_arn(
        &self,
        service: &str,
        region: &Region,
        resource: &str,
    ) -> Result<String, ProviderError> {
        let account = self.caller().await?.account;
        let arn = Arn::new(region.partition(), service, Some(region), Some(&account), resource);
        let arn = arn.map_err(|error| own_error("state", region, "InvalidName", error.to_string()))?;
        Ok(arn.as_str().to_owned())
    }

    /// Remembers that this run has made, or changed, what has that name: AWS may not see it at once.
    pub(crate) fn remember_made(&self, name: &str) {
        lock(&self.made).insert(name.to_owned());
    }

    /// Whether AWS may not see it yet.
    pub(crate) fn is_made_now(&self, name: &str) -> bool {
        lock(&self.made).contains(name)
    }
}

fn global_region(home: &Region) -> Result<Region, ProviderError> {
    let name = home.partition().global_region();
    Region::parse(name).map_err(|error| own_error("connect", home, "InvalidRegion", error.to_string()))
}

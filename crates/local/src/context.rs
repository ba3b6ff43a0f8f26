use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Region};
use keywright_policy::{Context, Principal};

use crate::error::AwsError;
use crate::ids::Ids;
use crate::policy::HeldPolicy;

/// Who calls, where, when: what an operation knows beside its input.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    pub(crate) caller: Caller,
    /// The account that is addressed: the caller's own, unless a resource says otherwise.
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) partition: Partition,
    pub(crate) now: Timestamp,
    pub(crate) request_id: String,
    pub(crate) ids: Ids,
    pub(crate) user_agent: Option<String>,
    pub(crate) via: Via,
}

/// How a call comes about.
///
/// HTTP brings direct calls only: what a service calls, or passes on, begins inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    /// Its caller sent it.
    Direct,
    /// A service passes on what its caller asked for; the caller stays the principal.
    Forwarded {
        /// The service's endpoint, such as `s3.eu-west-1.amazonaws.com`.
        service: String,
        /// Whether the caller's grants are for the service's own resource.
        for_aws_resource: bool,
    },
    /// A service calls in its own name.
    Service {
        /// The resource that it calls for.
        source_arn: Option<String>,
        /// The account of that resource.
        source_account: Option<AccountId>,
    },
}

/// Who signed the request, and the policies that come with them.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) account: AccountId,
    /// `AIDA…` for a user, `AROA…:SESSION` for a session, the account's id for its root user.
    pub(crate) user_id: String,
    pub(crate) access_key_id: String,
    pub(crate) identity: Vec<HeldPolicy>,
    pub(crate) boundary: Option<HeldPolicy>,
    pub(crate) session_policies: Vec<HeldPolicy>,
    /// Tags of the user or role.
    pub(crate) tags: Vec<(String, String)>,
    /// What is known of temporary credentials; none for lasting ones.
    pub(crate) session: Option<SessionFacts>,
}

/// What is known of temporary credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionFacts {
    pub(crate) issued: Timestamp,
    pub(crate) mfa: bool,
}

impl Via {
    /// Whether a grant that is made by the call is for a resource of a service.
    pub(crate) fn is_for_aws_resource(&self) -> bool {
        matches!(self, Self::Forwarded { for_aws_resource: true, .. })
    }

    /// Fills in the condition keys that tell how the call comes about.
    ///
    /// A service's call carries no address of the caller's, so that what asks for one is not met.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html> and
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>.
    fn describe(&self, context: &mut Context) {
        context.set("aws:ViaAWSService", matches!(self, Self::Forwarded { .. }).to_string());
        match self {
            Self::Direct => context.set("aws:SourceIp", "127.0.0.1"),
            Self::Forwarded { service, .. } => {
                let principal = service_principal(service);
                context.set("kms:ViaService", service.as_str());
                for key in ["aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast"] {
                    context.set(key, principal.as_str());
                }
            }
            Self::Service { source_arn, source_account } => {
                if let Some(arn) = source_arn {
                    context.set("aws:SourceArn", arn.as_str());
                }
                if let Some(account) = source_account {
                    context.set("aws:SourceAccount", account.as_str());
                }
            }
        }
    }
}

/// The principal of a service, from its endpoint in a Region: `s3.amazonaws.com` of `s3.eu-west-1.amazonaws.com`.
pub(crate) fn service_principal(endpoint: &str) -> String {
    match endpoint.split('.').collect::<Vec<_>>().as_slice() {
        [name, _, domain @ ..] if !domain.is_empty() => format!("{name}.{}", domain.join(".")),
        _ => endpoint.to_owned(),
    }
}

impl Caller {
    /// A service that calls in its own name, for an account.
    pub(crate) fn service(name: &str, account: AccountId) -> Self {
        Self::without_policies(Principal::Service { name: name.to_owned() }, account, name)
    }

    /// The root user of an account.
    pub(crate) fn root(account: AccountId) -> Self {
        let id = account.to_string();
        Self::without_policies(Principal::Root(account.clone()), account, &id)
    }

    /// Nobody, who addresses an account without a signature.
    pub(crate) fn anonymous(account: AccountId) -> Self {
        Self::without_policies(Principal::Anonymous, account, "anonymous")
    }

    fn without_policies(principal: Principal, account: AccountId, id: &str) -> Self {
        Self {
            principal,
            account,
            user_id: id.to_owned(),
            access_key_id: id.to_owned(),
            identity: Vec::new(),
            boundary: None,
            session_policies: Vec::new(),
            tags: Vec::new(),
            session: None,
        }
    }

    /// The caller as messages name it: by its ARN, a service by its principal.
    pub(crate) fn name(&self, partition: Partition) -> String {
        match &self.principal {
            Principal::Service { name } => name.clone(),
            _ => self.arn(partition).map(String::from).unwrap_or_default(),
        }
    }

    /// The caller's ARN, as `GetCallerIdentity` answers it.
    pub(crate) fn arn(&self, partition: Partition) -> Option<Arn> {
        self.principal.arn_in(partition)
    }
}

impl CallContext {
    /// `{partition}/{account}`: what keys of tables of global services begin with.
    pub(crate) fn global_scope(&self) -> String {
        format!("{}/{}", self.partition, self.account)
    }

    /// `{account}/{region}`: what keys of tables of regional services begin with.
    pub(crate) fn regional_scope(&self) -> String {
        format!("{}/{}", self.account, self.region)
    }

    /// The ARN of a resource of the account in the region.
    ///
    /// # Errors
    /// When the text is no part of an ARN; the caller of this has checked names before, so that is our fault.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> Result<Arn, AwsError> {
        Arn::new(self.partition, service, Some(&self.region), Some(&self.account), resource)
            .map_err(|_| AwsError::internal())
    }

    /// Fills in the condition keys that every request has.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.
    pub(crate) fn describe(&self, context: &mut Context) {
        context.set("aws:CurrentTime", self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        context.set("aws:EpochTime", self.now.as_second().to_string());
        context.set("aws:RequestedRegion", self.region.as_str());
        // This stands in for AWS's endpoints, which are reached over TLS.
        context.set("aws:SecureTransport", "true");
        self.via.describe(context);
        context.set("aws:userid", self.caller.user_id.as_str());
        if let Some(user_agent) = &self.user_agent {
            context.set("aws:UserAgent", user_agent);
        }
        for (key, value) in &self.caller.tags {
            context.set(format!("aws:PrincipalTag/{key}"), value);
        }
        if let Some(session) = self.caller.session {
            context.set("aws:MultiFactorAuthPresent", session.mfa.to_string());
            if session.mfa {
                let age = self.now.as_second() - session.issued.as_second();
                context.set("aws:MultiFactorAuthAge", age.to_string());
            }
            context.set("aws:TokenIssueTime", session.issued.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}

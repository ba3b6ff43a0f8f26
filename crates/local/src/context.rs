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

impl Caller {
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
        context.set("aws:SourceIp", "127.0.0.1");
        context.set("aws:ViaAWSService", "false");
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

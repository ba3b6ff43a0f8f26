use keywright_model::AccountId;
use keywright_policy::{Decision, NamedPolicy, Policies, Request, Resource, ResourcePolicy, decide};

use crate::context::{CallContext, Caller};
use crate::policy::{HeldGrant, HeldPolicy, OwnedResourcePolicy};

/// One thing that must be allowed before an operation is carried out.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) request: Request,
    pub(crate) resource_policy: OwnedResourcePolicy,
    /// The account that the resource belongs to.
    pub(crate) resource_account: AccountId,
    pub(crate) grants: Vec<HeldGrant>,
    /// The caller's ARN, as messages name them.
    pub(crate) caller: String,
    /// The whole message of a refusal, where it must not tell why; else it says which policy refuses.
    pub(crate) refusal: Option<String>,
}

impl Check {
    /// The caller may do this to that resource. The condition keys that every request has are filled in.
    pub(crate) fn new(call: &CallContext, action: &str, resource: impl Into<Resource>) -> Self {
        let resource = resource.into();
        let owner = match &resource {
            Resource::Arn(arn) => AccountId::parse(arn.account()).ok(),
            Resource::Any => None,
        };
        let mut request = Request::new(call.caller.principal.clone(), action, resource);
        call.describe(&mut request.context);
        Self {
            request,
            resource_policy: OwnedResourcePolicy::None,
            resource_account: owner.unwrap_or_else(|| call.account.clone()),
            grants: Vec::new(),
            caller: call.caller.name(call.partition),
            refusal: None,
        }
    }

    /// A refusal says this and nothing else.
    pub(crate) fn refused_with(self, message: impl Into<String>) -> Self {
        Self { refusal: Some(message.into()), ..self }
    }

    /// The resource has this policy.
    pub(crate) fn resource_policy(self, resource_policy: OwnedResourcePolicy) -> Self {
        Self { resource_policy, ..self }
    }

    /// The resource belongs to this account, which its ARN does not tell.
    pub(crate) fn owned_by(self, owner: AccountId) -> Self {
        let check = self.with("aws:ResourceAccount", owner.as_str());
        Self { resource_account: owner, ..check }
    }

    /// These grants have a say.
    pub(crate) fn grants(self, grants: Vec<HeldGrant>) -> Self {
        Self { grants, ..self }
    }

    /// The condition key has this value.
    pub(crate) fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.context.set(key, value);
        self
    }

    /// The condition key has these values.
    pub(crate) fn with_many<V: Into<String>>(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.request.context.set_many(key, values);
        self
    }

    /// `aws:RequestTag/…` and `aws:TagKeys` for the tags that the request carries.
    pub(crate) fn request_tags<'a>(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut keys = Vec::new();
        // Tags whose keys differ in case only share a condition key, which then has the values of all of them.
        for (key, value) in tags {
            self.request.context.add(format!("aws:RequestTag/{key}"), value);
            keys.push(key.to_owned());
        }
        if keys.is_empty() { self } else { self.with_many("aws:TagKeys", keys) }
    }

    /// `aws:ResourceTag/…` for the tags that the resource carries.
    pub(crate) fn resource_tags<'a>(mut self, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (key, value) in tags {
            self.request.context.add(format!("aws:ResourceTag/{key}"), value);
        }
        self
    }

    /// What the evaluator says. [`crate::pipeline`] asks this of every check; an operation asks it for questions of
    /// its own, such as whether a caller would lock itself out.
    pub(crate) fn decide(&self, caller: &Caller) -> Decision {
        let held = || caller.identity.iter().chain(&caller.boundary).chain(&caller.session_policies);
        let policies = Policies {
            resource_policy: match &self.resource_policy {
                OwnedResourcePolicy::None => ResourcePolicy::None,
                OwnedResourcePolicy::Mandatory(document) => ResourcePolicy::Mandatory(document),
                OwnedResourcePolicy::Optional(document) => ResourcePolicy::Optional(document),
                OwnedResourcePolicy::Unreadable => ResourcePolicy::Unreadable,
            },
            identity: caller.identity.iter().filter_map(named).collect(),
            boundary: caller.boundary.as_ref().and_then(named),
            session: caller.session_policies.iter().filter_map(named).collect(),
            grants: self.grants.iter().map(HeldGrant::borrowed).collect(),
            unreadable: held().filter(|policy| policy.document.is_none()).map(|policy| policy.name.as_str()).collect(),
            ..Policies::new(&self.resource_account)
        };
        decide(&self.request, &policies)
    }
}

/// None for one that cannot be read; that is told apart.
fn named(policy: &HeldPolicy) -> Option<NamedPolicy<'_>> {
    policy.document.as_deref().map(|document| NamedPolicy { name: &policy.name, document })
}

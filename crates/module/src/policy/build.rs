//! The words that statements are put together from.

use keywright_model::{AccountId, Partition, Region};
use keywright_policy::{Condition, Document, Effect, Match, PrincipalPattern, Statement, Version};

use crate::inputs::{IamPrincipal, Inputs};

/// The key that a statement is rendered for: the inputs, and the Region that the key stands in.
#[derive(Clone, Copy)]
pub(crate) struct KeyIn<'a> {
    pub(crate) inputs: &'a Inputs,
    pub(crate) region: &'a Region,
}

impl<'a> KeyIn<'a> {
    pub(crate) fn account(self) -> &'a AccountId {
        &self.inputs.account
    }

    pub(crate) fn partition(self) -> Partition {
        self.region.partition()
    }

    /// The endpoint's name of a service in this Region, as `kms:ViaService` has it.
    pub(crate) fn via(self, service: &str) -> String {
        format!("{service}.{}.amazonaws.com", self.region)
    }
}

/// A document of these statements.
pub(crate) fn document(statements: Vec<Statement>) -> Document {
    Document { version: Version::V2012, id: None, statements }
}

/// A statement of a key policy: `Resource` is `*`, which means the key that the policy is on.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>.
pub(crate) fn allow(sid: &str, principals: Vec<PrincipalPattern>, actions: &[&str]) -> Statement {
    Statement { resource: Some(Match::Is(vec!["*".to_owned()])), ..allow_without_resource(sid, principals, actions) }
}

/// A statement of a trust policy, which has no `Resource`.
pub(crate) fn allow_without_resource(sid: &str, principals: Vec<PrincipalPattern>, actions: &[&str]) -> Statement {
    Statement {
        sid: Some(sid.to_owned()),
        effect: Effect::Allow,
        principal: Some(Match::Is(principals)),
        action: Some(Match::Is(actions.iter().map(|action| (*action).to_owned()).collect())),
        resource: None,
        conditions: Vec::new(),
        span: None,
    }
}

/// A statement of an identity policy, which has no `Principal`.
pub(crate) fn allow_on(sid: &str, actions: &[&str], resources: Vec<String>) -> Statement {
    Statement {
        principal: None,
        resource: Some(Match::Is(resources)),
        ..allow_without_resource(sid, Vec::new(), actions)
    }
}

/// Conditions, added one after the other.
pub(crate) trait When: Sized {
    fn when(self, operator: &str, key: &str, values: Vec<String>) -> Self;

    fn when_is(self, operator: &str, key: &str, value: impl Into<String>) -> Self {
        self.when(operator, key, vec![value.into()])
    }
}

impl When for Statement {
    fn when(mut self, operator: &str, key: &str, values: Vec<String>) -> Self {
        self.conditions.push(Condition { operator: operator.to_owned(), key: key.to_owned(), values });
        self
    }
}

/// A service that calls as itself.
pub(crate) fn service(name: impl Into<String>) -> Vec<PrincipalPattern> {
    vec![PrincipalPattern::Service(name.into())]
}

/// Principals, by their ARNs.
pub(crate) fn named(principals: &[IamPrincipal]) -> Vec<PrincipalPattern> {
    principals.iter().map(|principal| arn(principal.arn().as_str())).collect()
}

/// One principal, by its ARN.
pub(crate) fn arn(arn: impl Into<String>) -> PrincipalPattern {
    PrincipalPattern::Aws(arn.into())
}

/// What it takes to use a key for encryption, as AWS's pages list it.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#key-policy-users-crypto>.
pub(crate) const USE_ACTIONS: &[&str] =
    &["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];

//! The rule that combines everything that has a say in a request.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>,
//! <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.

use keywright_model::AccountId;

use crate::actions;
use crate::document::{Document, Effect, Match, Statement};
use crate::grant::Grant;
use crate::operator::{Comparison, Operator};
use crate::principal::{self, Naming};
use crate::reason::{Cause, Decision, Reason, Source};
use crate::request::{Principal, Request};
use crate::statement;

/// Everything that has a say in a request, beside the request itself. What is not there does not exist.
#[derive(Debug, Clone)]
pub struct Policies<'a> {
    /// The policy of the resource.
    pub resource_policy: ResourcePolicy<'a>,
    /// The account that the resource belongs to.
    pub resource_account: &'a AccountId,
    /// The caller's own policies, its groups' among them. The root user has none.
    pub identity: Vec<NamedPolicy<'a>>,
    /// The caller's permissions boundary.
    pub boundary: Option<NamedPolicy<'a>>,
    /// The policies that were passed when the session was made.
    pub session: Vec<NamedPolicy<'a>>,
    /// The service control policies of the caller's account: one list for each level from the root down.
    pub scps: Vec<Vec<NamedPolicy<'a>>>,
    /// The resource control policies of the resource's account, likewise.
    pub rcps: Vec<Vec<NamedPolicy<'a>>>,
    /// The grants on the key; for `RetireGrant` only the one that is to be retired.
    pub grants: Vec<Grant<'a>>,
    /// The names of policies that have a say but cannot be read. One is enough to refuse.
    pub unreadable: Vec<&'a str>,
}

impl<'a> Policies<'a> {
    /// Nothing but the account of the resource.
    pub fn new(resource_account: &'a AccountId) -> Self {
        Self {
            resource_policy: ResourcePolicy::None,
            resource_account,
            identity: Vec::new(),
            boundary: None,
            session: Vec::new(),
            scps: Vec::new(),
            rcps: Vec::new(),
            grants: Vec::new(),
            unreadable: Vec::new(),
        }
    }
}

/// The policy of a resource, and whether access to the resource can come from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourcePolicy<'a> {
    /// There is none.
    None,
    /// All access must come from it or be delegated by it: a KMS key's policy, a role's trust policy.
    Mandatory(&'a Document),
    /// In its own account, the caller's policies are enough without it: an SNS topic's policy.
    Optional(&'a Document),
    /// There is one, and it cannot be read.
    Unreadable,
}

/// A policy and the name that reasons give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedPolicy<'a> {
    /// The name, or the ARN.
    pub name: &'a str,
    /// What it says.
    pub document: &'a Document,
}

/// Decides a request.
///
/// 1. What cannot be read refuses.
/// 2. An explicit deny anywhere refuses.
/// 3. Resource control and service control policies must allow, level by level.
/// 4. The resource's side must admit the caller, by its policy or a grant: directly, or by delegating to the
///    policies of the caller's account.
/// 5. The caller's own policies must allow, where the resource's side does not do so directly in the same account.
/// 6. Boundary and session policies must allow, unless the resource's side names the caller itself.
pub fn decide(request: &Request, policies: &Policies<'_>) -> Decision {
    Decision::new(match combine(request, policies) {
        Ok(by) => Reason::Allowed { by },
        Err(reason) => reason,
    })
}

fn combine(request: &Request, policies: &Policies<'_>) -> Result<Vec<Cause>, Reason> {
    let question = Question::new(request, policies);
    question.everything_is_readable()?;
    question.nothing_denies()?;
    question.organization_allows()?;
    question.operation_reaches_the_account()?;

    let admission = question.admission();
    match (&request.principal, admission.naming) {
        // A key or a role never deals with an unsigned request.
        (Principal::Anonymous, _) if question.policy_is_mandatory() => {
            Err(question.none_allows(question.resource_source()))
        }
        (Principal::Service { .. } | Principal::Anonymous, Naming::Limited | Naming::Itself) => Ok(admission.causes()),
        (Principal::Service { .. } | Principal::Anonymous, _) => Err(question.none_allows(question.resource_source())),

        (_, Naming::Itself) if question.same_account => Ok(admission.causes()),
        (_, Naming::Limited) if question.same_account => {
            question.limits_allow()?;
            Ok(admission.causes())
        }
        // From another account both sides must allow; in the same one, a name of the account hands the
        // question to the caller's own policies.
        (_, Naming::ByAccount | Naming::Limited | Naming::Itself) => {
            let own = question.identity_allows()?;
            question.limits_allow()?;
            Ok(admission.causes().into_iter().chain([own]).collect())
        }
        (_, Naming::NotNamed) if question.identity_suffices() => {
            let own = question.identity_allows()?;
            question.limits_allow()?;
            Ok(vec![own])
        }
        (_, Naming::NotNamed) => Err(question.none_allows(question.resource_source())),
    }
}

/// A request beside the policies that apply to it.
struct Question<'a> {
    request: &'a Request,
    policies: &'a Policies<'a>,
    same_account: bool,
    /// `RetireGrant` takes no permission from key policies or resource control policies, which cannot deny it either.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html>.
    is_retirement: bool,
}

/// How the resource's side admits the caller, and by what.
struct Admission {
    naming: Naming,
    cause: Option<Cause>,
}

impl Admission {
    fn causes(self) -> Vec<Cause> {
        self.cause.into_iter().collect()
    }
}

impl<'a> Question<'a> {
    fn new(request: &'a Request, policies: &'a Policies<'a>) -> Self {
        let same_account = request.principal.account() == Some(policies.resource_account.as_str());
        let is_retirement = request.action.eq_ignore_ascii_case("kms:RetireGrant");
        Self { request, policies, same_account, is_retirement }
    }

    fn everything_is_readable(&self) -> Result<(), Reason> {
        if self.policies.resource_policy == ResourcePolicy::Unreadable {
            return Err(Reason::Unreadable { policy: self.resource_source().to_string() });
        }
        match self.policies.unreadable.first() {
            Some(name) => Err(Reason::Unreadable { policy: (*name).to_owned() }),
            None => Ok(()),
        }
    }

    fn nothing_denies(&self) -> Result<(), Reason> {
        let on_the_resource = self.resource_document().map(|document| (self.resource_source(), None, document));
        let denial = on_the_resource
            .into_iter()
            .chain(self.named_policies().map(|(source, policy)| (source, Some(policy.name), policy.document)))
            .find_map(|(source, name, document)| {
                let (at, statement) = self.first(document, Effect::Deny)?;
                Some(cause(source, name, at, statement))
            });
        denial.map_or(Ok(()), |by| Err(Reason::ExplicitDeny { by }))
    }

    /// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>.
    fn organization_allows(&self) -> Result<(), Reason> {
        let levels = |levels: &'a [Vec<NamedPolicy<'a>>], source| {
            levels.iter().try_for_each(|level| self.one_allows(level, source).map(|_| ()))
        };
        levels(self.rcps(), Source::ResourceControl)?;
        levels(self.scps(), Source::ServiceControl)
    }

    fn operation_reaches_the_account(&self) -> Result<(), Reason> {
        let action = &self.request.action;
        let from_elsewhere = !self.same_account && self.request.principal.account().is_some();
        if from_elsewhere && !actions::works_across_accounts(action) {
            return Err(Reason::CrossAccount { action: action.clone() });
        }
        Ok(())
    }

    /// The closest naming of the caller among the statements of the resource's policy and the grants.
    fn admission(&self) -> Admission {
        let mut best = Admission { naming: Naming::NotNamed, cause: None };
        if let Some(document) = self.resource_document() {
            for (at, statement) in document.statements.iter().enumerate() {
                let naming = self.naming_by_statement(statement);
                if naming > best.naming && statement::applies(statement, document, self.request) {
                    best = Admission { naming, cause: Some(cause(self.resource_source(), None, at, statement)) };
                }
            }
        }
        for grant in &self.policies.grants {
            let naming = grant.naming(self.request);
            if naming > best.naming {
                let policy = Some(grant.id.to_owned());
                best = Admission {
                    naming,
                    cause: Some(Cause { source: Source::Grant, policy, statement: None, sid: None }),
                };
            }
        }
        best
    }

    fn naming_by_statement(&self, statement: &Statement) -> Naming {
        let (Effect::Allow, Some(principals)) = (statement.effect, &statement.principal) else {
            return Naming::NotNamed;
        };
        match principal::naming(principals, &self.request.principal, Effect::Allow) {
            Naming::Limited if names_by_condition(statement) => Naming::Itself,
            naming => naming,
        }
    }

    /// The caller's own policies, of which one must allow. The root user may do everything.
    fn identity_allows(&self) -> Result<Cause, Reason> {
        if matches!(self.request.principal, Principal::Root(_)) {
            return Ok(Cause { source: Source::RootUser, policy: None, statement: None, sid: None });
        }
        self.one_allows(&self.policies.identity, Source::Identity)
    }

    /// What can only take away: the permissions boundary and the session policies.
    fn limits_allow(&self) -> Result<(), Reason> {
        if let Some(boundary) = &self.policies.boundary {
            self.one_allows(std::slice::from_ref(boundary), Source::Boundary)?;
        }
        if !self.policies.session.is_empty() {
            self.one_allows(&self.policies.session, Source::Session)?;
        }
        Ok(())
    }

    /// Whether the caller's policies are enough where the resource's side is silent.
    fn identity_suffices(&self) -> bool {
        self.same_account && (self.is_retirement || !self.policy_is_mandatory())
    }

    fn policy_is_mandatory(&self) -> bool {
        matches!(self.policies.resource_policy, ResourcePolicy::Mandatory(_) | ResourcePolicy::Unreadable)
    }

    fn one_allows(&self, policies: &[NamedPolicy<'_>], source: Source) -> Result<Cause, Reason> {
        let found = policies.iter().find_map(|policy| {
            let (at, statement) = self.first(policy.document, Effect::Allow)?;
            Some(cause(source, Some(policy.name), at, statement))
        });
        found.ok_or_else(|| self.none_allows(source))
    }

    /// The first statement of that effect that speaks of the request and of its caller.
    fn first(&self, document: &'a Document, effect: Effect) -> Option<(usize, &'a Statement)> {
        let speaks_of_the_caller = |statement: &Statement| match &statement.principal {
            Some(principals) => principal::naming(principals, &self.request.principal, effect) != Naming::NotNamed,
            None => true,
        };
        document.statements.iter().enumerate().find(|(_, statement)| {
            statement.effect == effect
                && speaks_of_the_caller(statement)
                && statement::applies(statement, document, self.request)
        })
    }

    fn named_policies(&self) -> impl Iterator<Item = (Source, &'a NamedPolicy<'a>)> {
        let policies = self.policies;
        let each = |source| move |policy| (source, policy);
        (policies.identity.iter().map(each(Source::Identity)))
            .chain(policies.boundary.iter().map(each(Source::Boundary)))
            .chain(policies.session.iter().map(each(Source::Session)))
            .chain(self.scps().iter().flatten().map(each(Source::ServiceControl)))
            .chain(self.rcps().iter().flatten().map(each(Source::ResourceControl)))
    }

    /// Service control policies bind an account's principals, but for its service-linked roles.
    fn scps(&self) -> &'a [Vec<NamedPolicy<'a>>] {
        let is_bound = self.request.principal.account().is_some() && !self.request.principal.is_service_linked();
        if is_bound { &self.policies.scps } else { &[] }
    }

    /// Resource control policies bind everybody but service-linked roles.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>.
    fn rcps(&self) -> &'a [Vec<NamedPolicy<'a>>] {
        let is_bound = !self.is_retirement && !self.request.principal.is_service_linked();
        if is_bound { &self.policies.rcps } else { &[] }
    }

    fn resource_document(&self) -> Option<&'a Document> {
        match self.policies.resource_policy {
            ResourcePolicy::Mandatory(document) | ResourcePolicy::Optional(document) if !self.is_retirement => {
                Some(document)
            }
            _ => None,
        }
    }

    fn resource_source(&self) -> Source {
        if statement::is_trust(&self.request.action) { Source::Trust } else { Source::Resource }
    }

    fn none_allows(&self, source: Source) -> Reason {
        Reason::NoneAllows { source, action: self.request.action.clone() }
    }
}

fn cause(source: Source, policy: Option<&str>, at: usize, statement: &Statement) -> Cause {
    Cause { source, policy: policy.map(str::to_owned), statement: Some(at), sid: statement.sid.clone() }
}

/// Whether the statement names everybody and then picks the caller by its ARN, which counts as naming it.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>.
pub(crate) fn names_by_condition(statement: &Statement) -> bool {
    let everyone = matches!(&statement.principal, Some(Match::Is(names)) if names.iter().any(principal::is_everyone));
    // That the caller has an ARN picks nobody.
    let picks = |operator: &str| {
        Operator::parse(operator).is_some_and(|it| !it.negated && !it.if_exists && it.comparison != Comparison::Null)
    };
    everyone
        && statement.conditions.iter().any(|it| it.key.eq_ignore_ascii_case("aws:PrincipalArn") && picks(&it.operator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::PolicyKind;

    #[test]
    fn only_a_condition_on_which_arn_it_is_names_the_caller() {
        for (condition, expected) in [
            (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/a"}}"#, true),
            (r#"{"StringLike":{"AWS:PrincipalARN":"arn:aws:iam::111122223333:role/*"}}"#, true),
            (r#"{"Null":{"aws:PrincipalArn":"false"}}"#, false),
            (r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/a"}}"#, false),
            (r#"{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}"#, false),
        ] {
            let text = format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{condition}}}}}"#
            );
            let document = Document::parse(&text, PolicyKind::Key).expect("a policy");
            assert_eq!(document.statements.iter().any(names_by_condition), expected, "{condition}");
        }
    }
}

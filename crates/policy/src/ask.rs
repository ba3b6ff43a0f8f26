//! One question to the evaluator, and what its answer hinges on.

use crate::condition::{self, Truth};
use crate::decide::{NamedPolicy, Policies, ResourcePolicy, decide};
use crate::document::{Condition, Document, Effect, Statement};
use crate::principal::{self, Naming};
use crate::prove::allowing_everything;
use crate::reason::{Cause, Decision, Reason, Source};
use crate::request::Request;
use crate::statement;

/// The answer to a question, and what would make it another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The answer, from the policies that are known.
    pub decision: Decision,
    /// The answer if the caller's IAM policies, which are not known, allow it; none where they are known or do not
    /// matter.
    pub if_own_policies_allow: Option<Decision>,
    /// The statements that speak of the caller and the action, and not of this request, because of these conditions.
    pub unmet: Vec<Unmet>,
}

/// A statement that would apply but for its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The statement.
    pub by: Cause,
    /// Whether it would allow or deny.
    pub effect: Effect,
    /// Those of its conditions that do not hold.
    pub conditions: Vec<Condition>,
}

/// Decides a request, and says what the answer hinges on.
///
/// `knows_own_policies` tells whether the caller's IAM policies in `policies` are all that it has.
pub fn ask(request: &Request, policies: &Policies<'_>, knows_own_policies: bool) -> Ruling {
    let decision = decide(request, policies);
    let if_own_policies_allow =
        if knows_own_policies || decision.is_allowed() { None } else { with_own_policies(request, policies) };
    Ruling { decision, if_own_policies_allow, unmet: unmet(request, policies) }
}

/// The answer to who holds a policy that allows everything, where that is another.
fn with_own_policies(request: &Request, policies: &Policies<'_>) -> Option<Decision> {
    let everything = allowing_everything();
    let mut supposed = policies.clone();
    supposed.identity.push(NamedPolicy { name: "supposed", document: &everything });
    let decision = decide(request, &supposed);
    decision.is_allowed().then(|| Decision::new(without_supposed(decision.reason)))
}

fn without_supposed(reason: Reason) -> Reason {
    match reason {
        Reason::Allowed { by } => {
            Reason::Allowed { by: by.into_iter().filter(|it| it.source != Source::Identity).collect() }
        }
        other => other,
    }
}

fn unmet(request: &Request, policies: &Policies<'_>) -> Vec<Unmet> {
    let on_the_key = match policies.resource_policy {
        ResourcePolicy::Mandatory(document) | ResourcePolicy::Optional(document) => {
            Some((Source::Resource, None, document))
        }
        ResourcePolicy::None | ResourcePolicy::Unreadable => None,
    };
    let documents = on_the_key
        .into_iter()
        .chain(policies.identity.iter().map(|it| (Source::Identity, Some(it.name.to_owned()), it.document)))
        .chain(policies.boundary.iter().map(|it| (Source::Boundary, Some(it.name.to_owned()), it.document)));
    documents.flat_map(|(source, name, document)| unmet_in(request, source, name.as_deref(), document)).collect()
}

fn unmet_in(request: &Request, source: Source, name: Option<&str>, document: &Document) -> Vec<Unmet> {
    let statements = document.statements.iter().enumerate();
    let of_request = statements.filter(|(_, it)| speaks_of(it, document, request));
    let unmet = of_request.filter_map(|(at, it)| {
        let conditions = failing(it, document, request);
        let by = Cause { source, policy: name.map(str::to_owned), statement: Some(at), sid: it.sid.clone() };
        (!conditions.is_empty()).then_some(Unmet { by, effect: it.effect, conditions })
    });
    unmet.collect()
}

/// Whether caller, action and resource are the statement's, whatever its conditions say.
fn speaks_of(statement: &Statement, document: &Document, request: &Request) -> bool {
    let names = match &statement.principal {
        Some(principals) => principal::naming(principals, &request.principal, statement.effect) != Naming::NotNamed,
        None => true,
    };
    names && statement::applies(&Statement { conditions: Vec::new(), ..statement.clone() }, document, request)
}

fn failing(statement: &Statement, document: &Document, request: &Request) -> Vec<Condition> {
    let holds = |it: &Condition| -> Truth { condition::holds(it, document.version, &request.context) };
    statement.conditions.iter().filter(|it| !holds(it).applies(statement.effect)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use keywright_model::{AccountId, Arn};

    use super::*;
    use crate::parse::PolicyKind;
    use crate::request::Principal;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    const ROOT: &str =
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;
    const THROUGH_S3: &str = r#"{"Sid":"S3","Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*",
        "Condition":{"StringEquals":{"kms:CallerAccount":"111122223333","kms:ViaService":"s3.eu-west-1.amazonaws.com"}}}"#;

    fn ruling(statement: &str, action: &str, via: Option<&str>) -> Ruling {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        let document = Document::parse(&text, PolicyKind::Key).expect("a key policy");
        let account = AccountId::parse("111122223333").expect("an account");
        let user = Principal::User { arn: Arn::parse("arn:aws:iam::111122223333:user/me").expect("an ARN") };
        let mut request = Request::new(user, action, Arn::parse(KEY).expect("an ARN"));
        if let Some(via) = via {
            request = request.with("kms:ViaService", via);
        }
        let mut policies = Policies::new(&account);
        policies.resource_policy = ResourcePolicy::Mandatory(&document);
        ask(&request, &policies, false)
    }

    #[test]
    fn a_policy_that_delegates_leaves_the_answer_to_policies_that_are_not_known() {
        let delegated = ruling(ROOT, "kms:Decrypt", None);
        assert!(!delegated.decision.is_allowed());
        assert!(delegated.if_own_policies_allow.is_some_and(|it| it.is_allowed()));
        assert_eq!(ruling(THROUGH_S3, "kms:Decrypt", None).if_own_policies_allow, None);
    }

    #[test]
    fn a_condition_that_does_not_hold_is_told_and_one_that_holds_is_not() {
        let direct = ruling(THROUGH_S3, "kms:Decrypt", None);
        let [unmet] = direct.unmet.as_slice() else { panic!("{direct:?}") };
        assert_eq!((unmet.by.sid.as_deref(), unmet.effect), (Some("S3"), Effect::Allow));
        assert_eq!(unmet.conditions.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), ["kms:ViaService"]);
        let through_s3 = ruling(THROUGH_S3, "kms:Decrypt", Some("s3.eu-west-1.amazonaws.com"));
        assert!(through_s3.decision.is_allowed());
        assert_eq!(through_s3.unmet, []);
        assert_eq!(ruling(THROUGH_S3, "kms:Encrypt", None).unmet, [], "another action is not spoken of");
    }
}

//! Who may put a key's policy, told from texts alone.

use keywright_model::{AccountId, Arn, Region};
use keywright_policy::{
    Document, Effect, Match, Outcome, Policies, PolicyKind, Principal, PrincipalPattern, Request, ResourcePolicy,
    Statement, decide,
};

/// A key, as far as its policy's meaning depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

impl KeyPlace {
    /// Any key of that account and Region: policies say `*`.
    fn arn(&self) -> Option<Arn> {
        let resource = "key/mrk-00000000000000000000000000000000";
        Arn::new(self.region.partition(), "kms", Some(&self.region), Some(&self.account), resource).ok()
    }

    pub(crate) fn root(&self) -> Option<Arn> {
        Arn::new(self.region.partition(), "iam", None, Some(&self.account), "root").ok()
    }
}

/// Whether the policy by itself lets this principal put another one.
pub(crate) fn names(document: &Document, principal: Principal, key: &KeyPlace) -> bool {
    outcome(document, principal, key) == Outcome::Allow
}

/// Whether the policy keeps this principal from putting another one, whatever else may allow it.
pub(crate) fn denies(document: &Document, principal: Principal, key: &KeyPlace) -> bool {
    outcome(document, principal, key) == Outcome::ExplicitDeny
}

fn outcome(document: &Document, principal: Principal, key: &KeyPlace) -> Outcome {
    let Some(arn) = key.arn() else { return Outcome::ExplicitDeny };
    let request = Request::new(principal, "kms:PutKeyPolicy", arn)
        .with("kms:BypassPolicyLockoutSafetyCheck", "false")
        .with("kms:PolicyName", "default");
    let mut policies = Policies::new(&key.account);
    policies.resource_policy = ResourcePolicy::Mandatory(document);
    decide(&request, &policies).outcome
}

/// Whether the policy leaves the decision to the account's IAM policies.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
pub(crate) fn delegates(document: &Document, key: &KeyPlace) -> bool {
    names(document, Principal::Root(key.account.clone()), key)
}

/// Whether a trust policy lets a principal assume the role.
pub(crate) fn trusts(trust: &Document, role: &Arn, principal: Principal, with_mfa: bool) -> bool {
    let Ok(account) = AccountId::parse(role.account()) else { return false };
    let mut request = Request::new(principal, "sts:AssumeRole", role.clone());
    if with_mfa {
        request = request.with("aws:MultiFactorAuthPresent", "true").with("aws:MultiFactorAuthAge", "0");
    }
    let mut policies = Policies::new(&account);
    policies.resource_policy = ResourcePolicy::Mandatory(trust);
    decide(&request, &policies).is_allowed()
}

/// The principal that an ARN names; a role stands for a session of it.
///
/// `named_in` are ARNs of roles that a policy names: a session's ARN does not tell its role's path.
pub(crate) fn principal(arn: &Arn, named_in: &[Arn]) -> Option<Principal> {
    let account = AccountId::parse(arn.account()).ok()?;
    match (arn.service(), arn.resource()) {
        ("iam", "root") => Some(Principal::Root(account)),
        ("iam", resource) if resource.starts_with("user/") => Some(Principal::User { arn: arn.clone() }),
        ("iam", resource) if resource.starts_with("role/") => {
            let name = resource.rsplit('/').next()?;
            let session = format!("arn:{}:sts::{account}:assumed-role/{name}/keywright", arn.partition());
            Some(Principal::Session { session: Arn::parse(&session).ok()?, role: arn.clone() })
        }
        ("sts", resource) if resource.starts_with("assumed-role/") => {
            Some(Principal::Session { session: arn.clone(), role: role_of_session(arn, named_in)? })
        }
        ("sts", resource) if resource.starts_with("federated-user/") => {
            Some(Principal::FederatedUser { arn: arn.clone() })
        }
        _ => None,
    }
}

/// A role's name is unique in its account, whatever its path.
fn role_of_session(session: &Arn, named_in: &[Arn]) -> Option<Arn> {
    let name = session.resource_of_kind("assumed-role")?.split('/').next()?;
    let is_it = |role: &&Arn| {
        role.account() == session.account()
            && role.resource_of_kind("role").and_then(|path| path.rsplit('/').next()) == Some(name)
    };
    let bare = || Arn::parse(&format!("arn:{}:iam::{}:role/{name}", session.partition(), session.account())).ok();
    named_in.iter().find(is_it).cloned().or_else(bare)
}

/// The ARNs that a policy's `Allow` statements name.
pub(crate) fn named_arns(document: &Document) -> Vec<Arn> {
    let allows = document.statements.iter().filter(|statement| statement.effect == Effect::Allow);
    let principals = allows.filter_map(|statement| match &statement.principal {
        Some(Match::Is(principals)) => Some(principals),
        _ => None,
    });
    let mut arns = Vec::new();
    for pattern in principals.flatten() {
        if let PrincipalPattern::Aws(text) = pattern
            && let Ok(arn) = Arn::parse(text)
            && !arns.contains(&arn)
        {
            arns.push(arn);
        }
    }
    arns
}

/// The roles that a policy by itself lets put another one, but for those of services.
pub(crate) fn administrator_roles(document: &Document, key: &KeyPlace) -> Vec<Arn> {
    let is_role = |arn: &Arn| {
        arn.service() == "iam"
            && arn.resource().starts_with("role/")
            && !arn.resource().starts_with("role/aws-service-role/")
    };
    let may = |arn: &Arn| principal(arn, &[]).is_some_and(|principal| names(document, principal, key));
    named_arns(document).into_iter().filter(is_role).filter(may).collect()
}

/// The policy, and a statement that leaves decisions to the account's IAM policies as well.
pub(crate) fn with_delegation(document: &Document, key: &KeyPlace) -> Document {
    let mut delegating = document.clone();
    let root = key.root().map(|root| root.to_string()).unwrap_or_else(|| key.account.to_string());
    let statement = Statement {
        sid: Some(free_sid(document, DELEGATION_SID)),
        effect: Effect::Allow,
        principal: Some(Match::Is(vec![PrincipalPattern::Aws(root)])),
        action: Some(Match::Is(vec!["kms:*".to_owned()])),
        resource: Some(Match::Is(vec!["*".to_owned()])),
        conditions: Vec::new(),
        span: None,
    };
    delegating.statements.insert(0, statement);
    delegating
}

/// All that either policy says.
pub(crate) fn union(former: &Document, latter: &Document) -> Document {
    let mut both = latter.clone();
    for statement in &former.statements {
        let is_there = both
            .statements
            .iter()
            .any(|other| Statement { span: None, ..other.clone() } == Statement { span: None, ..statement.clone() });
        if is_there {
            continue;
        }
        let sid = statement.sid.as_ref().map(|sid| free_sid(&both, sid));
        both.statements.push(Statement { sid, span: None, ..statement.clone() });
    }
    both
}

/// Reads a key policy; none if it cannot be read.
pub(crate) fn read(text: &str) -> Option<Document> {
    Document::parse(text, PolicyKind::Key).ok()
}

fn free_sid(document: &Document, wanted: &str) -> String {
    let taken = |sid: &str| document.statements.iter().any(|statement| statement.sid.as_deref() == Some(sid));
    let candidates = (0_u32..).map(|number| if number == 0 { wanted.to_owned() } else { format!("{wanted}{number}") });
    candidates.into_iter().find(|sid| !taken(sid)).unwrap_or_else(|| wanted.to_owned())
}

/// The statement that AWS's default key policy has.
const DELEGATION_SID: &str = "EnableIAMUserPermissions";

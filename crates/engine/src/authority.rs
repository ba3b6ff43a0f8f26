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
    pub(crate) fn arn(&self) -> Option<Arn> {
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
    let may = |arn: &Arn| Principal::of_arn(arn, &[]).is_some_and(|principal| names(document, principal, key));
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CALLER: &str = "arn:aws:sts::111122223333:assumed-role/ops/me";
    const ROLE: &str = "arn:aws:iam::111122223333:role/with/path/ops";

    fn place() -> KeyPlace {
        let account = AccountId::parse("111122223333").expect("an account");
        KeyPlace { account, region: Region::parse("eu-west-1").expect("a Region") }
    }

    fn policy(statements: Value) -> Document {
        read(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()).expect("a policy")
    }

    fn allow(principal: Value, action: &str) -> Value {
        json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
    }

    #[track_caller]
    fn check(statements: Value, expect_named: bool, expect_delegating: bool) {
        let document = policy(statements);
        let caller =
            Principal::of_arn(&Arn::parse(CALLER).expect("an ARN"), &named_arns(&document)).expect("a principal");
        assert_eq!(names(&document, caller, &place()), expect_named, "named");
        assert_eq!(delegates(&document, &place()), expect_delegating, "delegating");
    }

    #[test]
    fn a_policy_names_a_role_by_its_arn_with_any_path_or_leaves_it_to_the_account() {
        check(json!([allow(json!({"AWS": ROLE}), "kms:*")]), true, false);
        check(json!([allow(json!({"AWS": ROLE}), "kms:Decrypt")]), false, false);
        check(json!([allow(json!({"AWS": "arn:aws:iam::111122223333:root"}), "kms:*")]), false, true);
        check(json!([allow(json!({"AWS": "111122223333"}), "kms:*")]), false, true);
        check(json!([allow(json!({"AWS": "arn:aws:iam::999999999999:root"}), "kms:*")]), false, false);
        check(json!([allow(json!({"Service": "logs.eu-west-1.amazonaws.com"}), "kms:*")]), false, false);
    }

    #[test]
    fn a_deny_or_a_condition_that_is_not_met_gives_no_proof() {
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Put*", "Resource": "*"});
        check(json!([allow(json!({"AWS": ROLE}), "kms:*"), deny]), false, false);
        let mut with_mfa = allow(json!({"AWS": ROLE}), "kms:*");
        with_mfa["Condition"] = json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}});
        check(json!([with_mfa]), false, false);
    }

    #[test]
    fn delegation_is_added_under_a_name_that_is_free() {
        let mut statement = allow(json!({"AWS": ROLE}), "kms:*");
        statement["Sid"] = json!("EnableIAMUserPermissions");
        let delegating = with_delegation(&policy(json!([statement])), &place());
        assert!(delegates(&delegating, &place()));
        let sids: Vec<_> = delegating.statements.iter().map(|it| it.sid.clone().unwrap_or_default()).collect();
        assert_eq!(sids, ["EnableIAMUserPermissions1", "EnableIAMUserPermissions"]);
        assert_eq!(administrator_roles(&delegating, &place()), [Arn::parse(ROLE).expect("an ARN")]);
    }

    #[test]
    fn a_union_lets_in_whom_either_lets_in() {
        let (one, other) = ("arn:aws:iam::111122223333:role/one", "arn:aws:iam::111122223333:role/other");
        let named = |arn: &str| {
            let mut statement = allow(json!({"AWS": arn}), "kms:*");
            statement["Sid"] = json!("Admin");
            policy(json!([statement]))
        };
        let both = union(&named(one), &named(other));
        assert_eq!(both.statements.len(), 2);
        assert_eq!(administrator_roles(&both, &place()).len(), 2);
        assert_eq!(union(&both, &both).statements.len(), 2, "what is there already is not said twice");
        assert!(Document::parse(&both.to_json(), PolicyKind::Key).is_ok(), "each name stands once");
    }
}

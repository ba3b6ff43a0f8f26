//! Who can do something, and by which way.

use std::collections::BTreeSet;

use keywright_model::{AccountId, Arn};

use super::access::{Identities, KeyAccess, KnownPrincipal};
use super::answer::{Unknown, Verdict, Witness};
use super::claim::{Scope, Who, nobody_can, principals_by_arn};
use crate::decide::names_by_condition;
use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Statement};
use crate::glob;
use crate::grant::{Grant, Grantee};
use crate::principal::{account_of, is_everyone};
use crate::reason::{Cause, Reason, Source};
use crate::request::{Principal, Request};

/// Somebody who can do one of the things that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Who.
    pub who: Reacher,
    /// By which statements and grants, in their order.
    pub ways: Vec<Way>,
}

/// Who can do something: one principal, or all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reacher {
    /// A user, role or session, by its ARN.
    Principal(String),
    /// A service that calls in its own name.
    Service(String),
    /// The root user of the account, and its users and roles, as far as no line of their own says more.
    Account(String),
    /// Everybody, in any account.
    Everybody,
}

/// One way to do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The statement of the key policy, or the grant.
    pub by: Cause,
    /// What must hold besides.
    pub conditions: Vec<Condition>,
    /// What kind of request goes this way.
    pub means: Means,
    /// Which IAM policies it takes.
    pub needs: Needs,
    /// A request that goes this way; none where it is not known whether there is one.
    pub witness: Option<Box<Witness>>,
}

/// What kind of request goes a way; the first is the plainest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Means {
    /// A direct request, whatever else is known of it.
    Plain,
    /// A request for which the conditions hold.
    UnderConditions,
    /// Only a request that a service passes on (`kms:ViaService`).
    ThroughServices,
    /// It could not be told whether there is such a request.
    Unknown,
}

/// Which IAM policies a way takes beside the key policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// None.
    Nothing,
    /// The caller's own, which are not known.
    OwnPolicies,
    /// The caller's own, and these allow it.
    Known(Vec<Cause>),
}

/// Everybody who can do one of the actions, which may have wildcards.
///
/// A principal has a line of its own where a statement or a grant names it, or where it is among `known` and its own IAM
/// policies allow it. All that is said of everybody, or of an account, is said once.
pub fn who_can(access: &KeyAccess<'_>, known: &[KnownPrincipal<'_>], actions: &[&str]) -> Vec<Reach> {
    let openings = openings(access, actions);
    let mut all: Vec<Reach> = Vec::new();
    for who in candidates(access, known, &openings) {
        let ways: Vec<Way> = openings.iter().filter_map(|it| it.way(access, known, &who, actions)).collect();
        if !ways.is_empty() {
            all.push(Reach { who, ways });
        }
    }
    all
}

/// A statement or a grant that lets somebody do one of the actions, alone beside all that is denied.
struct Opening<'a> {
    by: Cause,
    conditions: Vec<Condition>,
    statement: Option<&'a Statement>,
    grant: Option<Grant<'a>>,
    alone: Document,
}

fn openings<'a>(access: &KeyAccess<'a>, actions: &[&str]) -> Vec<Opening<'a>> {
    let document = access.key_policy;
    let mut openings = Vec::new();
    for (at, statement) in document.statements.iter().enumerate() {
        if statement.effect == Effect::Allow && covers_one(statement, actions) {
            let by = Cause { source: Source::Resource, policy: None, statement: Some(at), sid: statement.sid.clone() };
            let alone = with_denials(document, Some(statement));
            let conditions = statement.conditions.clone();
            openings.push(Opening { by, conditions, statement: Some(statement), grant: None, alone });
        }
    }
    for grant in &access.grants {
        let allows =
            |it: &String| actions.iter().any(|action| glob::matches_ignoring_case(action, &format!("kms:{it}")));
        if grant.operations.iter().any(allows) {
            let by = Cause { source: Source::Grant, policy: Some(grant.id.to_owned()), statement: None, sid: None };
            let alone = with_denials(document, None);
            openings.push(Opening { by, conditions: Vec::new(), statement: None, grant: Some(*grant), alone });
        }
    }
    openings
}

/// Whether the statement speaks of one of the actions.
fn covers_one(statement: &Statement, actions: &[&str]) -> bool {
    let asked =
        || crate::KMS_ACTIONS.iter().filter(|it| actions.iter().any(|asked| glob::matches_ignoring_case(asked, it)));
    let fits = |patterns: &[String], action: &str| patterns.iter().any(|it| glob::matches_ignoring_case(it, action));
    match &statement.action {
        Some(Match::Is(patterns)) => asked().any(|it| fits(patterns, it)),
        Some(Match::IsNot(patterns)) => asked().any(|it| !fits(patterns, it)),
        None => false,
    }
}

fn with_denials(document: &Document, allow: Option<&Statement>) -> Document {
    let denials = document.statements.iter().filter(|it| it.effect == Effect::Deny);
    Document { statements: allow.into_iter().chain(denials).cloned().collect(), ..document.clone() }
}

/// Everybody whom an opening names, the known principals, and those of whom all is said at once.
fn candidates(access: &KeyAccess<'_>, known: &[KnownPrincipal<'_>], openings: &[Opening<'_>]) -> Vec<Reacher> {
    let mut names: BTreeSet<String> = principals_by_arn(access).into_iter().collect();
    names.extend(known.iter().map(|it| it.arn.as_str().to_owned()));
    let (mut services, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    let mut is_for_everybody = false;
    for opening in openings {
        match (opening.statement.and_then(|it| it.principal.as_ref()), opening.grant) {
            (Some(Match::Is(patterns)), _) => {
                for pattern in patterns {
                    match pattern {
                        PrincipalPattern::Service(name) => drop(services.insert(name.clone())),
                        PrincipalPattern::Aws(name) => accounts.extend(account_of(name).map(str::to_owned)),
                        _ => {}
                    }
                }
                is_for_everybody |= patterns.iter().any(is_everyone);
            }
            (Some(Match::IsNot(_)), _) => is_for_everybody = true,
            (None, Some(Grant { grantee: Grantee::Service(name), .. })) => drop(services.insert(name.to_owned())),
            (None, Some(Grant { grantee: Grantee::Arn(name), .. })) => {
                accounts.extend(account_of(name).map(str::to_owned));
            }
            (None, None) => {}
        }
    }
    if is_for_everybody {
        accounts.insert(access.account.as_str().to_owned());
    }
    let everybody = is_for_everybody.then_some(Reacher::Everybody);
    names
        .into_iter()
        .map(Reacher::Principal)
        .chain(accounts.into_iter().map(Reacher::Account))
        .chain(everybody)
        .chain(services.into_iter().map(Reacher::Service))
        .collect()
}

impl Opening<'_> {
    /// The way through this opening; none where there is none for them, or where it is told of others already.
    fn way(
        &self,
        access: &KeyAccess<'_>,
        known: &[KnownPrincipal<'_>],
        who: &Reacher,
        actions: &[&str],
    ) -> Option<Way> {
        if !self.concerns(who, known) {
            return None;
        }
        let alone = KeyAccess {
            key_policy: &self.alone,
            grants: self.grant.into_iter().collect(),
            identities: identities(access, known, who),
            ..KeyAccess::new(access.key, access.account, access.key_policy)
        };
        let asked = asked(access, who);
        let (means, witness) = match nobody_can(&alone, &asked, actions, Scope::default()).verdict {
            Verdict::Proved { .. } => return None,
            Verdict::Refuted { witness } => (self.means(&alone, who, &asked, actions), Some(witness)),
            // A claim about somebody whom the policy does not speak of.
            Verdict::Unknown { reason: Unknown::NotDecidedByKeyPolicies { .. } | Unknown::NoPrincipal { .. } } => {
                return None;
            }
            Verdict::Unknown { .. } => (Means::Unknown, None),
        };
        let needs = self.needs(access, who, witness.as_deref());
        Some(Way { by: self.by.clone(), conditions: self.conditions.clone(), means, needs, witness })
    }

    /// Whether this opening is to be told of them: by name, or as all of a kind.
    fn concerns(&self, who: &Reacher, known: &[KnownPrincipal<'_>]) -> bool {
        let grantee = self.grant.map(|it| match it.grantee {
            Grantee::Arn(name) | Grantee::Service(name) => name,
        });
        let principals = self.statement.and_then(|it| it.principal.as_ref());
        let names = |wanted: &dyn Fn(&PrincipalPattern) -> bool| matches!(principals, Some(Match::Is(patterns)) if patterns.iter().any(wanted));
        let is_for_all = names(&is_everyone) || matches!(principals, Some(Match::IsNot(_)));
        match who {
            Reacher::Service(name) => {
                grantee == Some(name) || names(&|it| matches!(it, PrincipalPattern::Service(known) if known == name))
            }
            Reacher::Account(account) => {
                let is_account = |name: &str| account_of(name) == Some(account);
                is_for_all
                    || grantee.is_some_and(is_account)
                    || names(&|it| matches!(it, PrincipalPattern::Aws(name) if is_account(name)))
            }
            Reacher::Everybody => is_for_all,
            Reacher::Principal(name) => {
                let picks = self.statement.is_some_and(names_by_condition);
                let by_account = known.iter().any(|it| it.arn.as_str() == name)
                    && names(
                        &|it| matches!(it, PrincipalPattern::Aws(known) if account_of(known).is_some_and(|it| is_in(name, it))),
                    );
                grantee == Some(name)
                    || picks
                    || by_account
                    || names(&|it| matches!(it, PrincipalPattern::Aws(known) if known == name))
            }
        }
    }

    fn means(&self, alone: &KeyAccess<'_>, who: &Reacher, asked: &Who, actions: &[&str]) -> Means {
        if self.statement.is_some_and(|it| it.conditions.is_empty()) && self.alone.statements.len() == 1 {
            return Means::Plain;
        }
        if is_plain(alone, who, actions) {
            return Means::Plain;
        }
        if matches!(who, Reacher::Service(_)) {
            return Means::UnderConditions;
        }
        let direct = Scope { without_forwarded: true, without_services: false };
        match nobody_can(alone, asked, actions, direct).verdict {
            Verdict::Proved { .. } => Means::ThroughServices,
            _ => Means::UnderConditions,
        }
    }

    fn needs(&self, access: &KeyAccess<'_>, who: &Reacher, witness: Option<&Witness>) -> Needs {
        let own: Vec<Cause> = match witness.map(|it| &it.decision.reason) {
            Some(Reason::Allowed { by }) => by.iter().filter(|it| it.source == Source::Identity).cloned().collect(),
            _ => Vec::new(),
        };
        let is_supposed = witness.is_some_and(|it| it.needs_own_policy);
        if !own.is_empty() && !is_supposed {
            return Needs::Known(own);
        }
        // The witness for an account may be its root user, which needs no policy: the others do.
        let names_account = self
            .statement
            .and_then(|it| it.principal.as_ref())
            .is_some_and(|it| matches!(it, Match::Is(patterns) if !patterns.iter().any(is_everyone)))
            || self.grant.is_some();
        match who {
            Reacher::Account(account) if names_account || account != access.account.as_str() => Needs::OwnPolicies,
            Reacher::Everybody => Needs::OwnPolicies,
            _ if is_supposed => Needs::OwnPolicies,
            _ => Needs::Nothing,
        }
    }
}

/// Whose IAM policies count as known: of a principal that is, its own alone.
fn identities<'a>(access: &KeyAccess<'a>, known: &[KnownPrincipal<'a>], who: &Reacher) -> Identities<'a> {
    let Reacher::Principal(name) = who else { return access.identities.clone() };
    let mut identities = Identities::default();
    if let Some(principal) = known.iter().find(|it| it.arn.as_str() == name)
        && let Ok(account) = AccountId::parse(principal.arn.account())
    {
        identities.know(&account, vec![principal.clone()]);
    }
    identities
}

fn asked(access: &KeyAccess<'_>, who: &Reacher) -> Who {
    match who {
        Reacher::Principal(name) | Reacher::Service(name) | Reacher::Account(name) => Who::These(vec![name.clone()]),
        Reacher::Everybody => Who::Outside(accounts(access)),
    }
}

/// The key's account, and those that the policy names.
fn accounts(access: &KeyAccess<'_>) -> Vec<AccountId> {
    let names = access.key_policy.principals().filter_map(|it| match it {
        PrincipalPattern::Aws(name) => Some(name.as_str()),
        _ => None,
    });
    let named = names.filter_map(|it| match account_of(it) {
        Some(account) => AccountId::parse(account).ok(),
        None => AccountId::parse(Arn::parse(it).ok()?.account()).ok(),
    });
    let all: BTreeSet<AccountId> = named.chain([access.account.clone()]).collect();
    all.into_iter().collect()
}

/// Whether a request of which nothing in particular is known goes through, for one of the actions.
fn is_plain(alone: &KeyAccess<'_>, who: &Reacher, actions: &[&str]) -> bool {
    let caller = match who {
        Reacher::Principal(name) => Arn::parse(name).ok().and_then(|it| Principal::of_arn(&it, &[])),
        Reacher::Service(name) => Some(Principal::Service { name: name.clone() }),
        Reacher::Account(account) => AccountId::parse(account).ok().map(Principal::Root),
        Reacher::Everybody => None,
    };
    let Some(caller) = caller else { return false };
    let asked =
        crate::KMS_ACTIONS.iter().filter(|it| actions.iter().any(|asked| glob::matches_ignoring_case(asked, it)));
    let mut requests = asked.map(|action| {
        Request::new(caller.clone(), *action, alone.key.clone())
            .with("aws:SecureTransport", "true")
            .with("kms:BypassPolicyLockoutSafetyCheck", "false")
    });
    requests.any(|it| alone.decide(&it, super::access::Supposed::Everything).decision.is_allowed())
}

fn is_in(name: &str, account: &str) -> bool {
    Arn::parse(name).is_ok_and(|it| it.account() == account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::PolicyKind;

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    const ROOT: &str = r#"{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;
    const APP: &str = r#"{"Sid":"App","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"kms:Decrypt","Resource":"*"}"#;
    const VIA: &str = r#"{"Sid":"Via","Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"*",
        "Condition":{"StringEquals":{"kms:CallerAccount":"111122223333","kms:ViaService":"s3.eu-west-1.amazonaws.com"}}}"#;
    const LOGS: &str = r#"{"Sid":"Logs","Effect":"Allow","Principal":{"Service":"logs.eu-west-1.amazonaws.com"},"Action":"kms:Decrypt",
        "Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}"#;
    const NO_APP: &str = r#"{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111122223333:role/app"},"Action":"kms:Decrypt","Resource":"*"}"#;

    fn asked(statements: &[&str], action: &str) -> Vec<(Reacher, Means, bool)> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        let document = Document::parse(&text, PolicyKind::Key).expect("a key policy");
        let (key, account) = (Arn::parse(KEY).expect("an ARN"), AccountId::parse("111122223333").expect("an account"));
        let found = who_can(&KeyAccess::new(&key, &account, &document), &[], &[action]);
        let best = |it: Reach| {
            let way = it.ways.iter().min_by_key(|it| it.means).expect("a way");
            (it.who, way.means, way.needs == Needs::OwnPolicies)
        };
        found.into_iter().map(best).collect()
    }

    fn account() -> Reacher {
        Reacher::Account("111122223333".into())
    }

    fn app() -> Reacher {
        Reacher::Principal("arn:aws:iam::111122223333:role/app".into())
    }

    #[test]
    fn each_has_the_way_that_the_policy_opens_and_no_other() {
        assert_eq!(asked(&[ROOT], "kms:Decrypt"), [(account(), Means::Plain, true)]);
        assert_eq!(asked(&[APP], "kms:Decrypt"), [(app(), Means::Plain, false)]);
        assert_eq!(asked(&[APP], "kms:Encrypt"), []);
        assert_eq!(asked(&[VIA], "kms:Decrypt"), [(account(), Means::ThroughServices, false)]);
        let service = Reacher::Service("logs.eu-west-1.amazonaws.com".into());
        assert_eq!(asked(&[LOGS], "kms:Decrypt"), [(service, Means::UnderConditions, false)]);
    }

    #[test]
    fn whom_a_statement_denies_cannot() {
        assert_eq!(asked(&[APP, NO_APP], "kms:Decrypt"), []);
        assert_eq!(asked(&[ROOT, NO_APP], "kms:Decrypt"), [(account(), Means::Plain, true)]);
    }

    #[test]
    fn everybody_and_other_accounts_have_lines_of_their_own() {
        let open = r#"{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}"#;
        let found = asked(&[open], "kms:Decrypt");
        assert!(found.contains(&(Reacher::Everybody, Means::Plain, true)), "{found:?}");
        assert!(found.contains(&(account(), Means::Plain, false)), "{found:?}");
        let other = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"kms:Decrypt","Resource":"*"}"#;
        assert_eq!(asked(&[other], "kms:Decrypt"), [(Reacher::Account("444455556666".into()), Means::Plain, true)]);
    }
}

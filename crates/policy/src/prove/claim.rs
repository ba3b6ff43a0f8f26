//! Claims that nobody of some can do something.

use ipnet::IpNet;
use keywright_model::AccountId;

use super::access::{KeyAccess, Opening, Origin, Supposed, replay};
use super::answer::{Answer, Assumption, Escalation, Unknown, Verdict, Witness};
use super::callers;
use super::model::{self, Interest, Model, Side, plain};
use super::region::{Region, Values};
use crate::document::{Condition, Effect, Match, PrincipalPattern, Version};
use crate::glob;
use crate::grant::Grantee;
use crate::operator::{Comparison, Operator};
use crate::principal::{self, Naming, account_of};
use crate::request::Principal;

/// Whom a claim holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Everybody outside these accounts.
    Outside(Vec<AccountId>),
    /// Everybody but these: ARNs of users, roles, sessions; accounts.
    AllBut(Vec<String>),
    /// These: ARNs of users, roles, sessions; accounts; service principals.
    These(Vec<String>),
    /// Everybody that no policy names, by account, organization, network or otherwise.
    Public,
}

/// Which requests a claim leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// Services that call in their own name.
    pub without_services: bool,
    /// Requests that a service passes on for its caller (`kms:ViaService`).
    pub without_forwarded: bool,
}

impl Scope {
    /// Only requests that people and roles send themselves.
    pub const DIRECT: Self = Self { without_services: true, without_forwarded: true };
}

/// Claims that nobody of these can do any of the actions, which may have wildcards.
pub fn nobody_can(access: &KeyAccess<'_>, who: &Who, actions: &[&str], scope: Scope) -> Answer {
    match try_nobody_can(access, who, actions, scope) {
        Ok(answer) => answer,
        Err(reason) => Answer { verdict: Verdict::Unknown { reason }, escalations: Vec::new() },
    }
}

/// Claims that root is gone: nobody sends a request on the key itself but those that the policy, or a grant, names by
/// ARN.
///
/// Services, and requests that they pass on, go by the conditions of their statements;
/// [`confused_deputies`](super::confused_deputies) and [`nobody_can`] speak of these.
pub fn root_is_gone(access: &KeyAccess<'_>) -> Answer {
    nobody_can(access, &Who::AllBut(principals_by_arn(access)), &["kms:*"], Scope::DIRECT)
}

/// Claims that nobody can use the key whom no policy names.
pub fn no_public_access(access: &KeyAccess<'_>) -> Answer {
    nobody_can(access, &Who::Public, &["kms:*"], Scope { without_services: true, without_forwarded: false })
}

/// The users, roles and sessions that the key policy's `Allow` statements or the grants name by ARN.
pub fn principals_by_arn(access: &KeyAccess<'_>) -> Vec<String> {
    let allows = access.key_policy.statements.iter().filter(|it| it.effect == Effect::Allow);
    let mut names = Vec::new();
    for statement in allows {
        if let Some(Match::Is(principals)) = &statement.principal {
            names.extend(principals.iter().filter_map(|it| match it {
                PrincipalPattern::Aws(name) => Some(name.clone()),
                _ => None,
            }));
        }
        let by_condition = statement.conditions.iter().filter(|it| picks_by_arn(it));
        names.extend(by_condition.flat_map(|it| it.values.iter().cloned()));
    }
    for grantee in access.grants.iter().flat_map(|it| [Some(it.grantee), it.retiring]).flatten() {
        if let Grantee::Arn(name) = grantee {
            names.push(name.to_owned());
        }
    }
    names.retain(|it| account_of(it).is_none() && callers::is_somebody(it) && !glob::has_wildcard(it));
    names.sort();
    names.dedup();
    names
}

fn try_nobody_can(access: &KeyAccess<'_>, who: &Who, actions: &[&str], scope: Scope) -> Result<Answer, Unknown> {
    let (names, mut conditions) = match who {
        Who::Outside(accounts) => (accounts.iter().map(|it| it.as_str().to_owned()).collect(), Vec::new()),
        Who::AllBut(names) | Who::These(names) => (names.clone(), Vec::new()),
        Who::Public => (Vec::new(), nothing_named(access)),
    };
    if let Some(name) = names.iter().find(|it| it.contains(':') && !callers::is_somebody(it)) {
        return Err(Unknown::NoPrincipal { name: name.clone() });
    }
    if scope.without_forwarded {
        conditions.push(plain("Null", VIA_SERVICE, ["true"]));
    }
    let escalating = [plain("Null", VIA_SERVICE, ["true"]), plain("StringNotEquals", FOR_AWS_RESOURCE, ["true"])];
    let seen = conditions.iter().chain(&escalating).cloned().collect();
    let model = Model::new(&[access], &Interest { names: names.clone(), conditions: seen })?;

    let people = callers_of(access, &model, who, &names, scope);
    let asked = model.actions_that(|action| actions.iter().any(|it| glob::matches_ignoring_case(it, action)));
    if asked.is_empty() {
        let actions = actions.iter().map(ToString::to_string).collect();
        return Err(Unknown::NotDecidedByKeyPolicies { actions });
    }
    let region = model.by(&people).narrowed(model::ACTION, &asked);
    let queries: Vec<Region> = model.under(region, &conditions, Version::V2008, Side::Widest).into_iter().collect();
    let more = [
        (scope.without_services && !matches!(who, Who::These(_))).then_some(Assumption::WithoutServices),
        scope.without_forwarded.then_some(Assumption::WithoutForwarded),
    ];
    let more: Vec<Assumption> = more.into_iter().flatten().collect();
    let verdict = search(access, &model, &queries, None, &|| assumptions(access, &more));
    let escalations = ESCALATING
        .into_iter()
        .filter(|action| !actions.iter().any(|it| glob::matches_ignoring_case(it, action)))
        .filter_map(|action| escalation(access, &model, &people, action, &escalating))
        .collect();
    Ok(Answer { verdict, escalations })
}

/// Whether one of these callers can do this itself, in its own name.
fn escalation(
    access: &KeyAccess<'_>,
    model: &Model<'_>,
    people: &Values,
    action: &'static str,
    direct: &[Condition],
) -> Option<Escalation> {
    let people = people.and(&model.callers_that(|it| !model::is_service(it)));
    let region = model.by(&people).narrowed(model::ACTION, &model.actions_that(|it| it == action));
    let queries: Vec<Region> = model.under(region, direct, Version::V2008, Side::Widest).into_iter().collect();
    match search(access, model, &queries, None, &Vec::new) {
        Verdict::Proved { .. } => None,
        Verdict::Refuted { witness } => Some(Escalation { action, witness: Some(witness) }),
        Verdict::Unknown { .. } => Some(Escalation { action, witness: None }),
    }
}

fn callers_of(access: &KeyAccess<'_>, model: &Model<'_>, who: &Who, names: &[String], scope: Scope) -> Values {
    let is_named = |caller: &Principal| {
        names.iter().any(|name| match caller {
            Principal::Service { name: own } => own == name,
            _ => principal::naming_by_name(name, caller) > Naming::NotNamed,
        })
    };
    let known = accounts_in(access);
    model.callers_that(|caller| {
        let is_left_out = scope.without_services && model::is_service(caller);
        match who {
            Who::These(_) => is_named(caller),
            Who::AllBut(_) => !is_left_out && !is_named(caller),
            Who::Outside(_) => !model::is_service(caller) && !is_named(caller),
            Who::Public => !is_left_out && caller.account().is_none_or(|it| !known.iter().any(|known| known == it)),
        }
    })
}

/// The accounts that the key policy speaks of by number.
fn accounts_in(access: &KeyAccess<'_>) -> Vec<String> {
    let text = access.key_policy.to_json();
    let numbers = text.split(|it: char| !it.is_ascii_digit()).filter(|it| it.len() == 12).map(str::to_owned);
    numbers.chain([access.account.as_str().to_owned()]).collect()
}

/// That no key which can pin a stranger down has a value that a policy names.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-checks-validating-policies.html> names the
/// keys that make a policy not public.
fn nothing_named(access: &KeyAccess<'_>) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = Vec::new();
    for condition in access.key_policy.statements.iter().flat_map(|it| &it.conditions) {
        let (Some(key), Some(operator)) =
            (PINNING.iter().find(|it| it.eq_ignore_ascii_case(&condition.key)), Operator::parse(&condition.operator))
        else {
            continue;
        };
        let values: Vec<&str> =
            condition.values.iter().map(String::as_str).filter(|it| pins_down(operator.comparison, key, it)).collect();
        let operator = match operator.comparison {
            Comparison::IpAddress => "NotIpAddress",
            Comparison::Arn => "ArnNotLike",
            Comparison::StringEquals | Comparison::StringLike | Comparison::StringEqualsIgnoreCase => "StringNotLike",
            _ => continue,
        };
        let operator = if key.ends_with("Paths") { "ForAllValues:StringNotLike" } else { operator };
        if !values.is_empty() {
            conditions.push(plain(operator, key, values));
        }
    }
    conditions
}

/// Whether a value names somebody: one that fits nearly everybody does not.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>
/// takes networks wider than /8 (IPv6: /32) for public, and patterns for no fixed value.
fn pins_down(comparison: Comparison, key: &str, value: &str) -> bool {
    if comparison == Comparison::IpAddress {
        return value
            .parse::<IpNet>()
            .map_or(true, |net| net.prefix_len() >= if net.addr().is_ipv4() { 8 } else { 32 });
    }
    // An organization's paths, and the sessions of one role, may be left open.
    let fixed = if key.eq_ignore_ascii_case("aws:PrincipalOrgPaths") {
        value.split('/').next()
    } else if key.eq_ignore_ascii_case("aws:userid") {
        value.split(':').next()
    } else {
        Some(value)
    };
    let is_pattern = comparison == Comparison::StringLike || comparison == Comparison::Arn;
    let is_open = |it: &str| it.is_empty() || it == "*" || is_pattern && glob::has_wildcard(it);
    fixed.is_some_and(|it| !is_open(it)) && !value.contains("${")
}

fn picks_by_arn(condition: &Condition) -> bool {
    condition.key.eq_ignore_ascii_case("aws:PrincipalArn")
        && Operator::parse(&condition.operator).is_some_and(|it| !it.negated && !it.if_exists)
}

/// Whether nothing is let through in any of the queries, by that statement or by any.
pub(super) fn search(
    access: &KeyAccess<'_>,
    model: &Model<'_>,
    queries: &[Region],
    statement: Option<usize>,
    assumptions: &dyn Fn() -> Vec<Assumption>,
) -> Verdict {
    // First all that may be let through; if what is found does not go through, then what surely is.
    let mut missed = None;
    for (allow, deny) in [(Side::Widest, Side::Narrowest), (Side::Narrowest, Side::Widest)] {
        let mut without = model.impossible.clone();
        without.extend(access.denials(model, deny));
        let openings = access.openings(model, allow, Supposed::Everything);
        let is_asked = |it: &&Opening| statement.is_none_or(|at| it.origin == Origin::Statement(at));
        let asked = openings.iter().filter(is_asked);
        let pieces: Vec<Region> =
            asked.flat_map(|it| queries.iter().filter_map(|query| it.region.and(query))).collect();
        match pass(access, model, &pieces, &without) {
            Ok(Pass::Nothing) if allow == Side::Widest => return Verdict::Proved { assumptions: assumptions() },
            Ok(Pass::Nothing) => {}
            Ok(Pass::Allowed(witness)) => return Verdict::Refuted { witness },
            Ok(Pass::Refused(witness)) => missed = Some(*witness),
            Err(reason) => return Verdict::Unknown { reason },
        }
    }
    Verdict::Unknown { reason: not_told(model, missed) }
}

/// What was found in boxes.
enum Pass {
    Nothing,
    Allowed(Box<Witness>),
    /// A request that the evaluator refuses.
    Refused(Box<Witness>),
}

/// Looks for a request that goes through; of several, one by the caller that is the least out of the ordinary.
fn pass(access: &KeyAccess<'_>, model: &Model<'_>, pieces: &[Region], without: &[Region]) -> Result<Pass, Unknown> {
    let (mut best, mut refused): (Option<(usize, Witness)>, _) = (None, None);
    for piece in pieces {
        let caller = model.first_caller(piece);
        if best.as_ref().is_some_and(|(known, _)| *known <= caller) {
            continue;
        }
        let Some(region) = model.remainder(piece, without)? else { continue };
        let witness = replay(access, model, &region, Supposed::Everything)?;
        let caller = model.first_caller(&region);
        if !witness.decision.is_allowed() {
            refused = Some(witness);
        } else if best.as_ref().is_none_or(|(known, _)| caller < *known) {
            best = Some((caller, witness));
        }
    }
    Ok(match (best, refused) {
        (Some((_, witness)), _) => Pass::Allowed(Box::new(witness)),
        (None, Some(witness)) => Pass::Refused(Box::new(witness)),
        (None, None) => Pass::Nothing,
    })
}

pub(super) fn not_told(model: &Model<'_>, missed: Option<Witness>) -> Unknown {
    match (model.inexact(), missed) {
        (elements, Some(witness)) if elements.is_empty() => {
            Unknown::Disagreement { request: Box::new(witness.request) }
        }
        (elements, _) => Unknown::NotModelled { elements },
    }
}

pub(super) fn assumptions(access: &KeyAccess<'_>, more: &[Assumption]) -> Vec<Assumption> {
    let but_known: Vec<String> = access.identities.known_accounts().map(str::to_owned).collect();
    let is_known = (!but_known.is_empty()).then_some(Assumption::KnownAccountsAreComplete);
    [
        Assumption::CallerKeys,
        Assumption::ServiceKeys,
        Assumption::OperationKeys,
        Assumption::TypedKeys,
        Assumption::UnknownIdentityPolicies { but_known },
        Assumption::OnlyNarrowed,
        Assumption::KeyOperationsOnly,
        Assumption::OnePartition,
    ]
    .into_iter()
    .chain(is_known)
    .chain(more.iter().cloned())
    .collect()
}

const VIA_SERVICE: &str = "kms:ViaService";
const FOR_AWS_RESOURCE: &str = "kms:GrantIsForAWSResource";
const ESCALATING: [&str; 3] = ["kms:PutKeyPolicy", "kms:CreateGrant", "kms:ReplicateKey"];
const PINNING: [&str; 6] =
    ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:userid"];

//! The variables of a request on one key, and what policies say as boxes of them.
//!
//! Each variable has finitely many kinds of values: callers, actions, and for each condition key what it may hold.
//! A statement is one box of them. Where a condition is not modelled, the box is the widest or the narrowest that it
//! may be, whichever is on the safe side.

use std::cell::RefCell;
use std::collections::BTreeMap;

use keywright_model::{AccountId, Arn};

use super::access::KeyAccess;
use super::answer::{self, Unknown};
use super::callers::{self, Census};
use super::region::{self, Region, Values, Work};
use super::values::Key;
use crate::actions::{KMS_ACTIONS, Permission, permission};
use crate::condition::{self, Truth};
use crate::decide::names_by_condition;
use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Statement, Version};
use crate::equivalent::equivalent;
use crate::grant::{ContextConstraint, Grant, Grantee};
use crate::principal::{self, Naming, account_of};
use crate::request::{Context, Principal, Request, Resource, encryption_context_name};
use crate::{glob, statement};

/// On which side a set may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It holds all that may be in it.
    Widest,
    /// It holds only what is in it for sure.
    Narrowest,
}

impl Side {
    fn takes(self, truth: Truth) -> bool {
        match truth {
            Truth::Yes => true,
            Truth::No => false,
            Truth::Unknown => self == Self::Widest,
        }
    }

    fn is_widest(self) -> bool {
        self == Self::Widest
    }
}

/// What a claim adds to what the policies tell apart.
#[derive(Debug, Default)]
pub(super) struct Interest {
    /// Names of principals.
    pub(super) names: Vec<String>,
    /// Conditions.
    pub(super) conditions: Vec<Condition>,
}

pub(super) struct Model<'a> {
    pub(super) key: &'a Arn,
    pub(super) account: &'a AccountId,
    pub(super) callers: Vec<Principal>,
    pub(super) actions: Vec<&'static str>,
    pub(super) keys: Vec<Key>,
    /// What policies know of each caller.
    contexts: Vec<Context>,
    /// Requests that do not occur, or that nothing can open.
    pub(super) impossible: Vec<Region>,
    census: Census,
    work: RefCell<Work>,
    inexact: RefCell<Vec<String>>,
}

impl<'a> Model<'a> {
    /// The model of requests on a key, fine enough for all of these policies and for the claim.
    pub(super) fn new(accesses: &[&KeyAccess<'a>], interest: &Interest) -> Result<Self, Unknown> {
        let Some(first) = accesses.first() else { return Err(Unknown::TooMuchWork) };
        let mut work = Work::new(MOST_WORK);
        let mut census = Census::new(first.account.as_str());
        let mut seen: Vec<&Condition> = interest.conditions.iter().collect();
        let documents = || accesses.iter().flat_map(|it| it.documents());
        seen.extend(documents().flat_map(|it| &it.statements).flat_map(|it| &it.conditions));
        let grant_conditions: Vec<Condition> =
            accesses.iter().flat_map(|it| &it.grants).flat_map(constraint_conditions).collect();
        seen.extend(&grant_conditions);

        for name in &interest.names {
            let is_service = !name.contains(':') && account_of(name).is_none();
            if is_service { census.service(name) } else { census.name(name) }
        }
        documents().flat_map(Document::principals).for_each(|it| census.pattern(it));
        for grantee in
            accesses.iter().flat_map(|it| &it.grants).flat_map(|it| [Some(it.grantee), it.retiring]).flatten()
        {
            match grantee {
                Grantee::Arn(name) => census.name(name),
                Grantee::Service(name) => census.service(name),
            }
        }
        for access in accesses {
            access.identities.each_account(|account, principals| census.complete(account, principals));
        }
        seen.iter().filter(|it| callers::decides(&it.key)).for_each(|it| census.condition(it));
        let callers = census.callers(first.key.partition(), &mut work)?;
        let keys = keys(&seen, first.key, &mut work)?;
        let contexts = callers.iter().map(|it| Request::new(it.clone(), "kms:*", first.key.clone()).context).collect();
        let actions: Vec<&str> = KMS_ACTIONS.iter().copied().filter(|it| is_decided(it)).collect();
        let mut model = Self {
            key: first.key,
            account: first.account,
            callers,
            actions,
            keys,
            contexts,
            impossible: Vec::new(),
            census,
            work: RefCell::new(work),
            inexact: RefCell::new(Vec::new()),
        };
        model.impossible = model.impossible();
        Ok(model)
    }

    /// A box that lies in `region` and in none of the others; none if they cover it.
    pub(super) fn remainder(&self, region: &Region, without: &[Region]) -> Result<Option<Region>, Unknown> {
        let size_of = |variable| self.size_of(variable);
        region::remainder(region, without, &size_of, &mut self.work.borrow_mut())
    }

    /// What was met that is not modelled, in words.
    pub(super) fn inexact(&self) -> Vec<String> {
        self.inexact.borrow().clone()
    }

    pub(super) fn callers_that(&self, test: impl Fn(&Principal) -> bool) -> Values {
        Values::that(self.callers.len(), |at| self.callers.get(at).is_some_and(&test))
    }

    pub(super) fn actions_that(&self, test: impl Fn(&str) -> bool) -> Values {
        Values::that(self.actions.len(), |at| self.actions.get(at).is_some_and(|it| test(it)))
    }

    /// The region narrowed to callers and actions.
    pub(super) fn by(&self, callers: &Values) -> Region {
        Region::everything().narrowed(CALLER, callers)
    }

    /// A caller that stands for the role by a session of no known name, or for the user, or for the root user.
    pub(super) fn caller_for(&self, name: &str) -> Option<usize> {
        let arn = Arn::parse(name).ok();
        let role_session = arn.as_ref().and_then(|it| self.census.session_of(it));
        self.callers.iter().position(|caller| match caller {
            Principal::Root(account) => principal::account_of(name) == Some(account.as_str()),
            Principal::User { arn } | Principal::FederatedUser { arn } => arn.as_str() == name,
            Principal::Session { session, .. } if session.as_str() == name => true,
            Principal::Session { .. } => role_session.as_ref() == Some(caller),
            Principal::Service { .. } | Principal::Anonymous => false,
        })
    }

    /// The requests for which all of these hold; none if there are none.
    pub(super) fn under(
        &self,
        region: Region,
        conditions: &[Condition],
        version: Version,
        side: Side,
    ) -> Option<Region> {
        let region = conditions.iter().try_fold(region, |region, condition| {
            let (variable, values) = self.side_of(condition, version, side)?;
            let narrowed = region.narrowed(variable, &values);
            (!narrowed.is_empty()).then_some(narrowed)
        })?;
        (!region.is_empty()).then_some(region)
    }

    /// What the statement speaks of, its principals aside; none if it never applies.
    pub(super) fn statement(&self, statement: &Statement, version: Version, side: Side) -> Option<Region> {
        let fits =
            |patterns: &[String], action: &str| patterns.iter().any(|it| glob::matches_ignoring_case(it, action));
        let actions = match statement.action.as_ref()? {
            Match::Is(patterns) => self.actions_that(|it| fits(patterns, it)),
            Match::IsNot(patterns) => self.actions_that(|it| !fits(patterns, it)),
        };
        if actions.is_empty() || !side.takes(self.covers_the_key(statement, version)) {
            return None;
        }
        self.under(Region::everything().narrowed(ACTION, &actions), &statement.conditions, version, side)
    }

    /// Those callers that an `Allow` names, in the ways that count.
    pub(super) fn named(
        &self,
        statement: &Statement,
        side: Side,
        counts: impl Fn(Naming, &Principal) -> bool,
    ) -> Values {
        match &statement.principal {
            None => self.callers_that(|_| true),
            Some(principals) => {
                let known = self.without_canonical(principals, statement.effect, side);
                let Some(known) = known else { return Values::none(self.callers.len()) };
                let by_condition = statement.effect == Effect::Allow && names_by_condition(statement);
                self.callers_that(|caller| match principal::naming(&known, caller, statement.effect) {
                    Naming::Limited if by_condition => counts(Naming::Itself, caller),
                    naming => counts(naming, caller),
                })
            }
        }
    }

    /// What a grant opens, apart from who is named how.
    pub(super) fn grant(&self, grant: &Grant<'_>) -> Vec<Region> {
        let operations = self
            .actions_that(|action| grant.operations.iter().any(|it| format!("kms:{it}").eq_ignore_ascii_case(action)));
        let with_context = self.actions_that(takes_encryption_context);
        let constrained = Region::everything().narrowed(ACTION, &operations.and(&with_context));
        let free = Region::everything().narrowed(ACTION, &operations.without(&with_context));
        let mut pairs: Vec<Condition> = pair_conditions(grant);
        if matches!(grant.encryption_context, ContextConstraint::Equals(_)) {
            let named = |key: &str| pairs.iter().any(|it| it.key.eq_ignore_ascii_case(key));
            let others: Vec<Condition> = self
                .keys
                .iter()
                .filter(|key| encryption_context_name(&key.name).is_some() && !named(&key.name))
                .map(|key| plain("Null", &key.name, ["true"]))
                .collect();
            pairs.extend(others);
        }
        let regions = [self.under(constrained, &pairs, Version::V2008, Side::Widest), Some(free)];
        regions
            .into_iter()
            .flatten()
            .filter(|it| !it.is_empty())
            .flat_map(|region| self.with_source(region, grant))
            .collect()
    }

    /// The callers that the grant names in the ways that count.
    pub(super) fn grantees(&self, grant: &Grant<'_>, counts: impl Fn(Naming, &Principal) -> bool) -> Values {
        self.callers_that(|caller| match (grant.grantee, caller) {
            (Grantee::Service(name), Principal::Service { name: own }) => name == own && counts(Naming::Itself, caller),
            (Grantee::Arn(name), _) if name != "*" => counts(principal::naming_by_name(name, caller), caller),
            _ => false,
        })
    }

    /// The request that the box's first values make.
    pub(super) fn request(&self, region: &Region) -> Option<Request> {
        let first = |variable| region.side(variable).map_or(Some(0), Values::first);
        let caller = self.callers.get(first(CALLER)?)?.clone();
        let action = *self.actions.get(first(ACTION)?)?;
        let mut request = Request::new(caller, action, self.key.clone());
        let mut names = Vec::new();
        for (at, key) in self.keys.iter().enumerate() {
            let values = key.contents.get(first(KEYS + at)?)?;
            if !values.is_empty() {
                request.context.set_many(key.name.as_str(), values.iter().cloned());
                names.extend(encryption_context_name(&key.name).map(str::to_owned));
            }
        }
        if !names.is_empty() && request.context.get(CONTEXT_KEYS).is_none() {
            request.context.set_many(CONTEXT_KEYS, names);
        }
        Some(request)
    }

    /// Where the first caller of the box stands: the earlier, the more ordinary.
    pub(super) fn first_caller(&self, region: &Region) -> usize {
        region.side(CALLER).map_or(Some(0), Values::first).unwrap_or(usize::MAX)
    }

    pub(super) fn is_own(&self, caller: &Principal) -> bool {
        caller.account() == Some(self.account.as_str())
    }

    fn size_of(&self, variable: usize) -> usize {
        match variable {
            CALLER => self.callers.len(),
            ACTION => self.actions.len(),
            key => self.keys.get(key - KEYS).map_or(0, |it| it.contents.len()),
        }
    }

    fn side_of(&self, condition: &Condition, version: Version, side: Side) -> Option<(usize, Values)> {
        let (variable, truths) = if callers::decides(&condition.key) {
            (CALLER, self.truths_by_caller(condition, version))
        } else {
            let at = self.keys.iter().position(|it| it.name.eq_ignore_ascii_case(&condition.key))?;
            (KEYS + at, self.keys.get(at)?.truths(condition, version))
        };
        if truths.contains(&Truth::Unknown) {
            self.note(answer::describe(condition));
        }
        Some((variable, Values::that(truths.len(), |at| truths.get(at).is_some_and(|it| side.takes(*it)))))
    }

    fn truths_by_caller(&self, condition: &Condition, version: Version) -> Vec<Truth> {
        let has_variable = condition.values.iter().any(|it| crate::variables::has_variable(it, version));
        let is_modelled = callers::is_modelled(condition) && !has_variable;
        let truth = |context: &Context| match context.get(&condition.key) {
            Some(_) if !is_modelled => Truth::Unknown,
            _ => condition::holds(condition, version, context),
        };
        self.contexts.iter().map(truth).collect()
    }

    fn covers_the_key(&self, statement: &Statement, version: Version) -> Truth {
        if version == Version::V2012 && statement.resource.iter().flat_map(Match::inner).any(|it| it.contains("${")) {
            self.note("a variable in Resource".to_owned());
            return Truth::Unknown;
        }
        let document = Document { version, id: None, statements: Vec::new() };
        let request = Request {
            principal: Principal::Anonymous,
            action: String::new(),
            resource: Resource::Arn(self.key.clone()),
            context: Context::new(),
        };
        statement::covers_resource(statement, &document, &request.resource, &request)
    }

    /// The principals without those that only other services know; none if the statement must be left out.
    fn without_canonical(
        &self,
        principals: &Match<Vec<PrincipalPattern>>,
        effect: Effect,
        side: Side,
    ) -> Option<Match<Vec<PrincipalPattern>>> {
        let is_known = |it: &PrincipalPattern| !matches!(it, PrincipalPattern::CanonicalUser(_));
        if principals.inner().iter().all(is_known) || (effect == Effect::Deny) == side.is_widest() {
            return Some(principals.clone());
        }
        self.note("a canonical user as principal".to_owned());
        let known: Vec<PrincipalPattern> = principals.inner().iter().filter(|it| is_known(it)).cloned().collect();
        Some(match principals {
            Match::Is(_) => Match::Is(known),
            Match::IsNot(_) => return (effect == Effect::Allow).then_some(Match::IsNot(known)),
        })
    }

    /// A grant's constraint on the source counts for services only.
    fn with_source(&self, region: Region, grant: &Grant<'_>) -> Vec<Region> {
        let services = self.callers_that(is_service);
        let people = region.clone().narrowed(CALLER, &self.callers_that(|it| !is_service(it)));
        let by_service = match (grant.source_arn, grant.grantee) {
            (Some(source), _) => {
                let from = [plain("StringEquals", "aws:SourceArn", [source])];
                self.under(region.narrowed(CALLER, &services), &from, Version::V2008, Side::Widest)
            }
            (None, Grantee::Service(_)) => None,
            (None, Grantee::Arn(_)) => Some(region.narrowed(CALLER, &services)),
        };
        [Some(people), by_service].into_iter().flatten().filter(|it| !it.is_empty()).collect()
    }

    fn note(&self, element: String) {
        let mut inexact = self.inexact.borrow_mut();
        if !inexact.contains(&element) {
            inexact.push(element);
        }
    }

    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html> and
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>.
    fn impossible(&self) -> Vec<Region> {
        let services = self.callers_that(is_service);
        let people = self.callers_that(|it| !is_service(it));
        let foreigners = self.callers_that(|it| !is_service(it) && !self.is_own(it));
        let own_only = self.actions_that(|it| permission(it) == Some(Permission::OwnKey));
        let mut regions = vec![self.by(&foreigners).narrowed(ACTION, &own_only)];
        for (at, key) in self.keys.iter().enumerate() {
            let present = Values::that(key.contents.len(), |it| key.contents.get(it).is_some_and(|it| !it.is_empty()));
            let present = Region::everything().narrowed(KEYS + at, &present);
            let name = key.name.to_ascii_lowercase();
            if SERVICE_CALL_KEYS.contains(&name.as_str()) {
                regions.push(present.clone().narrowed(CALLER, &people));
            }
            if CALLER_ONLY_KEYS.iter().any(|it| name.starts_with(it)) {
                regions.push(present.clone().narrowed(CALLER, &services));
            }
            if let Some(operations) = operations_of(&name) {
                let others = self.actions_that(|it| !operations.contains(&it));
                regions.push(present.narrowed(ACTION, &others));
            }
        }
        regions.retain(|it| !it.is_empty());
        regions
    }
}

/// A condition that the prover writes itself.
pub(super) fn plain<'v>(operator: &str, key: &str, values: impl IntoIterator<Item = &'v str>) -> Condition {
    Condition {
        operator: operator.to_owned(),
        key: key.to_owned(),
        values: values.into_iter().map(str::to_owned).collect(),
    }
}

pub(super) fn is_service(caller: &Principal) -> bool {
    matches!(caller, Principal::Service { .. })
}

/// Whether two statements say the same, by whatever name.
pub(super) fn same(left: &Statement, right: &Statement) -> bool {
    let anonymous = |it: &Statement| Document {
        version: Version::V2012,
        id: None,
        statements: vec![Statement { sid: None, span: None, ..it.clone() }],
    };
    left == right || equivalent(&anonymous(left), &anonymous(right))
}

/// Whether a key policy decides the action.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html>, for `RetireGrant`.
pub(super) fn is_decided(action: &str) -> bool {
    permission(action) != Some(Permission::Iam) && action != "kms:RetireGrant"
}

fn keys(seen: &[&Condition], key: &Arn, work: &mut Work) -> Result<Vec<Key>, Unknown> {
    let mut by_name: BTreeMap<String, Vec<&Condition>> = BTreeMap::new();
    for condition in seen.iter().filter(|it| !callers::decides(&it.key)) {
        by_name.entry(condition.key.to_ascii_lowercase()).or_default().push(condition);
    }
    by_name
        .iter()
        .map(|(lower, conditions)| {
            let name = conditions.first().map_or(lower.as_str(), |it| it.key.as_str());
            match lower.as_str() {
                "aws:resourceaccount" => Ok(Key::constant(name, key.account())),
                "aws:requestedregion" => Ok(Key::constant(name, key.region())),
                _ => Key::new(name, conditions, work),
            }
        })
        .collect()
}

fn constraint_conditions(grant: &Grant<'_>) -> Vec<Condition> {
    let source = grant.source_arn.map(|it| plain("StringEquals", "aws:SourceArn", [it]));
    pair_conditions(grant).into_iter().chain(source).collect()
}

fn pair_conditions(grant: &Grant<'_>) -> Vec<Condition> {
    match grant.encryption_context {
        ContextConstraint::Any => Vec::new(),
        ContextConstraint::Equals(pairs) | ContextConstraint::Subset(pairs) => pairs
            .iter()
            .map(|(name, value)| plain("StringEquals", &format!("kms:EncryptionContext:{name}"), [value.as_str()]))
            .collect(),
    }
}

fn takes_encryption_context(action: &str) -> bool {
    CRYPTOGRAPHIC.contains(&action)
}

/// The only operations in which the key is there; none if it is no key of some operations only.
fn operations_of(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        "kms:grantisforawsresource" => &["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
        "kms:grantoperations"
        | "kms:grantconstrainttype"
        | "kms:granteeprincipal"
        | "kms:granteeserviceprincipal"
        | "kms:retiringprincipal"
        | "kms:retiringserviceprincipal" => &["kms:CreateGrant"],
        "kms:bypasspolicylockoutsafetycheck" => &["kms:PutKeyPolicy"],
        "kms:rotationperiodindays" => &["kms:EnableKeyRotation"],
        "kms:schedulekeydeletionpendingwindowindays" => &["kms:ScheduleKeyDeletion"],
        "kms:primaryregion" => &["kms:UpdatePrimaryRegion"],
        "kms:replicaregion" => &["kms:ReplicateKey"],
        "kms:encryptioncontextkeys" => WITH_CONTEXT,
        _ if key.starts_with("kms:encryptioncontext:") => WITH_CONTEXT,
        _ => return None,
    })
}

pub(super) const CALLER: usize = 0;
pub(super) const ACTION: usize = 1;
const KEYS: usize = 2;
const MOST_WORK: usize = 3_000_000;
const CONTEXT_KEYS: &str = "kms:EncryptionContextKeys";
const SERVICE_CALL_KEYS: [&str; 4] = ["aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths"];
const CALLER_ONLY_KEYS: [&str; 4] =
    ["kms:viaservice", "aws:principalorgid", "aws:principalorgpaths", "aws:principaltag/"];
const CRYPTOGRAPHIC: &[&str] = &[
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];
const WITH_CONTEXT: &[&str] = &[
    "kms:CreateGrant",
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

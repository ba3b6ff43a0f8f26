use std::collections::BTreeMap;

use keywright_model::{AccountId, Arn};

use super::answer::{SUPPOSED, Unknown, Witness};
use super::model::{self, Model, Side};
use super::region::{Region, Values};
use crate::decide::{NamedPolicy, Policies, ResourcePolicy, decide};
use crate::document::{Document, Effect, Match, Statement, Version};
use crate::grant::Grant;
use crate::principal::Naming;
use crate::reason::{Cause, Reason, Source};
use crate::request::{Principal, Request};

/// Everything that a proof about one key looks at.
#[derive(Debug, Clone)]
pub struct KeyAccess<'a> {
    /// The key's ARN, which tells its Region and partition. A replica is another key than its primary.
    pub key: &'a Arn,
    /// The account that the key belongs to.
    pub account: &'a AccountId,
    /// The key policy.
    pub key_policy: &'a Document,
    /// The grants on the key.
    pub grants: Vec<Grant<'a>>,
    /// The IAM policies that are known.
    pub identities: Identities<'a>,
}

impl<'a> KeyAccess<'a> {
    /// A key with its policy, without grants, and nothing known of anybody's IAM policies.
    pub fn new(key: &'a Arn, account: &'a AccountId, key_policy: &'a Document) -> Self {
        Self { key, account, key_policy, grants: Vec::new(), identities: Identities::default() }
    }
}

/// The accounts whose principals and IAM policies are known, all of them. Of any other account nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identities<'a> {
    accounts: BTreeMap<String, Vec<KnownPrincipal<'a>>>,
}

impl<'a> Identities<'a> {
    /// Makes these the only users and roles of the account, its root user aside.
    pub fn know(&mut self, account: &AccountId, principals: Vec<KnownPrincipal<'a>>) {
        self.accounts.insert(account.as_str().to_owned(), principals);
    }

    /// Whether the account's principals are known.
    pub fn knows(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// The accounts whose principals are known.
    pub fn known_accounts(&self) -> impl Iterator<Item = &str> {
        self.accounts.keys().map(String::as_str)
    }

    pub(super) fn each_account(&self, mut visit: impl FnMut(&str, Vec<String>)) {
        for (account, principals) in &self.accounts {
            visit(account, principals.iter().map(|it| it.arn.as_str().to_owned()).collect());
        }
    }

    fn of(&self, caller: &Principal) -> Option<&KnownPrincipal<'a>> {
        let name = match caller {
            Principal::User { arn } => arn,
            Principal::Session { role, .. } => role,
            _ => return None,
        };
        self.accounts.get(name.account())?.iter().find(|it| it.arn == name)
    }
}

/// A user or a role, and its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPrincipal<'a> {
    /// The ARN of the user or role, with its path.
    pub arn: &'a Arn,
    /// Its policies, its groups' among them.
    pub policies: Vec<NamedPolicy<'a>>,
    /// Its permissions boundary.
    pub boundary: Option<NamedPolicy<'a>>,
}

/// What IAM policies that are not known are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supposed {
    Everything,
    Nothing,
}

/// A box that something opens.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) region: Region,
    /// The statement of the key policy, or the grant counted on from there.
    pub(super) origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Statement(usize),
    Grant(usize),
}

impl Opening {
    pub(super) fn and(&self, region: &Region) -> Option<Self> {
        Some(Self { region: self.region.and(region)?, origin: self.origin })
    }
}

impl<'a> KeyAccess<'a> {
    pub(super) fn documents(&self) -> impl Iterator<Item = &'a Document> {
        let own = self.known().flat_map(|it| it.policies.iter().chain(&it.boundary)).map(|it| it.document);
        std::iter::once(self.key_policy).chain(own)
    }

    fn known(&self) -> impl Iterator<Item = &KnownPrincipal<'a>> {
        self.identities.accounts.values().flatten()
    }

    /// Decides the request, with unknown IAM policies taken for that.
    pub(super) fn decide(&self, request: &Request, supposed: Supposed) -> Witness {
        let everything = allowing_everything();
        let mut policies =
            Policies { resource_policy: ResourcePolicy::Mandatory(self.key_policy), ..Policies::new(self.account) };
        policies.grants.clone_from(&self.grants);
        match self.identities.of(&request.principal) {
            Some(known) => {
                policies.identity.clone_from(&known.policies);
                policies.boundary = known.boundary;
            }
            None if supposed == Supposed::Everything && !self.is_known(&request.principal) => {
                policies.identity.push(NamedPolicy { name: SUPPOSED, document: &everything });
            }
            None => {}
        }
        let decision = decide(request, &policies);
        let is_supposed = |it: &Cause| it.source == Source::Identity && it.policy.as_deref() == Some(SUPPOSED);
        let needs_own_policy = matches!(&decision.reason, Reason::Allowed { by } if by.iter().any(is_supposed));
        Witness { request: request.clone(), decision, needs_own_policy }
    }

    /// What the key policy and the grants open, each statement apart.
    pub(super) fn openings(&self, model: &Model<'_>, side: Side, supposed: Supposed) -> Vec<Opening> {
        let mut opener = Opener { access: self, model, side, supposed, openings: Vec::new() };
        for (at, statement) in self.key_policy.statements.iter().enumerate() {
            if statement.effect != Effect::Allow || statement.principal.is_none() {
                continue;
            }
            if let Some(region) = model.statement(statement, self.key_policy.version, side) {
                opener.open(&region, Origin::Statement(at), &|counts| model.named(statement, side, counts));
            }
        }
        for (at, grant) in self.grants.iter().enumerate() {
            for region in model.grant(grant) {
                opener.open(&region, Origin::Grant(at), &|counts| model.grantees(grant, counts));
            }
        }
        opener.openings
    }

    /// What any policy denies.
    pub(super) fn denials(&self, model: &Model<'_>, side: Side) -> Vec<Region> {
        self.named_denials(model, side).into_iter().map(|(_, region)| region).collect()
    }

    /// The same, with the statements of the key policy by their places.
    pub(super) fn named_denials(&self, model: &Model<'_>, side: Side) -> Vec<(Option<usize>, Region)> {
        let mut denials: Vec<_> = self.key_denials(model, side).into_iter().map(|(at, it)| (Some(at), it)).collect();
        for principal in self.known() {
            let callers = self.callers_of(model, principal);
            let documents = principal.policies.iter().chain(&principal.boundary).map(|it| it.document);
            let own = documents.flat_map(|it| denials_of(model, it, side)).filter_map(|it| narrowed(it, &callers));
            denials.extend(own.map(|it| (None, it)));
        }
        denials
    }

    /// What each statement of the key policy denies.
    pub(super) fn key_denials(&self, model: &Model<'_>, side: Side) -> Vec<(usize, Region)> {
        let statements = self.key_policy.statements.iter().enumerate();
        let denials = statements.filter(|(_, it)| it.effect == Effect::Deny && it.principal.is_some());
        denials.filter_map(|(at, it)| Some((at, denial(model, it, self.key_policy.version, side)?))).collect()
    }

    /// Whether nobody lives in the caller's account but those that were given.
    fn is_known(&self, caller: &Principal) -> bool {
        caller.account().is_some_and(|it| self.identities.knows(it))
    }

    /// Whether a boundary is known that the caller must stay within.
    fn is_limited(&self, caller: &Principal) -> bool {
        self.identities.of(caller).is_some_and(|it| it.boundary.is_some())
    }

    fn callers_of(&self, model: &Model<'_>, principal: &KnownPrincipal<'_>) -> Values {
        model.callers_that(|caller| self.identities.of(caller).is_some_and(|it| it.arn == principal.arn))
    }
}

/// Which callers count, by how they are named.
type Counts<'c> = dyn Fn(Naming, &Principal) -> bool + 'c;

/// The callers that a statement or grant names in the ways that count.
type Named<'n> = dyn Fn(&Counts<'_>) -> Values + 'n;

/// Gathers what is opened.
struct Opener<'o, 'a> {
    access: &'o KeyAccess<'a>,
    model: &'o Model<'o>,
    side: Side,
    supposed: Supposed,
    openings: Vec<Opening>,
}

impl Opener<'_, '_> {
    /// Splits what a statement or grant opens by what it takes besides: nothing, or the caller's own policies.
    ///
    /// In one account, whoever is named itself needs nothing more; who is named by role or as one of all must stay
    /// within its boundary. By the account's name, or from another account, its own policies must allow as well.
    fn open(&mut self, region: &Region, origin: Origin, named: &Named<'_>) {
        let (access, model, side) = (self.access, self.model, self.side);
        let free = |naming: Naming, caller: &Principal| {
            is_direct(model, naming, caller) && (naming == Naming::Itself || !access.is_limited(caller))
        };
        self.push(region, origin, &named(&free));
        let supposes = |caller: &Principal| self.supposes(caller);
        let delegated = |naming: Naming, caller: &Principal| is_delegated(model, naming, caller);
        self.push(region, origin, &named(&|naming, caller| delegated(naming, caller) && supposes(caller)));

        for principal in access.known() {
            let callers = access.callers_of(model, principal);
            let boundary = principal.boundary.map(|it| allowances_of(model, it.document, side));
            if let Some(boundary) = &boundary {
                let limited = named(&|naming, caller| is_direct(model, naming, caller) && naming != Naming::Itself);
                self.push_within(region, origin, &limited.and(&callers), boundary);
            }
            let own = principal.policies.iter().flat_map(|it| allowances_of(model, it.document, side));
            let within: Vec<Region> = match &boundary {
                None => own.collect(),
                Some(boundary) => own.flat_map(|own| boundary.iter().filter_map(move |it| own.and(it))).collect(),
            };
            self.push_within(region, origin, &named(&delegated).and(&callers), &within);
        }
    }

    /// Whether the caller's own policies are taken to allow everything. The root user needs none.
    fn supposes(&self, caller: &Principal) -> bool {
        let is_root = matches!(caller, Principal::Root(_));
        is_root || (self.supposed == Supposed::Everything && !self.access.is_known(caller))
    }

    fn push(&mut self, region: &Region, origin: Origin, callers: &Values) {
        self.push_within(region, origin, callers, &[Region::everything()]);
    }

    fn push_within(&mut self, region: &Region, origin: Origin, callers: &Values, within: &[Region]) {
        let region = region.clone().narrowed(model::CALLER, callers);
        let parts = within.iter().filter_map(|it| region.and(it)).filter(|it| !it.is_empty());
        self.openings.extend(parts.map(|region| Opening { region, origin }));
    }
}

/// Whether the key's side is enough.
fn is_direct(model: &Model<'_>, naming: Naming, caller: &Principal) -> bool {
    naming >= Naming::Limited && (model::is_service(caller) || model.is_own(caller))
}

/// Whether the caller's own policies must allow as well.
fn is_delegated(model: &Model<'_>, naming: Naming, caller: &Principal) -> bool {
    naming > Naming::NotNamed && !model::is_service(caller) && !is_direct(model, naming, caller)
}

/// The patterns of `Resource` and `NotResource` that fit some keys of an account and not others, so that what a policy
/// means hangs on its key's ID.
pub fn resources_by_key_id(document: &Document) -> Vec<&str> {
    let resources = document.statements.iter().filter_map(|it| it.resource.as_ref()).flat_map(Match::inner);
    let hangs_on_id = |pattern: &&str| *pattern != "*" && !matches!(pattern.splitn(6, ':').nth(5), Some("*" | "key/*"));
    let mut patterns: Vec<&str> = resources.map(String::as_str).filter(hangs_on_id).collect();
    patterns.sort_unstable();
    patterns.dedup();
    patterns
}

/// The name of a statement or grant.
pub(super) fn cause(access: &KeyAccess<'_>, origin: Origin) -> Cause {
    match origin {
        Origin::Statement(at) => Cause {
            source: Source::Resource,
            policy: None,
            statement: Some(at),
            sid: access.key_policy.statements.get(at).and_then(|it| it.sid.clone()),
        },
        Origin::Grant(at) => Cause {
            source: Source::Grant,
            policy: access.grants.get(at).map(|it| it.id.to_owned()),
            statement: None,
            sid: None,
        },
    }
}

/// The request that a box makes, as the evaluator decides it.
pub(super) fn replay(
    access: &KeyAccess<'_>,
    model: &Model<'_>,
    region: &Region,
    supposed: Supposed,
) -> Result<Witness, Unknown> {
    model.request(region).map(|it| access.decide(&it, supposed)).ok_or(Unknown::TooMuchWork)
}

/// What a policy of a caller allows, whoever holds it.
fn allowances_of(model: &Model<'_>, document: &Document, side: Side) -> Vec<Region> {
    let allowing = document.statements.iter().filter(|it| it.effect == Effect::Allow);
    allowing.filter_map(|it| model.statement(it, document.version, side)).collect()
}

fn denials_of(model: &Model<'_>, document: &Document, side: Side) -> Vec<Region> {
    let denying = document.statements.iter().filter(|it| it.effect == Effect::Deny);
    denying.filter_map(|it| denial(model, it, document.version, side)).collect()
}

fn denial(model: &Model<'_>, statement: &Statement, version: Version, side: Side) -> Option<Region> {
    let region = model.statement(statement, version, side)?;
    narrowed(region, &model.named(statement, side, |naming, _| naming > Naming::NotNamed))
}

fn narrowed(region: Region, callers: &Values) -> Option<Region> {
    let region = region.narrowed(model::CALLER, callers);
    (!region.is_empty()).then_some(region)
}

/// The policy that IAM policies which are not known are taken for.
pub(crate) fn allowing_everything() -> Document {
    let all = || Some(Match::Is(vec!["*".to_owned()]));
    Document {
        version: Version::V2012,
        id: None,
        statements: vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principal: None,
            action: all(),
            resource: all(),
            conditions: Vec::new(),
            span: None,
        }],
    }
}

//! Runs the prover on every final policy, with the grants that the plan knows, and draws the conclusions: what is
//! refused, what is warned of, and what is shown as proved.

use std::collections::BTreeMap;

use keywright_model::{Address, Arn, Diagnostic, Region, ResourceKind};
use keywright_module::{AdminRole, Administration, Desired};
use keywright_policy::prove::{
    Control, Deputy, KeyAccess, Scope, Unknown, Verdict, Who, confused_deputies, gives_nothing_new, no_public_access,
    nobody_can, principals_by_arn, somebody_keeps_control,
};
use keywright_policy::{ContextConstraint, Document, Effect, Grant, Grantee, Match, Principal, PrincipalPattern};
use serde_json::Value;

use super::Basis;
use super::change::{Action, Administrator, KeyPolicyChange, Plan, ResourceChange};
use super::proof::{Claim, Proof, told};
use crate::authority::{self, KeyPlace};
use crate::drift::foreign_grants;
use crate::provider::{Attributes, KeyGrant};

/// What the proofs of one module come to.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    pub(super) proofs: Vec<Proof>,
    pub(super) administrators: Vec<Administrator>,
    /// Why a key would be locked, by key: nothing that a person could accept.
    pub(super) locked: Vec<(Address, Diagnostic)>,
    /// What else is wrong or to be told.
    pub(super) findings: Vec<Diagnostic>,
}

/// Proves what can be proved of each final policy of a module.
pub(super) fn prove(plan: &Plan, basis: &Basis<'_>, module: &Desired) -> Proofs {
    let mut proofs = Proofs::default();
    let mut remarks = Vec::new();
    for (key, place, document) in final_policies(module) {
        let Some(arn) = place.arn() else { continue };
        let grants = Grants::on(&key, plan, basis, module);
        let mut own = KeyAccess::new(&arn, &place.account, document);
        own.grants = grants.own.iter().map(PlannedGrant::as_grant).collect();
        let access = KeyAccess { grants: grants.all(), ..own.clone() };
        let unlisted = grants.unlisted;
        let one = OneKey { key, place: &place, access, own, unlisted, module, caller: &plan.caller.arn };
        one.control(&mut proofs);
        one.root(&mut proofs, &mut remarks);
        one.public(&mut proofs, &mut remarks);
        one.admin_role(&mut proofs, &mut remarks);
        one.deputies(&mut proofs, &mut remarks);
    }
    proofs.findings.extend(assumption(module, &plan.caller.arn));
    proofs.findings.extend(merged(remarks).iter().map(Remark::diagnostic));
    proofs
}

/// Proves what a policy that is put gives and takes, against the one that stands.
pub(super) fn prove_change(
    change: &mut KeyPolicyChange,
    plan: &Plan,
    basis: &Basis<'_>,
    module: &Desired,
) -> Vec<Proof> {
    let place = KeyPlace { account: module.account.clone(), region: change.region.clone() };
    let before = change.before.as_deref().and_then(authority::read);
    let (Some(arn), Some(before), Some(after)) = (place.arn(), before, authority::read(&change.after)) else {
        return Vec::new();
    };
    let grants = Grants::on(&change.key, plan, basis, module);
    let access = |document| KeyAccess { grants: grants.all(), ..KeyAccess::new(&arn, &place.account, document) };
    let (before, after) = (access(&before), access(&after));
    let mut proofs = Vec::new();
    for (claim, old, new) in [(Claim::GivesNothingNew, &before, &after), (Claim::TakesNothingAway, &after, &before)] {
        let gains = gives_nothing_new(old, new);
        let is_whole = gains.unsure.is_empty() && !matches!(gains.verdict, Verdict::Unknown { .. });
        let actions = is_whole.then(|| gains.gains.iter().flat_map(|it| it.actions.clone()).collect());
        match claim {
            Claim::GivesNothingNew => change.gained_actions = actions,
            _ => change.lost_actions = actions,
        }
        proofs.push(Proof::new(&change.key, claim, &gains.verdict).assuming(grants.unlisted));
    }
    proofs
}

/// One key, and all that is known of who reaches it.
struct OneKey<'a> {
    key: Address,
    place: &'a KeyPlace,
    access: KeyAccess<'a>,
    /// The same without grants that others made: no change of the inputs takes those away, so nothing is refused for them.
    own: KeyAccess<'a>,
    /// What is assumed where the grants of others could not be listed.
    unlisted: Option<&'static str>,
    module: &'a Desired,
    caller: &'a Arn,
}

impl OneKey<'_> {
    /// Whether somebody can put another policy. Unknown is not proved.
    fn control(&self, proofs: &mut Proofs) {
        let lasting = self.lasting();
        let names: Vec<&str> = lasting.iter().map(|arn| arn.as_str()).collect();
        let control = somebody_keeps_control(&self.access, &names);
        proofs.proofs.push(Proof::new(&self.key, Claim::SomebodyKeepsControl, &control.verdict));
        if control.verdict.is_proved() {
            proofs.administrators.extend(self.administrators(&control));
        } else {
            let diagnostic = locked_out(&self.key, &self.module.administration, &names, &control.verdict);
            proofs.locked.push((self.key.clone(), diagnostic));
        }
    }

    /// The admin role if somebody can assume it, and the users and roles among the key administrators.
    fn lasting(&self) -> Vec<&Arn> {
        let administration = &self.module.administration;
        let role = administration.admin_role.iter().filter(|role| can_be_assumed(role, self.place, self.caller));
        let is_one = |arn: &&Arn| ["user", "role"].iter().any(|kind| arn.resource_of_kind(kind).is_some());
        role.map(|role| &role.arn).chain(administration.key_administrators.iter().filter(is_one)).collect()
    }

    fn administrators(&self, control: &Control) -> Vec<Administrator> {
        let admin_role = self.module.administration.admin_role.as_ref();
        let one = |principal: &Principal| {
            let (who, how) = match principal {
                Principal::Root(account) => (format!("account {account}"), "the account's IAM policies decide"),
                Principal::Session { role, .. } if admin_role.is_some_and(|it| it.arn == *role) => {
                    (role.to_string(), "the admin role, named by the policy")
                }
                Principal::Session { role, .. } => (role.to_string(), "a key administrator, named by the policy"),
                other => (other.to_string(), "a key administrator, named by the policy"),
            };
            Administrator { key: self.key.clone(), who, how: how.to_owned() }
        };
        // The account first: it is who decides where root access is on.
        let (account, others): (Vec<_>, Vec<_>) =
            control.keepers.iter().map(|it| &it.request.principal).partition(|it| matches!(it, Principal::Root(_)));
        account.into_iter().chain(others).map(one).collect()
    }

    /// Where root access is off, that nobody of the account is let in but by name.
    fn root(&self, proofs: &mut Proofs, remarks: &mut Vec<Remark>) {
        if self.module.administration.root_access {
            return;
        }
        let gone = |access: &KeyAccess<'_>| {
            let mut names = principals_by_arn(access);
            names.extend(other_accounts(access.key_policy, self.place));
            nobody_can(access, &Who::AllBut(names), &["kms:*"], Scope::DIRECT).verdict
        };
        self.push(Claim::RootIsGone, &gone, "root-not-gone", proofs, remarks);
    }

    fn public(&self, proofs: &mut Proofs, remarks: &mut Vec<Remark>) {
        let closed = |access: &KeyAccess<'_>| no_public_access(access).verdict;
        self.push(Claim::NoPublicAccess, &closed, "public-access", proofs, remarks);
    }

    /// The admin role manages, and does not use. What IAM policies give it besides is their business.
    fn admin_role(&self, proofs: &mut Proofs, remarks: &mut Vec<Remark>) {
        let Some(role) = &self.module.administration.admin_role else { return };
        let who = Who::These(vec![role.arn.to_string()]);
        let answer = nobody_can(&self.access, &who, USE_ACTIONS, Scope::DIRECT);
        let proof = Proof::new(&self.key, Claim::AdminRoleCannotUse, &answer.verdict).assuming(self.unlisted);
        proofs.proofs.push(proof.with_escalations(&answer.escalations));
        // One request shows one way: what the account leaves to IAM policies must not hide what a statement gives.
        let named = without_delegation(self.access.key_policy);
        let by_name =
            nobody_can(&KeyAccess { key_policy: &named, ..self.access.clone() }, &who, USE_ACTIONS, Scope::DIRECT);
        if !by_name.verdict.is_proved() {
            remarks.push(Remark::new("admin-role-can-decrypt", &self.key, reason(&by_name.verdict)));
        }
    }

    fn deputies(&self, proofs: &mut Proofs, remarks: &mut Vec<Remark>) {
        let deputies = confused_deputies(&self.access);
        let loose: Vec<&Deputy> = deputies.iter().filter(|it| !it.verdict.is_proved()).collect();
        let worst = loose.first().copied().or_else(|| deputies.first());
        proofs.proofs.extend(worst.map(|it| Proof::new(&self.key, Claim::NoConfusedDeputy, &it.verdict)));
        for deputy in loose {
            let at = deputy.by.statement.unwrap_or_default();
            let statement = deputy.by.sid.clone().unwrap_or_else(|| format!("statement {}", at + 1));
            remarks.push(Remark { statement, ..Remark::new("loose-deputy", &self.key, reason(&deputy.verdict)) });
        }
    }

    fn push(
        &self,
        claim: Claim,
        verdict: &dyn Fn(&KeyAccess<'_>) -> Verdict,
        code: &'static str,
        proofs: &mut Proofs,
        all: &mut Vec<Remark>,
    ) {
        let told = verdict(&self.access);
        proofs.proofs.push(Proof::new(&self.key, claim, &told).assuming(self.unlisted));
        let ours = if self.access.grants.len() == self.own.grants.len() { told } else { verdict(&self.own) };
        if !ours.is_proved() {
            all.push(Remark::new(code, &self.key, reason(&ours)));
        }
    }
}

/// Something that is wrong with the policies of these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remark {
    code: &'static str,
    keys: Vec<Address>,
    /// The statement that it is about, where it is about one.
    statement: String,
    because: String,
}

impl Remark {
    fn new(code: &'static str, key: &Address, because: String) -> Self {
        Self { code, keys: vec![key.clone()], statement: String::new(), because }
    }

    fn diagnostic(&self) -> Diagnostic {
        let keys: Vec<String> = self.keys.iter().map(|key| format!("`{key}`")).collect();
        let keys = keys.join(" and ");
        let statement = &self.statement;
        match self.code {
            "root-not-gone" => {
                Diagnostic::error("root-not-gone", format!("`kms_root_access` is false, and {keys} would be open to more than whom the policy names"))
                    .help("name users and roles, not the account or `*`, in `key_statements`, `grants` and the lists of principals; to keep it, accept it in `accepted_findings`")
            }
            "public-access" => {
                Diagnostic::error("public-access", format!("{keys} would be open to people whom the policy does not name"))
                    .help("bind the statement to accounts, an organization or principals; to keep it, accept it in `accepted_findings`")
            }
            "admin-role-can-decrypt" => {
                Diagnostic::warning("admin-role-can-decrypt", format!("the admin role could use {keys} itself"))
                    .help("leave the admin role out of `key_users`, `key_statements` and `grants`: who manages a key should not read with it")
            }
            _ => {
                Diagnostic::warning("loose-deputy", format!("`{statement}` lets a service use {keys} for other accounts too"))
                    .help("add a condition on `aws:SourceAccount` or `aws:SourceArn` where the service sets them; where it does not, accept it in `accepted_findings`")
            }
        }
        .because(self.because.clone())
    }
}

/// The same of two keys is told once.
fn merged(remarks: Vec<Remark>) -> Vec<Remark> {
    let mut merged: Vec<Remark> = Vec::new();
    for remark in remarks {
        let is_it = |other: &&mut Remark| {
            other.code == remark.code
                && (other.statement == remark.statement && !remark.statement.is_empty()
                    || other.because == remark.because)
        };
        match merged.iter_mut().find(is_it) {
            Some(known) => known.keys.extend(remark.keys),
            None => merged.push(remark),
        }
    }
    merged
}

fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proved { .. } => String::new(),
        Verdict::Refuted { witness } => told(witness),
        Verdict::Unknown { reason } => format!("it could not be proved otherwise: {reason}"),
    }
}

/// Other accounts that the policy names: to name them is to leave the decision to their IAM policies, and not to ours.
fn other_accounts(document: &Document, place: &KeyPlace) -> Vec<String> {
    let principals = document.statements.iter().filter_map(|it| match &it.principal {
        Some(Match::Is(principals)) => Some(principals),
        _ => None,
    });
    let account = |pattern: &PrincipalPattern| match pattern {
        PrincipalPattern::Aws(text) => match Arn::parse(text) {
            Ok(arn) => (arn.resource() == "root").then(|| arn.account().to_owned()),
            Err(_) => (text.len() == 12).then(|| text.clone()),
        },
        _ => None,
    };
    principals.flatten().filter_map(account).filter(|it| it != place.account.as_str()).collect()
}

/// The policy without what it leaves to the IAM policies of accounts.
fn without_delegation(document: &Document) -> Document {
    let mut document = document.clone();
    let is_account = |it: &PrincipalPattern| match it {
        PrincipalPattern::Aws(name) => {
            name.len() == 12 || Arn::parse(name).is_ok_and(|arn| arn.service() == "iam" && arn.resource() == "root")
        }
        _ => false,
    };
    document.statements.retain_mut(|statement| match (&statement.effect, &mut statement.principal) {
        (Effect::Allow, Some(Match::Is(principals))) => {
            principals.retain(|it| !is_account(it));
            !principals.is_empty()
        }
        _ => true,
    });
    document
}

fn final_policies(module: &Desired) -> Vec<(Address, KeyPlace, &Document)> {
    let key = |kind| module.resources.iter().map(|it| &it.address).find(move |address| address.kind == kind).cloned();
    let place = |region: &Region| KeyPlace { account: module.account.clone(), region: region.clone() };
    let mut policies = Vec::new();
    if let Some(primary) = key(ResourceKind::KmsKey) {
        policies.push((primary, place(&module.region), &module.administration.primary_policy));
    }
    if let (Some(replica), Some(region), Some(policy)) =
        (key(ResourceKind::KmsReplicaKey), &module.replication_region, &module.administration.replica_policy)
    {
        policies.push((replica, place(region), policy));
    }
    policies
}

/// The grants that a key will have.
struct Grants<'a> {
    own: Vec<PlannedGrant>,
    foreign: Vec<&'a KeyGrant>,
    unlisted: Option<&'static str>,
}

impl<'a> Grants<'a> {
    /// Those of the plan, and those that others made on the key as it stands.
    fn on(key: &Address, plan: &Plan, basis: &Basis<'a>, module: &Desired) -> Self {
        let stands = plan.changes.iter().any(|it| {
            it.address == *key && it.deposed.is_none() && !matches!(it.action, Action::Create | Action::Replace { .. })
        });
        let listed = if stands { foreign_grants(basis.state, basis.facts, key) } else { Ok(Vec::new()) };
        let unlisted = listed.is_err().then_some(UNLISTED);
        Self { own: grants_on(key, plan, module), foreign: listed.unwrap_or_default(), unlisted }
    }

    fn all(&self) -> Vec<Grant<'_>> {
        self.own.iter().map(PlannedGrant::as_grant).chain(self.foreign.iter().map(|it| as_grant(it))).collect()
    }
}

fn as_grant(grant: &KeyGrant) -> Grant<'_> {
    let party = |name| if str::starts_with(name, "arn:") { Grantee::Arn(name) } else { Grantee::Service(name) };
    let (equals, subset) = (&grant.encryption_context_equals, &grant.encryption_context_subset);
    Grant {
        id: &grant.grant_id,
        grantee: party(&grant.grantee),
        retiring: grant.retiring.as_deref().map(party),
        operations: &grant.operations,
        encryption_context: match (equals.is_empty(), subset.is_empty()) {
            (false, _) => ContextConstraint::Equals(equals),
            (true, false) => ContextConstraint::Subset(subset),
            (true, true) => ContextConstraint::Any,
        },
        source_arn: grant.source_arn.as_deref(),
    }
}

/// A grant as the plan leaves it.
struct PlannedGrant {
    id: String,
    grantee: String,
    retiring: Option<String>,
    operations: Vec<String>,
    equals: Option<BTreeMap<String, String>>,
    subset: Option<BTreeMap<String, String>>,
}

impl PlannedGrant {
    fn as_grant(&self) -> Grant<'_> {
        let encryption_context = match (&self.equals, &self.subset) {
            (Some(pairs), _) => ContextConstraint::Equals(pairs),
            (None, Some(pairs)) => ContextConstraint::Subset(pairs),
            (None, None) => ContextConstraint::Any,
        };
        Grant {
            id: &self.id,
            grantee: Grantee::Arn(&self.grantee),
            retiring: self.retiring.as_deref().map(Grantee::Arn),
            operations: &self.operations,
            encryption_context,
            source_arn: None,
        }
    }
}

/// The grants that a key will have, as far as they are ours.
fn grants_on(key: &Address, plan: &Plan, module: &Desired) -> Vec<PlannedGrant> {
    let changes = plan.changes.iter().filter(|it| it.kind() == ResourceKind::KmsGrant);
    let on_key = changes.filter(|it| it.refers("key_id").as_ref() == Some(key));
    on_key.filter_map(|it| planned_grant(it, plan, module)).collect()
}

fn planned_grant(change: &ResourceChange, plan: &Plan, module: &Desired) -> Option<PlannedGrant> {
    let after = change.after.as_ref()?;
    let constraints = after.get("constraints").and_then(Value::as_array).and_then(|it| it.first());
    let pairs = |name: &str| {
        let pairs = constraints?.get(name)?.as_object().filter(|it| !it.is_empty())?;
        Some(pairs.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect())
    };
    let operations = after.get("operations").and_then(Value::as_array)?;
    Some(PlannedGrant {
        id: change.address.to_string(),
        grantee: text(after, "grantee_principal").or_else(|| role_to_come(change, plan, module))?,
        retiring: text(after, "retiring_principal"),
        operations: operations.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        equals: pairs("encryption_context_equals"),
        subset: pairs("encryption_context_subset"),
    })
}

/// The ARN of the role that a grant refers to, where that is yet to be made.
fn role_to_come(grant: &ResourceChange, plan: &Plan, module: &Desired) -> Option<String> {
    let role = grant.refers("grantee_principal")?;
    let after = plan.changes.iter().find(|it| it.address == role)?.after.as_ref()?;
    let path = text(after, "path").unwrap_or_else(|| "/".to_owned());
    let resource = format!("role{path}{}", text(after, "name")?);
    Arn::new(module.region.partition(), "iam", None, Some(&module.account), &resource).ok().map(|it| it.to_string())
}

fn text(attributes: &Attributes, name: &str) -> Option<String> {
    attributes.get(name)?.as_str().filter(|it| !it.is_empty()).map(str::to_owned)
}

/// Whether the caller, somebody whom the trust policy names, or an administrator of the account may assume the role.
fn can_be_assumed(role: &AdminRole, place: &KeyPlace, caller: &Arn) -> bool {
    let named = authority::named_arns(&role.trust_policy);
    let somebody = named.iter().chain([caller]).filter_map(|arn| Principal::of_arn(arn, &named));
    let root = Principal::Root(place.account.clone());
    somebody.chain([root]).any(|principal| trusted(role, principal))
}

fn trusted(role: &AdminRole, principal: Principal) -> bool {
    authority::trusts(&role.trust_policy, &role.arn, principal, role.requires_mfa)
}

/// What the proof takes for granted, where it does.
fn assumption(module: &Desired, caller: &Arn) -> Option<Diagnostic> {
    let administration = &module.administration;
    let role = administration.admin_role.as_ref().filter(|_| !administration.root_access)?;
    let named = authority::named_arns(&role.trust_policy);
    let by_name = Principal::of_arn(caller, &named).is_some_and(|principal| trusted(role, principal));
    let by_account = trusted(role, Principal::Root(module.account.clone()));
    (!by_name && by_account).then(|| {
        Diagnostic::note(
            "admin-role-by-account",
            format!("who may assume `{}` is decided by the IAM policies of account {}", role.arn, module.account),
        )
        .because("its trust policy names the account, which counts as met by the account's administrators")
    })
}

fn locked_out(key: &Address, administration: &Administration, lasting: &[&str], verdict: &Verdict) -> Diagnostic {
    let why = match (&administration.admin_role, verdict) {
        (_, Verdict::Unknown { reason }) => not_proved(reason, lasting),
        (None, _) if administration.key_administrators.is_empty() && !administration.root_access => {
            "root access is off, and there is neither an admin role nor a key administrator".to_owned()
        }
        (Some(role), _) => format!(
            "the policy does not let `{}` put a policy, or nobody can meet the role's trust policy; no key administrator can either",
            role.arn
        ),
        (None, _) => "the policy lets none of the key administrators put a policy".to_owned(),
    };
    Diagnostic::error("lock-out", format!("nobody could change the policy of `{key}` afterwards"))
        .because(why)
        .help("set `enable_kms_admin_role = true`, name `key_administrators`, or leave `kms_root_access = true`; a `Deny` must not cover all of them")
}

fn not_proved(reason: &Unknown, lasting: &[&str]) -> String {
    let of = if lasting.is_empty() { "the account".to_owned() } else { format!("`{}`", lasting.join("`, `")) };
    format!("it cannot be proved of {of}: {reason}")
}

const UNLISTED: &str = "there are no grants on the key but those of the plan: they could not be listed";

/// What the admin role must not have.
const USE_ACTIONS: &[&str] = &["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"];

//! What a question is about: a key, its policy, its grants, and whose IAM policies are known.
//!
//! One file a source: `folder.rs` (what a module would make), `policy_file.rs` (a key policy by itself), `live.rs` (what
//! AWS has), `plan_file.rs` (a plan as JSON), `template/` (a CloudFormation template). Each gives [`Subject`]s; what they
//! mean is [`keywright_policy`]'s business.
//!
//! **Invariant:** what a source cannot tell is an error or said in [`Subject::notes`], never an empty policy.

mod folder;
mod grant;
mod guess;
mod identity;
mod live;
mod plan_file;
mod policy;
mod policy_file;
mod reading;
mod template;

use std::collections::BTreeSet;
use std::fmt;

use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Span};
use keywright_policy::prove::{Identities, KeyAccess};
use keywright_policy::{Match, Policies, Principal, ResourcePolicy};

pub(crate) use grant::GrantOnKey;
pub(crate) use identity::{Identity, NamedDocument};
pub(crate) use policy::PolicyText;
pub(crate) use reading::{condition_keys, key_arn, key_policy, named_policy, read_json, read_text, unknown_key_id};

use crate::args::SubjectArguments;

/// A key, and everything known that has a say over who may do what with it.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The address of the resource, or the file: what people call it.
    pub(crate) label: String,
    /// Where it was read from.
    pub(crate) origin: Origin,
    /// The key's ARN. [`Subject::is_key_id_known`] tells whether its ID is the real one.
    pub(crate) key: Arn,
    /// The account that it belongs to.
    pub(crate) account: AccountId,
    /// Whether it is the first of several keys of one ID.
    pub(crate) part: Part,
    /// The aliases that are known, `alias/…`.
    pub(crate) aliases: Vec<String>,
    /// The key policy, and where it is written.
    pub(crate) policy: PolicyText,
    /// The grants that are known.
    pub(crate) grants: Vec<GrantOnKey>,
    /// Whether there may be further grants.
    pub(crate) may_have_other_grants: bool,
    /// The users and roles whose IAM policies are known.
    pub(crate) identities: Vec<Identity>,
    /// The accounts in which nobody lives but those of `identities`.
    pub(crate) complete_accounts: BTreeSet<AccountId>,
    /// The users and roles whose IAM policies were asked for in vain, and why.
    pub(crate) unreadable: Vec<(Arn, String)>,
    /// The condition keys whose values the key itself decides, such as `kms:KeySpec`, as far as they are known.
    pub(crate) condition_keys: Vec<(String, Vec<String>)>,
    /// What a person should know about how it was read.
    pub(crate) notes: Vec<String>,
}

/// Where a subject was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A module: what it would make.
    Folder,
    /// AWS, now.
    Live,
    /// A file with a key policy; `<stdin>` for standard input.
    PolicyFile(String),
    /// A plan.
    PlanFile(String),
    /// A CloudFormation template.
    Template(String),
}

/// What a key is among those that share its ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It has, or may have, replicas; also a key that has none.
    Primary,
    /// A replica of another key.
    Replica,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        })
    }
}

/// Whose IAM policies are to be read where they can be.
#[derive(Debug, Clone)]
pub(crate) enum Whose {
    /// Those that the key policy and the grants name, and these.
    Named(Vec<Asked>),
    /// All of the account's.
    Everybody,
}

/// A principal as it was asked about, before the key's account is known.
pub(crate) type Asked = crate::caller::Caller;

impl Subject {
    /// A key with its policy, and nothing else known.
    pub(crate) fn new(label: String, origin: Origin, key: Arn, account: AccountId, policy: PolicyText) -> Self {
        Self {
            label,
            origin,
            key,
            account,
            part: Part::Primary,
            aliases: Vec::new(),
            policy,
            grants: Vec::new(),
            may_have_other_grants: true,
            identities: Vec::new(),
            complete_accounts: BTreeSet::new(),
            unreadable: Vec::new(),
            condition_keys: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What the prover looks at. Only accounts that are known in full count as known to it.
    pub(crate) fn access(&self) -> KeyAccess<'_> {
        let mut identities = Identities::default();
        for account in &self.complete_accounts {
            let of_account = self.identities.iter().filter(|it| it.arn.account() == account.as_str());
            identities.know(account, of_account.map(Identity::known).collect());
        }
        KeyAccess {
            grants: self.grants.iter().map(GrantOnKey::grant).collect(),
            identities,
            ..KeyAccess::new(&self.key, &self.account, &self.policy.document)
        }
    }

    /// What the evaluator looks at for one caller.
    pub(crate) fn policies(&self, caller: &Principal) -> Policies<'_> {
        let mut policies = Policies::new(&self.account);
        policies.resource_policy = ResourcePolicy::Mandatory(&self.policy.document);
        policies.grants = self.grants.iter().map(GrantOnKey::grant).collect();
        if let Some(known) = self.identity(caller) {
            policies.identity = known.policies.iter().map(NamedDocument::named).collect();
            policies.boundary = known.boundary.as_ref().map(NamedDocument::named);
        }
        policies
    }

    /// The IAM policies of a caller, if they are known.
    pub(crate) fn identity(&self, caller: &Principal) -> Option<&Identity> {
        let arn = identity_arn(caller)?;
        self.identities.iter().find(|it| it.arn == *arn)
    }

    /// Whether it is known which IAM policies the caller has, be it that it can have none.
    pub(crate) fn knows_policies_of(&self, caller: &Principal) -> bool {
        match caller {
            Principal::User { .. } | Principal::Session { .. } => self.identity(caller).is_some(),
            Principal::FederatedUser { .. } => false,
            Principal::Root(_) | Principal::Service { .. } | Principal::Anonymous => true,
        }
    }

    /// Whether the key exists, so that the ID in its ARN is its own.
    pub(crate) fn is_key_id_known(&self) -> bool {
        self.key.resource() != format!("key/{}", unknown_key_id())
    }

    /// That a policy names a key by its ID, and it is not known whether that is this one.
    pub(crate) fn unknown_key(&self, named: &str) -> Diagnostic {
        Diagnostic::error("unknown-key", format!("it is not known whether `{named}` is the key of this policy"))
            .at_opt(self.policy.place.clone(), "")
            .because("a `Resource` other than `*` applies to that key only")
            .help("say which key the policy is of: `--key ARN`")
    }

    /// The place of a statement of the key policy, by its number from 0; else of what it was rendered from.
    pub(crate) fn place_of(&self, statement: usize) -> Option<Span> {
        self.policy.place_of(statement)
    }

    /// What answers about it take for granted.
    pub(crate) fn assumptions(&self) -> Vec<String> {
        let grants = self.may_have_other_grants.then(|| "grants that are not known here may allow more".to_owned());
        let names_keys = self
            .policy
            .document
            .statements
            .iter()
            .any(|it| !matches!(&it.resource, Some(Match::Is(all)) if all.iter().any(|it| it == "*")));
        let resources = (names_keys && !self.is_key_id_known()).then(|| {
            "statements whose `Resource` is not `*` are about other keys than this one, whose ID is not known"
                .to_owned()
        });
        let narrowing =
            "policies that are not known here (service control, resource control, session, endpoint) take nothing away";
        self.notes.iter().cloned().chain(resources).chain(grants).chain([narrowing.to_owned()]).collect()
    }

    /// The ARNs of roles that are named anywhere: a session's ARN does not tell its role's path.
    pub(crate) fn known_roles(&self) -> Vec<Arn> {
        let named = keywright_policy::prove::principals_by_arn(&self.access());
        let named = named.iter().filter_map(|name| Arn::parse(name).ok());
        named.chain(self.identities.iter().map(|it| it.arn.clone())).collect()
    }

    /// Whether these words mean this key: its address, ARN, ID, an alias, `primary`, `replica`, or its Region.
    pub(crate) fn is_meant_by(&self, words: &str) -> bool {
        let id = self.key.resource_of_kind("key").unwrap_or_default();
        let region = self.key.region();
        words == self.label
            || words == self.key.as_str()
            || words == self.part.to_string()
            || (words == id && self.is_key_id_known())
            || words == region
            || self.aliases.iter().any(|alias| words == alias || is_alias_arn(words, alias, &self.key))
    }
}

/// The ARN under which IAM knows the caller: for a session, its role's.
pub(crate) fn identity_arn(caller: &Principal) -> Option<&Arn> {
    match caller {
        Principal::User { arn } => Some(arn),
        Principal::Session { role, .. } => Some(role),
        _ => None,
    }
}

/// Reads what is asked about, of whatever source was named; the folder's modules if none was.
///
/// # Errors
/// All that is wrong with the source, or what keeps AWS from being asked; a key that was named and is not there.
pub(crate) async fn load(arguments: &SubjectArguments, whose: &Whose) -> Result<Vec<Subject>, Diagnostics> {
    let all = read(arguments, whose).await?;
    match &arguments.key {
        Some(words) if !is_told_by_key(arguments) => choose(all, words),
        _ => Ok(all),
    }
}

async fn read(arguments: &SubjectArguments, whose: &Whose) -> Result<Vec<Subject>, Diagnostics> {
    if arguments.live {
        return Box::pin(live::read(arguments, whose)).await;
    }
    if let Some(file) = &arguments.policy {
        return Ok(vec![policy_file::read(file, arguments)?]);
    }
    match (&arguments.plan, &arguments.template) {
        (Some(file), _) => plan_file::read(file, arguments),
        (None, Some(file)) => template::read(file, arguments),
        (None, None) => folder::read(arguments),
    }
}

/// Whether `--key` says which key a bare policy belongs to, and so chooses nothing.
fn is_told_by_key(arguments: &SubjectArguments) -> bool {
    arguments.policy.is_some()
}

fn choose(all: Vec<Subject>, words: &str) -> Result<Vec<Subject>, Diagnostics> {
    let known: Vec<String> = all.iter().map(|it| format!("`{}` ({})", it.label, it.part)).collect();
    let meant: Vec<Subject> = all.into_iter().filter(|it| it.is_meant_by(words)).collect();
    if meant.is_empty() {
        let help =
            format!("name one of {}, by address, ARN, ID, alias, Region, `primary` or `replica`", known.join(", "));
        return Err(Diagnostic::error("unknown-key", format!("there is no key `{words}`")).help(help).into());
    }
    Ok(meant)
}

fn is_alias_arn(words: &str, alias: &str, key: &Arn) -> bool {
    words == format!("arn:{}:kms:{}:{}:{alias}", key.partition(), key.region(), key.account())
}

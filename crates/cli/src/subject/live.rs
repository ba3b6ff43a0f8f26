//! `--live`: what AWS has now.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt};
use keywright_aws::{AwsProvider, KeyAccess, PolicyOf, PrincipalPolicies};
use keywright_engine::{Actor, EngineError, Failure, KeyReader, Provider, ProviderError, State, StateStore};
use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Partition, ResourceKind, SourceFile};
use keywright_policy::prove::principals_by_arn;
use keywright_policy::{Document, PolicyKind, Principal};
use serde_json::Value;

use super::{
    GrantOnKey, Identity, NamedDocument, Origin, Part, Subject, Whose, condition_keys, identity_arn, key_policy,
};
use crate::args::SubjectArguments;
use crate::session::{self, Session};

/// Reads the keys that the state holds from AWS, each as somebody who may, and the IAM policies that matter.
///
/// # Errors
/// What keeps AWS from being asked, or the keys from being read. IAM policies that cannot be read are no error: the
/// subjects say so.
pub(super) async fn read(arguments: &SubjectArguments, whose: &Whose) -> Result<Vec<Subject>, Diagnostics> {
    let configuration = &arguments.configuration.0;
    let path = session::existing_state_path(&configuration.folder, configuration.local);
    let state = StateStore::new(path).load().map_err(|error| error.diagnostic())?;
    let session = Session::open(configuration, &arguments.connection, keywright_engine::Options::default()).await?;
    let read = subjects(&session, &state, whose).await;
    session.close();
    read
}

async fn subjects(session: &Session, state: &State, whose: &Whose) -> Result<Vec<Subject>, Diagnostics> {
    let readers =
        session.engine.key_readers(&session.desired).await.map_err(|error: EngineError| error.diagnostics())?;
    if readers.is_empty() {
        return Err(Diagnostic::error("nothing-applied", "the state holds no key that AWS could be asked about")
            .help("run `keywright apply`, or leave `--live` out to ask about what the configuration would make")
            .into());
    }
    let mut subjects = Vec::new();
    for reader in &readers {
        let access = key_access(session.provider(), reader).await?;
        subjects.push(subject(reader, &access, state)?);
    }
    subjects.sort_by_key(|it| it.part == Part::Replica);
    let known = principals(session.provider(), &subjects, whose).await;
    for subject in &mut subjects {
        known.add_to(subject);
    }
    Ok(subjects)
}

/// Reads a key as the first who may.
async fn key_access(provider: &AwsProvider, reader: &KeyReader) -> Result<KeyAccess, Diagnostics> {
    let mut denied = None;
    for actor in &reader.actors {
        if let Actor::Role(role) = actor
            && let Err(error) = provider.assume(role).await
        {
            denied.get_or_insert(error);
            continue;
        }
        match provider.key_access(actor, &reader.arn).await {
            Ok(access) => return Ok(access),
            Err(error) if is_denied(&error) => denied = denied.or(Some(error)),
            Err(error) => return Err(unread(reader, Some(&error)).into()),
        }
    }
    Err(unread(reader, denied.as_ref()).into())
}

fn subject(reader: &KeyReader, access: &KeyAccess, state: &State) -> Result<Subject, Diagnostics> {
    let file = SourceFile::new(format!("key policy of {}", reader.arn), access.policy.as_str());
    let account = AccountId::parse(reader.arn.account()).map_err(|error| {
        Diagnostic::error("invalid-key", format!("`{}` is not the ARN of a key", reader.arn)).because(error.to_string())
    })?;
    let part = if reader.address.kind == ResourceKind::KmsReplicaKey { Part::Replica } else { Part::Primary };
    let grants = access.grants.iter().enumerate();
    let grants: Vec<Option<GrantOnKey>> =
        grants.map(|(at, it)| GrantOnKey::of_attributes(&format!("grant {}", at + 1), it)).collect();
    let grants: Option<Vec<GrantOnKey>> = grants.into_iter().collect();
    let grants = grants.ok_or_else(|| {
        Diagnostic::error("unknown-grant", format!("it cannot be told what a grant on `{}` gives to whom", reader.arn))
            .because("AWS does not tell its grantee or its operations")
            .help("look at `aws kms list-grants`, and revoke what nobody knows")
    })?;
    let aliases = aliases(state, &reader.arn);
    let attributes = state.instance(&reader.address).and_then(|it| it.attributes().cloned()).unwrap_or_default();
    let label = reader.address.to_string();
    Ok(Subject {
        part,
        condition_keys: condition_keys(part, &attributes, &aliases),
        aliases,
        grants,
        may_have_other_grants: false,
        ..Subject::new(label, Origin::Live, reader.arn.clone(), account, key_policy(&file)?)
    })
}

/// The aliases that the state knows of the key.
fn aliases(state: &State, key: &Arn) -> Vec<String> {
    let aliases = state.instances().filter(|(address, _)| address.kind == ResourceKind::KmsAlias);
    let attributes = aliases.filter_map(|(_, instance)| instance.attributes());
    let is_own = |it: &&_| text(it, "target_key_arn") == Some(key.as_str());
    attributes.filter(is_own).filter_map(|it| text(it, "name").map(str::to_owned)).collect()
}

fn text<'a>(attributes: &'a serde_json::Map<String, Value>, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str)
}

/// What IAM tells of principals.
#[derive(Default)]
struct Known {
    identities: Vec<Identity>,
    unreadable: Vec<(Arn, String)>,
    complete: Option<AccountId>,
    notes: Vec<String>,
}

impl Known {
    fn add_to(&self, subject: &mut Subject) {
        subject.identities.extend(self.identities.iter().cloned());
        subject.unreadable.extend(self.unreadable.iter().cloned());
        subject.complete_accounts.extend(self.complete.clone());
        subject.notes.extend(self.notes.iter().cloned());
    }
}

async fn principals(provider: &AwsProvider, subjects: &[Subject], whose: &Whose) -> Known {
    let mut known = Known::default();
    let mut wanted = named(subjects);
    let mut is_everybody = false;
    match whose {
        Whose::Named(asked) => {
            wanted.extend(asked.iter().flat_map(|it| subjects.iter().filter_map(|key| asked_arn(it, key))))
        }
        Whose::Everybody => match provider.principals().await {
            Ok(all) => {
                is_everybody = true;
                wanted = all.into_iter().collect();
            }
            Err(error) => known.notes.push(format!(
                "the account's users and roles could not be listed, so only those that the key names are known: {error}"
            )),
        },
    }
    let account = subjects.first().map(|it| it.account.clone());
    wanted.retain(|it| account.as_ref().is_some_and(|own| own.as_str() == it.account()));
    let reads = wanted.into_iter().map(|arn| async move {
        let found = provider.principal_policies(&arn).await;
        (arn, found)
    });
    let all: Vec<_> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    for (arn, found) in all {
        match identity(found) {
            Ok(identity) => known.identities.push(identity),
            Err(reason) => known.unreadable.push((arn, reason)),
        }
    }
    if is_everybody && known.unreadable.is_empty() {
        known.complete = account;
    } else if is_everybody {
        known.notes.push(format!("the IAM policies of {} users and roles could not be read", known.unreadable.len()));
    }
    known
}

/// The users and roles that the keys' policies and grants name.
fn named(subjects: &[Subject]) -> BTreeSet<Arn> {
    let names = subjects.iter().flat_map(|it| principals_by_arn(&it.access()));
    let callers = names.filter_map(|it| Principal::of_arn(&Arn::parse(&it).ok()?, &[]));
    callers.filter_map(|it| identity_arn(&it).cloned()).collect()
}

fn asked_arn(asked: &super::Asked, key: &Subject) -> Option<Arn> {
    let partition = Partition::from_name(key.key.partition())?;
    identity_arn(&asked.principal(&key.account, partition, &key.known_roles())?).cloned()
}

fn identity(found: Result<Option<PrincipalPolicies>, ProviderError>) -> Result<Identity, String> {
    let found = found.map_err(|error| error.to_string())?.ok_or("IAM has no such user or role")?;
    let policies = found.policies.into_iter().map(document).collect::<Result<_, String>>()?;
    Ok(Identity { arn: found.arn, policies, boundary: found.boundary.map(document).transpose()? })
}

fn document(policy: PolicyOf) -> Result<NamedDocument, String> {
    let document = Document::parse(&policy.document, PolicyKind::Identity).map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        format!("its policy `{}` is not understood: {first}", policy.name)
    })?;
    Ok(NamedDocument { name: policy.name, document })
}

fn is_denied(error: &ProviderError) -> bool {
    matches!(error.failure, Failure::AccessDenied { .. })
}

fn unread(reader: &KeyReader, error: Option<&ProviderError>) -> Diagnostic {
    let reason = error.map_or("nobody is known who may".to_owned(), |it| format!("{}: {it}", it.operation));
    Diagnostic::error("key-unreadable", format!("`{}` cannot be read", reader.address))
        .because(reason)
        .help("run this as somebody whom the key policy lets read the policy and the grants (kms:GetKeyPolicy, kms:ListGrants)")
}

/// How many principals are read at once: IAM throttles.
const AT_ONCE: usize = 8;

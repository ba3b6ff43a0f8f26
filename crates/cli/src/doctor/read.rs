//! Reads what the cases look at.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use jiff::{SignedDuration, Timestamp};
use keywright_aws::{AwsProvider, KeyStanding, Topic};
use keywright_engine::{Actor, EngineError, Failure, KeyReader, Provider, ProviderError, State, StateStore};
use keywright_model::{Arn, Diagnostic, Diagnostics, ModuleName, Region, ResourceKind};
use keywright_module::Module;
use keywright_policy::{Document, PolicyKind};
use serde_json::Value;

use super::facts::{Facts, KeyFacts, Nobody, Read, TopicFacts, TopicKey, Unread, Why};
use crate::args::DoctorArguments;
use crate::session::{self, Session};
use crate::subject::{GrantOnKey, Part};

/// A module, and what was read for it.
pub(crate) struct Patient {
    pub(crate) module: ModuleName,
    pub(crate) facts: Facts,
}

/// Reads all that there is to know about the folder's modules. What cannot be read is kept as such.
///
/// # Errors
/// When the inputs are wrong, nothing was applied, or the credentials are no good.
pub(crate) async fn patients(arguments: &DoctorArguments) -> Result<Vec<Patient>, Diagnostics> {
    let configuration = &arguments.configuration;
    let modules = session::modules(configuration)?;
    let desired = modules.iter().map(Module::desired).collect();
    let path = session::existing_state_path(&configuration.folder, configuration.local);
    let state = StateStore::new(path).load().map_err(|error| error.diagnostic())?;
    let session = Session::look(configuration, &arguments.connection, desired).await?;
    let read = read(&session, modules, &state, &arguments.buckets).await;
    session.close();
    read
}

async fn read(
    session: &Session,
    modules: Vec<Module>,
    state: &State,
    buckets: &[String],
) -> Result<Vec<Patient>, Diagnostics> {
    let (readers, nobody) = readers(session, state).await?;
    let mut patients = Vec::new();
    for module in modules {
        let own: Vec<&KeyReader> =
            readers.iter().filter(|it| it.address.module.as_ref() == Some(module.name())).collect();
        if own.is_empty() {
            return Err(nothing_applied(module.name()).into());
        }
        let provider = session.provider();
        let nobody = nobody.as_ref();
        let looking = Looking { provider, state, module: &module, own: &own, nobody, now: Timestamp::now() };
        let facts = looking.facts(buckets).await;
        patients.push(Patient { module: module.name().clone(), facts });
    }
    Ok(patients)
}

/// Without a key there is nothing that could be fine.
fn nothing_applied(module: &ModuleName) -> Diagnostic {
    Diagnostic::error("nothing-applied", format!("the state holds no key of module `{module}` that could be looked at"))
        .help("run `keywright apply` first; `--module NAME` looks at another module alone")
}

/// Who may read each key. Where AWS does not answer, or nobody is found, the caller is taken: the cases tell what comes
/// of that.
async fn readers(session: &Session, state: &State) -> Result<(Vec<KeyReader>, Option<Nobody>), Diagnostics> {
    if let Err(error) = session.provider().caller().await {
        return match error.failure {
            Failure::Unreachable { .. } => Ok((by_the_caller(state), None)),
            failure => {
                let error = ProviderError { failure, ..error };
                let doing = "asking whose credentials these are".to_owned();
                Err(EngineError::Provider { doing, error: Box::new(error) }.diagnostics())
            }
        };
    }
    match session.engine.key_readers(&session.desired).await {
        Ok(readers) => Ok((readers, None)),
        Err(error @ EngineError::NoActor { is_changed_outside, .. }) => {
            let told = error.diagnostics().into_iter().map(|it| [Some(it.summary), it.detail.map(String::from)]);
            let reason = told.flatten().flatten().collect::<Vec<_>>().join(": ");
            Ok((by_the_caller(state), Some(Nobody { reason, is_changed_outside })))
        }
        Err(error) => Err(error.diagnostics()),
    }
}

fn by_the_caller(state: &State) -> Vec<KeyReader> {
    let is_key = |kind| matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
    let keys = state.instances().filter(|(address, _)| is_key(address.kind));
    let reader = |(address, instance): (keywright_model::Address, &keywright_engine::Instance)| {
        let arn = instance.attributes()?.get("arn").and_then(Value::as_str)?;
        Some(KeyReader { address, arn: Arn::parse(arn).ok()?, actors: vec![Actor::Caller] })
    };
    keys.filter_map(reader).collect()
}

/// What came of asking for a key.
struct Asked {
    standing: Read<Option<KeyStanding>>,
    /// Who may.
    actor: Option<Actor>,
    /// Whether KMS answered at all.
    is_answered: bool,
}

/// What is looked at for one module.
struct Looking<'a> {
    provider: &'a AwsProvider,
    state: &'a State,
    module: &'a Module,
    own: &'a [&'a KeyReader],
    nobody: Option<&'a Nobody>,
    now: Timestamp,
}

impl Looking<'_> {
    async fn facts(&self, buckets: &[String]) -> Facts {
        let desired = self.module.desired();
        let keys = join_all(self.own.iter().map(|reader| self.key(reader)));
        let (mut keys, (alarms, topics)) = join(keys, join(self.alarms(), self.topics())).await;
        keys.sort_by_key(|key| key.part == Part::Replica);
        let (usage, refused) = join(self.usage(), self.refused()).await;
        let admin = desired.administration.admin_role.iter().map(|role| role.arn.clone());
        let needed = desired.prerequisites.iter().map(|it| it.role.clone());
        let (roles, buckets) = join(self.roles(admin.chain(needed).collect()), self.buckets(buckets)).await;
        let mut facts = Facts {
            module: self.module.clone(),
            desired,
            keys,
            nobody: self.nobody.cloned(),
            alarms,
            histories: BTreeMap::new(),
            alarms_in_state: self.alarms_in_state(),
            usage,
            topics,
            refused,
            roles,
            buckets,
        };
        facts.histories = self.histories(&facts).await;
        facts
    }

    async fn key(&self, reader: &KeyReader) -> KeyFacts {
        let part = if reader.address.kind == ResourceKind::KmsReplicaKey { Part::Replica } else { Part::Primary };
        let region = Region::parse(reader.arn.region()).unwrap_or_else(|_| self.module.inputs().region.clone());
        let Asked { standing, actor, is_answered } = self.standing(reader, &region).await;
        let access = match (&standing, actor) {
            (Ok(Some(_)), Some(actor)) => {
                self.provider.key_access(&actor, &reader.arn).await.map_err(|error| Unread::from(&error))
            }
            (Ok(_), _) => Err(gone(&reader.arn)),
            (Err(unread), _) => Err(unread.clone()),
        };
        let grants = access.as_ref().map_err(Clone::clone).and_then(|access| {
            let all = access.grants.iter().enumerate();
            let known = all.map(|(at, it)| GrantOnKey::of_attributes(&format!("grant {}", at + 1), it));
            known.collect::<Option<Vec<_>>>().ok_or_else(|| unclear("a grant does not tell to whom it is"))
        });
        let policy = access.and_then(|access| document(&access.policy, PolicyKind::Key));
        let label = reader.address.to_string();
        KeyFacts { part, label, arn: reader.arn.clone(), region, standing, is_answered, policy, grants }
    }

    /// Describes a key as the first who may.
    async fn standing(&self, reader: &KeyReader, region: &Region) -> Asked {
        let (mut refused, mut is_answered) = (None, false);
        for actor in &reader.actors {
            let assumed = match actor {
                Actor::Role(role) => self.provider.assume(role).await,
                Actor::Caller => Ok(()),
            };
            let is_asked = assumed.is_ok();
            let answer = match assumed {
                Ok(()) => self.provider.key_standing(actor, region, reader.arn.as_str()).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(standing) => {
                    return Asked { standing: Ok(standing), actor: Some(actor.clone()), is_answered: true };
                }
                Err(error) => {
                    let unread = Unread::from(&error);
                    if unread.why != Why::Denied {
                        return Asked { standing: Err(unread), actor: None, is_answered };
                    }
                    is_answered |= is_asked;
                    refused.get_or_insert(self.nobody.map_or(unread, Unread::from));
                }
            }
        }
        let unread = refused.unwrap_or_else(|| unclear("nobody was found who may read the key"));
        Asked { standing: Err(unread), actor: None, is_answered }
    }

    async fn alarms(&self) -> BTreeMap<Region, Read<Vec<keywright_aws::Alarm>>> {
        let prefix = format!("{}-kms-", self.module.inputs().name_prefix.as_str());
        let reads = self.regions().into_iter().map(|region| {
            let prefix = prefix.clone();
            async move {
                let read = self.provider.alarms(&region, &prefix).await;
                (region, read.map_err(|error| Unread::from(&error)))
            }
        });
        join_all(reads).await.into_iter().collect()
    }

    async fn histories(&self, facts: &Facts) -> BTreeMap<(Region, String), Read<keywright_aws::ActionHistory>> {
        let since = self.before(HISTORY);
        let present = |region: &Region, name: &str| matches!(facts.alarms.get(region), Some(Ok(alarms)) if alarms.iter().any(|it| it.name == name));
        let wanted = facts.wanted_alarms().into_iter().filter(|it| present(&it.region, &it.name));
        let reads = wanted.map(|it| async move {
            let read = self.provider.action_history(&it.region, &it.name, since).await;
            ((it.region, it.name), read.map_err(|error| Unread::from(&error)))
        });
        join_all(reads).await.into_iter().collect()
    }

    fn alarms_in_state(&self) -> BTreeSet<String> {
        let own = self.state.instances().filter(|(address, _)| {
            address.kind == ResourceKind::MetricAlarm && address.module.as_ref() == Some(self.module.name())
        });
        let name = |it: &keywright_engine::Instance| {
            it.attributes()?.get("alarm_name").and_then(Value::as_str).map(str::to_owned)
        };
        own.filter_map(|(_, instance)| name(instance)).collect()
    }

    async fn usage(&self) -> Vec<(Part, Read<keywright_aws::Usage>)> {
        if self.module.inputs().decrypt_alarm.is_none() {
            return Vec::new();
        }
        let reads = self.own.iter().map(|reader| async move {
            let part = if reader.address.kind == ResourceKind::KmsReplicaKey { Part::Replica } else { Part::Primary };
            let read = self.provider.decrypt_usage(&reader.arn, self.now).await;
            (part, read.map_err(|error| Unread::from(&error)))
        });
        join_all(reads).await
    }

    async fn topics(&self) -> Vec<TopicFacts> {
        let named: BTreeSet<Arn> = self.module.inputs().named_topics().iter().map(|it| it.arn().clone()).collect();
        join_all(named.into_iter().map(|arn| self.topic(arn))).await
    }

    async fn topic(&self, arn: Arn) -> TopicFacts {
        let topic = self.provider.topic(&arn).await.map_err(|error| Unread::from(&error));
        let named = topic.as_ref().ok().and_then(|it: &Option<Topic>| it.as_ref()?.key.clone());
        let key = match named {
            Some(name) => Some(self.topic_key(&arn, &name).await),
            None => None,
        };
        TopicFacts { arn, topic, key }
    }

    async fn topic_key(&self, topic: &Arn, name: &str) -> TopicKey {
        let region = Region::parse(topic.region()).unwrap_or_else(|_| self.module.inputs().region.clone());
        let own = self.own.iter().find(|it| it.arn.as_str() == name || it.arn.as_str().ends_with(&format!("/{name}")));
        let actors = own.map_or_else(|| vec![Actor::Caller], |it| it.actors.clone());
        let mut last = None;
        for actor in actors {
            let standing = self.provider.key_standing(&actor, &region, name).await;
            let standing = match standing {
                Ok(standing) => standing,
                Err(error) => {
                    last = Some(Unread::from(&error));
                    continue;
                }
            };
            let policy = match &standing {
                Some(key) => self.provider.policy_of_key(&actor, &key.arn).await.map_err(|error| Unread::from(&error)),
                None => Err(unclear("there is no such key")),
            };
            let policy = policy.and_then(|text| document(&text, PolicyKind::Key));
            return TopicKey { standing: Ok(standing), policy };
        }
        let unread = last.unwrap_or_else(|| unclear("nobody was found who may read the key"));
        TopicKey { standing: Err(unread.clone()), policy: Err(unread) }
    }

    async fn refused(&self) -> BTreeMap<Region, Read<(Vec<keywright_aws::RefusedCall>, bool)>> {
        let since = self.before(REFUSALS);
        let reads = self.regions().into_iter().map(|region| async move {
            let read = self.provider.refused_calls(&region, since).await;
            (region, read.map_err(|error| Unread::from(&error)))
        });
        join_all(reads).await.into_iter().collect()
    }

    async fn roles(&self, roles: BTreeSet<Arn>) -> BTreeMap<Arn, Read<bool>> {
        let reads = roles.into_iter().map(|role| async move {
            let read = self.provider.role_exists(&role).await;
            (role, read.map_err(|error| Unread::from(&error)))
        });
        join_all(reads).await.into_iter().collect()
    }

    async fn buckets(&self, names: &[String]) -> Vec<(String, Read<Vec<keywright_aws::BucketReplication>>)> {
        let region = &self.module.inputs().region;
        let reads = names.iter().map(|name| async move {
            let read = self.provider.bucket_replication(region, name).await;
            (name.clone(), read.map_err(|error| Unread::from(&error)))
        });
        join_all(reads).await
    }

    /// The module's Regions, and those in which the state holds a key of it.
    fn regions(&self) -> BTreeSet<Region> {
        let inputs = self.module.inputs();
        let wanted = inputs.replication.iter().map(|it| it.region.clone());
        let held = self.own.iter().filter_map(|it| Region::parse(it.arn.region()).ok());
        std::iter::once(inputs.region.clone()).chain(wanted).chain(held).collect()
    }

    fn before(&self, span: SignedDuration) -> Timestamp {
        self.now.saturating_sub(span).unwrap_or(Timestamp::MIN)
    }
}

fn document(text: &str, kind: PolicyKind) -> Read<Document> {
    Document::parse(text, kind).map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        unclear(&format!("{} cannot be read: {first}", kind.describe()))
    })
}

fn gone(key: &Arn) -> Unread {
    unclear(&format!("`{key}` is not there"))
}

fn unclear(message: &str) -> Unread {
    Unread { why: Why::Other, message: message.to_owned(), needs: "a key that can be read".to_owned() }
}

const HISTORY: SignedDuration = SignedDuration::from_hours(24 * 14);
const REFUSALS: SignedDuration = SignedDuration::from_hours(24 * 7);

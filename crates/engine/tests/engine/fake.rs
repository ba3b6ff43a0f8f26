//! An AWS in memory, small and strict: it enforces key policies, checks principals, and refuses lock-outs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use keywright_engine::{
    Actor, Attributes, CallerIdentity, Creation, CreationToken, Failure, KeyGrant, Observed, Provider, ProviderError,
    Standing,
};
use keywright_model::{AccountId, Arn, ResourceKind};
use keywright_policy::{Document, NamedPolicy, Policies, PolicyKind, Principal, Request, ResourcePolicy, decide};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const CALLER: &str = "arn:aws:iam::111122223333:user/operator";

/// What happens at one very call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The process dies before the call is sent.
    CutBefore,
    /// The process dies before the answer is read.
    CutAfter,
    /// AWS answers with an error, and does nothing.
    Error,
    /// AWS does it, and the answer is an error.
    LateError,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: ResourceKind,
    pub(crate) attributes: Attributes,
    pub(crate) token: Option<CreationToken>,
    pub(crate) pending: bool,
}

pub(crate) struct Fake {
    pub(crate) caller: Mutex<Arn>,
    pub(crate) records: Mutex<BTreeMap<String, Record>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) trouble: Mutex<Option<(usize, Trouble)>>,
    pub(crate) changing: AtomicUsize,
    pub(crate) reads: AtomicUsize,
    pub(crate) roles: Mutex<Vec<String>>,
    pub(crate) unassumable: Mutex<Vec<String>>,
    /// Grants that others made, each with its key.
    pub(crate) foreign_grants: Mutex<Vec<(Arn, KeyGrant)>>,
    assumed: Mutex<Vec<Arn>>,
    ids: AtomicUsize,
    pub(crate) died: Notify,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            caller: Mutex::new(Arn::parse(CALLER).expect("an ARN")),
            records: Mutex::default(),
            log: Mutex::default(),
            trouble: Mutex::default(),
            changing: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            roles: Mutex::new(vec!["arn:aws:iam::111122223333:role/SLR".to_owned()]),
            unassumable: Mutex::default(),
            foreign_grants: Mutex::default(),
            assumed: Mutex::default(),
            ids: AtomicUsize::new(0),
            died: Notify::new(),
        }
    }

    pub(crate) fn of_kind(&self, kind: ResourceKind) -> Vec<Record> {
        self.records.lock().expect("a lock").values().filter(|record| record.kind == kind).cloned().collect()
    }

    pub(crate) fn change(&self, id: &str, name: &str, value: Value) {
        let mut records = self.records.lock().expect("a lock");
        records.get_mut(id).expect(id).attributes.insert(name.to_owned(), value);
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("a lock").clone()
    }

    pub(crate) fn clear(&self) {
        self.log.lock().expect("a lock").clear();
        self.changing.store(0, Ordering::Relaxed);
        self.reads.store(0, Ordering::Relaxed);
        self.assumed.lock().expect("a lock").clear();
    }

    fn id(&self) -> usize {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Every call that changes something comes through here.
    async fn gate<T>(&self, what: String, work: impl FnOnce() -> Result<T, ProviderError>) -> Result<T, ProviderError> {
        let number = self.changing.fetch_add(1, Ordering::Relaxed);
        let trouble = self.trouble.lock().expect("a lock").filter(|(at, _)| *at == number).map(|(_, trouble)| trouble);
        match trouble {
            Some(Trouble::CutBefore) => self.die().await,
            Some(Trouble::Error) => return Err(other("InternalFailure", "try again")),
            _ => {}
        }
        self.log.lock().expect("a lock").push(what);
        let answer = work();
        match trouble {
            Some(Trouble::CutAfter) => self.die().await,
            Some(Trouble::LateError) => return Err(other("RequestTimeout", "who knows")),
            _ => {}
        }
        // Others get their turn, as they would over a network.
        tokio::task::yield_now().await;
        answer
    }

    async fn die(&self) {
        self.died.notify_one();
        std::future::pending::<()>().await;
    }

    fn principal(&self, actor: &Actor) -> Result<Principal, ProviderError> {
        let caller = self.caller.lock().expect("a lock").clone();
        match actor {
            Actor::Caller if caller.resource() == "root" => Ok(Principal::Root(account())),
            Actor::Caller => Ok(Principal::User { arn: caller }),
            Actor::Role(role) => {
                if !self.assumed.lock().expect("a lock").contains(role) {
                    return Err(other("NoSession", "the role was not assumed"));
                }
                let name = role.resource().rsplit('/').next().expect("a name");
                let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/keywright");
                Ok(Principal::Session { session: Arn::parse(&session).expect("an ARN"), role: role.clone() })
            }
        }
    }

    /// Whether the key's policy, and IAM, let the actor do it.
    fn authorize(&self, actor: &Actor, action: &str, key: &Record) -> Result<(), ProviderError> {
        let text = key.attributes["policy"].as_str().expect("a policy");
        if self.is_allowed(actor, action, text)? {
            return Ok(());
        }
        Err(error(
            Failure::AccessDenied { message: format!("{actor:?} is not authorized to perform: {action}") },
            action,
        ))
    }

    fn is_allowed(&self, actor: &Actor, action: &str, policy: &str) -> Result<bool, ProviderError> {
        let document = Document::parse(policy, PolicyKind::Key).expect("a policy");
        let all = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
        let all = Document::parse(all, PolicyKind::Identity).expect("a policy");
        let account = account();
        let arn = Arn::parse(&format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/mrk-0")).expect("an ARN");
        let principal = self.principal(actor)?;
        let is_root = matches!(principal, Principal::Root(_));
        let mut policies = Policies::new(&account);
        policies.resource_policy = ResourcePolicy::Mandatory(&document);
        if !is_root {
            policies.identity.push(NamedPolicy { name: "all", document: &all });
        }
        Ok(decide(&Request::new(principal, action, arn), &policies).is_allowed())
    }

    /// KMS's checks of a policy that is put.
    fn check_policy(&self, actor: &Actor, policy: &str) -> Result<(), ProviderError> {
        let records = self.records.lock().expect("a lock");
        for name in policy.split('"').filter(|text| text.contains(":role/")) {
            let made =
                records.values().any(|it| it.kind == ResourceKind::IamRole && it.attributes["arn"] == json!(name));
            if !made && !self.roles.lock().expect("a lock").iter().any(|role| role == name) {
                return Err(error(Failure::InvalidPrincipal { message: name.to_owned() }, "kms:PutKeyPolicy"));
            }
        }
        drop(records);
        if self.is_allowed(actor, "kms:PutKeyPolicy", policy)? {
            return Ok(());
        }
        Err(error(
            Failure::LockOut { message: "The new key policy will not allow you to update the key policy".into() },
            "kms:PutKeyPolicy",
        ))
    }

    fn key_of(&self, kind: ResourceKind, attributes: &Attributes) -> Option<(String, Record)> {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let named = match kind {
            ResourceKind::KmsKey | ResourceKind::KmsReplicaKey => text("arn"),
            ResourceKind::KmsAlias => text("target_key_id"),
            ResourceKind::KmsGrant | ResourceKind::KmsKeyPolicy => text("key_id"),
            _ => return None,
        };
        let region = text("region");
        let records = self.records.lock().expect("a lock");
        let is_it = |record: &&Record| {
            record.attributes.get("arn") == Some(&json!(named))
                || (record.attributes.get("key_id") == Some(&json!(named))
                    && record.attributes["region"] == json!(region))
        };
        let mut keys =
            records.iter().filter(|(_, it)| matches!(it.kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey));
        keys.find(|(_, record)| is_it(record)).map(|(id, record)| (id.clone(), record.clone()))
    }

    fn name(&self, kind: ResourceKind, attributes: &Attributes) -> String {
        let text = |name: &str| attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind {
            ResourceKind::KmsKey | ResourceKind::KmsReplicaKey | ResourceKind::IamPolicy => text("arn"),
            ResourceKind::KmsAlias => format!("{}@{}", text("name"), text("region")),
            ResourceKind::LogMetricFilter => format!("{}/{}@{}", text("log_group_name"), text("name"), text("region")),
            ResourceKind::MetricAlarm => format!("{}@{}", text("alarm_name"), text("region")),
            ResourceKind::KmsGrant => text("id"),
            ResourceKind::IamRole => text("name"),
            ResourceKind::IamRolePolicyAttachment => format!("{}/{}", text("role"), text("policy_arn")),
            ResourceKind::KmsKeyPolicy => unreachable!("it is its key's"),
        }
    }

    fn make(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        let kind = creation.kind;
        let mut attributes = creation.planned.clone();
        self.fill(kind, &mut attributes);
        match kind {
            ResourceKind::KmsKey | ResourceKind::KmsReplicaKey => self.fill_policy(actor, creation, &mut attributes)?,
            ResourceKind::KmsAlias | ResourceKind::KmsGrant => {
                let (_, key) = self.key_of(kind, &attributes).ok_or_else(|| not_found("the key"))?;
                self.authorize(actor, "kms:CreateGrant", &key)?;
                if kind == ResourceKind::KmsAlias {
                    attributes.insert("target_key_arn".into(), key.attributes["arn"].clone());
                }
            }
            _ => {}
        }
        if kind == ResourceKind::KmsGrant
            && let Some(twin) = self.twin_grant(&attributes)
        {
            return Ok(twin);
        }
        let name = self.name(kind, &attributes);
        let mut records = self.records.lock().expect("a lock");
        if records.contains_key(&name) && kind != ResourceKind::MetricAlarm {
            return Err(error(Failure::AlreadyExists { message: name }, "Create"));
        }
        let token = attributes.contains_key("tags").then(|| creation.token.clone());
        records.insert(name, Record { kind, attributes: attributes.clone(), token, pending: false });
        Ok(attributes)
    }

    fn fill(&self, kind: ResourceKind, attributes: &mut Attributes) {
        let text = |attributes: &Attributes, name: &str| attributes[name].as_str().unwrap_or_default().to_owned();
        let mut set = |name: &str, value: Value| attributes.insert(name.to_owned(), value);
        match kind {
            ResourceKind::KmsKey => {
                let id = format!("mrk-{:032x}", self.id());
                set("id", json!(id));
                set("key_id", json!(id));
            }
            ResourceKind::KmsReplicaKey => {
                let primary = attributes["primary_key_arn"]
                    .as_str()
                    .expect("known")
                    .rsplit('/')
                    .next()
                    .expect("an ID")
                    .to_owned();
                attributes.insert("id".into(), json!(primary));
                attributes.insert("key_id".into(), json!(primary));
            }
            ResourceKind::KmsGrant => {
                let grant = format!("grant-{}", self.id());
                set("grant_id", json!(grant));
                let id = format!("{}:{grant}", text(attributes, "key_id"));
                attributes.insert("id".into(), json!(id));
                attributes.insert("grant_token".into(), json!("SECRET-TOKEN"));
            }
            ResourceKind::IamRole => {
                let name = text(attributes, "name");
                attributes.insert("id".into(), json!(name));
                attributes.insert("arn".into(), json!(format!("arn:aws:iam::{ACCOUNT}:role/{name}")));
                attributes.insert("unique_id".into(), json!(format!("AROA{}", self.id())));
            }
            ResourceKind::IamPolicy => {
                let arn = format!("arn:aws:iam::{ACCOUNT}:policy/{}", text(attributes, "name"));
                attributes.insert("id".into(), json!(arn));
                attributes.insert("arn".into(), json!(arn));
            }
            _ => {
                let id = self.name(kind, attributes);
                attributes.insert("id".into(), json!(id));
                attributes.insert("arn".into(), json!(format!("arn:aws:x:::{id}")));
            }
        }
        if matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey) {
            let arn =
                format!("arn:aws:kms:{}:{ACCOUNT}:key/{}", text(attributes, "region"), text(attributes, "key_id"));
            attributes.insert("arn".into(), json!(arn));
        }
    }

    fn fill_policy(
        &self,
        actor: &Actor,
        creation: &Creation<'_>,
        attributes: &mut Attributes,
    ) -> Result<(), ProviderError> {
        if creation.kind == ResourceKind::KmsReplicaKey {
            let primary = json!({"arn": attributes["primary_key_arn"]});
            let (_, primary) = self
                .key_of(ResourceKind::KmsKey, primary.as_object().expect("a map"))
                .ok_or_else(|| not_found("the primary"))?;
            self.authorize(actor, "kms:ReplicateKey", &primary)?;
        }
        let planned = attributes.get("policy").and_then(Value::as_str).map(str::to_owned);
        let policy = creation.interim_policy.map(str::to_owned).or(planned).unwrap_or_else(default_policy);
        self.check_policy(actor, &policy)?;
        attributes.insert("policy".into(), json!(policy));
        Ok(())
    }

    /// A grant of the same name and parameters is the same grant.
    fn twin_grant(&self, attributes: &Attributes) -> Option<Attributes> {
        let same = |record: &&Record| {
            ["name", "key_id", "grantee_principal", "operations"]
                .iter()
                .all(|it| record.attributes.get(*it) == attributes.get(*it))
        };
        let records = self.records.lock().expect("a lock");
        records
            .values()
            .filter(|record| record.kind == ResourceKind::KmsGrant)
            .find(same)
            .map(|it| it.attributes.clone())
    }
}

#[async_trait]
impl Provider for Fake {
    async fn caller(&self) -> Result<CallerIdentity, ProviderError> {
        let arn = self.caller.lock().expect("a lock").clone();
        Ok(CallerIdentity { account: AccountId::parse(arn.account()).expect("an account"), arn })
    }

    async fn assume(&self, role: &Arn) -> Result<(), ProviderError> {
        let caller = self.caller.lock().expect("a lock").clone();
        let name = role.resource().rsplit('/').next().expect("a name").to_owned();
        let records = self.records.lock().expect("a lock");
        let exists = records.get(&name).is_some_and(|it| it.kind == ResourceKind::IamRole)
            || self.roles.lock().expect("a lock").iter().any(|it| it == role.as_str());
        let refused = self.unassumable.lock().expect("a lock").iter().any(|it| it == role.as_str());
        if !exists || refused || caller.resource() == "root" {
            return Err(error(
                Failure::AccessDenied { message: format!("{caller} may not assume {role}") },
                "sts:AssumeRole",
            ));
        }
        self.assumed.lock().expect("a lock").push(role.clone());
        Ok(())
    }

    fn begin_refresh(&self) {}

    async fn read(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        known: &Attributes,
    ) -> Result<Option<Observed>, ProviderError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        if kind == ResourceKind::KmsKeyPolicy {
            let Some((_, key)) = self.key_of(kind, known) else { return Ok(None) };
            self.authorize(actor, "kms:GetKeyPolicy", &key)?;
            let mut attributes = known.clone();
            attributes.insert("policy".into(), key.attributes["policy"].clone());
            return Ok(Some(Observed { attributes, standing: Standing::Live }));
        }
        if let Some((_, key)) = self.key_of(kind, known).filter(|_| kind != ResourceKind::KmsAlias) {
            self.authorize(actor, "kms:DescribeKey", &key)?;
        }
        let record = self.records.lock().expect("a lock").get(&self.name(kind, known)).cloned();
        Ok(record.map(|record| Observed {
            attributes: record.attributes,
            standing: match record.pending {
                true => Standing::PendingDeletion { deletion_date: Some("2026-12-24T00:00:00Z".into()) },
                false => Standing::Live,
            },
        }))
    }

    async fn create(&self, actor: &Actor, creation: &Creation<'_>) -> Result<Attributes, ProviderError> {
        self.gate(format!("create {}", creation.kind), || self.make(actor, creation)).await
    }

    async fn find_created(&self, _actor: &Actor, creation: &Creation<'_>) -> Result<Option<Attributes>, ProviderError> {
        let records = self.records.lock().expect("a lock");
        let by_token = records.values().find(|record| record.token.as_ref() == Some(creation.token));
        if let Some(record) = by_token {
            return Ok(Some(record.attributes.clone()));
        }
        if creation.planned.contains_key("tags") {
            return Ok(None);
        }
        if creation.kind == ResourceKind::KmsGrant {
            drop(records);
            return Ok(self.twin_grant(creation.planned));
        }
        Ok(records.get(&self.name(creation.kind, creation.planned)).map(|record| record.attributes.clone()))
    }

    async fn settle(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<(), ProviderError> {
        self.gate(format!("settle {kind}"), || {
            if let Some((_, key)) = self.key_of(kind, known) {
                self.authorize(actor, "kms:UntagResource", &key)?;
            }
            if let Some(record) = self.records.lock().expect("a lock").get_mut(&self.name(kind, known)) {
                record.token = None;
            }
            Ok(())
        })
        .await
    }

    async fn update(
        &self,
        actor: &Actor,
        kind: ResourceKind,
        _prior: &Attributes,
        planned: &Attributes,
    ) -> Result<Attributes, ProviderError> {
        self.gate(format!("update {kind}"), || {
            if kind == ResourceKind::KmsKeyPolicy {
                return Ok(planned.clone());
            }
            if let Some((_, key)) = self.key_of(kind, planned) {
                self.authorize(actor, "kms:UpdateKeyDescription", &key)?;
            }
            let mut records = self.records.lock().expect("a lock");
            let record = records.get_mut(&self.name(kind, planned)).ok_or_else(|| not_found("it"))?;
            let policy = record.attributes.get("policy").cloned();
            record.attributes = planned.clone();
            if let (ResourceKind::KmsKey | ResourceKind::KmsReplicaKey, Some(policy)) = (kind, policy) {
                assert_eq!(planned.get("policy"), Some(&policy), "a key's policy is put, not updated");
            }
            Ok(record.attributes.clone())
        })
        .await
    }

    async fn delete(&self, actor: &Actor, kind: ResourceKind, prior: &Attributes) -> Result<(), ProviderError> {
        self.gate(format!("delete {kind}"), || {
            let is_key = matches!(kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
            if let Some((_, key)) = self.key_of(kind, prior).filter(|(_, key)| !key.pending) {
                self.authorize(actor, "kms:ScheduleKeyDeletion", &key)?;
            }
            let name = self.name(kind, prior);
            let mut records = self.records.lock().expect("a lock");
            if kind == ResourceKind::IamRole
                && records.values().any(|it| {
                    it.kind == ResourceKind::IamRolePolicyAttachment && it.attributes["role"] == prior["name"]
                })
            {
                return Err(other("DeleteConflict", "detach first"));
            }
            match is_key {
                true => records.get_mut(&name).into_iter().for_each(|key| key.pending = true),
                false => drop(records.remove(&name)),
            }
            Ok(())
        })
        .await
    }

    async fn rescue(&self, actor: &Actor, kind: ResourceKind, known: &Attributes) -> Result<Observed, ProviderError> {
        self.gate(format!("rescue {kind}"), || {
            let (name, key) = self.key_of(kind, known).ok_or_else(|| not_found("the key"))?;
            self.authorize(actor, "kms:CancelKeyDeletion", &key)?;
            let mut records = self.records.lock().expect("a lock");
            let record = records.get_mut(&name).ok_or_else(|| not_found("the key"))?;
            if !record.pending {
                return Err(other("KMSInvalidStateException", "it is not pending deletion"));
            }
            record.pending = false;
            Ok(Observed { attributes: record.attributes.clone(), standing: Standing::Live })
        })
        .await
    }

    async fn put_key_policy(&self, actor: &Actor, key: &Arn, policy: &str) -> Result<(), ProviderError> {
        let who = match actor {
            Actor::Caller => "caller".to_owned(),
            Actor::Role(role) => role.resource().to_owned(),
        };
        self.gate(format!("put policy {} by {who}", key.region()), || {
            let record =
                self.records.lock().expect("a lock").get(key.as_str()).cloned().ok_or_else(|| not_found("the key"))?;
            self.authorize(actor, "kms:PutKeyPolicy", &record)?;
            self.check_policy(actor, policy)?;
            self.change(key.as_str(), "policy", json!(policy));
            Ok(())
        })
        .await
    }

    async fn key_policy(&self, actor: &Actor, key: &Arn) -> Result<String, ProviderError> {
        let record =
            self.records.lock().expect("a lock").get(key.as_str()).cloned().ok_or_else(|| not_found("the key"))?;
        self.authorize(actor, "kms:GetKeyPolicy", &record)?;
        Ok(record.attributes["policy"].as_str().unwrap_or_default().to_owned())
    }

    async fn grants(&self, actor: &Actor, key: &Arn) -> Result<Vec<KeyGrant>, ProviderError> {
        let record = self.records.lock().expect("a lock").get(key.as_str()).cloned();
        let Some(record) = record else { return Ok(Vec::new()) };
        self.authorize(actor, "kms:ListGrants", &record)?;
        let own = self.of_kind(ResourceKind::KmsGrant).into_iter().filter(|grant| {
            self.key_of(ResourceKind::KmsGrant, &grant.attributes).is_some_and(|(name, _)| name == key.as_str())
        });
        let text = |record: &Record, name: &str| record.attributes[name].as_str().unwrap_or_default().to_owned();
        let own = own.map(|it| KeyGrant {
            grant_id: text(&it, "grant_id"),
            name: Some(text(&it, "name")),
            grantee: text(&it, "grantee_principal"),
            ..KeyGrant::default()
        });
        let foreign = self.foreign_grants.lock().expect("a lock").clone();
        Ok(own.chain(foreign.into_iter().filter(|(on, _)| on == key).map(|(_, grant)| grant)).collect())
    }

    async fn role_exists(&self, role: &Arn) -> Result<bool, ProviderError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.roles.lock().expect("a lock").iter().any(|it| it == role.as_str()))
    }

    async fn create_service_linked_role(&self, service: &str) -> Result<(), ProviderError> {
        self.gate(format!("create role of {service}"), || {
            let role = "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
            self.roles.lock().expect("a lock").push(role.to_owned());
            Ok(())
        })
        .await
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

pub(crate) fn default_policy() -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Default","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
    )
}

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).expect("an account")
}

fn error(failure: Failure, operation: &str) -> ProviderError {
    ProviderError { failure, operation: operation.to_owned(), region: None, request_id: None }
}

fn other(code: &str, message: &str) -> ProviderError {
    error(Failure::Other { code: code.into(), message: message.into() }, "x:Call")
}

fn not_found(what: &str) -> ProviderError {
    error(Failure::NotFound { message: format!("{what} does not exist") }, "x:Call")
}

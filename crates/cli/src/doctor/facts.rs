use std::collections::{BTreeMap, BTreeSet};

use keywright_aws::{ActionHistory, Alarm, BucketReplication, KeyStanding, RefusedCall, Topic, Usage};
use keywright_engine::{Failure, ProviderError};
use keywright_model::{Arn, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Module};
use keywright_policy::{Document, Policies, Request, ResourcePolicy, decide};

use crate::rehearsal::literal;
use crate::subject::{GrantOnKey, Part};

/// Everything that the cases look at: what the inputs want, and what AWS has.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) module: Module,
    pub(crate) desired: Desired,
    /// The keys that the state holds, the primary first.
    pub(crate) keys: Vec<KeyFacts>,
    /// Why nobody could be found who may read the keys.
    pub(crate) nobody: Option<Nobody>,
    /// Those whose names could be the module's, by Region.
    pub(crate) alarms: BTreeMap<Region, Read<Vec<Alarm>>>,
    /// What alarms did, by Region and name.
    pub(crate) histories: BTreeMap<(Region, String), Read<ActionHistory>>,
    /// The names of alarms in the state.
    pub(crate) alarms_in_state: BTreeSet<String>,
    /// How much the keys were used to decrypt.
    pub(crate) usage: Vec<(Part, Read<Usage>)>,
    pub(crate) topics: Vec<TopicFacts>,
    /// Refused calls by Region, and whether these are all.
    pub(crate) refused: BTreeMap<Region, Read<(Vec<RefusedCall>, bool)>>,
    /// Whether these roles exist.
    pub(crate) roles: BTreeMap<Arn, Read<bool>>,
    pub(crate) buckets: Vec<(String, Read<Vec<BucketReplication>>)>,
}

/// A key, as AWS has it.
#[derive(Debug)]
pub(crate) struct KeyFacts {
    pub(crate) part: Part,
    /// Its address.
    pub(crate) label: String,
    pub(crate) arn: Arn,
    pub(crate) region: Region,
    pub(crate) standing: Read<Option<KeyStanding>>,
    /// Whether KMS answered at all, be it with a refusal.
    pub(crate) is_answered: bool,
    pub(crate) policy: Read<Document>,
    pub(crate) grants: Read<Vec<GrantOnKey>>,
}

/// Why nobody could be found who may read the keys.
#[derive(Debug, Clone)]
pub(crate) struct Nobody {
    pub(crate) reason: String,
    /// Whether that is a change of AWS, and no lack of permissions.
    pub(crate) is_changed_outside: bool,
}

/// A topic that the inputs name.
#[derive(Debug)]
pub(crate) struct TopicFacts {
    pub(crate) arn: Arn,
    pub(crate) topic: Read<Option<Topic>>,
    /// The key that it is encrypted with.
    pub(crate) key: Option<TopicKey>,
}

/// The key that a topic is encrypted with.
#[derive(Debug)]
pub(crate) struct TopicKey {
    pub(crate) standing: Read<Option<KeyStanding>>,
    pub(crate) policy: Read<Document>,
}

pub(crate) type Read<T> = Result<T, Unread>;

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) why: Why,
    pub(crate) message: String,
    /// What would let it be read.
    pub(crate) needs: String,
}

/// Why something could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Denied,
    Unreachable,
    Other,
}

impl From<&Nobody> for Unread {
    fn from(nobody: &Nobody) -> Self {
        let needs = "somebody whom the key policy names: the permission `sts:AssumeRole` on the admin role, which must trust who asks";
        Self { why: Why::Denied, message: nobody.reason.clone(), needs: needs.to_owned() }
    }
}

impl From<&ProviderError> for Unread {
    fn from(error: &ProviderError) -> Self {
        let operation = &error.operation;
        let place = error.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        let (why, needs) = match &error.failure {
            Failure::AccessDenied { .. } => (Why::Denied, format!("the permission `{}`", permission(operation))),
            Failure::Unreachable { .. } => (Why::Unreachable, format!("a way to the endpoint that `{operation}` asks")),
            _ => (Why::Other, format!("an answer of `{operation}`")),
        };
        Self { why, message: format!("`{operation}`{place}: {error}"), needs }
    }
}

/// The IAM action of an operation: S3 names some of them otherwise.
fn permission(operation: &str) -> &str {
    match operation {
        "s3:GetBucketReplication" => "s3:GetReplicationConfiguration",
        same => same,
    }
}

/// An alarm that the inputs want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedAlarm {
    pub(crate) name: String,
    pub(crate) region: Region,
    /// `kms_decrypt_alarm` and its like.
    pub(crate) resource: String,
}

impl Facts {
    /// The alarms that the inputs want.
    pub(crate) fn wanted_alarms(&self) -> Vec<WantedAlarm> {
        let alarms = self.desired.resources.iter().filter(|it| it.address.kind == ResourceKind::MetricAlarm);
        let wanted = |it: &DesiredResource| {
            Some(WantedAlarm {
                name: text(it, "alarm_name")?,
                region: text(it, "region").and_then(|region| Region::parse(&region).ok())?,
                resource: it.address.name.clone(),
            })
        };
        alarms.filter_map(wanted).collect()
    }

    /// The key of that part, if the state holds it.
    pub(crate) fn key(&self, part: Part) -> Option<&KeyFacts> {
        self.keys.iter().find(|it| it.part == part)
    }

    /// The policy that the inputs want a key to have.
    pub(crate) fn wanted_policy(&self, part: Part) -> Option<&Document> {
        match part {
            Part::Primary => Some(&self.desired.administration.primary_policy),
            Part::Replica => self.desired.administration.replica_policy.as_ref(),
        }
    }

    /// Whether a policy by itself lets a request through.
    pub(crate) fn allows(&self, policy: &Document, request: &Request) -> bool {
        let mut policies = Policies::new(&self.desired.account);
        policies.resource_policy = ResourcePolicy::Mandatory(policy);
        decide(request, &policies).is_allowed()
    }

    /// The argument of a desired resource of that name, where it refers to nothing.
    pub(crate) fn wanted_text(&self, kind: ResourceKind, name: &str, argument: &str) -> Option<String> {
        let found = self.desired.resources.iter().find(|it| it.address.kind == kind && it.address.name == name);
        text(found?, argument)
    }

    /// The command that brings AWS to what the inputs want.
    pub(crate) fn apply(&self) -> String {
        "run `keywright apply`".to_owned()
    }
}

fn text(resource: &DesiredResource, argument: &str) -> Option<String> {
    literal(resource.arguments.get(argument)?)
}

//! The replication of new objects: S3 takes on a role, reads with its permissions, and writes with them.
//!
//! It is done once, before the next request; what fails then has failed.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.

use jiff::Timestamp;
use keywright_model::{Arn, Partition};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bucket::{Bucket, Versioning, bucket_key, object_key};
use super::checks::{on_bucket, on_object};
use super::encryption::{Encryption, Sealed, Wanted, seal, seal_replica};
use super::object::{Content, ReplicationStatus, Version};
use super::put::{content, keep};
use super::read::bytes;
use super::replication::Rule;
use crate::check::Check;
use crate::context::{CallContext, Via};
use crate::error::AwsError;
use crate::ids::Ids;
use crate::inside::{self, InsideCaller};
use crate::service::Service;
use crate::sts;
use crate::world::World;

/// A version that is still to be replicated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    partition: String,
    bucket: String,
    key: String,
    version_id: String,
}

impl Pending {
    pub(super) fn new(partition: Partition, bucket: &str, key: &str, version_id: &str) -> Self {
        Self {
            partition: partition.to_string(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.to_owned(),
        }
    }
}

/// Whether a new object is to be replicated.
pub(super) fn is_wanted(bucket: &Bucket, key: &str, encryption: &Encryption) -> bool {
    let rule = bucket.replication.as_ref().and_then(|configuration| configuration.rule(key));
    let is_kms = matches!(encryption, Encryption::Kms(_));
    bucket.versioning == Versioning::Enabled && rule.is_some_and(|rule| !is_kms || rule.kms_objects)
}

/// Replicates what waits for it.
pub(crate) fn settle(world: &mut World, now: Timestamp, ids: &Ids) {
    let waiting: Vec<(String, Pending)> =
        world.s3.pending.iter().map(|(id, pending)| (id.clone(), pending.clone())).collect();
    for (id, pending) in waiting {
        world.s3.pending.remove(&id);
        let outcome = replicate(&pending, now, ids, world);
        if let Err(error) = &outcome {
            tracing::debug!(bucket = pending.bucket, %error, "an object was not replicated");
        }
        let status = if outcome.is_ok() { ReplicationStatus::Completed } else { ReplicationStatus::Failed };
        mark(&pending, status, world);
    }
}

fn replicate(pending: &Pending, now: Timestamp, ids: &Ids, world: &mut World) -> Result<(), AwsError> {
    let partition = Partition::from_name(&pending.partition).ok_or_else(AwsError::internal)?;
    let source = named(&pending.bucket, partition, world)?;
    let configuration = source.replication.clone().ok_or_else(gone)?;
    let rule = configuration.rule(&pending.key).ok_or_else(gone)?.clone();
    let destination = named(&rule.destination, partition, world)?;
    let (version, kept) = waiting_version(pending, partition, world)?;

    let here = in_role(&configuration.role, &source, now, ids, world)?;
    let there = CallContext { region: destination.region.clone(), ..here.clone() };
    check_reading(pending, &source, &here, world)?;
    check_writing(pending, &destination, &there, world)?;
    let plaintext = bytes(&kept, (&pending.bucket, &pending.key), &here, world)?;
    let sealed = seal_for(&destination, &rule, &kept, &plaintext, &pending.key, &there, world)?;

    let status = Some(ReplicationStatus::Replica);
    let replica = content(&plaintext, &sealed, kept.description, kept.checksum, status, &there);
    let version = Version { content: Some(replica), ..version };
    keep(version, sealed.bytes, &destination, &pending.key, &there, world);
    Ok(())
}

/// The call of a session of the role, which S3 takes on for the bucket: the role must trust it.
fn in_role(role: &Arn, source: &Bucket, now: Timestamp, ids: &Ids, world: &mut World) -> Result<CallContext, AwsError> {
    let partition = source.region.partition();
    let service = InsideCaller::Service {
        name: "s3.amazonaws.com".to_owned(),
        account: source.owner.clone(),
        source_arn: Some(format!("arn:{partition}:s3:::{}", source.name)),
        source_account: Some(source.owner.clone()),
    };
    let call = inside::context(&service, &source.region, world, now, ids)?;
    let input = json!({ "RoleArn": role, "RoleSessionName": "s3-replication" });
    let answer = inside::run(Service::Sts, "AssumeRole", input, &call, world)?;
    let id = answer.pointer("/Credentials/AccessKeyId").and_then(Value::as_str).ok_or_else(AwsError::internal)?;
    let caller = sts::find_credentials(world, id, partition).ok_or_else(AwsError::internal)?.caller;
    Ok(CallContext { account: caller.account.clone(), caller, via: Via::Direct, ..call })
}

fn check_reading(pending: &Pending, source: &Bucket, call: &CallContext, world: &World) -> Result<(), AwsError> {
    let place = (pending.bucket.as_str(), pending.key.as_str());
    let version = on_object("s3:GetObjectVersionForReplication", place, Some(source), call, world)?;
    let checks = [
        on_bucket("s3:GetReplicationConfiguration", &source.name, Some(source), call, world)?,
        on_bucket("s3:ListBucket", &source.name, Some(source), call, world)?,
        version.with("s3:VersionId", pending.version_id.as_str()),
    ];
    checks.iter().try_for_each(|check| allowed(check, call))
}

fn check_writing(pending: &Pending, destination: &Bucket, call: &CallContext, world: &World) -> Result<(), AwsError> {
    if destination.versioning != Versioning::Enabled {
        return Err(gone());
    }
    let place = (destination.name.as_str(), pending.key.as_str());
    allowed(&on_object("s3:ReplicateObject", place, Some(destination), call, world)?, call)
}

fn allowed(check: &Check, call: &CallContext) -> Result<(), AwsError> {
    let decision = check.decide(&call.caller);
    if decision.is_allowed() { Ok(()) } else { Err(AwsError::access_denied(Service::S3, check, &decision)) }
}

/// What KMS had a part in is encrypted with the key of the rule, the rest as the destination has it.
fn seal_for(
    destination: &Bucket,
    rule: &Rule,
    source: &Content,
    plaintext: &[u8],
    key: &str,
    call: &CallContext,
    world: &mut World,
) -> Result<Sealed, AwsError> {
    let place = (destination.name.as_str(), key);
    let bucket_key = destination.encryption.bucket_key;
    if let Encryption::Kms(_) = source.encryption {
        let replica_key = rule.replica_kms_key.as_deref().ok_or_else(gone)?;
        return seal_replica(plaintext, (replica_key, bucket_key), place, call, world);
    }
    let wanted = match &destination.encryption.kms_key {
        Some(key) => Wanted::Kms { key: key.clone(), bucket_key, context: Default::default() },
        None => Wanted::S3Managed,
    };
    seal(plaintext.to_vec().into(), wanted, place, call, world)
}

fn named(name: &str, partition: Partition, world: &World) -> Result<Bucket, AwsError> {
    world.s3.buckets.get(&bucket_key(partition, name)).cloned().ok_or_else(gone)
}

fn waiting_version(pending: &Pending, partition: Partition, world: &World) -> Result<(Version, Content), AwsError> {
    let object = world.s3.objects.get(&object_key(partition, &pending.bucket, &pending.key)).ok_or_else(gone)?;
    let version = object.version(&pending.version_id).ok_or_else(gone)?;
    let content = version.content.clone().ok_or_else(gone)?;
    Ok((version.clone(), content))
}

fn mark(pending: &Pending, status: ReplicationStatus, world: &mut World) {
    let Some(partition) = Partition::from_name(&pending.partition) else { return };
    let object = world.s3.objects.get_mut(&object_key(partition, &pending.bucket, &pending.key));
    let versions = object.into_iter().flat_map(|object| &mut object.versions);
    for version in versions.filter(|version| version.id == pending.version_id) {
        if let Some(content) = &mut version.content {
            content.replication = Some(status);
        }
    }
}

/// A bucket, a rule or a version has gone since the object was written.
fn gone() -> AwsError {
    super::error::invalid_request("What was to be replicated, or where to, is not there any more")
}

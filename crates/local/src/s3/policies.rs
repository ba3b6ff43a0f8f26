use bytes::Bytes;
use keywright_policy::{Document, Match, PolicyKind};

use super::bucket::bucket_key;
use super::buckets::BucketInput;
use super::checks::{existing, on_named};
use super::error::{malformed_policy, no_such_bucket};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::policy::{PolicyRefusal, StoredPolicy};
use crate::service::Service;
use crate::wire::{Reply, WithPayload};
use crate::world::World;

/// Gives a bucket a policy.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>.
pub(super) struct PutBucketPolicy;

/// Shows the policy of a bucket.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html>.
pub(super) struct GetBucketPolicy;

/// Takes the policy of a bucket away.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html>.
pub(super) struct DeleteBucketPolicy;

impl Operation for PutBucketPolicy {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "PutBucketPolicy";
    const READ_ONLY: bool = false;
    type Input = WithPayload<BucketInput>;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let input = &input.members;
        on_named("s3:PutBucketPolicy", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let name = &input.members.bucket;
        check_owner(name, call, world)?;
        let policy = read(&input.payload, name, call, world)?;
        let bucket = world.s3.buckets.get_mut(&bucket_key(call.partition, name)).ok_or_else(|| no_such_bucket(name))?;
        bucket.policy = Some(policy);
        Ok(Reply::empty(204))
    }
}

impl Operation for GetBucketPolicy {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketPolicy";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:GetBucketPolicy", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        check_owner(&input.bucket, call, world)?;
        let bucket = existing(&input.bucket, call, world)?;
        let Some(policy) = &bucket.policy else {
            let message = "The bucket policy does not exist";
            return Err(AwsError::new("NoSuchBucketPolicy", 404, message).detail("BucketName", input.bucket));
        };
        let text = policy.text(&world.iam).into_owned();
        Ok(Reply::bytes(200, Bytes::from(text)).header("content-type", "application/json"))
    }
}

impl Operation for DeleteBucketPolicy {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "DeleteBucketPolicy";
    const READ_ONLY: bool = false;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:DeleteBucketPolicy", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        check_owner(&input.bucket, call, world)?;
        if let Some(bucket) = world.s3.buckets.get_mut(&bucket_key(call.partition, &input.bucket)) {
            bucket.policy = None;
        }
        Ok(Reply::empty(204))
    }
}

/// Other accounts have no business with the policy, whatever it allows them.
fn check_owner(name: &str, call: &CallContext, world: &World) -> Result<(), AwsError> {
    if existing(name, call, world)?.owner == call.account {
        return Ok(());
    }
    let message = "The specified method is not allowed against this resource.";
    Err(AwsError::new("MethodNotAllowed", 405, message))
}

fn read(payload: &[u8], bucket: &str, call: &CallContext, world: &World) -> Result<StoredPolicy, AwsError> {
    // Before it is read, for reading takes longer the longer it is.
    if payload.len() > LONGEST_POLICY {
        return Err(AwsError::new("PolicyTooLarge", 400, "The policy exceeds the maximum allowed size of 20 KB."));
    }
    let text = std::str::from_utf8(payload).map_err(|_| malformed_policy("Policies must be valid JSON"))?;
    let policy = StoredPolicy::new(text, PolicyKind::Resource, &world.iam).map_err(|refusal| match refusal {
        PolicyRefusal::UnknownPrincipal { .. } => malformed_policy("Invalid principal in policy"),
        refusal => malformed_policy(refusal.to_string()),
    })?;
    let document = policy.document(&world.iam).ok_or_else(AwsError::internal)?;
    check_scope(&document, &format!("arn:{}:s3:::{bucket}", call.partition))?;
    Ok(policy)
}

/// A policy speaks of S3's actions, on this bucket and what is in it.
fn check_scope(document: &Document, bucket: &str) -> Result<(), AwsError> {
    for statement in &document.statements {
        let is_action = |action: &String| action == "*" || action.to_ascii_lowercase().starts_with("s3:");
        if !statement.action.iter().flat_map(Match::inner).all(is_action) {
            return Err(malformed_policy("Policy has invalid action"));
        }
        let is_inside = |resource: &String| {
            resource.strip_prefix(bucket).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '*', '?']))
        };
        if !statement.resource.iter().flat_map(Match::inner).all(is_inside) {
            return Err(malformed_policy("Policy has invalid resource"));
        }
    }
    Ok(())
}

/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html>.
const LONGEST_POLICY: usize = 20 * 1024;

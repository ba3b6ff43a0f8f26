use keywright_model::AccountId;
use keywright_policy::Principal;

use super::bucket::{Bucket, bucket_arn, bucket_key, object_arn, object_key};
use super::error::{access_denied, no_such_bucket};
use super::object::Object;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::policy::OwnedResourcePolicy;
use crate::world::World;

/// Finds the bucket that a request names, in the Region that is called; none where there is none.
///
/// # Errors
/// When it is in another Region, or belongs to another account than the caller expects.
pub(super) fn find<'a>(
    name: &str,
    expected_owner: Option<&str>,
    call: &CallContext,
    world: &'a World,
) -> Result<Option<&'a Bucket>, AwsError> {
    let Some(bucket) = world.s3.buckets.get(&bucket_key(call.partition, name)) else { return Ok(None) };
    if bucket.region != call.region {
        return Err(elsewhere(bucket));
    }
    if expected_owner.is_some_and(|expected| expected != bucket.owner.as_str()) {
        return Err(access_denied("Access Denied"));
    }
    Ok(Some(bucket))
}

/// The bucket that a request names.
///
/// # Errors
/// As [`find`]; and when there is none.
pub(super) fn existing<'a>(name: &str, call: &CallContext, world: &'a World) -> Result<&'a Bucket, AwsError> {
    find(name, None, call, world)?.ok_or_else(|| no_such_bucket(name))
}

/// The object of a key, with its versions.
pub(super) fn find_object<'a>(bucket: &str, key: &str, call: &CallContext, world: &'a World) -> Option<&'a Object> {
    world.s3.objects.get(&object_key(call.partition, bucket, key))
}

/// The caller may do this to the bucket, by its own policies or the bucket's.
///
/// # Errors
/// When the name is no name of a bucket.
pub(super) fn on_bucket(
    action: &str,
    name: &str,
    bucket: Option<&Bucket>,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    Ok(described(Check::new(call, action, bucket_arn(call.partition, name)?), bucket, call, world))
}

/// The caller may do this to the object, by its own policies or its bucket's.
///
/// # Errors
/// When there can be no such bucket or object.
pub(super) fn on_object(
    action: &str,
    (name, key): (&str, &str),
    bucket: Option<&Bucket>,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    Ok(described(Check::new(call, action, object_arn(call.partition, name, key)?), bucket, call, world))
}

/// The caller may do this to the bucket that it names alone.
///
/// # Errors
/// As [`find`]; and when the name is no name of a bucket.
pub(super) fn on_named(
    action: &str,
    name: &str,
    expected_owner: Option<&str>,
    call: &CallContext,
    world: &World,
) -> Result<Vec<Check>, AwsError> {
    let bucket = find(name, expected_owner, call, world)?;
    Ok(vec![on_bucket(action, name, bucket, call, world)?])
}

/// Whether the caller may list the bucket, and so may learn that an object is not there.
pub(super) fn may_list(bucket: &Bucket, call: &CallContext, world: &World) -> bool {
    on_bucket("s3:ListBucket", &bucket.name, Some(bucket), call, world)
        .is_ok_and(|check| check.decide(&call.caller).is_allowed())
}

/// The condition keys that requests to S3 have, and the policy of the bucket.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>.
fn described(check: Check, bucket: Option<&Bucket>, call: &CallContext, world: &World) -> Check {
    let check = check.with("s3:authType", "REST-HEADER").with("s3:signatureversion", "AWS4-HMAC-SHA256");
    let Some(bucket) = bucket else { return check };
    let policy = match &bucket.policy {
        Some(_) if rescues(call, &check.request.action, &bucket.owner) => OwnedResourcePolicy::None,
        Some(policy) => policy.as_optional(&world.iam),
        None => OwnedResourcePolicy::None,
    };
    let owner = bucket.owner.clone();
    check.with("s3:ResourceAccount", owner.as_str()).resource_policy(policy).owned_by(owner)
}

/// The root user of the owner may always see, replace and remove the policy, whatever it denies.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>.
fn rescues(call: &CallContext, action: &str, owner: &AccountId) -> bool {
    matches!(&call.caller.principal, Principal::Root(account) if account == owner)
        && matches!(action, "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy")
}

fn elsewhere(bucket: &Bucket) -> AwsError {
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send \
                   all future requests to this endpoint.";
    AwsError::new("PermanentRedirect", 301, message)
        .detail("Endpoint", format!("{}.s3.{}.amazonaws.com", bucket.name, bucket.region))
        .detail("Bucket", bucket.name.as_str())
        .header("x-amz-bucket-region", bucket.region.as_str())
}

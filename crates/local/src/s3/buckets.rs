use jiff::Timestamp;
use keywright_model::Region;
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, bucket_key, canonical_id, object_key};
use super::checks::{existing, find, on_bucket, on_named};
use super::error::{access_denied, invalid_argument, no_such_bucket, unsupported};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::page::{Page, page};
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::wire::{Reply, Time};
use crate::world::World;

/// Makes a bucket in the Region that is called; from us-east-1, in any.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>.
pub(super) struct CreateBucket;

/// Removes an empty bucket.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>.
pub(super) struct DeleteBucket;

/// Tells whether there is a bucket, and where.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>.
pub(super) struct HeadBucket;

/// Tells the Region of a bucket.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>.
pub(super) struct GetBucketLocation;

/// Lists the buckets of the caller's account, in all Regions.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>.
pub(super) struct ListBuckets;

/// The input of operations that take nothing but a bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BucketInput {
    #[serde(rename = "Bucket")]
    pub(super) bucket: String,
    #[serde(rename = "x-amz-expected-bucket-owner")]
    pub(super) expected_owner: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateBucketInput {
    #[serde(rename = "Bucket")]
    bucket: String,
    #[serde(rename = "x-amz-acl")]
    acl: Option<String>,
    #[serde(rename = "x-amz-object-ownership")]
    ownership: Option<String>,
    #[serde(rename = "x-amz-bucket-object-lock-enabled", default)]
    object_lock: bool,
    #[serde(rename = "Document")]
    configuration: Option<CreateBucketConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateBucketConfiguration {
    location_constraint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ListBucketsInput {
    prefix: Option<String>,
    bucket_region: Option<String>,
    max_buckets: Option<usize>,
    continuation_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListBucketsOutput {
    owner: Owner,
    buckets: ListedBuckets,
    continuation_token: Option<String>,
    prefix: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedBuckets {
    bucket: Vec<ListedBucket>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedBucket {
    name: String,
    creation_date: Time,
    bucket_region: Region,
}

/// Whose a bucket or an object is.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Owner {
    #[serde(rename = "ID")]
    pub(super) id: String,
}

impl Operation for CreateBucket {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "CreateBucket";
    const READ_ONLY: bool = false;
    type Input = CreateBucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let mut check = on_bucket("s3:CreateBucket", &input.bucket, None, call, world)?;
        if let Some(location) = input.location_constraint() {
            check = check.with("s3:locationconstraint", location);
        }
        if let Some(acl) = &input.acl {
            check = check.with("s3:x-amz-acl", acl);
        }
        Ok(vec![check])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let region = region(input.location_constraint(), call)?;
        input.check_ownership()?;
        let key = bucket_key(call.partition, &input.bucket);
        if let Some(bucket) = world.s3.buckets.get(&key) {
            return Err(taken(bucket, call));
        }
        world.s3.buckets.insert(key, Bucket::new(&input.bucket, region, call));
        Ok(Reply::empty(200)
            .header("location", format!("/{}", input.bucket))
            .header("x-amz-bucket-arn", format!("arn:{}:s3:::{}", call.partition, input.bucket)))
    }
}

impl CreateBucketInput {
    fn location_constraint(&self) -> Option<&str> {
        self.configuration.as_ref()?.location_constraint.as_deref().filter(|location| !location.is_empty())
    }

    /// The owner of a bucket owns what is in it; nothing else is offered.
    fn check_ownership(&self) -> Result<(), AwsError> {
        if self.object_lock {
            return Err(unsupported("Object Lock is"));
        }
        if self.acl.as_deref().is_some_and(|acl| acl != "private") {
            let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
            return Err(AwsError::new("InvalidBucketAclWithObjectOwnership", 400, message));
        }
        match self.ownership.as_deref() {
            None | Some("BucketOwnerEnforced") => Ok(()),
            Some(_) => Err(unsupported("Object ownership other than BucketOwnerEnforced is")),
        }
    }
}

impl Operation for DeleteBucket {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "DeleteBucket";
    const READ_ONLY: bool = false;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:DeleteBucket", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        existing(&input.bucket, call, world)?;
        let inside = object_key(call.partition, &input.bucket, "");
        if world.s3.objects.with_prefix(&inside).next().is_some() {
            let message = "The bucket you tried to delete is not empty. You must delete all versions in the bucket.";
            return Err(AwsError::new("BucketNotEmpty", 409, message).detail("BucketName", input.bucket));
        }
        world.s3.buckets.remove(&bucket_key(call.partition, &input.bucket));
        Ok(Reply::empty(204))
    }
}

impl Operation for HeadBucket {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "HeadBucket";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        on_named("s3:ListBucket", &input.bucket, input.expected_owner.as_deref(), call, world)
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let bucket = existing(&input.bucket, call, world)?;
        Ok(Reply::empty(200)
            .header("x-amz-bucket-arn", format!("arn:{}:s3:::{}", call.partition, bucket.name))
            .header("x-amz-bucket-region", bucket.region.as_str())
            .header("x-amz-access-point-alias", "false"))
    }
}

impl Operation for GetBucketLocation {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "GetBucketLocation";
    const READ_ONLY: bool = true;
    type Input = BucketInput;
    type Output = Reply;

    /// It is answered in every Region: clients ask it to learn which one to call.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let bucket = anywhere(&input.bucket, call, world);
        if let (Some(bucket), Some(expected)) = (bucket, &input.expected_owner)
            && expected != bucket.owner.as_str()
        {
            return Err(access_denied("Access Denied"));
        }
        Ok(vec![on_bucket("s3:GetBucketLocation", &input.bucket, bucket, call, world)?])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let bucket = anywhere(&input.bucket, call, world).ok_or_else(|| no_such_bucket(&input.bucket))?;
        let region = bucket.region.as_str();
        let shown = if region == OLDEST_REGION { "" } else { region };
        Reply::document("LocationConstraint", &shown).map_err(|_| AwsError::internal())
    }
}

impl Operation for ListBuckets {
    const SERVICE: Service = Service::S3;
    const NAME: &'static str = "ListBuckets";
    const READ_ONLY: bool = true;
    type Input = ListBucketsInput;
    type Output = Reply;

    fn authorize(_: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let every = keywright_model::Arn::parse(&format!("arn:{}:s3:::*", call.partition));
        Ok(vec![Check::new(call, "s3:ListAllMyBuckets", every.map_err(|_| AwsError::internal())?)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Reply, AwsError> {
        let most = input.max_buckets.unwrap_or(MOST_BUCKETS);
        if !(1..=MOST_BUCKETS).contains(&most) {
            return Err(invalid_argument("Argument max-buckets must be an integer between 1 and 10000."));
        }
        let prefix = bucket_key(call.partition, input.prefix.as_deref().unwrap_or_default());
        let is_in = |region: &Region| input.bucket_region.as_deref().is_none_or(|wanted| wanted == region.as_str());
        let own = world.s3.buckets.with_prefix(&prefix);
        let own = own.filter(|(_, bucket)| bucket.owner == call.account && is_in(&bucket.region));
        let Page { items, next_token } = page(own, input.continuation_token.as_deref(), most)
            .map_err(|_| invalid_argument("The continuation token provided is incorrect"))?;
        let output = ListBucketsOutput {
            owner: Owner { id: canonical_id(&call.account) },
            buckets: ListedBuckets { bucket: items.into_iter().map(listed).collect() },
            continuation_token: next_token,
            prefix: input.prefix,
        };
        Reply::document("ListAllMyBucketsResult", &output).map_err(|_| AwsError::internal())
    }
}

/// The moment in whole seconds, as S3 keeps it.
pub(super) fn seconds(time: Timestamp) -> Time {
    Time::in_whole_seconds(time)
}

fn listed(bucket: &Bucket) -> ListedBucket {
    ListedBucket {
        name: bucket.name.clone(),
        creation_date: seconds(bucket.created),
        bucket_region: bucket.region.clone(),
    }
}

/// The bucket, whichever Region it is in.
fn anywhere<'a>(name: &str, call: &CallContext, world: &'a World) -> Option<&'a Bucket> {
    match find(name, None, call, world) {
        Ok(bucket) => bucket,
        Err(_) => world.s3.buckets.get(&bucket_key(call.partition, name)),
    }
}

/// Where the bucket is to be. us-east-1 is where none is named, and it alone makes buckets elsewhere.
fn region(location: Option<&str>, call: &CallContext) -> Result<Region, AwsError> {
    let invalid = || {
        let message = "The specified location-constraint is not valid";
        AwsError::new("InvalidLocationConstraint", 400, message)
            .detail("LocationConstraint", location.unwrap_or_default())
    };
    let here = call.region.as_str();
    let incompatible = |named: &str| {
        let message = format!(
            "The {named} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        AwsError::new("IllegalLocationConstraintException", 400, message)
    };
    let location = match location {
        None if here == OLDEST_REGION => return Ok(call.region.clone()),
        None => return Err(incompatible("unspecified")),
        Some(OLDEST_REGION) => return Err(invalid()),
        Some("EU") => "eu-west-1",
        Some(location) => location,
    };
    let region = Region::parse(location).map_err(|_| invalid())?;
    if region.partition() != call.partition || !region.is_known() {
        return Err(invalid());
    }
    if location == here || here == OLDEST_REGION { Ok(region) } else { Err(incompatible(location)) }
}

fn taken(bucket: &Bucket, call: &CallContext) -> AwsError {
    let error = if bucket.owner == call.account {
        let message = "Your previous request to create the named bucket succeeded and you already own it.";
        AwsError::new("BucketAlreadyOwnedByYou", 409, message)
    } else {
        let message = "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                       system. Please select a different name and try again.";
        AwsError::new("BucketAlreadyExists", 409, message)
    };
    error.detail("BucketName", bucket.name.as_str())
}

const OLDEST_REGION: &str = "us-east-1";
const MOST_BUCKETS: usize = 10_000;

//! Amazon Simple Storage Service.
//!
//! `route.rs` tells which operation a request asks for. `bucket.rs` and `object.rs` say what there is; `checks.rs` finds
//! it and says what must be allowed; `conditions.rs` holds what a request may make its success depend on;
//! `encryption.rs` asks KMS for keys in the name of whoever calls; `replicate.rs` copies objects in the name of a role.
//! The operations are in `buckets.rs`, `policies.rs`, `settings.rs`, `replication.rs`, `put.rs`, `copy.rs`, `read.rs`,
//! `delete.rs` and `listing.rs`.
//!
//! Each call holds the world alone, so that a conditional write is atomic: of two that want to be first, one is.
//!
//! **Invariant:** the data key of an object is kept as KMS encrypted it, and in no other form.

mod bucket;
mod buckets;
mod checks;
mod checksum;
mod conditions;
mod copy;
mod delete;
mod encryption;
mod error;
mod listing;
mod object;
mod policies;
mod put;
mod read;
mod replicate;
mod replication;
mod route;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use replicate::settle;
pub(crate) use route::Route;

use bucket::Bucket;
use object::Object;
use replicate::Pending;

use crate::operation::operations;
use crate::service::Service;
use crate::store::{RawBytes, tables};
use crate::unsupported::unsupported;

operations![
    buckets::CreateBucket,
    buckets::DeleteBucket,
    buckets::GetBucketLocation,
    buckets::HeadBucket,
    buckets::ListBuckets,
    copy::CopyObject,
    delete::DeleteObject,
    listing::ListObjectVersions,
    listing::ListObjectsV2,
    policies::DeleteBucketPolicy,
    policies::GetBucketPolicy,
    policies::PutBucketPolicy,
    put::PutObject,
    read::GetObject,
    read::HeadObject,
    replication::DeleteBucketReplication,
    replication::GetBucketReplication,
    replication::PutBucketReplication,
    settings::DeleteBucketEncryption,
    settings::GetBucketEncryption,
    settings::GetBucketVersioning,
    settings::PutBucketEncryption,
    settings::PutBucketVersioning,
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CreateBucketMetadataConfiguration,
    CreateBucketMetadataTableConfiguration,
    CreateMultipartUpload,
    CreateSession,
    DeleteBucketAnalyticsConfiguration,
    DeleteBucketCors,
    DeleteBucketIntelligentTieringConfiguration,
    DeleteBucketInventoryConfiguration,
    DeleteBucketLifecycle,
    DeleteBucketMetadataConfiguration,
    DeleteBucketMetadataTableConfiguration,
    DeleteBucketMetricsConfiguration,
    DeleteBucketOwnershipControls,
    DeleteBucketTagging,
    DeleteBucketWebsite,
    DeleteObjectAnnotation,
    DeleteObjectTagging,
    DeleteObjects,
    DeletePublicAccessBlock,
    GetBucketAbac,
    GetBucketAccelerateConfiguration,
    GetBucketAcl,
    GetBucketAnalyticsConfiguration,
    GetBucketCors,
    GetBucketIntelligentTieringConfiguration,
    GetBucketInventoryConfiguration,
    GetBucketLifecycleConfiguration,
    GetBucketLogging,
    GetBucketMetadataConfiguration,
    GetBucketMetadataTableConfiguration,
    GetBucketMetricsConfiguration,
    GetBucketNotificationConfiguration,
    GetBucketOwnershipControls,
    GetBucketPolicyStatus,
    GetBucketRequestPayment,
    GetBucketTagging,
    GetBucketWebsite,
    GetObjectAcl,
    GetObjectAnnotation,
    GetObjectAttributes,
    GetObjectLegalHold,
    GetObjectLockConfiguration,
    GetObjectRetention,
    GetObjectTagging,
    GetObjectTorrent,
    GetPublicAccessBlock,
    ListMultipartUploads,
    ListObjects,
    ListParts,
    PutBucketAbac,
    PutBucketAccelerateConfiguration,
    PutBucketAcl,
    PutBucketAnalyticsConfiguration,
    PutBucketCors,
    PutBucketIntelligentTieringConfiguration,
    PutBucketInventoryConfiguration,
    PutBucketLifecycleConfiguration,
    PutBucketLogging,
    PutBucketMetricsConfiguration,
    PutBucketNotificationConfiguration,
    PutBucketOwnershipControls,
    PutBucketRequestPayment,
    PutBucketTagging,
    PutBucketWebsite,
    PutObjectAcl,
    PutObjectAnnotation,
    PutObjectLegalHold,
    PutObjectLockConfiguration,
    PutObjectRetention,
    PutObjectTagging,
    PutPublicAccessBlock,
    RenameObject,
    RestoreObject,
    SelectObjectContent,
    UpdateBucketMetadataAnnotationTableConfiguration,
    UpdateBucketMetadataInventoryTableConfiguration,
    UpdateBucketMetadataJournalTableConfiguration,
    UpdateObjectEncryption,
    UploadPart,
];

unsupported! {
    Service::S3, error::unsupported:
    AbortMultipartUpload false,
    CompleteMultipartUpload false,
    CreateBucketMetadataConfiguration false,
    CreateBucketMetadataTableConfiguration false,
    CreateMultipartUpload false,
    CreateSession true,
    DeleteBucketAnalyticsConfiguration false,
    DeleteBucketCors false,
    DeleteBucketIntelligentTieringConfiguration false,
    DeleteBucketInventoryConfiguration false,
    DeleteBucketLifecycle false,
    DeleteBucketMetadataConfiguration false,
    DeleteBucketMetadataTableConfiguration false,
    DeleteBucketMetricsConfiguration false,
    DeleteBucketOwnershipControls false,
    DeleteBucketTagging false,
    DeleteBucketWebsite false,
    DeleteObjectAnnotation false,
    DeleteObjectTagging false,
    DeleteObjects false,
    DeletePublicAccessBlock false,
    GetBucketAbac true,
    GetBucketAccelerateConfiguration true,
    GetBucketAcl true,
    GetBucketAnalyticsConfiguration true,
    GetBucketCors true,
    GetBucketIntelligentTieringConfiguration true,
    GetBucketInventoryConfiguration true,
    GetBucketLifecycleConfiguration true,
    GetBucketLogging true,
    GetBucketMetadataConfiguration true,
    GetBucketMetadataTableConfiguration true,
    GetBucketMetricsConfiguration true,
    GetBucketNotificationConfiguration true,
    GetBucketOwnershipControls true,
    GetBucketPolicyStatus true,
    GetBucketRequestPayment true,
    GetBucketTagging true,
    GetBucketWebsite true,
    GetObjectAcl true,
    GetObjectAnnotation true,
    GetObjectAttributes true,
    GetObjectLegalHold true,
    GetObjectLockConfiguration true,
    GetObjectRetention true,
    GetObjectTagging true,
    GetObjectTorrent true,
    GetPublicAccessBlock true,
    ListMultipartUploads true,
    ListObjects true,
    ListParts true,
    PutBucketAbac false,
    PutBucketAccelerateConfiguration false,
    PutBucketAcl false,
    PutBucketAnalyticsConfiguration false,
    PutBucketCors false,
    PutBucketIntelligentTieringConfiguration false,
    PutBucketInventoryConfiguration false,
    PutBucketLifecycleConfiguration false,
    PutBucketLogging false,
    PutBucketMetricsConfiguration false,
    PutBucketNotificationConfiguration false,
    PutBucketOwnershipControls false,
    PutBucketRequestPayment false,
    PutBucketTagging false,
    PutBucketWebsite false,
    PutObjectAcl false,
    PutObjectAnnotation false,
    PutObjectLegalHold false,
    PutObjectLockConfiguration false,
    PutObjectRetention false,
    PutObjectTagging false,
    PutPublicAccessBlock false,
    RenameObject false,
    RestoreObject false,
    SelectObjectContent false,
    UpdateBucketMetadataAnnotationTableConfiguration false,
    UpdateBucketMetadataInventoryTableConfiguration false,
    UpdateBucketMetadataJournalTableConfiguration false,
    UpdateObjectEncryption false,
    UploadPart false,
}

tables! {
    /// What S3 keeps.
    pub(crate) struct State in "s3" {
        /// Buckets, by `partition/bucket`.
        buckets: Bucket,
        /// Objects with all their versions, by `partition/bucket/key`.
        objects: Object,
        /// What objects hold, encrypted where KMS has a part in it, by the id that a version tells.
        bodies: RawBytes,
        /// What is still to be replicated, by the id of its body.
        pending: Pending,
    }
}

/// AWS takes 5 GB in one request.
pub(crate) const LARGEST_OBJECT: usize = 16 * 1024 * 1024;

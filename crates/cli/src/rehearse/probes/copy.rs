//! An encrypted object that S3 replicates for real: written in the primary's Region, read in the replica's.

use http::Method;
use keywright_model::{Arn, Region};
use serde_json::{Value, json};

use crate::rehearse::client::{Client, QueryService};
use crate::rehearse::promise::{Expected, Outcome, Probe};
use crate::rehearse::scene::{Key, ReplicationRole, Scene};
use crate::rehearse::stage::Stage;

/// Writes an object with the primary, has it replicated as the role, and reads the copy. Where not everybody of the account
/// reaches the keys through services, a role that differs in the grants alone must fail at it.
pub(super) async fn copies(
    stage: &Stage,
    scene: &Scene,
    primary: &Key,
    replica: &Key,
    role: &ReplicationRole,
) -> Vec<Probe> {
    match Buckets::make(stage, scene, primary, replica, role).await {
        Ok(buckets) => buckets.probes(role, !scene.service_callers.is_empty()).await,
        Err(answer) => vec![Probe::of_call("making buckets of which one replicates", Expected::Allowed, &answer)],
    }
}

/// A bucket in the Region of each key. They let in by name whoever writes and replicates, so that KMS alone decides.
struct Buckets<'a> {
    stage: &'a Stage,
    primary: &'a Key,
    replica: &'a Key,
    /// Who reaches the keys through services.
    writer: Client,
    /// A role like the replication role, without grants.
    other: Arn,
}

impl<'a> Buckets<'a> {
    async fn make(
        stage: &'a Stage,
        scene: &Scene,
        primary: &'a Key,
        replica: &'a Key,
        role: &ReplicationRole,
    ) -> Result<Self, Outcome> {
        let home = &primary.region;
        if role.is_named {
            let name = role.arn.resource().rsplit('/').next().unwrap_or_default();
            let parameters = [("RoleName", name), ("PolicyDocument", TRUST)];
            done(stage.root.query(home, QueryService::Iam, "UpdateAssumeRolePolicy", &parameters, &[]).await)?;
        }
        let parameters = [("RoleName", OTHER_ROLE), ("AssumeRolePolicyDocument", TRUST)];
        let made = stage.root.query(home, QueryService::Iam, "CreateRole", &parameters, &["Arn"]).await;
        let other = made.text("Arn").and_then(|arn| Arn::parse(&arn).ok()).ok_or(made)?;
        let (writer_arn, writer) = stage.service_client(scene, home).await?;
        let buckets = Self { stage, primary, replica, writer, other };
        for (bucket, key) in [(SOURCE, primary), (COPY, replica)] {
            let policy = bucket_policy(bucket, &writer_arn, [&role.arn, &buckets.other]);
            buckets.put(key, &format!("/{bucket}"), location(&key.region)).await?;
            buckets.put(key, &format!("/{bucket}?versioning"), VERSIONED.to_owned()).await?;
            buckets.put(key, &format!("/{bucket}?policy"), policy.to_string()).await?;
        }
        Ok(buckets)
    }

    async fn probes(&self, role: &ReplicationRole, needs_grants: bool) -> Vec<Probe> {
        let mut probes = self.written("replicated", &role.arn, "COMPLETED").await;
        let region = &self.replica.region;
        let copy = self.writer.s3(region, Method::GET, &format!("/{COPY}/replicated"), &[], "").await;
        probes.push(Probe::of_call(format!("GetObject of the copy in {region}"), Expected::Allowed, &copy));
        for (what, member, expected) in [
            ("the key that the copy is encrypted with", KMS_KEY, self.replica.arn.as_str()),
            ("what the copy holds", "Body", CONTENT),
        ] {
            probes.push(Probe::of_fact(what, &expected.to_owned(), &copy.text(member).unwrap_or_default()));
        }
        if needs_grants {
            probes.extend(self.written("left", &self.other, "FAILED").await);
        }
        probes
    }

    /// Has S3 replicate as that role, and writes an object: how its replication ends.
    async fn written(&self, object: &str, role: &Arn, expected: &str) -> Vec<Probe> {
        let configured = self.put(self.primary, &format!("/{SOURCE}?replication"), self.configuration(role)).await;
        let headers = [("x-amz-server-side-encryption", "aws:kms"), (KMS_KEY, self.primary.arn.as_str())];
        let (region, path) = (&self.primary.region, format!("/{SOURCE}/{object}"));
        let written = match configured {
            Ok(()) => self.writer.s3(region, Method::PUT, &path, &headers, CONTENT).await,
            Err(answer) => answer,
        };
        let head = self.stage.operator.s3(region, Method::HEAD, &path, &[], "").await;
        let status = head.text("x-amz-replication-status").unwrap_or_else(|| head.to_string());
        let name = role.resource().rsplit('/').next().unwrap_or_default();
        vec![
            Probe::of_call(format!("PutObject with the primary in {region}"), Expected::Allowed, &written),
            Probe::of_fact(format!("the object's replication by {name}"), &expected.to_owned(), &status),
        ]
    }

    async fn put(&self, key: &Key, path: &str, document: String) -> Result<(), Outcome> {
        done(self.stage.operator.s3(&key.region, Method::PUT, path, &[], document).await)
    }

    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html>.
    fn configuration(&self, role: &Arn) -> String {
        let (partition, replica) = (role.partition(), &self.replica.arn);
        format!(
            "<ReplicationConfiguration><Role>{role}</Role><Rule><ID>all</ID><Priority>1</Priority><Filter><Prefix></Prefix></Filter>\
             <Status>Enabled</Status><SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>\
             </SourceSelectionCriteria><Destination><Bucket>arn:{partition}:s3:::{COPY}</Bucket><EncryptionConfiguration>\
             <ReplicaKmsKeyID>{replica}</ReplicaKmsKeyID></EncryptionConfiguration></Destination>\
             <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule></ReplicationConfiguration>"
        )
    }
}

/// What S3 itself asks of who writes, reads and replicates.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html>.
fn bucket_policy(bucket: &str, writer: &Arn, roles: [&Arn; 2]) -> Value {
    let bucket = format!("arn:{}:s3:::{bucket}", writer.partition());
    let objects = format!("{bucket}/*");
    let allow = |who: Value, actions: &[&str], resource: &str| json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": actions, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": [
        allow(json!(writer), &["s3:PutObject", "s3:GetObject"], &objects),
        allow(json!(roles), &["s3:GetReplicationConfiguration", "s3:ListBucket"], &bucket),
        allow(json!(roles), &["s3:GetObjectVersionForReplication", "s3:ReplicateObject"], &objects),
    ] })
}

/// Where a bucket is made; in the first of all Regions, nothing says so.
fn location(region: &Region) -> String {
    match region.as_str() {
        "us-east-1" => String::new(),
        region => format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        ),
    }
}

fn done(outcome: Outcome) -> Result<(), Outcome> {
    if outcome.answer().is_some() { Ok(()) } else { Err(outcome) }
}

const SOURCE: &str = "keywright-rehearsal-source";
const COPY: &str = "keywright-rehearsal-copy";
const OTHER_ROLE: &str = "keywright-rehearsal-replicator";
const CONTENT: &str = "what must outlive a Region";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

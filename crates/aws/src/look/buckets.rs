use keywright_engine::ProviderError;
use keywright_model::Region;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{LookNeeded, LookOn, look};
use crate::AwsProvider;
use crate::error::has_code;
use crate::signed::{Call, Service, xml};
use crate::xml::Element;

/// One rule of a bucket's replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketReplication {
    /// Its ID.
    pub rule: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// The bucket that it copies to.
    pub destination: String,
    /// The key that copies are encrypted with.
    pub replica_key: Option<String>,
    /// Whether objects that are encrypted with KMS are copied at all.
    pub copies_encrypted: bool,
}

impl AwsProvider {
    /// The rules by which a bucket is replicated; none where it is not.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html>.
    ///
    /// # Errors
    /// When S3 refuses the caller, does not answer, or has no such bucket.
    pub async fn bucket_replication(
        &self,
        region: &Region,
        bucket: &str,
    ) -> Result<Vec<BucketReplication>, ProviderError> {
        let call = Call {
            service: S3,
            operation: "s3:GetBucketReplication",
            region,
            method: "GET",
            path: format!("/{}?replication=", utf8_percent_encode(bucket, RESERVED)),
            headers: &[],
            body: String::new(),
        };
        match self.cloud.signed().send(&call).await {
            Ok(body) => Ok(xml(&call, &body)?.all(&["Rule"]).into_iter().map(rule).collect()),
            Err(error) if has_code(&error, "ReplicationConfigurationNotFoundError") => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn rule(rule: &Element) -> BucketReplication {
    let text = |path: &[&str]| rule.text_at(path).filter(|it| !it.is_empty()).map(str::to_owned);
    let encrypted = text(&["SourceSelectionCriteria", "SseKmsEncryptedObjects", "Status"]);
    BucketReplication {
        rule: text(&["ID"]).unwrap_or_default(),
        enabled: text(&["Status"]).as_deref() == Some("Enabled"),
        destination: text(&["Destination", "Bucket"]).unwrap_or_default(),
        replica_key: text(&["Destination", "EncryptionConfiguration", "ReplicaKmsKeyID"]),
        copies_encrypted: encrypted.as_deref() == Some("Enabled"),
    }
}

pub(super) const NEEDED: &[LookNeeded] = &[look("s3:GetReplicationConfiguration", LookOn::Bucket)];
const S3: Service = Service { name: "s3", id: "S3", endpoint_variable: "AWS_ENDPOINT_URL_S3" };
/// S3 signs what is unreserved as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_tells_the_key_of_its_copies() {
        let text = "<ReplicationConfiguration><Role>r</Role><Rule><ID>all</ID><Status>Enabled</Status>\
                    <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status></SseKmsEncryptedObjects>\
                    </SourceSelectionCriteria><Destination><Bucket>arn:aws:s3:::b</Bucket><EncryptionConfiguration>\
                    <ReplicaKmsKeyID>k</ReplicaKmsKeyID></EncryptionConfiguration></Destination></Rule>\
                    <Rule><ID>off</ID><Status>Disabled</Status>\
                    <SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Disabled</Status></SseKmsEncryptedObjects>\
                    </SourceSelectionCriteria></Rule></ReplicationConfiguration>";
        let rules: Vec<_> = Element::parse(text).expect("XML").all(&["Rule"]).into_iter().map(rule).collect();
        assert_eq!(rules[0].replica_key.as_deref(), Some("k"));
        assert!(rules[0].enabled && rules[0].copies_encrypted);
        assert!(!rules[1].enabled && !rules[1].copies_encrypted && rules[1].replica_key.is_none());
    }
}

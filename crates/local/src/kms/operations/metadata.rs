use serde::Serialize;

use super::super::checks::MultiRegionKind;
use super::super::error::KmsError;
use super::super::key::Status;
use super::super::state::Target;
use crate::wire::Time;

/// `KeyMetadata` of the API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    aws_account_id: String,
    key_id: String,
    arn: String,
    creation_date: Time,
    enabled: bool,
    description: String,
    key_usage: &'static str,
    key_state: &'static str,
    deletion_date: Option<Time>,
    origin: &'static str,
    key_manager: &'static str,
    customer_master_key_spec: &'static str,
    key_spec: &'static str,
    encryption_algorithms: [&'static str; 1],
    multi_region: bool,
    multi_region_configuration: Option<MultiRegionConfiguration>,
    pending_deletion_window_in_days: Option<u16>,
    current_key_material_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MultiRegionConfiguration {
    multi_region_key_type: &'static str,
    primary_key: MultiRegionKey,
    replica_keys: Vec<MultiRegionKey>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MultiRegionKey {
    arn: String,
    region: String,
}

impl KeyMetadata {
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_KeyMetadata.html>.
    pub(super) fn of(target: &Target<'_>) -> Result<Self, KmsError> {
        let Target { key, backing, .. } = target;
        let (deletion_date, window) = match key.status {
            Status::PendingDeletion { deletion_date } => (Some(Time(deletion_date)), None),
            Status::PendingReplicaDeletion { window_in_days } => (None, Some(window_in_days)),
            _ => (None, None),
        };
        Ok(Self {
            aws_account_id: key.account.to_string(),
            key_id: key.id.to_string(),
            arn: key.arn.to_string(),
            creation_date: Time(key.created),
            enabled: matches!(key.status, Status::Enabled | Status::Updating { .. }),
            description: key.description.clone(),
            key_usage: "ENCRYPT_DECRYPT",
            key_state: key.status.as_str(),
            deletion_date,
            origin: "AWS_KMS",
            key_manager: "CUSTOMER",
            customer_master_key_spec: "SYMMETRIC_DEFAULT",
            key_spec: "SYMMETRIC_DEFAULT",
            encryption_algorithms: ["SYMMETRIC_DEFAULT"],
            multi_region: key.is_multi_region(),
            multi_region_configuration: configuration(target)?,
            pending_deletion_window_in_days: window,
            current_key_material_id: backing.current()?.id.as_str().to_owned(),
        })
    }
}

fn configuration(target: &Target<'_>) -> Result<Option<MultiRegionConfiguration>, KmsError> {
    let Target { key, backing, .. } = target;
    let Some(kind) = key.multi_region_kind(backing) else {
        return Ok(None);
    };
    let of_region = |region: &keywright_model::Region| {
        let arn = key.place().in_region(region).arn()?;
        Ok(MultiRegionKey { arn: arn.to_string(), region: region.to_string() })
    };
    let replicas = backing.regions.iter().filter(|region| **region != backing.primary_region);
    Ok(Some(MultiRegionConfiguration {
        multi_region_key_type: MultiRegionKind::as_str(kind),
        primary_key: of_region(&backing.primary_region)?,
        replica_keys: replicas.map(of_region).collect::<Result<_, KmsError>>()?,
    }))
}

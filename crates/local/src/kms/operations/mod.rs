//! The API: one file a group of operations.

mod aliases;
mod deletion;
mod encryption;
mod grants;
mod inputs;
mod keys;
mod metadata;
mod policies;
mod regions;
mod rotation;
mod tags;
mod unsupported;

use super::error::KmsError;
use super::key::Need;
use super::state::{Forms, Place};
use crate::context::CallContext;
use crate::operation::operations;
use crate::world::World;

operations![
    keys::CreateKey,
    keys::DescribeKey,
    keys::ListKeys,
    keys::UpdateKeyDescription,
    keys::EnableKey,
    keys::DisableKey,
    policies::GetKeyPolicy,
    policies::PutKeyPolicy,
    policies::ListKeyPolicies,
    aliases::CreateAlias,
    aliases::UpdateAlias,
    aliases::DeleteAlias,
    aliases::ListAliases,
    tags::TagResource,
    tags::UntagResource,
    tags::ListResourceTags,
    rotation::EnableKeyRotation,
    rotation::DisableKeyRotation,
    rotation::GetKeyRotationStatus,
    rotation::RotateKeyOnDemand,
    rotation::ListKeyRotations,
    regions::ReplicateKey,
    regions::UpdatePrimaryRegion,
    grants::CreateGrant,
    grants::ListGrants,
    grants::ListRetirableGrants,
    grants::RetireGrant,
    grants::RevokeGrant,
    deletion::ScheduleKeyDeletion,
    deletion::CancelKeyDeletion,
    encryption::Encrypt,
    encryption::Decrypt,
    encryption::ReEncrypt,
    encryption::GenerateDataKey,
    encryption::GenerateDataKeyWithoutPlaintext,
    encryption::GenerateRandom,
    unsupported::ConnectCustomKeyStore,
    unsupported::CreateCustomKeyStore,
    unsupported::Decapsulate,
    unsupported::DeleteCustomKeyStore,
    unsupported::DeleteImportedKeyMaterial,
    unsupported::DeriveSharedSecret,
    unsupported::DescribeCustomKeyStores,
    unsupported::DisconnectCustomKeyStore,
    unsupported::Encapsulate,
    unsupported::GenerateDataKeyPair,
    unsupported::GenerateDataKeyPairWithoutPlaintext,
    unsupported::GenerateMac,
    unsupported::GetKeyLastUsage,
    unsupported::GetParametersForImport,
    unsupported::GetPublicKey,
    unsupported::ImportKeyMaterial,
    unsupported::Sign,
    unsupported::UpdateCustomKeyStore,
    unsupported::Verify,
    unsupported::VerifyMac,
];

/// Where the key of a call is, if its state allows what the operation needs.
fn place(
    operation: &str,
    key_id: &str,
    forms: Forms,
    need: Need,
    call: &CallContext,
    world: &World,
) -> Result<Place, KmsError> {
    let target = world.kms.target(key_id, forms, call, &format!("kms:{operation}"))?;
    target.key.require(need)?;
    Ok(target.key.place())
}

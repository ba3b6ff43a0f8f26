//! What must be allowed: the checks that operations state, with the condition keys that KMS fills in.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html> and
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html>.

use keywright_model::{Arn, Tags};
use keywright_policy::Resource;

use super::context::EncryptionContext;
use super::error::KmsError;
use super::key::Key;
use super::material::Backing;
use super::state::{Forms, State, Target, concealing_message};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::policy::OwnedResourcePolicy;
use crate::secret::GivenSecret;
use crate::world::World;

/// What the condition keys tell about a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyFacts<'a> {
    pub(crate) arn: &'a Arn,
    pub(crate) multi_region: Option<MultiRegionKind>,
    pub(crate) tags: &'a Tags,
}

/// `MultiRegionKeyType` of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MultiRegionKind {
    Primary,
    Replica,
}

impl MultiRegionKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Replica => "REPLICA",
        }
    }
}

impl Key {
    /// Which of related keys it is; none for a single-Region key.
    pub(crate) fn multi_region_kind(&self, backing: &Backing) -> Option<MultiRegionKind> {
        self.is_multi_region().then(|| match self.is_primary(backing) {
            true => MultiRegionKind::Primary,
            false => MultiRegionKind::Replica,
        })
    }

    pub(crate) fn facts<'a>(&'a self, backing: &Backing) -> KeyFacts<'a> {
        KeyFacts { arn: &self.arn, multi_region: self.multi_region_kind(backing), tags: &self.tags }
    }
}

/// The check of an operation on one key that a `KeyId` names.
///
/// A key of another account that does not exist is refused when its turn comes among the checks, as one that does.
///
/// # Errors
/// When the `KeyId` names no key.
pub(crate) fn on_key(
    operation: &str,
    key_id: &str,
    forms: Forms,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    let action = format!("kms:{operation}");
    on_found(&action, world.kms.target(key_id, forms, call, &action), call, world)
}

/// As [`on_key`], of what was looked for and perhaps not found.
///
/// # Errors
/// When it was not found, and the caller may know.
pub(crate) fn on_found(
    action: &str,
    found: Result<Target<'_>, KmsError>,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    match found {
        Ok(target) => Ok(on_target(action, &target, call, world)),
        Err(KmsError::Hidden { arn, message }) => Ok(Check::new(call, action, *arn)
            .resource_policy(OwnedResourcePolicy::admits_nobody())
            .refused_with(message)),
        Err(error) => Err(error.into()),
    }
}

/// The check of an action on a key: its policy must have a say, grants may.
pub(crate) fn on_target(action: &str, target: &Target<'_>, call: &CallContext, world: &World) -> Check {
    let key = target.key;
    let named = target.alias.map_or(&key.arn, |alias| &alias.arn);
    let mut check = check_of(action, &key.facts(target.backing), call)
        .resource_policy(key.policy.as_mandatory(&world.iam))
        .grants(world.kms.grants_on(key).map(|grant| grant.held(&world.iam)).collect());
    let aliases: Vec<&str> = world.kms.aliases_of(key).map(|alias| alias.name.as_str()).collect();
    if !aliases.is_empty() {
        check = check.with_many("kms:ResourceAliases", aliases);
    }
    if key.account != call.account {
        check = check.refused_with(concealing_message(named, call, action));
    }
    match target.alias {
        Some(alias) => check.with("kms:RequestAlias", alias.name.as_str()),
        None => check,
    }
}

/// A check with the condition keys that tell about the key, and no policy yet.
pub(crate) fn check_of(action: &str, facts: &KeyFacts<'_>, call: &CallContext) -> Check {
    let check = Check::new(call, action, facts.arn.clone())
        .resource_tags(facts.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    with_kind(check, facts.multi_region)
}

/// The check of making a key, which no key policy can allow.
pub(crate) fn on_new_key(
    multi_region: Option<MultiRegionKind>,
    tags: &Tags,
    bypass: bool,
    call: &CallContext,
) -> Check {
    let check = Check::new(call, "kms:CreateKey", Resource::Any)
        .with("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string())
        .request_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    with_kind(check, multi_region)
}

/// The check of tagging a key that is only being made, which no key policy can allow.
pub(crate) fn on_new_tags(arn: Arn, tags: &Tags, call: &CallContext) -> Check {
    Check::new(call, "kms:TagResource", arn)
        .request_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// The check of an operation on no key in particular.
pub(crate) fn on_nothing(operation: &str, call: &CallContext) -> Check {
    Check::new(call, &format!("kms:{operation}"), Resource::Any)
}

/// The check of a cryptographic operation on a symmetric key.
pub(crate) fn with_context(mut check: Check, context: &EncryptionContext) -> Check {
    check.request = check.request.with_encryption_context(context.iter());
    check
}

/// Refuses grant tokens that no grant was made with. A grant that is made counts at once, so a good token changes
/// nothing.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/using-grant-token.html>.
///
/// # Errors
/// `InvalidGrantTokenException`, `ValidationException`.
pub(crate) fn check_grant_tokens(tokens: &[GivenSecret], state: &State) -> Result<(), KmsError> {
    if tokens.len() > MAX_GRANT_TOKENS {
        return Err(KmsError::validation(format!("A request takes up to {MAX_GRANT_TOKENS} grant tokens.")));
    }
    tokens.iter().try_for_each(|token| state.grant_of_token(token.expose()).map(|_| ()))
}

fn with_kind(check: Check, multi_region: Option<MultiRegionKind>) -> Check {
    let check = check
        .with("kms:KeySpec", "SYMMETRIC_DEFAULT")
        .with("kms:KeyUsage", "ENCRYPT_DECRYPT")
        .with("kms:CustomerMasterKeySpec", "SYMMETRIC_DEFAULT")
        .with("kms:CustomerMasterKeyUsage", "ENCRYPT_DECRYPT")
        .with("kms:KeyOrigin", "AWS_KMS")
        .with("kms:MultiRegion", multi_region.is_some().to_string());
    match multi_region {
        Some(kind) => check.with("kms:MultiRegionKeyType", kind.as_str()),
        None => check,
    }
}

const MAX_GRANT_TOKENS: usize = 10;

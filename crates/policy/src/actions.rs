/// How much an action can do.
///
/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessLevel {
    /// Sees which resources there are.
    List,
    /// Sees what they are like.
    Read,
    /// Uses or changes them.
    Write,
    /// Changes who may do what.
    PermissionsManagement,
    /// Changes tags, which conditions may look at.
    Tagging,
}

/// Where KMS takes an action's permission from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// The key policy, or what it delegates to; it also works on keys of other accounts.
    Key,
    /// The key policy, or what it delegates to, in the key's own account only.
    OwnKey,
    /// IAM policies only: no key is involved.
    Iam,
}

/// Every action of KMS, in alphabetical order: its operations, `ReEncrypt` as the two permissions that it needs, and
/// `SynchronizeMultiRegionKey`, which is a permission only.
pub const KMS_ACTIONS: &[&str] = &{
    let mut names = [""; TABLE.len()];
    let mut at = 0;
    #[expect(clippy::indexing_slicing, reason = "a constant: out of bounds would not compile")]
    while at < names.len() {
        names[at] = TABLE[at].0;
        at += 1;
    }
    names
};

/// How much a KMS action can do; none if there is no such action. Case does not count.
pub fn access_level(action: &str) -> Option<AccessLevel> {
    row(action).map(|(_, level, _)| *level)
}

/// Where KMS takes the permission for an action from; none if there is no such action. Case does not count.
pub fn permission(action: &str) -> Option<Permission> {
    row(action).map(|(.., permission)| *permission)
}

/// Whether policies can open the action to other accounts. Actions that are not KMS's are not judged.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html>.
pub(crate) fn works_across_accounts(action: &str) -> bool {
    !crate::request::is_kms(action) || permission(action) == Some(Permission::Key)
}

fn row(action: &str) -> Option<&'static (&'static str, AccessLevel, Permission)> {
    TABLE.iter().find(|(name, ..)| name.eq_ignore_ascii_case(action))
}

use AccessLevel::{List, PermissionsManagement, Read, Tagging, Write};
use Permission::{Iam, Key, OwnKey};

#[rustfmt::skip]
const TABLE: &[(&str, AccessLevel, Permission)] = &[
    ("kms:CancelKeyDeletion", Write, OwnKey),
    ("kms:ConnectCustomKeyStore", Write, Iam),
    ("kms:CreateAlias", Write, OwnKey),
    ("kms:CreateCustomKeyStore", Write, Iam),
    ("kms:CreateGrant", PermissionsManagement, Key),
    ("kms:CreateKey", Write, Iam),
    ("kms:Decapsulate", Write, Key),
    ("kms:Decrypt", Write, Key),
    ("kms:DeleteAlias", Write, OwnKey),
    ("kms:DeleteCustomKeyStore", Write, Iam),
    ("kms:DeleteImportedKeyMaterial", Write, OwnKey),
    ("kms:DeriveSharedSecret", Write, Key),
    ("kms:DescribeCustomKeyStores", Read, Iam),
    ("kms:DescribeKey", Read, Key),
    ("kms:DisableKey", Write, OwnKey),
    ("kms:DisableKeyRotation", Write, OwnKey),
    ("kms:DisconnectCustomKeyStore", Write, Iam),
    ("kms:EnableKey", Write, OwnKey),
    ("kms:EnableKeyRotation", Write, OwnKey),
    ("kms:Encapsulate", Write, Key),
    ("kms:Encrypt", Write, Key),
    ("kms:GenerateDataKey", Write, Key),
    ("kms:GenerateDataKeyPair", Write, Key),
    ("kms:GenerateDataKeyPairWithoutPlaintext", Write, Key),
    ("kms:GenerateDataKeyWithoutPlaintext", Write, Key),
    ("kms:GenerateMac", Write, Key),
    ("kms:GenerateRandom", Write, Iam),
    ("kms:GetKeyLastUsage", Read, OwnKey),
    ("kms:GetKeyPolicy", Read, OwnKey),
    ("kms:GetKeyRotationStatus", Read, Key),
    ("kms:GetParametersForImport", Read, OwnKey),
    ("kms:GetPublicKey", Read, Key),
    ("kms:ImportKeyMaterial", Write, OwnKey),
    ("kms:ListAliases", List, Iam),
    ("kms:ListGrants", List, Key),
    ("kms:ListKeyPolicies", List, OwnKey),
    ("kms:ListKeyRotations", List, OwnKey),
    ("kms:ListKeys", List, Iam),
    ("kms:ListResourceTags", List, OwnKey),
    ("kms:ListRetirableGrants", List, Iam),
    ("kms:PutKeyPolicy", PermissionsManagement, OwnKey),
    ("kms:ReEncryptFrom", Write, Key),
    ("kms:ReEncryptTo", Write, Key),
    ("kms:ReplicateKey", Write, OwnKey),
    ("kms:RetireGrant", PermissionsManagement, Key),
    ("kms:RevokeGrant", PermissionsManagement, Key),
    ("kms:RotateKeyOnDemand", Write, OwnKey),
    ("kms:ScheduleKeyDeletion", Write, OwnKey),
    ("kms:Sign", Write, Key),
    ("kms:SynchronizeMultiRegionKey", Write, OwnKey),
    ("kms:TagResource", Tagging, OwnKey),
    ("kms:UntagResource", Tagging, OwnKey),
    ("kms:UpdateAlias", Write, OwnKey),
    ("kms:UpdateCustomKeyStore", Write, Iam),
    ("kms:UpdateKeyDescription", Write, OwnKey),
    ("kms:UpdatePrimaryRegion", Write, OwnKey),
    ("kms:Verify", Write, Key),
    ("kms:VerifyMac", Write, Key),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_ordered_and_holds_every_action_once() {
        assert_eq!(KMS_ACTIONS.len(), 58);
        assert!(KMS_ACTIONS.is_sorted_by(|left, right| left < right));
        assert_eq!(access_level("KMS:putkeypolicy"), Some(PermissionsManagement));
        assert_eq!(access_level("kms:ReEncrypt"), None);
    }

    #[test]
    fn keys_are_not_managed_from_other_accounts() {
        assert!(works_across_accounts("kms:Decrypt") && works_across_accounts("sns:Publish"));
        assert!(!works_across_accounts("kms:PutKeyPolicy") && !works_across_accounts("kms:Unheard"));
    }
}

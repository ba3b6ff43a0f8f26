//! Which condition keys there are when a key policy is decided.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html> and
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>.

/// In which requests a condition key is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// In requests of any operation, whether in all of them or in some.
    Anywhere,
    /// In those of these operations only; they may have wildcards.
    In(&'static [&'static str]),
    /// Not where a key policy is decided, for this reason.
    Never(&'static str),
}

/// Where the key is there; none if it is not known. Case does not count.
pub(super) fn presence(name: &str) -> Option<Presence> {
    KEYS.iter().find(|(known, _)| is(known, name)).map(|(_, presence)| *presence)
}

/// Whether keys of that prefix are known here, so that one that is not is no key. Other services' keys
/// (`lambda:SourceFunctionArn`) come with some requests too.
pub(super) fn is_judged(name: &str) -> bool {
    let prefix = name.split_once(':').map(|(prefix, _)| prefix.to_ascii_lowercase());
    prefix.is_none_or(|it| it == "aws" || it == "kms")
}

/// Every key that is known.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _)| *name)
}

/// A key that ends in `/` or `:` has a name of the caller's choice behind it.
fn is(known: &str, name: &str) -> bool {
    if known.ends_with(['/', ':']) {
        return name.len() > known.len() && name.get(..known.len()).is_some_and(|it| it.eq_ignore_ascii_case(known));
    }
    known.eq_ignore_ascii_case(name)
}

use Presence::{Anywhere, In, Never};

const WITH_CONTEXT: Presence =
    In(&["kms:CreateGrant", "kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:RetireGrant"]);
const CREATE_GRANT: Presence = In(&["kms:CreateGrant"]);
const ATTESTED: Presence = In(&["kms:Decrypt", "kms:DeriveSharedSecret", "kms:GenerateDataKey*", "kms:GenerateRandom"]);
const IAM_ONLY: &str = "KMS looks at it in IAM policies only";

#[rustfmt::skip]
const KEYS: &[(&str, Presence)] = &[
    ("kms:BypassPolicyLockoutSafetyCheck", In(&["kms:CreateKey", "kms:PutKeyPolicy"])),
    ("kms:CallerAccount", Anywhere),
    ("kms:CustomerMasterKeySpec", Anywhere),
    ("kms:CustomerMasterKeyUsage", Anywhere),
    ("kms:DataKeyPairSpec", In(&["kms:GenerateDataKeyPair*"])),
    ("kms:EncryptionAlgorithm", In(&["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"])),
    ("kms:EncryptionContext:", WITH_CONTEXT),
    ("kms:EncryptionContextKeys", WITH_CONTEXT),
    ("kms:ExpirationModel", In(&["kms:ImportKeyMaterial"])),
    ("kms:GrantConstraintSourceArn", CREATE_GRANT),
    ("kms:GrantConstraintType", CREATE_GRANT),
    ("kms:GrantIsForAWSResource", In(&["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"])),
    ("kms:GrantOperations", CREATE_GRANT),
    ("kms:GranteePrincipal", CREATE_GRANT),
    ("kms:GranteeServicePrincipal", CREATE_GRANT),
    ("kms:KeyAgreementAlgorithm", In(&["kms:DeriveSharedSecret"])),
    ("kms:KeyOrigin", Anywhere),
    ("kms:KeySpec", Anywhere),
    ("kms:KeyUsage", Anywhere),
    ("kms:MacAlgorithm", In(&["kms:GenerateMac", "kms:VerifyMac"])),
    ("kms:MessageType", In(&["kms:Sign", "kms:Verify"])),
    ("kms:MultiRegion", Anywhere),
    ("kms:MultiRegionKeyType", Anywhere),
    ("kms:PolicyName", In(&["kms:GetKeyPolicy", "kms:PutKeyPolicy"])),
    ("kms:PrimaryRegion", In(&["kms:UpdatePrimaryRegion"])),
    ("kms:ReEncryptOnSameKey", In(&["kms:ReEncrypt*"])),
    ("kms:RecipientAttestation:", ATTESTED),
    ("kms:ReplicaRegion", In(&["kms:ReplicateKey"])),
    ("kms:RequestAlias", Anywhere),
    ("kms:ResourceAliases", Never(IAM_ONLY)),
    ("kms:RetiringPrincipal", CREATE_GRANT),
    ("kms:RetiringServicePrincipal", CREATE_GRANT),
    ("kms:RotationPeriodInDays", In(&["kms:EnableKeyRotation"])),
    ("kms:ScheduleKeyDeletionPendingWindowInDays", In(&["kms:ScheduleKeyDeletion"])),
    ("kms:SigningAlgorithm", In(&["kms:Sign", "kms:Verify"])),
    ("kms:TrailingDaysWithoutKeyUsage", In(&["kms:DisableKey", "kms:ScheduleKeyDeletion"])),
    ("kms:ValidTo", In(&["kms:ImportKeyMaterial"])),
    ("kms:ViaService", Anywhere),
    ("kms:WrappingAlgorithm", In(&["kms:GetParametersForImport"])),
    ("kms:WrappingKeySpec", In(&["kms:GetParametersForImport"])),
    ("aws:AssumedRoot", Anywhere),
    ("aws:CalledVia", Anywhere),
    ("aws:CalledViaAWSMCP", Anywhere),
    ("aws:CalledViaFirst", Anywhere),
    ("aws:CalledViaLast", Anywhere),
    ("aws:ChatbotSourceArn", Anywhere),
    ("aws:CurrentTime", Anywhere),
    ("aws:Ec2InstanceSourcePrivateIPv4", Anywhere),
    ("aws:Ec2InstanceSourceVpc", Anywhere),
    ("aws:EpochTime", Anywhere),
    ("aws:FederatedProvider", Anywhere),
    ("aws:MultiFactorAuthAge", Anywhere),
    ("aws:MultiFactorAuthPresent", Anywhere),
    ("aws:PrincipalAccount", Anywhere),
    ("aws:PrincipalArn", Anywhere),
    ("aws:PrincipalIsAWSService", Anywhere),
    ("aws:PrincipalOrgID", Anywhere),
    ("aws:PrincipalOrgPaths", Anywhere),
    ("aws:PrincipalServiceName", Anywhere),
    ("aws:PrincipalServiceNamesList", Anywhere),
    ("aws:PrincipalTag/", Anywhere),
    ("aws:PrincipalType", Anywhere),
    ("aws:RequestTag/", In(&["kms:CreateKey", "kms:ReplicateKey", "kms:TagResource"])),
    ("aws:RequestedRegion", Anywhere),
    ("aws:ResourceAccount", Anywhere),
    ("aws:ResourceOrgID", Anywhere),
    ("aws:ResourceOrgPaths", Anywhere),
    ("aws:ResourceTag/", Never(IAM_ONLY)),
    ("aws:SecureTransport", Anywhere),
    ("aws:SignInSessionArn", Anywhere),
    ("aws:SourceAccount", Anywhere),
    ("aws:SourceArn", Anywhere),
    ("aws:SourceIdentity", Anywhere),
    ("aws:SourceIp", Anywhere),
    ("aws:SourceOrgID", Anywhere),
    ("aws:SourceOrgPaths", Anywhere),
    ("aws:SourceVpc", Anywhere),
    ("aws:SourceVpcArn", Anywhere),
    ("aws:SourceVpce", Anywhere),
    ("aws:TagKeys", In(&["kms:CreateKey", "kms:ReplicateKey", "kms:TagResource", "kms:UntagResource"])),
    ("aws:TokenIssueTime", Anywhere),
    ("aws:UserAgent", Anywhere),
    ("aws:ViaAWSMCPService", Anywhere),
    ("aws:ViaAWSService", Anywhere),
    ("aws:VpcSourceIp", Anywhere),
    ("aws:VpceAccount", Anywhere),
    ("aws:VpceOrgID", Anywhere),
    ("aws:VpceOrgPaths", Anywhere),
    ("aws:referer", Anywhere),
    ("aws:userid", Anywhere),
    ("aws:username", Anywhere),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::KMS_ACTIONS;
    use crate::glob;

    #[test]
    fn every_operation_of_a_key_is_an_action() {
        for (name, presence) in KEYS {
            let In(operations) = presence else { continue };
            for operation in *operations {
                assert!(KMS_ACTIONS.iter().any(|it| glob::matches(operation, it)), "{name}: {operation}");
            }
        }
    }

    #[test]
    fn keys_are_known_without_regard_to_case_and_with_the_names_behind_them() {
        assert_eq!(presence("KMS:callerACCOUNT"), Some(Anywhere));
        assert_eq!(presence("kms:EncryptionContext:aws:logs:arn"), Some(WITH_CONTEXT));
        for unknown in ["kms:EncryptionContext:", "kms:EncryptionContext", "aws:PrincipalTag", "kms:CallerAcount"] {
            assert_eq!(presence(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn keys_of_other_services_are_not_judged() {
        assert!(is_judged("kms:X") && is_judged("AWS:X") && is_judged("X"));
        assert!(!is_judged("lambda:SourceFunctionArn"));
    }
}

use jiff::Timestamp;
use keywright_model::{AccountId, AliasName, Arn, KeyId, Region};

use super::error::KmsError;

/// An alias: another name for a key of the same account and Region.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Alias {
    pub(crate) name: AliasName,
    pub(crate) arn: Arn,
    pub(crate) key: KeyId,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// Reads the name of an alias that is to be made, changed or deleted.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>.
///
/// # Errors
/// `InvalidAliasNameException`; `NotAuthorizedException` has no place here, for the reserved names are refused as
/// invalid.
pub(crate) fn custom_alias_name(text: &str) -> Result<AliasName, KmsError> {
    let invalid = |message: &str| KmsError::InvalidAliasName { message: message.to_owned() };
    let name = AliasName::parse(text).map_err(|error| invalid(&format!("Invalid alias name: {}", error.reason)))?;
    match name.is_reserved() {
        true => Err(invalid("Aliases that begin with alias/aws/ are reserved for AWS managed keys.")),
        false => Ok(name),
    }
}

/// The ARN of an alias.
pub(crate) fn alias_arn(account: &AccountId, region: &Region, name: &AliasName) -> Result<Arn, KmsError> {
    Arn::new(region.partition(), "kms", Some(region), Some(account), name.as_str())
        .map_err(|error| KmsError::unparsable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_reserved_and_malformed_names() {
        assert!(custom_alias_name("alias/app/key_1").is_ok());
        for wrong in ["app", "alias/", "alias/aws/s3", "alias/a b", "alias/a:b"] {
            let code = custom_alias_name(wrong).map_err(|error| error.code());
            assert_eq!(code, Err("InvalidAliasNameException"), "{wrong}");
        }
    }
}

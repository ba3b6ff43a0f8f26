use keywright_model::{AccountId, Arn};

use super::error::KmsError;
use super::grant::{Grant, Party};
use crate::iam;
use crate::policy::{HeldConstraint, HeldGrant, HeldGrantee};

impl Party {
    /// Reads the grantee or the retiring principal of a grant: the ARN of an account, user, role, federated user or
    /// session. Users and roles must exist.
    ///
    /// A service principal is none of these: for it the API has members of its own.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html#terms-grantee-principal>.
    ///
    /// # Errors
    /// `InvalidArnException`.
    pub(crate) fn principal(text: &str, iam: &iam::State) -> Result<Self, KmsError> {
        let invalid = || KmsError::InvalidArn { message: format!("ARN does not refer to a valid principal: {text}") };
        let arn = Arn::parse(text).map_err(|_| invalid())?;
        AccountId::parse(arn.account()).map_err(|_| invalid())?;
        let unique_id = match (arn.service(), kind(&arn)) {
            ("iam", "root") | ("sts", "federated-user") => None,
            ("iam", "user" | "role") | ("sts", "assumed-role") => Some(iam.principal_id(text).ok_or_else(invalid)?),
            _ => return Err(invalid()),
        };
        Ok(Self::Principal { arn, unique_id })
    }

    /// Reads the name of a service principal.
    ///
    /// Source: the pattern of `ServicePrincipalType` in the KMS API model.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(crate) fn service(text: &str, member: &str) -> Result<Self, KmsError> {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        match text.len() <= 128 && text.split('.').count() >= 3 && text.split('.').all(is_part) {
            true => Ok(Self::Service { name: text.to_owned() }),
            false => Err(KmsError::constraint(
                member,
                text,
                r"Member must satisfy regular expression pattern: ^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$",
            )),
        }
    }

    /// The name as it is to be shown and evaluated now: the unique ID, once the user or role is gone.
    pub(crate) fn name(&self, iam: &iam::State) -> String {
        match self {
            Self::Principal { arn, unique_id: Some(id) } => iam.name_of_principal(arn.as_str(), id),
            Self::Principal { arn, unique_id: None } => arn.to_string(),
            Self::Service { name } => name.clone(),
        }
    }
}

impl Grant {
    /// The grant as the evaluator takes it.
    pub(crate) fn held(&self, iam: &iam::State) -> HeldGrant {
        let party = |party: &Party| match party {
            Party::Principal { .. } => HeldGrantee::Arn(party.name(iam)),
            Party::Service { name } => HeldGrantee::Service(name.clone()),
        };
        let constraints = &self.terms.constraints;
        HeldGrant {
            id: self.id.clone(),
            grantee: party(&self.terms.grantee),
            retiring: self.terms.retiring.as_ref().map(party),
            operations: self.terms.operations.iter().map(|operation| operation.name()).collect(),
            encryption_context: match (&constraints.encryption_context_equals, &constraints.encryption_context_subset) {
                (Some(context), _) => HeldConstraint::Equals(context.clone().into_pairs()),
                (None, Some(context)) => HeldConstraint::Subset(context.clone().into_pairs()),
                (None, None) => HeldConstraint::Any,
            },
            source_arn: constraints.source_arn.clone(),
        }
    }
}

/// What stands before the first `/` of the resource.
fn kind(arn: &Arn) -> &str {
    arn.resource().split('/').next().unwrap_or_default()
}

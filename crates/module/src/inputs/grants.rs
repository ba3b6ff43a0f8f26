//! The rules of `grants`.
//!
//! Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>.

use keywright_model::{AccountId, Arn, Region, Tags};

use super::checker::Checker;
use super::module::{GrantConstraint, GrantInputs, Replication};
use crate::read::{Given, Kind};

const NAME: &str = "grants";

/// Checks every grant; those that break a rule are reported and left out.
pub(crate) fn check(
    checker: &mut Checker,
    region: Option<&Region>,
    replication: Option<&Replication>,
) -> Vec<GrantInputs> {
    let Some(grants) = checker.given(NAME).cloned() else { return Vec::new() };
    let mut checked = Vec::new();
    for (name, field) in grants.fields() {
        let at_key = Given { sensitive: field.value.sensitive, ..Given::string(name, field.key.clone()) };
        let named = check_name(checker, name, &at_key);
        let grantee = principal(checker, field.value.field("grantee_principal"), region);
        let retiring = field.value.field("retiring_principal").filter(|value| !value.is_null());
        let retiring_principal = retiring.and_then(|value| principal(checker, Some(value), region));
        let operations = operations(checker, field.value.field("operations"));
        let on_replica = on_replica(checker, field.value.field("region"), region, replication);
        let constraint = constraint(checker, field.value.field("constraints"));
        if let (true, Some(grantee), Some(operations), Some(on_replica), Ok(constraint)) =
            (named, grantee, operations, on_replica, constraint)
        {
            let name = name.clone();
            checked.push(GrantInputs { name, grantee, operations, retiring_principal, on_replica, constraint });
        }
    }
    checked
}

fn check_name(checker: &mut Checker, name: &str, at: &Given) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte);
    if !(1..=256).contains(&name.len()) || !name.bytes().all(allowed) {
        let why = "a grant's name is 1 to 256 letters, digits, `:`, `/`, `_` and `-`";
        checker.refuse("invalid-grant", NAME, at, why, "choose another name");
        return false;
    }
    if RESERVED.contains(&name) {
        checker.refuse("invalid-grant", NAME, at, "S3 replication's own grants have this name", "choose another name");
        return false;
    }
    true
}

/// The names of the grants that S3 replication gets.
pub(crate) const RESERVED: &[&str] = &["S3ReplicationGrant", "S3ReplicationSourceGrant"];

/// A grantee is an account, a user, a role, or a session of one: never a service.
fn principal(checker: &mut Checker, value: Option<&Given>, region: Option<&Region>) -> Option<Arn> {
    let value = value?;
    let partition = region?.partition();
    let parse = |text: &str| {
        let arn = Arn::parse(text).map_err(|error| error.reason)?;
        let kinds: &[&str] = match arn.service() {
            "iam" => &["user", "role"],
            "sts" => &["assumed-role", "federated-user"],
            _ => &[],
        };
        let named = kinds.iter().any(|kind| arn.resource_of_kind(kind).is_some_and(|name| !name.is_empty()));
        let root = arn.service() == "iam" && arn.resource() == "root";
        if text.contains(['*', '?']) || !(named || root) || AccountId::parse(arn.account()).is_err() {
            return Err("it must be an account's root, an IAM user, an IAM role or a session".to_owned());
        }
        match arn.partition() == partition.as_str() {
            true => Ok(arn),
            false => Err(format!("its partition must be `{partition}`")),
        }
    };
    let help =
        "write an ARN such as `arn:aws:iam::111122223333:role/app`; a service gets its access through the key policy";
    checker.parse("invalid-principal", NAME, value, help, parse)
}

fn operations(checker: &mut Checker, value: Option<&Given>) -> Option<Vec<String>> {
    let value = value?;
    if value.items().is_empty() {
        checker.refuse(
            "invalid-grant",
            NAME,
            value,
            "a grant needs at least one operation",
            "name one, such as `Decrypt`",
        );
        return None;
    }
    let mut operations: Vec<String> = Vec::new();
    let mut right = true;
    for item in value.items() {
        let text = item.as_str().unwrap_or_default();
        if !OPERATIONS.contains(&text) {
            let help = match crate::nearest::nearest(text.trim_start_matches("kms:"), OPERATIONS.iter().copied()) {
                Some(near) if !item.sensitive => format!("did you mean `{near}`?"),
                _ => format!("known are: {}", OPERATIONS.join(", ")),
            };
            checker.refuse("invalid-grant", NAME, item, "it is no grant operation of a symmetric key", &help);
            right = false;
        } else if !operations.iter().any(|known| known == text) {
            operations.push(text.to_owned());
        }
    }
    right.then_some(operations)
}

/// The grant operations that a symmetric encryption key takes.
const OPERATIONS: &[&str] = &[
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "CreateGrant",
    "RetireGrant",
    "DescribeKey",
];

fn on_replica(
    checker: &mut Checker,
    value: Option<&Given>,
    home: Option<&Region>,
    replication: Option<&Replication>,
) -> Option<bool> {
    let Some(value) = value.filter(|value| value.as_str().is_some_and(|text| !text.is_empty())) else {
        return Some(false);
    };
    let text = value.as_str().unwrap_or_default();
    if home.is_some_and(|home| home.as_str() == text) {
        return Some(false);
    }
    if replication.is_some_and(|replication| replication.region.as_str() == text) {
        return Some(true);
    }
    let why = "there is no key in this Region";
    checker.refuse(
        "invalid-grant",
        NAME,
        value,
        why,
        "name `aws_region`, or `replication_region` where there is a replica",
    );
    None
}

fn constraint(checker: &mut Checker, value: Option<&Given>) -> Result<Option<GrantConstraint>, ()> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(None) };
    let context = |name: &str| value.field(name).filter(|context| matches!(context.kind, Kind::Map(_)));
    match (context("encryption_context_equals"), context("encryption_context_subset")) {
        (None, None) => Ok(None),
        (Some(equals), None) => pairs(checker, equals).map(GrantConstraint::Equals).map(Some).ok_or(()),
        (None, Some(subset)) => pairs(checker, subset).map(GrantConstraint::Subset).map(Some).ok_or(()),
        (Some(_), Some(_)) => {
            let why = "`encryption_context_equals` and `encryption_context_subset` exclude each other";
            checker.refuse("invalid-grant", NAME, value, why, "keep one of the two");
            Err(())
        }
    }
}

fn pairs(checker: &mut Checker, context: &Given) -> Option<Tags> {
    let pairs: Tags = context
        .fields()
        .map(|(name, field)| (name.clone(), field.value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let fits = (1..=8).contains(&pairs.len()) && pairs.values().all(|value| value.chars().count() <= 384);
    if !fits {
        let why = "a constraint has 1 to 8 pairs, whose values have up to 384 characters";
        checker.refuse("invalid-grant", NAME, context, why, "shorten it");
    }
    fits.then_some(pairs)
}

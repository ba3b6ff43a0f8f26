//! The embedded AWS of `--local`: opened for a folder, and furnished with what its inputs name.

use std::collections::BTreeSet;
use std::path::Path;

use keywright_local::{Aws, OperatorCredentials, Options, StoreError};
use keywright_model::{Arn, Diagnostic, Diagnostics, ResourceKind};
use keywright_module::{Desired, DesiredResource, Part, Value};
use keywright_policy::{Document, Match, PrincipalPattern};

use crate::render::plan::SENSITIVE;

/// The embedded AWS of a folder, and who works in it.
pub(crate) struct Rehearsal {
    pub(crate) aws: Aws,
    pub(crate) operator: OperatorCredentials,
    /// What was made because the inputs name it, one line each.
    pub(crate) made: Vec<String>,
}

/// Opens the embedded AWS that is kept in `data_dir`, and makes what the modules name but do not make.
///
/// # Errors
/// When the folder cannot be used, or something that is named cannot exist.
pub(crate) fn open(data_dir: &Path, desired: &[Desired]) -> Result<Rehearsal, Diagnostics> {
    let options = Options { data_dir: Some(data_dir.to_owned()), ..Options::default() };
    let aws = Aws::open(options).map_err(|error| store_error(data_dir, &error))?;
    let operator = operator(&aws, desired)?;
    let made = furnish(&aws, desired)?;
    Ok(Rehearsal { aws, operator, made })
}

/// Makes in an AWS what the modules name but do not make, and somebody to work in it.
///
/// # Errors
/// When something that is named cannot exist.
pub(crate) fn furnish_for(aws: &Aws, desired: &[Desired]) -> Result<OperatorCredentials, Diagnostics> {
    let operator = operator(aws, desired)?;
    furnish(aws, desired)?;
    Ok(operator)
}

/// Opens the embedded AWS of an earlier run as it is, for who only looks.
///
/// # Errors
/// When there is none, or its folder cannot be used.
pub(crate) fn reopen(data_dir: &Path, desired: &[Desired]) -> Result<Rehearsal, Diagnostics> {
    if !data_dir.is_dir() {
        let summary = format!("there is no embedded AWS in `{}` yet", data_dir.display());
        let help = "run `keywright apply --local` first";
        return Err(Diagnostic::error("nothing-applied", summary).help(help).into());
    }
    let options = Options { data_dir: Some(data_dir.to_owned()), ..Options::default() };
    let aws = Aws::open(options).map_err(|error| store_error(data_dir, &error))?;
    let operator = operator(&aws, desired)?;
    Ok(Rehearsal { aws, operator, made: Vec::new() })
}

fn operator(aws: &Aws, desired: &[Desired]) -> Result<OperatorCredentials, Diagnostics> {
    let Some(first) = desired.first() else {
        return Err(Diagnostic::error("no-module", "there is no module to work for").into());
    };
    if let Some(other) = desired.iter().find(|other| other.account != first.account) {
        let summary = format!("the modules are in two accounts, {} and {}", first.account, other.account);
        return Err(Diagnostic::error("two-accounts", summary).help("choose one with `--module NAME`").into());
    }
    aws.ensure_operator(&first.account, first.region.partition()).map_err(|error| cannot_make("user/operator", &error))
}

fn furnish(aws: &Aws, desired: &[Desired]) -> Result<Vec<String>, Diagnostics> {
    let named: BTreeSet<Named> = desired.iter().flat_map(named).collect();
    let mut made = Vec::new();
    for each in named {
        if each.ensure(aws).map_err(|error| cannot_make(each.arn().as_str(), &error))? {
            let arn = each.arn().to_string();
            let is_secret = desired.iter().any(|module| module.secrets.are_in(&arn));
            made.push(if is_secret { SENSITIVE.to_owned() } else { arn });
        }
    }
    Ok(made)
}

/// Something that a module names but does not make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Role(Arn),
    Topic(Arn),
    /// The log group that a trail delivers to: it is made with its trail.
    TrailLogGroup(Arn),
    User(Arn),
}

impl Named {
    fn arn(&self) -> &Arn {
        match self {
            Self::Role(arn) | Self::Topic(arn) | Self::TrailLogGroup(arn) | Self::User(arn) => arn,
        }
    }

    fn ensure(&self, aws: &Aws) -> Result<bool, keywright_local::EnsureError> {
        match self {
            Self::Role(arn) => aws.ensure_role(arn),
            Self::Topic(arn) => aws.ensure_sns_topic(arn),
            Self::TrailLogGroup(arn) => aws.ensure_trail(arn),
            Self::User(arn) => aws.ensure_user(arn),
        }
    }

    /// The principal of that ARN, if it is a user or a role: accounts and root users need no making.
    fn principal(text: &str) -> Option<Self> {
        let arn = Arn::parse(text).ok().filter(|arn| arn.service() == "iam")?;
        if arn.resource_of_kind("role").is_some() {
            return Some(Self::Role(arn));
        }
        arn.resource_of_kind("user").is_some().then_some(Self::User(arn))
    }
}

fn named(desired: &Desired) -> Vec<Named> {
    let mut all: Vec<Named> = desired.resources.iter().flat_map(|resource| in_resource(desired, resource)).collect();
    let administration = &desired.administration;
    all.extend(in_document(&administration.primary_policy));
    all.extend(administration.replica_policy.iter().flat_map(in_document));
    all.extend(administration.admin_role.iter().flat_map(|role| in_document(&role.trust_policy)));
    all.extend(administration.key_administrators.iter().filter_map(|arn| Named::principal(arn.as_str())));
    let ours = own_roles(desired);
    all.retain(|each| !ours.contains(each.arn().as_str()));
    all
}

/// The roles that the module makes, and those that AWS makes for its services.
fn own_roles(desired: &Desired) -> BTreeSet<String> {
    let partition = desired.region.partition();
    let made = desired.resources.iter().filter(|resource| resource.address.kind == ResourceKind::IamRole);
    let made = made.filter_map(|resource| literal(resource.arguments.get("name")?));
    made.map(|name| format!("arn:{partition}:iam::{}:role/{name}", desired.account))
        .chain(desired.prerequisites.iter().map(|each| each.role.to_string()))
        .collect()
}

fn in_resource(desired: &Desired, resource: &DesiredResource) -> Vec<Named> {
    match resource.address.kind {
        ResourceKind::MetricAlarm => texts(resource, &["alarm_actions", "ok_actions"])
            .filter_map(|text| Arn::parse(&text).ok().filter(|arn| arn.service() == "sns"))
            .map(Named::Topic)
            .collect(),
        ResourceKind::LogMetricFilter => texts(resource, &["log_group_name"])
            .filter_map(|name| {
                let resource = format!("log-group:{name}");
                let partition = desired.region.partition();
                Arn::new(partition, "logs", Some(&desired.region), Some(&desired.account), &resource).ok()
            })
            .map(Named::TrailLogGroup)
            .collect(),
        ResourceKind::KmsGrant => texts(resource, &["grantee_principal", "retiring_principal"])
            .filter_map(|text| Named::principal(&text))
            .collect(),
        _ => Vec::new(),
    }
}

fn in_document(document: &Document) -> Vec<Named> {
    let principals = document.statements.iter().filter_map(|statement| statement.principal.as_ref());
    let patterns = principals.flat_map(Match::inner);
    patterns
        .filter_map(|pattern| match pattern {
            PrincipalPattern::Aws(text) => Named::principal(text),
            _ => None,
        })
        .collect()
}

fn texts<'a>(resource: &'a DesiredResource, arguments: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    arguments.iter().filter_map(|name| resource.arguments.get(*name)).flat_map(|value| match value {
        Value::List(items) => items.iter().filter_map(literal).collect(),
        other => literal(other).into_iter().collect::<Vec<_>>(),
    })
}

/// The text of a value that refers to nothing.
pub(crate) fn literal(value: &Value) -> Option<String> {
    let Value::Text(template) = value else { return None };
    let parts = template.0.iter().map(|part| match part {
        Part::Literal(text) => Some(text.as_str()),
        Part::Reference(_) => None,
    });
    parts.collect()
}

fn store_error(data_dir: &Path, error: &StoreError) -> Diagnostics {
    let summary = format!("the embedded AWS cannot be opened in `{}`", data_dir.display());
    let whole = data_dir.parent().unwrap_or(data_dir).display();
    let help = match error {
        StoreError::File { .. } | StoreError::Write => {
            "check the folder's permissions and the disk's free space; do not remove it: the keys are in it".to_owned()
        }
        StoreError::InUse { .. } => "wait until the run that uses it has ended".to_owned(),
        StoreError::Database { .. } | StoreError::Record { .. } => {
            format!(
                "to start afresh, remove `{whole}`, the state in it too: all that was made in this AWS is gone then"
            )
        }
    };
    Diagnostic::error("local-store", summary).because(crate::failure::chain(error)).help(help).into()
}

fn cannot_make(what: &str, error: &dyn std::error::Error) -> Diagnostics {
    Diagnostic::error("local-furnish", format!("the embedded AWS cannot make `{what}`"))
        .because(crate::failure::chain(error))
        .help("check the input that names it")
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn only_a_store_that_is_damaged_is_to_be_removed() {
        let path = || Path::new("f/.keywright/aws").to_owned();
        let file = |kind: ErrorKind| StoreError::File { path: path(), source: Error::from(kind) };
        let source = serde_json::from_str::<u8>("x").expect_err("no number");
        let record = StoreError::Record { table: "keys".to_owned(), key: "k".to_owned(), source };
        for (error, told) in [
            (file(ErrorKind::PermissionDenied), "permissions"),
            (file(ErrorKind::ReadOnlyFilesystem), "permissions"),
            (StoreError::InUse { path: path() }, "wait"),
            (StoreError::Write, "free space"),
            (record, "remove `f/.keywright`"),
        ] {
            let problems = store_error(&path(), &error);
            let help = problems.iter().next().and_then(|it| it.help.clone()).expect("a help");
            assert!(help.contains(told), "{error}: {help}");
            assert_eq!(help.contains("to start afresh"), told.starts_with("remove"), "{error}: {help}");
        }
    }
}

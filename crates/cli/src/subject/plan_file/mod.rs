//! `--plan FILE`: the keys of a plan, as they will be once it is applied.
//!
//! `resources.rs` reads the resources and what refers to what; `identities.rs` the roles and users among them.
//!
//! Source: <https://developer.hashicorp.com/terraform/internals/json-format>.

mod identities;
mod resources;

use std::path::Path;
use std::sync::Arc;

use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Region, SourceFile, Span};
use serde_json::Value;

use super::{GrantOnKey, Origin, Part, PolicyText, Subject, condition_keys, guess, key_arn, key_policy, read_json};
use crate::args::SubjectArguments;
use resources::{Plan, Resource};

/// Reads every KMS key of a plan, with its policy, its grants, and the IAM policies of roles and users of the plan.
///
/// # Errors
/// When the file is no plan or holds no key, and for each key policy or grant of which it is known only after apply what
/// it says or on which key it is, and each policy that is not valid.
pub(super) fn read(path: &Path, arguments: &SubjectArguments) -> Result<Vec<Subject>, Diagnostics> {
    let (file, value) = read_json(path)?;
    let plan = Plan::read(&value).ok_or_else(|| not_a_plan(&file))?;
    let reader = Reader { plan, file, arguments };
    let keys: Vec<&Resource> = reader.plan.resources.iter().filter(|it| part(it).is_some()).collect();
    if keys.is_empty() {
        return Err(Diagnostic::error("no-key", format!("`{}` plans no KMS key", reader.file.name))
            .help("name a plan that holds an `aws_kms_key`, an `aws_kms_external_key` or an `aws_kms_replica_key`")
            .into());
    }
    let (mut subjects, mut errors) = (Vec::new(), Diagnostics::new());
    for key in keys {
        match reader.subject(key) {
            Ok(subject) => subjects.push(subject),
            Err(wrong) => errors.extend(wrong),
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(subjects) }
}

struct Reader<'a> {
    plan: Plan<'a>,
    file: Arc<SourceFile>,
    arguments: &'a SubjectArguments,
}

impl Reader<'_> {
    fn subject(&self, key: &Resource<'_>) -> Result<Subject, Diagnostics> {
        let part = part(key).unwrap_or(Part::Primary);
        let (text, holder) = self.policy(key)?;
        let (policy, is_default) = match text {
            Some(text) => (self.parsed(&text, &holder)?, false),
            None => (self.default_policy(key)?, true),
        };
        let arn = key.text("arn").and_then(|it| Arn::parse(it).ok());
        let account = self.account(arn.as_ref(), &policy)?;
        let key_arn = match arn {
            Some(arn) => arn,
            None => key_arn(&self.region(key, &policy)?, &account, key.text("key_id"))?,
        };
        let aliases = self.aliases(key);
        let grants = self.grants(key, &key_arn)?;
        let (identities, unreadable) = self.identities(&account, &key_arn);
        let mut notes = Vec::new();
        notes.extend(is_default.then(|| "no policy is given: the key gets AWS's default one".to_owned()));
        let region = self.plan.region(key).or_else(|| self.arguments.region.clone());
        if region.is_none() && key.text("arn").is_none() {
            notes.push(format!(
                "the plan does not tell the key's Region: it is taken to be {}, as `--region` would say",
                key_arn.region()
            ));
        }
        let origin = Origin::PlanFile(self.file.name.clone());
        Ok(Subject {
            part,
            condition_keys: condition_keys(part, &key.values, &aliases),
            aliases,
            grants,
            identities,
            unreadable,
            notes,
            ..Subject::new(key.address.clone(), origin, key_arn, account, policy)
        })
    }

    /// The text of the key's policy, and the address of what sets it. None where AWS's default policy is left.
    fn policy(&self, key: &Resource<'_>) -> Result<(Option<String>, String), Diagnostic> {
        if let Some(text) = self.plan.final_policies.get(key.address.as_str()) {
            return Ok((Some((*text).to_owned()), key.address.clone()));
        }
        let of_key = |it: &&Resource<'_>| self.plan.refers_to_key(it, "key_id", key);
        let mut apart = self.plan.resources.iter().filter(|it| it.kind == "aws_kms_key_policy");
        let untold = apart.clone().find(|it| self.plan.is_untold(it, "key_id"));
        let apart = apart.find(of_key);
        if let (None, Some(untold)) = (apart, untold) {
            return Err(self.unknown_key(untold, "policy-known-after-apply"));
        }
        for holder in apart.into_iter().chain([key]) {
            match holder.values.get("policy").filter(|it| !it.is_null()) {
                Some(Value::String(text)) if !text.is_empty() => {
                    return Ok((Some(text.clone()), holder.address.clone()));
                }
                _ if holder.is_unknown("policy") && self.plan.may_set(holder, "policy") => {
                    return Err(self.unknown_policy(holder));
                }
                Some(policy) if !policy.is_string() => return Err(self.unknown_policy(holder)),
                _ => {}
            }
        }
        Ok((None, key.address.clone()))
    }

    fn parsed(&self, text: &str, holder: &str) -> Result<PolicyText, Diagnostics> {
        let policy = key_policy(&SourceFile::new(format!("{}: policy of {holder}", self.file.name), text))?;
        Ok(PolicyText { place: Some(self.place(holder)), ..policy })
    }

    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>.
    fn default_policy(&self, key: &Resource<'_>) -> Result<PolicyText, Diagnostics> {
        let arn = key.text("arn").and_then(|it| Arn::parse(it).ok());
        let of_arn = arn.as_ref().and_then(|it| AccountId::parse(it.account()).ok());
        let account = of_arn.or_else(|| self.arguments.account.clone()).ok_or_else(|| self.unknown_account(key))?;
        let partition = match &arn {
            Some(arn) => arn.partition().to_owned(),
            None => self
                .plan
                .region(key)
                .or_else(|| self.arguments.region.clone())
                .map_or("aws".to_owned(), |it| it.partition().to_string()),
        };
        let text = format!(
            r#"{{"Version":"2012-10-17","Id":"key-default-1","Statement":[{{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{{"AWS":"arn:{partition}:iam::{account}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
        );
        self.parsed(&text, &key.address)
    }

    fn account(&self, arn: Option<&Arn>, policy: &PolicyText) -> Result<AccountId, Diagnostic> {
        match (arn.and_then(|it| AccountId::parse(it.account()).ok()), &self.arguments.account) {
            (Some(account), _) => Ok(account),
            (None, Some(account)) => Ok(account.clone()),
            (None, None) => guess::account(policy),
        }
    }

    fn region(&self, key: &Resource<'_>, policy: &PolicyText) -> Result<Region, Diagnostic> {
        match self.plan.region(key).or_else(|| self.arguments.region.clone()) {
            Some(region) => Ok(region),
            None => guess::region(&policy.document),
        }
    }

    fn aliases(&self, key: &Resource<'_>) -> Vec<String> {
        let aliases = self.plan.resources.iter().filter(|it| it.kind == "aws_kms_alias");
        let own = aliases.filter(|it| self.plan.refers_to_key(it, "target_key_id", key));
        own.filter_map(|it| it.text("name").map(str::to_owned)).collect()
    }

    /// The grants on the key. One that cannot be told may give anything to anybody.
    fn grants(&self, key: &Resource<'_>, arn: &Arn) -> Result<Vec<GrantOnKey>, Diagnostics> {
        let (mut found, mut errors) = (Vec::new(), Diagnostics::new());
        for grant in self.plan.resources.iter().filter(|it| it.kind == "aws_kms_grant") {
            if self.plan.is_untold(grant, "key_id") {
                errors.push(self.unknown_key(grant, "unknown-grant"));
            } else if self.plan.refers_to_key(grant, "key_id", key) {
                match self.grant(grant, arn) {
                    Some(grant) => found.push(grant),
                    None => errors.push(self.unknown_grant(grant)),
                }
            }
        }
        if errors.has_errors() { Err(errors) } else { Ok(found) }
    }

    fn grant(&self, grant: &Resource<'_>, key: &Arn) -> Option<GrantOnKey> {
        let mut attributes = grant.values.clone();
        for name in ["grantee_principal", "retiring_principal"] {
            if let Some(arn) = grant.text(name).map(str::to_owned).or_else(|| self.plan.principal(grant, name, key)) {
                attributes.insert(name.to_owned(), arn.into());
            }
        }
        let is_open = ["operations", "constraints"].iter().any(|name| grant.is_partly_unknown(name));
        GrantOnKey::of_attributes(&grant.address, &attributes).filter(|_| !is_open)
    }

    /// Where the plan first speaks of an address.
    fn place(&self, address: &str) -> Span {
        let quoted = Value::from(address).to_string();
        let at = self.file.text.find(&quoted).unwrap_or(0);
        Span::new(&self.file, at..(at + quoted.len()).min(self.file.text.len()))
    }

    fn unknown_policy(&self, holder: &Resource<'_>) -> Diagnostic {
        Diagnostic::error("policy-known-after-apply", format!("the policy of `{}` is known only after apply", holder.address))
            .at(self.place(&holder.address), "this resource")
            .because("it depends on something that the plan makes, so nothing can be said about it yet")
            .help("build its ARNs from names that are known (`data.aws_caller_identity`, the role's name), or ask after apply")
    }

    fn unknown_key(&self, resource: &Resource<'_>, code: &'static str) -> Diagnostic {
        Diagnostic::error(code, format!("it is known only after apply on which key `{}` is", resource.address))
            .at(self.place(&resource.address), "this resource")
            .because("its `key_id` is no resource of its own module, so it may be on any key of the plan")
            .help("ask after apply, or put it into the module of its key")
    }

    fn unknown_grant(&self, grant: &Resource<'_>) -> Diagnostic {
        Diagnostic::error("unknown-grant", format!("it cannot be told what `{}` gives to whom", grant.address))
            .at(self.place(&grant.address), "this resource")
            .because("its grantee, its operations or its constraints are known only after apply")
            .help("build ARNs from names that are known, or ask after apply")
    }

    fn unknown_account(&self, key: &Resource<'_>) -> Diagnostic {
        Diagnostic::error(
            "unknown-account",
            format!("the plan does not tell which account `{}` belongs to", key.address),
        )
        .at(self.place(&key.address), "this key")
        .help("give `--account ID`")
    }
}

fn part(resource: &Resource<'_>) -> Option<Part> {
    match resource.kind.as_str() {
        "aws_kms_key" | "aws_kms_external_key" => Some(Part::Primary),
        "aws_kms_replica_key" | "aws_kms_replica_external_key" => Some(Part::Replica),
        _ => None,
    }
}

fn not_a_plan(file: &Arc<SourceFile>) -> Diagnostic {
    Diagnostic::error("not-a-plan", format!("`{}` is JSON, but no plan", file.name))
        .because("it has neither `planned_values` nor `resource_changes`")
        .help("write one with `terraform show -json PLAN`, or with `keywright plan --json`")
}

//! The roles and users of a plan, and their policies.

use keywright_model::{AccountId, Arn};
use keywright_policy::{Document, PolicyKind};
use serde_json::Value;

use super::Reader;
use super::resources::Resource;
use crate::subject::{Identity, NamedDocument};

/// The kinds of resources that give policies to a role or to a user, and the attribute that names it.
struct Holder {
    kind: &'static str,
    inline: &'static str,
    attachment: &'static str,
    name: &'static str,
}

impl Reader<'_> {
    /// The roles and users whose policies the plan tells all of, and the others, each with a reason.
    pub(super) fn identities(&self, account: &AccountId, key: &Arn) -> (Vec<Identity>, Vec<(Arn, String)>) {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for holder in &HOLDERS {
            for resource in self.plan.resources.iter().filter(|it| it.kind == holder.kind) {
                let arn = resource
                    .text("arn")
                    .map(str::to_owned)
                    .or_else(|| resource.iam_arn(key.partition(), account.as_str()));
                let Some(arn) = arn.and_then(|it| Arn::parse(&it).ok()) else { continue };
                let boundary = self.boundary(resource);
                match self.policies(holder, resource).and_then(|policies| Ok((policies, boundary?))) {
                    Ok((policies, boundary)) => known.push(Identity { arn, policies, boundary }),
                    Err(reason) => unknown.push((arn, reason)),
                }
            }
        }
        (known, unknown)
    }

    fn policies(&self, holder: &Holder, principal: &Resource<'_>) -> Result<Vec<NamedDocument>, String> {
        let is_given = |it: &&Resource<'_>| it.kind == holder.inline || it.kind == holder.attachment;
        let mut given = self.plan.resources.iter().filter(is_given);
        if let Some(untold) = given.find(|it| self.plan.is_untold(it, holder.name)) {
            return Err(format!("it is known only after apply whose policy `{}` is", untold.address));
        }
        if let Some(open) = OWN.iter().find(|name| self.plan.leaves_open(principal, name)) {
            return Err(format!("its `{open}` is known only after apply"));
        }
        if let Some(other) = self.plan.resources.iter().find(|it| may_give(it, principal)) {
            return Err(format!("`{}` may give it more policies", other.address));
        }
        let mut policies = Vec::new();
        for block in principal.values.get("inline_policy").and_then(Value::as_array).into_iter().flatten() {
            if let Some(text) = block.get("policy").and_then(Value::as_str).filter(|it| !it.is_empty()) {
                policies.push(document(&format!("{}.inline_policy", principal.address), text)?);
            }
        }
        for arn in principal.values.get("managed_policy_arns").and_then(Value::as_array).into_iter().flatten() {
            policies.push(self.managed(arn.as_str().unwrap_or_default())?);
        }
        for resource in self.plan.resources.iter().filter(|it| self.is_of(it, holder, principal)) {
            if resource.kind == holder.inline {
                policies.push(self.own(resource)?);
            } else if resource.kind == holder.attachment {
                policies.push(self.attached(resource)?);
            }
        }
        Ok(policies)
    }

    fn is_of(&self, resource: &Resource<'_>, holder: &Holder, principal: &Resource<'_>) -> bool {
        if resource.kind != holder.inline && resource.kind != holder.attachment {
            return false;
        }
        match resource.text(holder.name) {
            Some(name) => principal.text("name") == Some(name),
            None => self.plan.target(resource, holder.name).is_some_and(|it| it.address == principal.address),
        }
    }

    fn boundary(&self, principal: &Resource<'_>) -> Result<Option<NamedDocument>, String> {
        match principal.text("permissions_boundary").filter(|it| !it.is_empty()) {
            Some(arn) => self.managed(arn).map(Some),
            None if principal.is_unknown("permissions_boundary") => {
                match self.plan.target(principal, "permissions_boundary") {
                    Some(policy) => self.own(policy).map(Some),
                    None => Err("its permissions boundary is known only after apply".to_owned()),
                }
            }
            None => Ok(None),
        }
    }

    fn attached(&self, attachment: &Resource<'_>) -> Result<NamedDocument, String> {
        match (attachment.text("policy_arn"), self.plan.target(attachment, "policy_arn")) {
            (Some(arn), _) => self.managed(arn),
            (None, Some(policy)) => self.own(policy),
            (None, None) => Err(format!("`{}` attaches a policy that is known only after apply", attachment.address)),
        }
    }

    fn managed(&self, arn: &str) -> Result<NamedDocument, String> {
        let mut policies = self.plan.resources.iter().filter(|it| it.kind == "aws_iam_policy");
        match policies.find(|it| it.text("arn") == Some(arn)) {
            Some(policy) => self.own(policy),
            None => Err(format!("the plan does not hold its policy `{arn}`")),
        }
    }

    /// What the `policy` of a resource says.
    fn own(&self, resource: &Resource<'_>) -> Result<NamedDocument, String> {
        let text = resource
            .text("policy")
            .ok_or_else(|| format!("the policy of `{}` is known only after apply", resource.address))?;
        document(&resource.address, text)
    }
}

/// Whether a resource may put policies on a principal in a way that is not followed here: by a group, or by a list.
fn may_give(resource: &Resource<'_>, principal: &Resource<'_>) -> bool {
    let names: &[&str] = match (resource.kind.as_str(), principal.kind.as_str()) {
        ("aws_iam_policy_attachment", "aws_iam_role") => &["roles"],
        (
            "aws_iam_policy_attachment" | "aws_iam_group_membership" | "aws_iam_user_group_membership",
            "aws_iam_user",
        ) => &["user", "users"],
        _ => &[],
    };
    let own = principal.values.get("name");
    names.iter().any(|name| match resource.values.get(*name) {
        Some(Value::Array(all)) => all.iter().any(|it| it.is_null() || own.is_none() || Some(it) == own),
        value @ Some(Value::String(_)) => own.is_none() || value == own,
        _ => resource.is_partly_unknown(name),
    })
}

fn document(name: &str, text: &str) -> Result<NamedDocument, String> {
    let document = Document::parse(text, PolicyKind::Identity).map_err(|errors| {
        let first = errors.first().map(ToString::to_string).unwrap_or_default();
        format!("the policy of `{name}` is not understood: {first}")
    })?;
    Ok(NamedDocument { name: name.to_owned(), document })
}

/// The attributes by which a role holds policies itself.
const OWN: [&str; 2] = ["inline_policy", "managed_policy_arns"];

const HOLDERS: [Holder; 2] = [
    Holder {
        kind: "aws_iam_role",
        inline: "aws_iam_role_policy",
        attachment: "aws_iam_role_policy_attachment",
        name: "role",
    },
    Holder {
        kind: "aws_iam_user",
        inline: "aws_iam_user_policy",
        attachment: "aws_iam_user_policy_attachment",
        name: "user",
    },
];

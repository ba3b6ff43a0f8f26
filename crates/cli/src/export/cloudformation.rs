//! `cloudformation`: a template for each module and Region.
//!
//! Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/template-reference.html>, and the page of
//! each resource type there; importing: <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html>.

mod names;
mod properties;
mod values;

use std::collections::BTreeSet;

use keywright_engine::State;
use keywright_model::{Address, Diagnostic, Region, ResourceKind};
use keywright_module::{Desired, DesiredResource, Module, Part, Reference, Template, Value as Argument};
use serde_json::{Map, Value, json};

use super::{Export, references};
use names::LogicalIds;
use properties::{Form, Property, of_kind};
use values::{number, own_language, own_language_of};

/// Writes the templates of these modules. With `import`, they are for taking over what the state holds, and a list of
/// resources to import stands beside each.
///
/// # Errors
/// When a value cannot be told to CloudFormation: nothing is left out without a word.
pub(crate) fn export(modules: &[Module], state: &State, import: bool) -> Result<Export, Diagnostic> {
    let mut export = Export::default();
    for desired in modules.iter().map(Module::desired) {
        let of = Folder { ids: LogicalIds::new(&desired), desired: &desired, live: import.then_some(state) };
        let stacks: Vec<Stack<'_>> = of.regions().into_iter().map(|region| of.stack(region)).collect();
        let wanted: BTreeSet<&Reference> = stacks.iter().flat_map(|stack| &stack.parameters).collect();
        for stack in &stacks {
            let place = format!("{}.{}", desired.module, stack.region);
            export.add(format!("{place}.template.json"), pretty(&stack.template(&wanted)?));
            if let Some(state) = of.live {
                let listed = stack.to_import(state, &mut export.notes);
                export.add(format!("{place}.import.json"), pretty(&listed));
            }
        }
        of.tell(&mut export);
    }
    Ok(export)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// What the templates of one module are made from.
struct Folder<'a> {
    ids: LogicalIds,
    desired: &'a Desired,
    /// The state, where what it holds is to be imported.
    live: Option<&'a State>,
}

/// One template on its way.
struct Stack<'a> {
    of: &'a Folder<'a>,
    region: &'a Region,
    resources: Vec<&'a DesiredResource>,
    /// What stands in the other template, and is asked for.
    parameters: BTreeSet<Reference>,
}

impl Folder<'_> {
    fn regions(&self) -> Vec<&Region> {
        std::iter::once(&self.desired.region).chain(&self.desired.replication_region).collect()
    }

    fn stack<'a>(&'a self, region: &'a Region) -> Stack<'a> {
        let resources = self.desired.resources.iter().filter(|resource| self.region_of(resource) == region.as_str());
        let mut stack = Stack { of: self, region, resources: resources.collect(), parameters: BTreeSet::new() };
        let asked = stack.resources.iter().filter(|resource| resource.address.kind != ResourceKind::KmsGrant);
        let asked = asked.flat_map(|resource| resource.arguments.values().flat_map(Argument::references));
        stack.parameters = asked.filter(|reference| stack.is_parameter(reference)).cloned().collect();
        stack
    }

    /// What is global stands with the primary.
    fn region_of<'r>(&'r self, resource: &'r DesiredResource) -> &'r str {
        literal(resource, "region").unwrap_or(self.desired.region.as_str())
    }

    fn resource(&self, address: &Address) -> Option<&DesiredResource> {
        self.desired.resources.iter().find(|resource| resource.address == *address)
    }

    /// The key that the replica is a replica of.
    fn primary_of(&self, replica: &Address) -> Option<&Address> {
        let references = self.resource(replica)?.arguments.get("primary_key_arn")?.references();
        references.first().map(|reference| &reference.address)
    }

    fn grants(&self) -> impl Iterator<Item = &DesiredResource> {
        self.desired.resources.iter().filter(|resource| resource.address.kind == ResourceKind::KmsGrant)
    }

    fn tell(&self, export: &mut Export) {
        for grant in self.grants() {
            export.note(format!(
                "`{}` is in no template: CloudFormation has no resource for a grant. Make it with `aws kms create-grant`; the \
                 template's `Metadata` has what it takes.",
                grant.address
            ));
        }
        for (address, argument) in self.desired.resources.iter().flat_map(left_out) {
            export
                .note(format!("`{argument}` of `{address}` is in no template: CloudFormation has no property for it."));
        }
        for role in &self.desired.prerequisites {
            export.note(format!(
                "The key policies of module `{}` name `{}`, which must be there first: `aws iam create-service-linked-role \
                 --aws-service-name {}`.",
                self.desired.module, role.role, role.service
            ));
        }
        if !self.desired.administration.root_access {
            export.note(format!(
                "The key of module `{}` has no root access: KMS takes its policy only from one of `key_administrators`, or from the \
                 admin role.",
                self.desired.module
            ));
        }
    }
}

impl<'a> Stack<'a> {
    fn template(&self, wanted: &BTreeSet<&Reference>) -> Result<Value, Diagnostic> {
        let mut template = Map::new();
        template.insert("AWSTemplateFormatVersion".to_owned(), "2010-09-09".into());
        let description = format!("The KMS keys of module {} in {}", self.of.desired.module, self.region);
        template.insert("Description".to_owned(), description.into());
        let metadata = self.metadata();
        if let Some(found) = own_language(&metadata, "Metadata") {
            return Err(taken_otherwise(format!("the template of module `{}`", self.of.desired.module), found));
        }
        template.insert("Metadata".to_owned(), json!({ "keywright": metadata }));
        let parameters: Map<String, Value> = self.parameters.iter().map(|it| self.parameter(it)).collect();
        if !parameters.is_empty() {
            template.insert("Parameters".to_owned(), parameters.into());
        }
        let resources = self.resources.iter().filter_map(|it| self.resource(it).transpose());
        let resources = resources.collect::<Result<Map<_, _>, _>>()?;
        template.insert("Resources".to_owned(), resources.into());
        let own = wanted.iter().filter(|it| self.holds(&it.address));
        let outputs: Map<String, Value> = own.filter_map(|it| self.output(it)).collect();
        // An import may not bring outputs.
        if !outputs.is_empty() && self.of.live.is_none() {
            template.insert("Outputs".to_owned(), outputs.into());
        }
        Ok(template.into())
    }

    /// What a person must know who has nothing but the template.
    fn metadata(&self) -> Value {
        let grants = self.of.grants().filter(|grant| self.holds(&grant.address));
        let grants = grants.map(|grant| {
            let arguments = grant.arguments.iter().map(|(name, value)| ((*name).to_owned(), references::shown(value)));
            json!({
                "address": grant.address,
                "reason": "CloudFormation has no resource for a grant",
                "arguments": arguments.collect::<Map<_, _>>(),
            })
        });
        let arguments = self.resources.iter().copied().flat_map(left_out).map(|(address, argument)| {
            json!({ "address": address, "argument": argument, "reason": "CloudFormation has no property for it" })
        });
        let roles = self.of.desired.prerequisites.iter().map(|it| it.role.to_string());
        json!({
            "module": self.of.desired.module,
            "region": self.region,
            "left_out": grants.chain(arguments).collect::<Vec<_>>(),
            "must_exist_before": roles.collect::<Vec<_>>(),
        })
    }

    fn parameter(&self, reference: &Reference) -> (String, Value) {
        let name = self.of.ids.parameter(reference);
        let description =
            format!("{}, which the module's stack in the other Region has as output", references::place(reference));
        let mut parameter = json!({ "Type": "String", "Description": description });
        if let (Some(value), Some(fields)) =
            (self.of.live.and_then(|it| held(it, reference)), parameter.as_object_mut())
        {
            fields.insert("Default".to_owned(), value);
        }
        (name, parameter)
    }

    fn output(&self, reference: &Reference) -> Option<(String, Value)> {
        Some((self.of.ids.parameter(reference), json!({ "Value": self.reference(reference)? })))
    }

    /// A resource; none for what is part of another one, or has no type.
    fn resource(&self, resource: &DesiredResource) -> Result<Option<(String, Value)>, Diagnostic> {
        let Some(((kind, table), id)) = of_kind(resource.address.kind).zip(self.of.ids.of(&resource.address)) else {
            return Ok(None);
        };
        let properties = table.iter().filter_map(|property| self.property(resource, property));
        let mut properties = properties.collect::<Result<Map<_, _>, _>>()?;
        let mut depends_on: Vec<&Address> = resource.depends_on.iter().collect();
        for part in self.resources.iter().filter(|it| is_part_of(it, resource)) {
            depends_on.extend(&part.depends_on);
            properties.extend([self.part(part)?]);
        }
        let is_key = matches!(resource.address.kind, ResourceKind::KmsKey | ResourceKind::KmsReplicaKey);
        // Said for every resource: without it none can be imported.
        let policy = if is_key { "Retain" } else { "Delete" };
        let mut made = json!({ "Type": kind, "DeletionPolicy": policy, "UpdateReplacePolicy": policy });
        let here: BTreeSet<&str> =
            depends_on.into_iter().filter(|it| self.holds(it)).filter_map(|it| self.of.ids.of(it)).collect();
        if let Some(fields) = made.as_object_mut() {
            if !here.is_empty() {
                fields.insert("DependsOn".to_owned(), json!(here));
            }
            fields.insert("Properties".to_owned(), properties.into());
        }
        Ok(Some((id.to_owned(), made)))
    }

    /// None for what is not given, or has no property.
    fn property(&self, resource: &DesiredResource, property: &Property) -> Option<Result<(String, Value), Diagnostic>> {
        let argument = resource.arguments.get(property.argument)?;
        if let (false, Some(found)) =
            (matches!(property.form, Form::None), own_language_of(argument, property.argument))
        {
            return Some(Err(taken_otherwise(format!("`{}`", resource.address), found)));
        }
        let value = match property.form {
            Form::Same => self.value(argument),
            Form::Number => number(argument),
            Form::Policy => self.policy(argument),
            Form::Pairs(key) => self.pairs(argument, key),
            Form::Blocks(inner) => self.blocks(argument, inner),
            Form::None => return None,
        };
        let told = value.ok_or_else(|| untold(resource, property.argument));
        Some(told.map(|value| (property.name.to_owned(), value)))
    }

    /// A resource of Terraform that is a property of another one here.
    fn part(&self, part: &DesiredResource) -> Result<(String, Value), Diagnostic> {
        let (name, argument) = match part.address.kind {
            ResourceKind::KmsKeyPolicy => ("KeyPolicy", "policy"),
            _ => ("Roles", "role"),
        };
        if let Some(found) = part.arguments.get(argument).and_then(|it| own_language_of(it, argument)) {
            return Err(taken_otherwise(format!("`{}`", part.address), found));
        }
        let value = part.arguments.get(argument).and_then(|value| match part.address.kind {
            ResourceKind::KmsKeyPolicy => self.policy(value),
            _ => Some(Value::Array(vec![self.value(value)?])),
        });
        value.map(|value| (name.to_owned(), value)).ok_or_else(|| untold(part, argument))
    }

    fn is_parameter(&self, reference: &Reference) -> bool {
        let known = |address: &Address| self.of.primary_of(address).is_some_and(|primary| self.holds(primary));
        !self.holds(&reference.address) && !known(&reference.address)
    }

    fn holds(&self, address: &Address) -> bool {
        self.resources.iter().any(|resource| resource.address == *address)
    }

    /// The resources that CloudFormation is to take over, as `create-change-set --resources-to-import` takes them.
    fn to_import(&self, state: &State, notes: &mut Vec<String>) -> Value {
        let mut listed = Vec::new();
        for resource in &self.resources {
            let Some(((kind, _), id)) = of_kind(resource.address.kind).zip(self.of.ids.of(&resource.address)) else {
                continue;
            };
            match identifier(&resource.address, state) {
                Some(identifier) => listed.push(json!({
                    "ResourceType": kind, "LogicalResourceId": id, "ResourceIdentifier": identifier,
                })),
                None => notes.push(format!(
                    "`{}` is not in the state: take it out of the template until all else is imported.",
                    resource.address
                )),
            }
        }
        listed.into()
    }
}

fn untold(resource: &DesiredResource, argument: &str) -> Diagnostic {
    let summary = format!("`{argument}` of `{}` cannot be told to CloudFormation", resource.address);
    Diagnostic::error("export", summary).help("export it as `terraform` or `json`")
}

fn taken_otherwise(what: String, found: String) -> Diagnostic {
    let summary = format!("{what} cannot be told to CloudFormation: it would take a part of it for its own language");
    Diagnostic::error("export", summary)
        .because(format!("in CloudFormation's language {found}; what is deployed would not be what was proved"))
        .help("change the input that it comes from, or export it as `terraform` or `json`")
}

/// Whether a resource of Terraform is a property of another one here.
fn is_part_of(part: &DesiredResource, whole: &DesiredResource) -> bool {
    let argument = match part.address.kind {
        ResourceKind::KmsKeyPolicy => "key_id",
        ResourceKind::IamRolePolicyAttachment => "policy_arn",
        _ => return false,
    };
    let references = part.arguments.get(argument).map(Argument::references).unwrap_or_default();
    references.iter().any(|reference| reference.address == whole.address)
}

/// The arguments of a resource that its type has no property for.
fn left_out(resource: &DesiredResource) -> Vec<(&Address, &'static str)> {
    let Some((_, table)) = of_kind(resource.address.kind) else { return Vec::new() };
    let says_something = |value: &Argument| !matches!(value, Argument::Map(fields) if fields.is_empty());
    let has_property = |name: &str| table.iter().any(|it| it.argument == name && !matches!(it.form, Form::None));
    let arguments = resource
        .arguments
        .iter()
        .filter(|(name, value)| **name != "region" && says_something(value) && !has_property(name));
    arguments.map(|(name, _)| (&resource.address, *name)).collect()
}

fn literal<'a>(resource: &'a DesiredResource, argument: &str) -> Option<&'a str> {
    match resource.arguments.get(argument)? {
        Argument::Text(Template(parts)) => match parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn held(state: &State, reference: &Reference) -> Option<Value> {
    state.instance(&reference.address)?.attributes()?.get(reference.attribute).cloned()
}

/// By which properties CloudFormation knows a resource, and their values.
fn identifier(address: &Address, state: &State) -> Option<Value> {
    let held = state.instance(address)?.attributes()?;
    let text = |name: &str| held.get(name)?.as_str();
    Some(match address.kind {
        ResourceKind::KmsKey | ResourceKind::KmsReplicaKey => json!({ "KeyId": text("key_id")? }),
        ResourceKind::KmsAlias => json!({ "AliasName": text("name")? }),
        ResourceKind::IamRole => json!({ "RoleName": text("name")? }),
        ResourceKind::IamPolicy => json!({ "PolicyArn": text("arn")? }),
        ResourceKind::MetricAlarm => json!({ "AlarmName": text("alarm_name")? }),
        ResourceKind::LogMetricFilter => {
            json!({ "LogGroupName": text("log_group_name")?, "FilterName": text("name")? })
        }
        ResourceKind::KmsGrant | ResourceKind::KmsKeyPolicy | ResourceKind::IamRolePolicyAttachment => return None,
    })
}

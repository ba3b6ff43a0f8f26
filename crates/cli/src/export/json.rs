//! `json`: the desired resources as data. `docs/export.md` tells its shape.

use keywright_module::{Desired, DesiredResource, Module, Part, Reference, Template, Value as Argument};
use serde_json::{Map, Value, json};

use super::{Export, references};

/// Tells what these modules want to exist.
pub(crate) fn export(modules: &[Module]) -> Export {
    let modules: Vec<Value> = modules.iter().map(|it| module(&it.desired())).collect();
    let mut export = Export::default();
    export.add(
        "keywright.export.json",
        format!("{:#}\n", json!({ "format": FORMAT, "version": VERSION, "modules": modules })),
    );
    export
}

fn module(desired: &Desired) -> Value {
    let outputs = desired.outputs.iter().map(|(name, output)| {
        ((*name).to_owned(), json!({ "value": value(&output.value), "description": output.description }))
    });
    let roles = desired.prerequisites.iter();
    let roles = roles.map(|it| json!({ "service": it.service, "arn": it.role.as_str(), "create": it.create }));
    json!({
        "name": desired.module,
        "account": desired.account,
        "region": desired.region,
        "replication_region": desired.replication_region,
        "resources": desired.resources.iter().map(resource).collect::<Vec<_>>(),
        "outputs": outputs.collect::<Map<_, _>>(),
        "service_linked_roles": roles.collect::<Vec<_>>(),
    })
}

fn resource(resource: &DesiredResource) -> Value {
    let arguments = resource.arguments.iter().map(|(name, argument)| ((*name).to_owned(), value(argument)));
    json!({
        "address": resource.address,
        "type": resource.address.kind.type_name(),
        "arguments": arguments.collect::<Map<_, _>>(),
        "depends_on": resource.depends_on,
    })
}

/// A value, in which `$reference` and `$join` stand for what is not known yet. No map is taken for one of these: its own
/// names that begin with `$` get another `$`.
fn value(argument: &Argument) -> Value {
    match argument {
        Argument::Text(template) => text(template),
        Argument::List(items) => items.iter().map(value).collect(),
        Argument::Map(fields) => {
            let escaped = |name: &String| if name.starts_with('$') { format!("${name}") } else { name.clone() };
            fields.iter().map(|(name, field)| (escaped(name), value(field))).collect()
        }
        plain => plain.resolve(&|_| None).value,
    }
}

fn text(template: &Template) -> Value {
    match template.0.as_slice() {
        [Part::Reference(only)] => reference(only),
        parts if template.references().next().is_none() => parts.iter().filter_map(literal).collect::<String>().into(),
        parts => json!({ "$join": parts.iter().map(part).collect::<Vec<_>>() }),
    }
}

fn part(part: &Part) -> Value {
    match part {
        Part::Literal(text) => text.as_str().into(),
        Part::Reference(found) => reference(found),
    }
}

fn literal(part: &Part) -> Option<&str> {
    match part {
        Part::Literal(text) => Some(text),
        Part::Reference(_) => None,
    }
}

fn reference(found: &Reference) -> Value {
    json!({ "$reference": references::place(found) })
}

const FORMAT: &str = "keywright-export";
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use keywright_model::{Address, ResourceKind};

    use super::*;

    #[test]
    fn nothing_that_is_known_looks_like_a_reference() {
        let address = Address { module: None, kind: ResourceKind::KmsKey, name: "k".to_owned(), index: None };
        let arn = Part::Reference(Reference { address, attribute: "arn" });
        let literal = |text: &str| Part::Literal(text.to_owned());
        let fields = IndexMap::from([
            ("$reference".to_owned(), Argument::from("x")),
            ("$$".to_owned(), Argument::Text(Template(vec![literal("a"), literal("${b}")]))),
            ("one".to_owned(), Argument::Text(Template(vec![arn.clone()]))),
            ("more".to_owned(), Argument::Text(Template(vec![literal("to "), arn]))),
            ("none".to_owned(), Argument::Text(Template::default())),
        ]);
        let place = json!({"$reference": "aws_kms_key.k.arn"});
        let expect =
            json!({"$$reference": "x", "$$$": "a${b}", "one": place, "more": {"$join": ["to ", place]}, "none": ""});
        assert_eq!(value(&Argument::Map(fields)), expect);
    }
}

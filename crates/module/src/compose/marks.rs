//! Which arguments and outputs a sensitive input is in.
//!
//! As in Terraform, what a resource computes of its arguments is none of them: an ARN is not sensitive.

use crate::desired::{Desired, DesiredResource};
use crate::inputs::Module;
use crate::value::{Part, Reference, Value};

/// Marks what a sensitive input is in.
pub(super) fn mark(desired: &mut Desired, module: &Module) {
    if !module.has_secrets() {
        return;
    }
    let resources = desired.resources.clone();
    let marks = Marks { module, resources: &resources };
    for resource in &mut desired.resources {
        let secret = resource.arguments.iter().filter(|(_, value)| marks.is_in(value)).map(|(name, _)| *name);
        resource.sensitive = secret.collect();
    }
    for output in desired.outputs.values_mut() {
        output.sensitive = marks.is_in(&output.value);
    }
}

struct Marks<'a> {
    module: &'a Module,
    resources: &'a [DesiredResource],
}

impl Marks<'_> {
    fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::Text(template) => template.0.iter().any(|part| match part {
                Part::Literal(text) => self.module.holds_secret(text),
                Part::Reference(reference) => self.argument(reference).is_some_and(|value| self.is_in(value)),
            }),
            Value::List(items) => items.iter().any(|item| self.is_in(item)),
            Value::Map(fields) => {
                fields.iter().any(|(name, field)| self.module.holds_secret(name) || self.is_in(field))
            }
            _ => false,
        }
    }

    /// What is referred to, if that is an argument.
    fn argument(&self, reference: &Reference) -> Option<&Value> {
        let resource = self.resources.iter().find(|resource| resource.address == reference.address)?;
        resource.arguments.get(reference.attribute)
    }
}

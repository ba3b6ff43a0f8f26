//! What happens to the root outputs of the state.

use std::collections::BTreeSet;
use std::fmt;

use indexmap::IndexMap;
use keywright_model::{Diagnostic, ModuleName};
use keywright_module::{
    Desired, LeftAlone, ModuleOutput, OutputBlocks, OutputKind, Reference, RootOutput, Value as Template,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Mode;
use crate::state::State;

/// What happens to a root output.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputChange {
    /// The output's name.
    pub name: String,
    /// As the state has it.
    pub before: StoredOutput,
    /// As it will be; a leaf that is not known yet is null.
    pub after: StoredOutput,
    /// `false` if all of it is known, else as [`keywright_module::Resolved::unknown`].
    pub after_unknown: Value,
}

/// An output in a state. Terraform keeps none that is null.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StoredOutput {
    /// Its value; null if it is not there.
    pub value: Value,
    /// Its type, as Terraform writes it.
    #[serde(rename = "type")]
    pub kind: Value,
    /// Whether it is not to be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// What a module hands out, with references to its resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HandedOut {
    module: ModuleName,
    outputs: Vec<Handed>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Handed {
    name: String,
    kind: OutputKind,
    #[serde(with = "super::template::one")]
    value: Template,
    sensitive: bool,
}

impl OutputChange {
    /// Whether Terraform, too, would call it a change.
    pub fn is_changed(&self) -> bool {
        let is_known = self.after_unknown == Value::Bool(false);
        let both_absent = self.before.value.is_null() && self.after.value.is_null();
        !is_known || (!both_absent && self.before != self.after)
    }

    /// Whether its value is not to be shown: it is secret now, or will be.
    pub fn is_sensitive(&self) -> bool {
        self.before.sensitive || self.after.sensitive
    }
}

impl From<RootOutput> for StoredOutput {
    fn from(output: RootOutput) -> Self {
        Self { value: output.value.value, kind: output.kind, sensitive: output.sensitive }
    }
}

/// What the modules hand out.
pub(crate) fn handed_out(desired: &[Desired]) -> Vec<HandedOut> {
    let handed = |module: &Desired| {
        let output = |(name, output): (&&str, &keywright_module::Output)| Handed {
            name: (*name).to_owned(),
            kind: output.kind,
            value: output.value.clone(),
            sensitive: output.sensitive,
        };
        HandedOut { module: module.module.clone(), outputs: module.outputs.iter().map(output).collect() }
    };
    desired.iter().map(handed).collect()
}

/// What the modules hand out, as far as it is known.
pub(crate) fn known(
    modules: &[HandedOut],
    lookup: &dyn Fn(&Reference) -> Option<Value>,
) -> IndexMap<ModuleName, Vec<ModuleOutput>> {
    let output = |handed: &Handed| ModuleOutput {
        name: handed.name.clone(),
        kind: handed.kind,
        resolved: handed.value.resolve(lookup),
        sensitive: handed.sensitive,
    };
    modules.iter().map(|it| (it.module.clone(), it.outputs.iter().map(output).collect())).collect()
}

/// What the modules hand out, by what the state has of their resources.
pub(crate) fn known_in(modules: &[HandedOut], state: &State) -> IndexMap<ModuleName, Vec<ModuleOutput>> {
    known(modules, &|reference| state.look_up(reference))
}

/// What happens to the root outputs, and notes on those that are left alone.
pub(super) fn changes(
    state: &State,
    blocks: &OutputBlocks,
    modules: &IndexMap<ModuleName, Vec<ModuleOutput>>,
    mode: Mode,
) -> (Vec<OutputChange>, Vec<Diagnostic>) {
    let gone = gone(state, blocks, &modules.keys().cloned().collect(), mode);
    let gone = gone.into_iter().map(|name| change(state, &name, None));
    if mode == Mode::Destroy {
        return (gone.collect(), Vec::new());
    }
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    for (name, output) in blocks.evaluate(modules) {
        match output {
            Ok(output) => changes.push(change(state, name, Some(output))),
            Err(left) => notes.push(left_alone(name, left)),
        }
    }
    changes.extend(gone);
    changes.sort_by(|left, right| left.name.cmp(&right.name));
    (changes, notes)
}

fn left_alone(name: &str, left: LeftAlone) -> Diagnostic {
    let cure = match left.is_of_other_module {
        true => "`keywright apply` without `--module` brings it up to date",
        false => "`terraform apply` brings it up to date",
    };
    Diagnostic::note("output-left-alone", format!("the output `{name}` stays as the state has it"))
        .because(left.because)
        .at_opt(left.place, "")
        .help(cure)
}

fn change(state: &State, name: &str, output: Option<RootOutput>) -> OutputChange {
    let after_unknown = output.as_ref().map_or(Value::Bool(false), |output| output.value.unknown.clone());
    let after = output.map(StoredOutput::from).unwrap_or_default();
    OutputChange { name: name.to_owned(), before: state.output(name), after, after_unknown }
}

/// The outputs of the state that go: those of which no block is left, or all that a destruction leaves nothing of.
///
/// Beside resources of others, a destruction leaves outputs that do not refer to what is destroyed.
fn gone(state: &State, blocks: &OutputBlocks, modules: &BTreeSet<ModuleName>, mode: Mode) -> Vec<String> {
    let has_block = |name: &str| blocks.names().any(|block| block == name);
    let goes = |name: &&String| match mode {
        Mode::Normal => blocks.are_all() && !has_block(name),
        Mode::Destroy if !blocks.are_all() => blocks.refers_to(name, modules),
        Mode::Destroy => !state.holds_others(modules) || !has_block(name) || blocks.refers_to(name, modules),
    };
    state.output_names().filter(goes).cloned().collect()
}

/// Puts the outputs as they are now. What could not be made leaves the outputs that refer to it as they were. Tells whether
/// that changes anything.
pub(crate) fn put(
    state: &mut State,
    changes: &[OutputChange],
    blocks: &OutputBlocks,
    modules: &[HandedOut],
    is_complete: bool,
) -> bool {
    let known = known_in(modules, state);
    let mut evaluated = blocks.evaluate(&known);
    let mut changed = false;
    for change in changes {
        let goes = change.after == StoredOutput::default() && change.after_unknown == Value::Bool(false);
        changed |= match evaluated.shift_remove(change.name.as_str()) {
            _ if goes && is_complete => state.put_output(&change.name, StoredOutput::default()),
            Some(Ok(output)) if !goes && output.value.is_known() => state.put_output(&change.name, output.into()),
            _ => false,
        };
    }
    changed
}

/// Shows nothing of a sensitive value.
impl fmt::Debug for OutputChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputChange")
            .field("name", &self.name)
            .field("before", &self.before)
            .field("after", &self.after)
            .field("after_unknown", &self.after_unknown)
            .finish()
    }
}

/// Shows nothing of a sensitive value.
impl fmt::Debug for StoredOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive { f.write_str("(sensitive)") } else { write!(f, "{}: {}", self.value, self.kind) }
    }
}

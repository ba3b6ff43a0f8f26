use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use keywright_engine::{State, StateStore, StoredOutput, module_outputs, modules_of};
use keywright_model::{Diagnostic, Diagnostics, ModuleName};
use keywright_module::{ModuleOutput, holds_configuration};
use serde_json::{Map, Value, json};

use super::End;
use crate::args::{Configuration, OutputArguments};
use crate::render::values;
use crate::{session, ui};

type Outputs = IndexMap<String, StoredOutput>;

/// Prints the outputs that the state holds, those of a module, or one of them.
pub(super) fn run(arguments: &OutputArguments) -> Result<End, Diagnostics> {
    let (folder, name) = folder_and_name(&arguments.words);
    let mut configuration = arguments.configuration.0.clone();
    configuration.folder = folder.unwrap_or(configuration.folder);
    let path = session::existing_state_path(&configuration.folder, configuration.local);
    let state = StateStore::new(path).load().map_err(|error| error.diagnostic())?;
    let (outputs, origin) = outputs(&configuration, &state)?;
    match name {
        Some(name) => one(&outputs, &name, arguments),
        None if arguments.raw => Err(Diagnostic::error("raw-wants-one", "`--raw` prints one output")
            .help("name it: `keywright output DIR NAME --raw`")
            .into()),
        None => Ok(all(&outputs, origin, configuration.json)),
    }
}

/// One word is a folder if there is one of that name, else an output.
fn folder_and_name(words: &[String]) -> (Option<PathBuf>, Option<String>) {
    match words {
        [] => (None, None),
        [word] if Path::new(word).exists() => (Some(PathBuf::from(word)), None),
        [name] => (None, Some(name.clone())),
        [folder, name, ..] => (Some(PathBuf::from(folder)), Some(name.clone())),
    }
}

/// Where outputs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    State,
    /// The state holds none, so that they are worked out.
    Modules,
    Chosen,
}

/// The outputs of the state. Where it holds none, or a module is named, those of modules: from their inputs, and what
/// the state has of their resources.
fn outputs(configuration: &Configuration, state: &State) -> Result<(Outputs, Origin), Diagnostics> {
    let stored = state.stored_outputs();
    if configuration.module.is_some() {
        return Ok((of_modules(configuration, state)?, Origin::Chosen));
    }
    if stored.is_empty() && !modules_of(state).is_empty() {
        return Ok((of_modules(configuration, state)?, Origin::Modules));
    }
    let is_document = !holds_configuration(&configuration.folder);
    Ok((if is_document { flattened(&stored) } else { stored }, Origin::State))
}

fn of_modules(configuration: &Configuration, state: &State) -> Result<Outputs, Diagnostics> {
    let desired = session::desired(configuration)?;
    let applied = modules_of(state);
    let mut modules = module_outputs(state, &desired);
    modules.retain(|module, _| applied.contains(module));
    Ok(named(&modules))
}

/// The outputs by name; where there are several modules, a name is `MODULE.OUTPUT`.
pub(super) fn named(modules: &IndexMap<ModuleName, Vec<ModuleOutput>>) -> Outputs {
    let name = |module: &ModuleName, output: &ModuleOutput| match modules.len() {
        1 => output.name.clone(),
        _ => format!("{module}.{}", output.name),
    };
    let stored = |output: &ModuleOutput| StoredOutput {
        value: output.resolved.value.clone(),
        kind: output.type_json(),
        sensitive: output.sensitive,
    };
    let of_module = |(module, outputs): (&ModuleName, &Vec<ModuleOutput>)| {
        outputs.iter().map(|it| (name(module, it), stored(it))).collect::<Vec<_>>()
    };
    modules.iter().flat_map(of_module).collect()
}

/// The outputs of a document, which the state keeps as one object under the module's name.
fn flattened(stored: &Outputs) -> Outputs {
    let mut all = Outputs::new();
    for (module, object) in stored {
        for (name, value) in object.value.as_object().into_iter().flatten() {
            let kind = object.kind.pointer("/1").and_then(|kinds| kinds.get(name)).cloned().unwrap_or_default();
            let name = if stored.len() > 1 { format!("{module}.{name}") } else { name.clone() };
            all.insert(name, StoredOutput { value: value.clone(), kind, sensitive: object.sensitive });
        }
    }
    all
}

fn all(outputs: &Outputs, origin: Origin, as_json: bool) -> End {
    if as_json {
        ui::data(&outputs.iter().map(|(name, output)| (name.clone(), described(output))).collect::<Map<_, _>>());
        return End::Fine;
    }
    match (outputs.is_empty(), origin) {
        (true, Origin::State) => {
            ui::say("The state holds no outputs: nothing was applied yet, or no `output` block asks for any.")
        }
        (true, _) => ui::say("Nothing was applied yet."),
        (false, Origin::Modules) => {
            ui::say("The state holds no outputs. From the inputs, and the resources in the state:\n")
        }
        (false, _) => {}
    }
    lines(outputs).iter().for_each(|line| ui::result(line));
    End::Fine
}

/// A line for each output, the sensitive ones without their value.
pub(super) fn lines(outputs: &Outputs) -> Vec<String> {
    let width = outputs.keys().map(String::len).max().unwrap_or(0);
    let value = |name: &str, output: &StoredOutput| match output.sensitive {
        true => "<sensitive>".to_owned(),
        false => values::output(name, &output.value),
    };
    outputs.iter().map(|(name, output)| format!("{name:width$} = {}", value(name, output))).collect()
}

fn one(outputs: &Outputs, name: &str, arguments: &OutputArguments) -> Result<End, Diagnostics> {
    let output = outputs.get(name).ok_or_else(|| unknown(outputs, name))?;
    match (arguments.configuration.0.json, arguments.raw, &output.value) {
        (true, _, value) => ui::data(value),
        (_, true, Value::String(text)) => ui::raw(text),
        (_, true, Value::Number(number)) => ui::raw(&number.to_string()),
        (_, true, Value::Bool(truth)) => ui::raw(&truth.to_string()),
        (_, true, _) => {
            return Err(Diagnostic::error("not-a-text", format!("the output `{name}` is no text, number or bool"))
                .help("print it with `--json`")
                .into());
        }
        (_, _, value) => ui::result(&values::hcl(value, 0)),
    }
    Ok(End::Fine)
}

/// An output as `terraform output -json` gives it.
pub(super) fn described(output: &StoredOutput) -> Value {
    json!({ "sensitive": output.sensitive, "type": output.kind, "value": output.value })
}

fn unknown(outputs: &Outputs, name: &str) -> Diagnostic {
    let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
    let help = match known.as_slice() {
        [] => "nothing was applied yet, or no `output` block asks for any".to_owned(),
        known => format!("there are {}; `--module NAME` gives all that a module hands out", known.join(", ")),
    };
    Diagnostic::error("unknown-output", format!("there is no output `{name}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(outputs: &[(&str, Value, bool)]) -> Outputs {
        let output = |(name, value, sensitive): &(&str, Value, bool)| {
            let kind = json!(["object", {"a": "number"}]);
            ((*name).to_owned(), StoredOutput { value: value.clone(), kind, sensitive: *sensitive })
        };
        outputs.iter().map(output).collect()
    }

    #[test]
    fn outputs_are_named_by_their_module_only_where_there_are_several() {
        let one = flattened(&stored(&[("kms", json!({"a": 1}), false)]));
        assert_eq!(described(&one["a"]), json!({"sensitive": false, "type": "number", "value": 1}));
        let two = stored(&[("kms", json!({"a": 1}), false), ("other", json!({"a": 2}), false)]);
        assert!(flattened(&two).keys().eq(["kms.a", "other.a"]));
    }

    #[test]
    fn a_sensitive_output_is_listed_without_its_value() {
        let outputs = stored(&[("open", json!("x"), false), ("p", json!("hunter2"), true)]);
        assert_eq!(lines(&outputs), ["open = \"x\"", "p    = <sensitive>"]);
        assert_eq!(described(&outputs["p"])["value"], "hunter2", "as Terraform's JSON has it");
    }

    #[test]
    fn a_word_is_a_folder_if_there_is_one_and_else_an_output() {
        assert_eq!(folder_and_name(&["src".into()]), (Some("src".into()), None));
        assert_eq!(folder_and_name(&["kms_key_arn".into()]), (None, Some("kms_key_arn".into())));
        assert_eq!(folder_and_name(&["x".into(), "y".into()]), (Some("x".into()), Some("y".into())));
    }
}

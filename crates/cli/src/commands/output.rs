use std::path::{Path, PathBuf};

use keywright_engine::{StateStore, output_type};
use keywright_model::{Diagnostic, Diagnostics};
use serde_json::{Map, Value, json};

use super::End;
use crate::args::OutputArguments;
use crate::render::values;
use crate::{session, ui};

/// Prints the outputs that the state holds, or one of them.
pub(super) fn run(arguments: &OutputArguments) -> Result<End, Diagnostics> {
    let (folder, name) = folder_and_name(&arguments.words);
    let store = StateStore::new(session::state_path(&folder, arguments.local)?);
    let outputs = flattened(&store.load().map_err(|error| error.diagnostic())?.outputs);
    match name {
        Some(name) => one(&outputs, &name, arguments),
        None if arguments.raw => Err(Diagnostic::error("raw-wants-one", "`--raw` prints one output")
            .help("name it: `keywright output DIR NAME --raw`")
            .into()),
        None => Ok(all(&outputs, arguments)),
    }
}

/// One word is a folder if there is one of that name, else an output of the folder here.
fn folder_and_name(words: &[String]) -> (PathBuf, Option<String>) {
    match words {
        [] => (PathBuf::from("."), None),
        [word] if Path::new(word).exists() => (PathBuf::from(word), None),
        [name] => (PathBuf::from("."), Some(name.clone())),
        [folder, name, ..] => (PathBuf::from(folder), Some(name.clone())),
    }
}

/// The modules' outputs by name. The state keeps those of a module as one object under the module's name; where there
/// are several modules, a name is `MODULE.OUTPUT`.
fn flattened(stored: &Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    for (module, outputs) in stored {
        for (name, value) in outputs.get("value").and_then(Value::as_object).into_iter().flatten() {
            let name = if stored.len() > 1 { format!("{module}.{name}") } else { name.clone() };
            all.insert(name, value.clone());
        }
    }
    all
}

fn all(outputs: &Map<String, Value>, arguments: &OutputArguments) -> End {
    if arguments.json {
        ui::data(&outputs.iter().map(|(name, value)| (name.clone(), described(value))).collect::<Map<_, _>>().into());
        return End::Fine;
    }
    let width = outputs.keys().map(String::len).max().unwrap_or(0);
    for (name, output) in outputs {
        ui::result(&format!("{name:width$} = {}", values::output(name, output)));
    }
    if outputs.is_empty() {
        ui::say("The state holds no outputs: nothing was applied yet.");
    }
    End::Fine
}

fn one(outputs: &Map<String, Value>, name: &str, arguments: &OutputArguments) -> Result<End, Diagnostics> {
    let value = outputs.get(name).ok_or_else(|| unknown(outputs, name))?;
    match (arguments.json, arguments.raw, value) {
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
fn described(value: &Value) -> Value {
    json!({ "sensitive": false, "type": output_type(value), "value": value })
}

fn unknown(outputs: &Map<String, Value>, name: &str) -> Diagnostic {
    let known: Vec<&str> = outputs.keys().map(String::as_str).collect();
    let help =
        if known.is_empty() { "nothing was applied yet".to_owned() } else { format!("there are {}", known.join(", ")) };
    Diagnostic::error("unknown-output", format!("the state holds no output `{name}`")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_named_by_their_module_only_where_there_are_several() {
        let one = json!({"kms": {"value": {"a": 1}}});
        let two = json!({"kms": {"value": {"a": 1}}, "other": {"value": {"a": 2}}});
        let names = |stored: &Value| flattened(stored.as_object().unwrap()).keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&one), ["a"]);
        assert_eq!(names(&two), ["kms.a", "other.a"]);
    }

    #[test]
    fn a_word_is_a_folder_if_there_is_one_and_else_an_output() {
        assert_eq!(folder_and_name(&["src".into()]), ("src".into(), None));
        assert_eq!(folder_and_name(&["kms_key_arn".into()]), (".".into(), Some("kms_key_arn".into())));
        assert_eq!(folder_and_name(&["x".into(), "y".into()]), ("x".into(), Some("y".into())));
    }
}

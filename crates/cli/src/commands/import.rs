use std::path::Path;

use keywright_engine::{ImportFrom, Imported, StateStore};
use keywright_model::{Address, Diagnostic, Diagnostics};
use serde_json::json;

use super::End;
use super::plan::{data, options, show_text, told};
use crate::args::{ImportArguments, Planning};
use crate::session::Session;
use crate::ui;

/// Adopts a key into the folder's state, and shows what the first apply will change.
pub(super) async fn run(arguments: &ImportArguments) -> Result<End, Diagnostics> {
    let configuration = &arguments.configuration;
    let from = from(arguments)?;
    let options = options(Planning::default(), &arguments.connection);
    let session = Session::open(configuration, &arguments.connection, options).await?;
    let imported = import(&session, from).await;
    let calls = session.calls();
    session.close();
    let imported = imported?;
    if configuration.json {
        let mut plan = data(imported.planned.plan(), &calls);
        if let Some(fields) = plan.as_object_mut() {
            fields.insert("imported".to_owned(), json!(imported.adopted));
            fields.insert("missing".to_owned(), json!(imported.missing));
        }
        ui::data(&plan);
    } else {
        show(&imported, arguments.show_policies);
    }
    Ok(End::Fine)
}

async fn import(session: &Session, from: ImportFrom) -> Result<Imported, Diagnostics> {
    let [desired] = session.desired.as_slice() else {
        return Err(Diagnostic::error("import-ambiguous", "the folder has several modules")
            .because("a key is adopted by one of them")
            .help("name it with `--module`")
            .into());
    };
    session.engine.import(desired, from).await.map_err(told)
}

/// What is named, before AWS is asked about anything.
fn from(arguments: &ImportArguments) -> Result<ImportFrom, Diagnostics> {
    match (&arguments.key, &arguments.from_state) {
        (Some(key), _) => Ok(ImportFrom::Key { key: key.clone(), replica: arguments.replica.clone() }),
        (None, Some(file)) => read(file),
        (None, None) => Err(Diagnostic::error("nothing-to-import", "nothing is named to import")
            .help("give `--key` or `--from-state`")
            .into()),
    }
}

fn read(file: &Path) -> Result<ImportFrom, Diagnostics> {
    if !file.is_file() {
        let summary = format!("there is no state file `{}`", file.display());
        return Err(Diagnostic::error("nothing-to-import", summary)
            .help("`terraform state pull > FILE` writes one, wherever Terraform keeps its state")
            .into());
    }
    let state = StateStore::new(file).load().map_err(|error| error.diagnostic())?;
    Ok(ImportFrom::State(Box::new(state)))
}

fn show(imported: &Imported, show_policies: bool) {
    ui::result(&listed("Adopted into the state:", &imported.adopted));
    if !imported.missing.is_empty() {
        ui::result(&listed("Not found, so that the first apply makes it:", &imported.missing));
    }
    ui::result("What the first apply will change:\n");
    show_text(imported.planned.plan(), show_policies);
}

fn listed(title: &str, addresses: &[Address]) -> String {
    let lines: Vec<String> = addresses.iter().map(|address| format!("  {address}\n")).collect();
    format!("{title}\n{}", lines.concat())
}

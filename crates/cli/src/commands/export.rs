use std::fs;
use std::io::Write;
use std::path::Path;

use keywright_engine::{State, StateStore};
use keywright_model::{Diagnostic, Diagnostics};
use keywright_module::Module;
use serde_json::Map;

use super::End;
use crate::args::{ExportArguments, ExportFormat};
use crate::export::{self, Export, File, cloudformation, json, terraform};
use crate::{session, ui};

/// Writes the folder down for another tool. The state is looked at, and AWS is not asked.
pub(super) fn run(arguments: &ExportArguments) -> Result<End, Diagnostics> {
    let configuration = &arguments.configuration;
    let modules = session::modules(configuration)?;
    let store = StateStore::new(session::existing_state_path(&configuration.folder, configuration.local));
    let state = store.load().map_err(|error| error.diagnostic())?;
    let export = exported(arguments, &modules, &state)?;
    if let Some(folder) = &arguments.out {
        write(folder, &export.files)?;
    }
    show(arguments, &export);
    Ok(End::Fine)
}

fn exported(arguments: &ExportArguments, modules: &[Module], state: &State) -> Result<Export, Diagnostics> {
    for (given, option, format) in [
        (arguments.source.is_some(), "--source", ExportFormat::Terraform),
        (arguments.import, "--import", ExportFormat::CloudFormation),
    ] {
        if given && arguments.format != format {
            return Err(Diagnostic::error("export", format!("`{option}` means nothing in this format"))
                .help("leave it out")
                .into());
        }
    }
    if arguments.format != ExportFormat::Terraform {
        export::without_secrets(modules)?;
    }
    match arguments.format {
        ExportFormat::Terraform => {
            // On standard output the module's own files would bury the few that are the person's.
            let beside = arguments.out.is_none().then_some(terraform::OWN_SOURCE);
            Ok(terraform::export(modules, state, arguments.source.as_deref().or(beside)))
        }
        ExportFormat::CloudFormation => Ok(cloudformation::export(modules, state, arguments.import)?),
        ExportFormat::Json => Ok(json::export(modules)),
    }
}

fn show(arguments: &ExportArguments, export: &Export) {
    if arguments.configuration.json {
        let files: Map<_, _> = export.files.iter().map(|file| (file.name.clone(), file.text.as_str().into())).collect();
        ui::data(&serde_json::json!({ "files": files, "notes": export.notes }));
        return;
    }
    match (&arguments.out, export.files.as_slice()) {
        (Some(folder), files) => {
            ui::result(&format!("Written to `{}`:", folder.display()));
            files.iter().for_each(|file| ui::result(&format!("  {}", file.name)));
        }
        (None, [only]) => ui::raw(&only.text),
        (None, files) => {
            let texts: Vec<String> = files.iter().map(|file| format!("# {}\n\n{}", file.name, file.text)).collect();
            ui::raw(&texts.join("\n"));
        }
    }
    export.notes.iter().for_each(|note| ui::say(&format!("note: {note}")));
}

/// Writes the files into a folder of their own, and over nothing.
fn write(folder: &Path, files: &[File]) -> Result<(), Diagnostics> {
    let cannot = |path: &Path, error: &std::io::Error| {
        Diagnostic::error("export", format!("`{}` cannot be written", path.display())).because(error.to_string())
    };
    fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let mut there = fs::read_dir(folder).map_err(|error| cannot(folder, &error))?;
    if there.next().is_some() {
        return Err(Diagnostic::error("export", format!("`{}` is not empty", folder.display()))
            .because("an export writes over nothing, and belongs in a folder of its own")
            .help("name a folder that is not there yet")
            .into());
    }
    for file in files {
        let path = folder.join(&file.name);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::File::create_new(&path)?.write_all(file.text.as_bytes())
        };
        write().map_err(|error| cannot(&path, &error))?;
    }
    Ok(())
}

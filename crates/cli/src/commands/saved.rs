//! A plan in a file: the engine's saved plan, and where and how it was made.

use std::fs;
use std::path::Path;

use keywright_engine::SavedPlan;
use keywright_model::{Diagnostic, Diagnostics};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args::Configuration;

/// What stands in the file of every version.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
struct File {
    format: String,
    version: u32,
    /// The configuration's folder, as an absolute path.
    folder: std::path::PathBuf,
    local: bool,
    plan: serde_json::Value,
}

/// Whether the path is that of a saved plan, and not of a configuration.
pub(super) fn is_saved_plan(path: &Path) -> bool {
    let text = if path.is_file() { fs::read(path).ok() } else { None };
    text.and_then(|text| serde_json::from_slice::<Head>(&text).ok()).is_some_and(|head| head.format == FORMAT)
}

/// Saves a plan. The file is for its owner alone.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(path: &Path, configuration: &Configuration, plan: &SavedPlan) -> Result<(), Diagnostics> {
    let cannot = |reason: String| Diagnostics::from(problem(path, "cannot be written").because(reason));
    let folder = fs::canonicalize(&configuration.folder).map_err(|error| cannot(error.to_string()))?;
    let file = File { format: FORMAT.into(), version: VERSION, folder, local: configuration.local, plan: json!(plan) };
    let text = serde_json::to_vec_pretty(&file).map_err(|error| cannot(error.to_string()))?;
    write_private(path, &text).map_err(|error| cannot(error.to_string()))
}

/// Reads a saved plan, and the configuration that it was made from.
///
/// # Errors
/// When the file cannot be read, or is of a newer version.
pub(super) fn read(given: &Configuration) -> Result<(Configuration, SavedPlan), Diagnostics> {
    let file = load(&given.folder)?;
    let configuration = Configuration { folder: file.folder, local: file.local, ..given.clone() };
    Ok((configuration, engine_plan(&file.plan)?))
}

/// The plan in a file, to show it.
///
/// # Errors
/// As [`read`].
pub(super) fn plan(path: &Path) -> Result<SavedPlan, Diagnostics> {
    engine_plan(&load(path)?.plan)
}

fn engine_plan(plan: &serde_json::Value) -> Result<SavedPlan, Diagnostics> {
    SavedPlan::from_text(&plan.to_string()).map_err(|error| error.diagnostics())
}

fn load(path: &Path) -> Result<File, Diagnostics> {
    let text = fs::read(path).map_err(|error| problem(path, "cannot be read").because(error.to_string()))?;
    let unknown = |error: serde_json::Error| {
        problem(path, "is no plan that this version can read")
            .because(error.to_string())
            .help("plan again with `keywright plan --out`")
    };
    let head: Head = serde_json::from_slice(&text).map_err(unknown)?;
    if head.version > VERSION {
        return Err(problem(path, "was saved by a newer keywright").help("apply it with that version").into());
    }
    Ok(serde_json::from_slice(&text).map_err(unknown)?)
}

fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text)
}

fn problem(path: &Path, what: &str) -> Diagnostic {
    Diagnostic::error("saved-plan", format!("the plan `{}` {what}", path.display()))
}

const FORMAT: &str = "keywright-plan";
const VERSION: u32 = 1;

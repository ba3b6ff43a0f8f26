//! Reading files as text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keywright_model::{Diagnostic, SourceFile};

/// Reads a file whose text is to be understood.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or is far larger than a file of configuration.
pub(crate) fn read(path: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(&name, &error))?;
    if bytes.len() > MAX_SIZE {
        return Err(Diagnostic::error(
            "unreadable-file",
            format!("`{name}` is larger than {} MB", MAX_SIZE / 1_000_000),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        Diagnostic::error("unreadable-file", format!("`{name}` is not UTF-8 (at byte {valid})"))
            .help("save the file as UTF-8")
    })?;
    Ok(SourceFile::new(name, text))
}

/// The files of a folder by name, in lexical order.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(&name, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(&name, &error))?.path();
        if !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("unreadable-file", format!("`{name}` cannot be read: {}", lower_first(&error.kind().to_string())))
        .help("check the path, and that you may read it")
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// Files of configuration are far smaller; more would only be a mistake. A Terraform state may be large.
const MAX_SIZE: usize = 64_000_000;

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use keywright_model::Diagnostic;

use super::kept::{Fields, read};
use super::{LockInfo, State, StateLock, VERSION};
use crate::schema::schema;

/// Where a state lives: a file, its backup, its lock and its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateStore {
    path: PathBuf,
}

/// A state that cannot be had, or cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read.
    #[error("the state `{path}` cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("the state `{path}` cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no state.
    #[error("the state `{path}` is corrupt: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is of a later format.
    #[error("the state `{path}` is of a newer format: version {version}, and this program knows {VERSION}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The file is of an earlier format.
    #[error("the state `{path}` is of an older format: version {version}, and this program knows {VERSION}")]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// A resource was written by a later provider.
    #[error(
        "`{address}` in the state `{path}` is of a newer schema: version {version}, and this program knows {known}"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The resource.
        address: String,
        /// Its version.
        version: u64,
        /// The version that this program knows.
        known: u64,
    },
    /// Another run has the state.
    #[error("the state `{path}` is locked by another run: {holder}")]
    Locked {
        /// The file.
        path: PathBuf,
        /// Who, since when, for what.
        holder: String,
    },
    /// The journal cannot be understood.
    #[error("the journal `{path}` is corrupt in line {line}: {reason}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl StateError {
    /// What to tell a person, with what to do.
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            Self::Read { .. } => ("state-unreadable", "check the file's permissions"),
            Self::Write { .. } => ("state-unwritable", "check the folder's permissions and the disk's free space"),
            Self::Corrupt { .. } => {
                ("state-corrupt", "nothing was changed; restore the file from its `.backup` or from version control")
            }
            Self::Newer { .. } | Self::NewerSchema { .. } => {
                ("state-newer", "use a newer keywright; nothing was changed")
            }
            Self::Older { .. } => ("state-older", "let Terraform 0.13 or later rewrite it (`terraform apply`) first"),
            Self::Locked { .. } => (
                "state-locked",
                "wait until that run has ended; a lock ends with its process, so none can be left behind",
            ),
            Self::Journal { .. } => (
                "journal-corrupt",
                "the journal lists creations whose answer was never read: look at it before you remove it",
            ),
        };
        Diagnostic::error(code, self.to_string()).help(help)
    }
}

impl StateStore {
    /// The state in this file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the state; an empty one where there is no file.
    ///
    /// # Errors
    /// When the file cannot be read, is corrupt, or is of another format.
    pub fn load(&self) -> Result<State, StateError> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => self.parse(&text),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(State::default()),
            Err(source) if source.kind() == ErrorKind::InvalidData => Err(self.corrupt("it is not text")),
            Err(source) => Err(StateError::Read { path: self.path.clone(), source }),
        }
    }

    /// Reads the state while no other run holds it. Writes nothing.
    ///
    /// # Errors
    /// As [`StateStore::load`], and when another run holds it.
    pub(crate) fn load_unheld(&self) -> Result<State, StateError> {
        StateLock::refuse_if_held(&self.path)?;
        self.load()
    }

    pub(crate) fn lock(&self, operation: &str, who: &str) -> Result<StateLock, StateError> {
        StateLock::take(&self.path, LockInfo::new(operation, who, &self.path))
    }

    /// Replaces the file: whole, or not at all. The state gets the next serial, and a lineage if it has none.
    pub(crate) fn save(&self, state: &mut State) -> Result<(), StateError> {
        if state.lineage.is_empty() {
            state.lineage = uuid::Uuid::new_v4().to_string();
        }
        state.serial += 1;
        self.replace(state).map_err(|source| StateError::Write { path: self.path.clone(), source })
    }

    /// Keeps what the file holds, before the first change of a run.
    pub(crate) fn back_up(&self) -> Result<(), StateError> {
        let backup = sibling(&self.path, "", ".backup");
        let written = match std::fs::read(&self.path) {
            Ok(bytes) => std::fs::write(&backup, bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        written.map_err(|source| StateError::Write { path: backup, source })
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        sibling(&self.path, "", ".journal")
    }

    fn replace(&self, state: &State) -> std::io::Result<()> {
        let folder = folder(&self.path);
        let mut file = tempfile::Builder::new().prefix(".tfstate-").tempfile_in(folder)?;
        let mut text = serde_json::to_string_pretty(state)?;
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        File::open(folder)?.sync_all()
    }

    fn parse(&self, text: &str) -> Result<State, StateError> {
        if text.trim().is_empty() {
            return Err(self.corrupt("it is empty"));
        }
        let fields: Fields = serde_json::from_str(text).map_err(|error| self.corrupt(error))?;
        match fields.get("version").and_then(|version| read(version).ok()) {
            Some(VERSION) => {
                State::try_from(fields).map_err(|reason| self.corrupt(reason)).and_then(|state| self.check(state))
            }
            Some(version) if version > VERSION => Err(StateError::Newer { path: self.path.clone(), version }),
            Some(version) => Err(StateError::Older { path: self.path.clone(), version }),
            None => Err(self.corrupt("it has no `version`")),
        }
    }

    fn check(&self, state: State) -> Result<State, StateError> {
        let newer = state.held().find(|held| held.instance.schema_version > schema(held.kind()).version);
        let error = newer.map(|held| StateError::NewerSchema {
            path: self.path.clone(),
            address: held.key.to_string(),
            version: held.instance.schema_version,
            known: schema(held.kind()).version,
        });
        error.map_or(Ok(state), Err)
    }

    fn corrupt(&self, reason: impl ToString) -> StateError {
        StateError::Corrupt { path: self.path.clone(), reason: reason.to_string() }
    }
}

/// The folder of a file.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The file beside it, whose name has this before and that after.
pub(super) fn sibling(path: &Path, before: &str, after: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    folder(path).join(format!("{before}{name}{after}"))
}

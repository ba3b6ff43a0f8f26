use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use keywright_model::Diagnostic;
use tempfile::NamedTempFile;

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
    /// Another program has written the state meanwhile.
    #[error(
        "the state `{path}` was changed by another program during this run: it is {found}, and this run last saw {seen}"
    )]
    Moved {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What this run has last read or written.
        seen: String,
        /// Where this run's own state is kept, if it had made anything.
        kept: Option<PathBuf>,
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
            Self::Moved { kept: Some(kept), .. } => return moved(self, kept),
            Self::Moved { .. } => ("state-moved", "nothing was changed; run again to plan from what the state is now"),
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

fn moved(error: &StateError, kept: &Path) -> Diagnostic {
    Diagnostic::error("state-moved", error.to_string())
        .because(format!("the other program's state was left as it is; this run's own, with all that it has made and changed, is in `{}`", kept.display()))
        .help("compare the two: what only the kept one holds was made by this run. Run `keywright plan`: it takes up what the journal has; import the rest, or remove it")
}

/// What tells one writing of a state from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version {
    serial: u64,
    lineage: String,
}

impl Version {
    pub(super) fn of(state: &State) -> Self {
        Self { serial: state.serial, lineage: state.lineage.clone() }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lineage.as_str() {
            "" => write!(f, "none"),
            lineage => write!(f, "serial {} of lineage `{lineage}`", self.serial),
        }
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

    /// Reads the state that a run begins with.
    pub(crate) fn load_held(&self, lock: &mut StateLock) -> Result<State, StateError> {
        let state = self.load()?;
        lock.seen = Version::of(&state);
        Ok(state)
    }

    /// From now on AWS is changed: the state must be had, and be what the run has read.
    pub(crate) fn begin_apply(&self, lock: &mut StateLock) -> Result<(), StateError> {
        lock.begin_apply()?;
        self.refuse_if_moved(lock)
    }

    /// Replaces the file: whole, or not at all. The state gets the next serial, and a lineage if it has none.
    pub(crate) fn save(&self, lock: &mut StateLock, state: &mut State) -> Result<(), StateError> {
        lock.hold_state()?;
        self.refuse_if_moved(lock)?;
        if state.lineage.is_empty() {
            state.lineage = uuid::Uuid::new_v4().to_string();
        }
        state.serial += 1;
        self.replace(lock, state).map_err(|source| StateError::Write { path: self.path.clone(), source })?;
        lock.seen = Version::of(state);
        Ok(())
    }

    /// Keeps a state that cannot take its place, in a file of its own beside it.
    pub(crate) fn keep(&self, state: &State) -> Result<PathBuf, StateError> {
        let keep = || {
            let file =
                tempfile::Builder::new().prefix("errored-").suffix(".tfstate").tempfile_in(folder(&self.path))?;
            let (_, path) = written(file, &text(state)?)?.keep()?;
            Ok(path)
        };
        keep().map_err(|source| StateError::Write { path: folder(&self.path).join("errored-….tfstate"), source })
    }

    fn refuse_if_moved(&self, lock: &StateLock) -> Result<(), StateError> {
        let found = match self.load() {
            Ok(state) => Version::of(&state),
            Err(StateError::Read { path, source }) => return Err(StateError::Write { path, source }),
            Err(error) => return Err(self.moved(format!("no state any more ({error})"), lock)),
        };
        if found == lock.seen { Ok(()) } else { Err(self.moved(found, lock)) }
    }

    fn moved(&self, found: impl ToString, lock: &StateLock) -> StateError {
        let (found, seen) = (found.to_string(), lock.seen.to_string());
        StateError::Moved { path: self.path.clone(), found, seen, kept: None }
    }

    /// Keeps what the file holds, before the first change of a run.
    pub(crate) fn back_up(&self) -> Result<(), StateError> {
        let backup = sibling(&self.path, "", ".backup");
        let written = match std::fs::read(&self.path) {
            // An empty file is one that was made for its lock.
            Ok(bytes) if bytes.is_empty() => Ok(()),
            Ok(bytes) => std::fs::write(&backup, bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        written.map_err(|source| StateError::Write { path: backup, source })
    }

    pub(crate) fn journal_path(&self) -> PathBuf {
        sibling(&self.path, "", ".journal")
    }

    fn replace(&self, lock: &mut StateLock, state: &State) -> io::Result<()> {
        let (folder, text) = (folder(&self.path), text(state)?);
        let file = written(tempfile::Builder::new().prefix(".tfstate-").tempfile_in(folder)?, &text)?;
        lock.replace(file, &text)?;
        File::open(folder)?.sync_all()
    }

    fn parse(&self, text: &str) -> Result<State, StateError> {
        // Terraform makes an empty file for its lock, and takes one for no state.
        if text.is_empty() {
            return Ok(State::default());
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

fn text(state: &State) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(state)?;
    text.push('\n');
    Ok(text)
}

/// The file with a text, which is on disk when this returns.
fn written(mut file: NamedTempFile, text: &str) -> io::Result<NamedTempFile> {
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
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

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::store::sibling;
use super::{StateError, Version, record_lock};

/// Who has a state, in the words of Terraform's lock files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LockInfo {
    /// Tells this lock from any other.
    #[serde(rename = "ID")]
    pub id: String,
    /// What is being done.
    pub operation: String,
    /// Nothing; Terraform has the field.
    #[serde(default)]
    pub info: String,
    /// `user@host`.
    pub who: String,
    /// The version of the program.
    pub version: String,
    /// Since when, as RFC 3339.
    pub created: String,
    /// The state.
    pub path: String,
}

impl LockInfo {
    pub(super) fn new(operation: &str, who: &str, path: &Path) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            operation: operation.to_owned(),
            info: String::new(),
            who: who.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created: jiff::Timestamp::now().to_string(),
            path: path.display().to_string(),
        }
    }
}

/// A lock on a state. It ends when it is dropped, and with the process in any case.
///
/// It is two: one on a file of our own, which keeps other runs of keywright out also where there is no state yet; and
/// Terraform's, on the state itself.
#[derive(Debug)]
pub(crate) struct StateLock {
    file: File,
    info_path: PathBuf,
    info: LockInfo,
    state: PathBuf,
    /// The state's file under Terraform's lock, and what has taken its place. None while there is no state.
    held: Vec<File>,
    /// What this run has last read from the state, or written to it.
    pub(super) seen: Version,
}

impl StateLock {
    pub(super) fn take(state: &Path, info: LockInfo) -> Result<Self, StateError> {
        let lock_path = sibling(state, ".", ".lock");
        let write_error = |source| StateError::Write { path: lock_path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(write_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(state)),
            Err(TryLockError::Error(source)) => return Err(write_error(source)),
        }
        let (info_path, state) = (sibling(state, ".", ".lock.info"), state.to_owned());
        let mut lock = Self { file, info_path, info, state, held: Vec::new(), seen: Version::default() };
        // A state that cannot be opened is told by who reads it, or writes it.
        if let Ok(file) = OpenOptions::new().read(true).write(true).open(&lock.state) {
            lock.hold(file)?;
        }
        lock.tell()?;
        Ok(lock)
    }

    /// Takes Terraform's lock, and makes an empty state for it where there is none, as Terraform does.
    pub(super) fn hold_state(&mut self) -> Result<(), StateError> {
        if self.held.is_empty() {
            let file = open_or_make(&self.state).map_err(|source| self.cannot_write(source))?;
            return self.hold(file);
        }
        self.held.iter().try_for_each(|file| self.lock(file))
    }

    fn hold(&mut self, file: File) -> Result<(), StateError> {
        self.lock(&file)?;
        self.held.push(file);
        Ok(())
    }

    fn lock(&self, file: &File) -> Result<(), StateError> {
        match record_lock::try_lock(file) {
            Ok(true) => Ok(()),
            Ok(false) => Err(locked(&self.state)),
            Err(source) => Err(self.cannot_write(source)),
        }
    }

    fn cannot_write(&self, source: io::Error) -> StateError {
        StateError::Write { path: self.state.clone(), source }
    }

    /// Puts a new file in the state's place, whole or not at all. Then the same text is written into the file that was
    /// there, and that is put back: a Terraform that waits for the lock has it open, and would go on with a file that
    /// nobody sees any more.
    pub(super) fn replace(&mut self, new: NamedTempFile, text: &str) -> io::Result<()> {
        record_lock::try_lock(new.as_file())?;
        let aside = sibling(&self.state, ".", ".held");
        let old = self.held.last().filter(|old| keep_aside(&self.state, &aside, old));
        let persisted = new.persist(&self.state);
        if persisted.is_ok()
            && let Some(old) = old
            && rewrite(old, text).is_ok()
            && std::fs::rename(&aside, &self.state).is_ok()
        {
            return Ok(());
        }
        let _ = std::fs::remove_file(&aside);
        self.held.push(persisted?);
        Ok(())
    }

    /// Tells others that a plan is being carried out from now on.
    pub(super) fn begin_apply(&mut self) -> Result<(), StateError> {
        self.hold_state()?;
        if self.info.operation == PLAN {
            "apply".clone_into(&mut self.info.operation);
        }
        self.tell()
    }

    fn tell(&self) -> Result<(), StateError> {
        let text = serde_json::to_string(&self.info).unwrap_or_default();
        std::fs::write(&self.info_path, text)
            .map_err(|source| StateError::Write { path: self.info_path.clone(), source })
    }

    /// Tells whether another run has the state, without taking it.
    pub(super) fn refuse_if_held(state: &Path) -> Result<(), StateError> {
        // Where nobody has ever locked the state, there is no file.
        let lock = File::open(sibling(state, ".", ".lock"));
        let by_us = lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
        let by_terraform = || File::open(state).is_ok_and(|file| record_lock::is_held(&file).unwrap_or(false));
        if by_us || by_terraform() { Err(locked(state)) } else { Ok(()) }
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // A stale note misleads nobody: the locks themselves are the operating system's.
        if read_info(&self.info_path).is_some_and(|info| info.id == self.info.id) {
            let _ = std::fs::remove_file(&self.info_path);
        }
        // Closing the files is not enough: a process that is being started at this moment still holds copies of them.
        self.held.iter().for_each(record_lock::unlock);
        let _ = self.file.unlock();
    }
}

fn open_or_make(state: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(state)
}

/// Gives the state's file a second name. False where it cannot have one, or is not that very file.
fn keep_aside(state: &Path, aside: &Path, file: &File) -> bool {
    // A run that was cut may have left one.
    let _ = std::fs::remove_file(aside);
    std::fs::hard_link(state, aside).is_ok() && is_same(aside, file)
}

#[cfg(unix)]
fn is_same(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |of: io::Result<std::fs::Metadata>| of.ok().map(|it| (it.dev(), it.ino()));
    id(std::fs::metadata(path)).is_some_and(|found| Some(found) == id(file.metadata()))
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &File) -> bool {
    false
}

fn rewrite(mut file: &File, text: &str) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

fn locked(state: &Path) -> StateError {
    StateError::Locked { path: state.to_owned(), holder: holder(&sibling(state, ".", ".lock.info")) }
}

fn read_info(path: &Path) -> Option<LockInfo> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn holder(info_path: &Path) -> String {
    match read_info(info_path) {
        Some(info) => format!("{} since {}, for `{}`", info.who, info.created, info.operation),
        None => "it has not said who it is".to_owned(),
    }
}

/// What is being done while a plan is made.
pub(crate) const PLAN: &str = "plan";

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StateError;
use super::store::sibling;

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
#[derive(Debug)]
pub(crate) struct StateLock {
    file: File,
    info_path: PathBuf,
    info: LockInfo,
}

impl StateLock {
    pub(super) fn take(state: &Path, info: LockInfo) -> Result<Self, StateError> {
        let info_path = sibling(state, ".", ".lock.info");
        let lock_path = sibling(state, ".", ".lock");
        let write_error = |source| StateError::Write { path: lock_path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(write_error)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::Locked { path: state.to_owned(), holder: holder(&info_path) });
            }
            Err(TryLockError::Error(source)) => return Err(write_error(source)),
        }
        let lock = Self { file, info_path, info };
        lock.tell()?;
        Ok(lock)
    }

    /// Tells others that a plan is being carried out from now on.
    pub(crate) fn begin_apply(&mut self) -> Result<(), StateError> {
        if self.info.operation != PLAN {
            return Ok(());
        }
        "apply".clone_into(&mut self.info.operation);
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
        let Ok(file) = File::open(sibling(state, ".", ".lock")) else { return Ok(()) };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                Err(StateError::Locked { path: state.to_owned(), holder: holder(&sibling(state, ".", ".lock.info")) })
            }
            _ => Ok(()),
        }
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // A stale note misleads nobody: the lock itself is the operating system's.
        let _ = std::fs::remove_file(&self.info_path);
        // Closing the file is not enough: a process that is being started at this moment still holds a copy of it.
        let _ = self.file.unlock();
    }
}

fn holder(info_path: &Path) -> String {
    let read = std::fs::read_to_string(info_path).ok();
    match read.and_then(|text| serde_json::from_str::<LockInfo>(&text).ok()) {
        Some(info) => format!("{} since {}, for `{}`", info.who, info.created, info.operation),
        None => "it has not said who it is".to_owned(),
    }
}

/// What is being done while a plan is made.
pub(crate) const PLAN: &str = "plan";

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use keywright_model::Address;
use serde::{Deserialize, Serialize};

use super::StateError;
use crate::address;
use crate::provider::{Actor, Attributes, CreationToken};

/// The creations that were sent and whose answers are not yet in the state.
///
/// JSON lines beside the state. A line is on disk before its call is sent, so a line that is torn, the last one
/// of a run that was cut, stands for a call that was never sent. It holds no secret.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Option<File>,
    open: usize,
}

/// A creation that was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    #[serde(deserialize_with = "address::deserialize")]
    pub(crate) address: Address,
    pub(crate) token: CreationToken,
    /// The role that makes the call, if it is not the caller.
    pub(crate) role: Option<keywright_model::Arn>,
    pub(crate) planned: Attributes,
    pub(crate) interim_policy: Option<String>,
    pub(crate) dependencies: Vec<String>,
    /// What stood there before and is set aside, where something did ([`mark`]).
    pub(crate) replaces: Option<String>,
}

impl Begun {
    pub(crate) fn actor(&self) -> Actor {
        self.role.clone().map_or(Actor::Caller, Actor::Role)
    }
}

/// What tells an instance from its successor. The ID does not: it is the same for a key's replicas in all Regions.
pub(crate) fn mark(attributes: &Attributes) -> Option<String> {
    let text = |name: &str| attributes.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    text("arn").or_else(|| text("id"))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begin(Box<Begun>),
    Done(CreationToken),
}

impl Journal {
    /// Reads the journal beside a state, and what is still open in it.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, Vec<Begun>), StateError> {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        let begun = read(&path, &text)?;
        let open = begun.len();
        Ok((Self { path, file: None, open }, begun))
    }

    /// Writes down what is about to be created, and returns once that is on disk.
    pub(crate) fn begin(&mut self, creations: &[&Begun]) -> Result<(), StateError> {
        for begun in creations {
            self.append(&Line::Begin(Box::new((*begun).clone())))?;
        }
        self.open += creations.len();
        let path = self.path.clone();
        let synced = self.file()?.sync_all();
        synced.map_err(|source| StateError::Write { path, source })
    }

    /// Strikes out a creation that is in the state, or has never happened. A line that is lost does no harm.
    pub(crate) fn done(&mut self, token: &CreationToken) -> Result<(), StateError> {
        self.append(&Line::Done(token.clone()))?;
        self.open = self.open.saturating_sub(1);
        Ok(())
    }

    /// Removes the journal if nothing in it is open.
    pub(crate) fn close(&mut self) {
        if self.open == 0 {
            self.file = None;
            // One that stays behind says that nothing is open.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn append(&mut self, line: &Line) -> Result<(), StateError> {
        let path = self.path.clone();
        let written = serde_json::to_string(line).map_err(std::io::Error::from);
        let written = written.and_then(|text| writeln!(self.file_or_open()?, "{text}"));
        written.map_err(|source| StateError::Write { path, source })
    }

    fn file(&mut self) -> Result<&File, StateError> {
        let path = self.path.clone();
        self.file_or_open().map(|file| &*file).map_err(|source| StateError::Write { path, source })
    }

    fn file_or_open(&mut self) -> std::io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                mend(&self.path)?;
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                File::open(super::store::folder(&self.path))?.sync_all()?;
                file
            }
        };
        Ok(self.file.insert(file))
    }
}

/// Cuts off a torn last line, so that the next one stands by itself.
fn mend(path: &Path) -> std::io::Result<()> {
    match std::fs::read(path) {
        Ok(bytes) if !bytes.is_empty() && !bytes.ends_with(b"\n") => {
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            OpenOptions::new().write(true).open(path)?.set_len(whole as u64)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn read(path: &Path, text: &str) -> Result<Vec<Begun>, StateError> {
    let mut open: Vec<Begun> = Vec::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let Some(line) = line.strip_suffix('\n') else { break };
        match serde_json::from_str(line) {
            Ok(Line::Begin(begun)) => open.push(*begun),
            Ok(Line::Done(token)) => open.retain(|begun| begun.token != token),
            Err(error) => {
                let reason = error.to_string();
                return Err(StateError::Journal { path: path.to_owned(), line: at + 1, reason });
            }
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(token: &str) -> Begun {
        Begun {
            address: address::parse("module.kms.aws_kms_key.k").expect("an address"),
            token: CreationToken(token.to_owned()),
            role: None,
            planned: Attributes::new(),
            interim_policy: None,
            dependencies: Vec::new(),
            replaces: None,
        }
    }

    #[test]
    fn what_was_begun_and_not_done_is_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.journal");
        let (mut journal, open) = Journal::open(path.clone()).expect("a journal");
        assert!(open.is_empty() && !path.exists());
        journal.begin(&[&begun("one"), &begun("two")]).expect("written");
        journal.done(&CreationToken("one".into())).expect("written");
        let (mut again, open) = Journal::open(path.clone()).expect("a journal");
        assert_eq!(open, [begun("two")]);
        again.close();
        assert!(path.exists(), "something is open");
        again.done(&CreationToken("two".into())).expect("written");
        again.close();
        assert!(!path.exists());
    }

    #[test]
    fn a_torn_last_line_was_never_sent_and_is_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.journal");
        let (mut journal, _) = Journal::open(path.clone()).expect("a journal");
        journal.begin(&[&begun("one"), &begun("two")]).expect("written");
        let text = std::fs::read_to_string(&path).expect("a text");
        for length in text.find('\n').expect("a line") + 1..text.len() {
            std::fs::write(&path, text.get(..length).expect("ASCII")).expect("written");
            let (mut journal, open) = Journal::open(path.clone()).expect("a journal");
            assert_eq!(open, [begun("one")]);
            journal.begin(&[&begun("three")]).expect("written");
            let (_, open) = Journal::open(path.clone()).expect("a journal");
            assert_eq!(open, [begun("one"), begun("three")]);
        }
    }

    #[test]
    fn a_line_in_the_middle_that_is_none_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.journal");
        std::fs::write(&path, "{}\n{}\n").expect("written");
        let error = Journal::open(path).expect_err("it is corrupt");
        assert!(matches!(error, StateError::Journal { line: 1, .. }), "{error}");
    }
}

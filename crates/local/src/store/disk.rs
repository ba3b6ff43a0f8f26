use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};
use tokio::sync::watch;

use super::{AnyTable, Change};

/// The file that holds every table, and the thread that writes it.
///
/// In memory only where no folder was given: then everything counts as durable at once.
#[derive(Debug)]
pub(crate) struct Store {
    writer: Option<Writer>,
    submitted: u64,
}

#[derive(Debug)]
struct Writer {
    queue: mpsc::Sender<Batch>,
    progress: watch::Receiver<Progress>,
    thread: thread::JoinHandle<()>,
}

/// Waits until all that was submitted up to a moment is on the disk.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: u64,
    progress: Option<watch::Receiver<Progress>>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or the file cannot be made or read.
    #[error("cannot use `{path}`")]
    File {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Another process has the file open.
    #[error("`{path}` is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is not one of ours, or is damaged.
    #[error("cannot read `{path}`")]
    Database {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Box<redb::Error>,
    },
    /// A record is not what this version writes.
    #[error("cannot read the record `{key}` of `{table}`")]
    Record {
        /// The table.
        table: String,
        /// The record's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The writer has failed before, or is gone.
    #[error("the store could not be written")]
    Write,
}

impl Store {
    /// A store that forgets.
    pub(crate) fn in_memory() -> Self {
        Self { writer: None, submitted: 0 }
    }

    /// Opens the store of a folder, which is made if need be, and fills the tables from it.
    ///
    /// # Errors
    /// When the folder or the file cannot be used, or holds what this version cannot read.
    pub(crate) fn open(folder: &Path, mut tables: Vec<&mut dyn AnyTable>) -> Result<Self, StoreError> {
        let path = folder.join(FILE_NAME);
        let file = private_file(folder, &path)?;
        let database = FileBackend::new(file)
            .and_then(|backend| Database::builder().create_with_backend(backend))
            .map_err(|error| database_error(&path, error.into()))?;
        load(&database, &mut tables).map_err(|error| match error {
            LoadError::Database(source) => database_error(&path, *source),
            LoadError::Record(error) => error,
        })?;
        let (queue, batches) = mpsc::channel();
        let (progress_sender, progress) = watch::channel(Progress::Durable(0));
        let thread = thread::Builder::new()
            .name("keywright-store".into())
            .spawn(move || write_batches(&database, &batches, &progress_sender))
            .map_err(|source| StoreError::File { path, source })?;
        Ok(Self { writer: Some(Writer { queue, progress, thread }), submitted: 0 })
    }

    /// Hands changes to the writer. They are committed in the order of submission.
    ///
    /// The ticket of an empty set waits for what was submitted before: a reader must not answer with what a crash
    /// could still take back.
    pub(crate) fn submit(&mut self, changes: Vec<Change>) -> Ticket {
        let Some(writer) = &self.writer else {
            return Ticket { number: 0, progress: None };
        };
        if !changes.is_empty() {
            self.submitted += 1;
            // A writer that is gone has left `Progress::Failed`, or has closed the channel that the ticket watches.
            let _ = writer.queue.send(Batch { number: self.submitted, changes });
        }
        Ticket { number: self.submitted, progress: Some(writer.progress.clone()) }
    }

    /// Writes what waits and closes the file.
    pub(crate) fn close(self) {
        if let Some(Writer { queue, thread, .. }) = self.writer {
            drop(queue);
            let _ = thread.join();
        }
    }
}

impl Ticket {
    /// Waits for the disk.
    ///
    /// # Errors
    /// When the writer has failed.
    pub(crate) async fn durable(self) -> Result<(), StoreError> {
        let Some(mut progress) = self.progress else { return Ok(()) };
        match progress.wait_for(|progress| progress.is_past(self.number)).await.as_deref() {
            Ok(Progress::Durable(_)) => Ok(()),
            _ => Err(StoreError::Write),
        }
    }

    /// As [`Ticket::durable`], for callers that are not asynchronous.
    pub(crate) fn durable_blocking(self) -> Result<(), StoreError> {
        let Some(progress) = self.progress else { return Ok(()) };
        while !progress.borrow().is_past(self.number) {
            if progress.has_changed().is_err() {
                break;
            }
            thread::sleep(BLOCKING_POLL);
        }
        match *progress.borrow() {
            Progress::Durable(number) if number >= self.number => Ok(()),
            _ => Err(StoreError::Write),
        }
    }
}

struct Batch {
    number: u64,
    changes: Vec<Change>,
}

/// How far the writer has come.
#[derive(Debug, Clone, Copy)]
enum Progress {
    /// All batches up to this one are on the disk.
    Durable(u64),
    /// A commit failed: nothing later can be trusted.
    Failed,
}

impl Progress {
    fn is_past(self, number: u64) -> bool {
        match self {
            Self::Durable(done) => done >= number,
            Self::Failed => true,
        }
    }
}

enum LoadError {
    Database(Box<redb::Error>),
    Record(StoreError),
}

impl<E: Into<redb::Error>> From<E> for LoadError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

fn load(database: &Database, tables: &mut [&mut dyn AnyTable]) -> Result<(), LoadError> {
    // Made once, so that a first reader finds it.
    let write = database.begin_write()?;
    write.open_table(RECORDS)?;
    write.commit()?;
    let read = database.begin_read()?;
    let records = read.open_table(RECORDS)?;
    for table in tables {
        let (first, last) = (format!("{}\0", table.name()), format!("{}\u{1}", table.name()));
        for entry in records.range(first.as_str()..last.as_str())? {
            let (stored_key, record) = entry?;
            let key = stored_key.value().get(first.len()..).unwrap_or_default().to_owned();
            table.load(&key, record.value()).map_err(|source| {
                LoadError::Record(StoreError::Record { table: table.name().to_owned(), key, source })
            })?;
        }
    }
    Ok(())
}

fn write_batches(database: &Database, batches: &mpsc::Receiver<Batch>, progress: &watch::Sender<Progress>) {
    while let Ok(first) = batches.recv() {
        let waiting: Vec<Batch> = std::iter::once(first).chain(batches.try_iter()).collect();
        let last = waiting.iter().map(|batch| batch.number).max().unwrap_or_default();
        if let Err(error) = commit(database, &waiting) {
            tracing::error!(error = %error, "the store could not be written; no later change is taken");
            progress.send_replace(Progress::Failed);
            return;
        }
        progress.send_replace(Progress::Durable(last));
    }
}

fn commit(database: &Database, batches: &[Batch]) -> Result<(), Box<redb::Error>> {
    let boxed = |error: redb::Error| Box::new(error);
    let mut write = database.begin_write().map_err(|error| boxed(error.into()))?;
    write.set_durability(Durability::Immediate).map_err(|error| boxed(error.into()))?;
    {
        let mut records = write.open_table(RECORDS).map_err(|error| boxed(error.into()))?;
        for change in batches.iter().flat_map(|batch| &batch.changes) {
            let key = format!("{}\0{}", change.table, change.key);
            match &change.record {
                Some(record) => records.insert(key.as_str(), record.as_slice()).map(drop),
                None => records.remove(key.as_str()).map(drop),
            }
            .map_err(|error| boxed(error.into()))?;
        }
    }
    write.commit().map_err(|error| boxed(error.into()))
}

/// Opens the file so that nobody but the user reads it: it holds key material.
fn private_file(folder: &Path, path: &Path) -> Result<File, StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        builder.mode(0o700);
        options.mode(0o600);
    }
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::File { path, source }
    };
    builder.create(folder).map_err(at(folder))?;
    let file = options.open(path).map_err(at(path))?;
    // The mode above is for a new file: one that is there may have come from a copy that others can read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(at(path))?;
    }
    Ok(file)
}

fn database_error(path: &Path, error: redb::Error) -> StoreError {
    let path = path.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse { path },
        source => StoreError::Database { path, source: Box::new(source) },
    }
}

const FILE_NAME: &str = "aws.redb";
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
const BLOCKING_POLL: std::time::Duration = std::time::Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use super::super::Table;
    use super::*;

    fn open(folder: &Path) -> (Store, Table<String>) {
        let mut table = Table::new("test/words");
        let store = Store::open(folder, vec![&mut table]).expect("opens");
        (store, table)
    }

    fn change(key: &str, word: Option<&str>) -> Vec<Change> {
        let record = word.map(|word| serde_json::to_vec(word).expect("text"));
        vec![Change { table: "test/words", key: key.into(), record }]
    }

    #[tokio::test]
    async fn what_a_ticket_confirmed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut store, _) = open(folder.path());
        store.submit(change("a", Some("one"))).durable().await.expect("written");
        store.submit(change("b", Some("two"))).durable_blocking().expect("written");
        store.submit(change("a", None)).durable().await.expect("written");
        store.close();
        let (store, table) = open(folder.path());
        assert_eq!(table.iter().map(|(key, word)| (key.as_str(), word.as_str())).collect::<Vec<_>>(), [("b", "two")]);
        store.close();
    }

    #[tokio::test]
    async fn many_writers_share_commits_and_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut store, _) = open(folder.path());
        let tickets: Vec<_> = (0..500).map(|at| store.submit(change(&format!("{at:03}"), Some("x")))).collect();
        for ticket in tickets {
            ticket.durable().await.expect("written");
        }
        store.close();
        assert_eq!(open(folder.path()).1.iter().count(), 500);
    }

    #[test]
    fn a_second_process_is_told_that_the_file_is_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_store, _) = open(folder.path());
        let mut table = Table::<String>::new("test/words");
        let error = Store::open(folder.path(), vec![&mut table]).expect_err("the first one holds it");
        assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    }

    #[test]
    fn a_file_of_another_kind_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE_NAME), "not a database".repeat(100)).expect("written");
        let mut table = Table::<String>::new("test/words");
        let error = Store::open(folder.path(), vec![&mut table]).expect_err("it is text");
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let _store = open(&data);
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&data.join(FILE_NAME))), (0o700, 0o600));
        drop(_store);
        let copy = folder.path().join("copy");
        std::fs::create_dir(&copy).expect("made");
        std::fs::write(copy.join(FILE_NAME), b"").expect("written");
        std::fs::set_permissions(copy.join(FILE_NAME), std::fs::Permissions::from_mode(0o644)).expect("set");
        let _store = open(&copy);
        assert_eq!(mode(&copy.join(FILE_NAME)), 0o600);
    }
}

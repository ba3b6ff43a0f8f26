//! What the embedded AWS remembers: ordered tables in memory, and one file that holds the same.
//!
//! A [`Table`] notes what a call changes in it. When the call has succeeded its changes go to the one writer
//! thread, which commits all that waits in one transaction; when it has failed they are taken back.

mod disk;
mod table;

pub use disk::StoreError;
pub(crate) use disk::{Store, Ticket};
pub(crate) use table::{AnyTable, Change, RawBytes, Record, Table, Tables, tables};

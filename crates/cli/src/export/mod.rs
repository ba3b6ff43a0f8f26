//! What `keywright export` writes: a folder's keys as other tools know them. Pure: from modules, and perhaps a state, to
//! texts.
//!
//! `terraform.rs` calls the module with the inputs as they were given, `hcl.rs` being how they are written down.

mod hcl;
pub(crate) mod terraform;

/// A file that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path in the folder that is written.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What an export consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) files: Vec<File>,
    /// What a person has to know who goes on with them.
    pub(crate) notes: Vec<String>,
}

impl Export {
    fn add(&mut self, name: impl Into<String>, text: String) {
        self.files.push(File { name: name.into(), text });
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

//! What `keywright export` writes: a folder's keys as other tools know them. Pure: from modules, and perhaps a state, to
//! texts.
//!
//! `terraform.rs` calls the module with the inputs as they were given, `hcl.rs` being how they are written down;
//! `cloudformation.rs` and `json.rs` tell the desired resources.

pub(crate) mod cloudformation;
mod hcl;
pub(crate) mod json;
mod references;
pub(crate) mod terraform;

use keywright_model::{Diagnostic, Diagnostics};
use keywright_module::{GivenInput, Module};

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

/// Refuses to tell the resources of modules with sensitive inputs: what is made of these stands in names, tags and policies.
///
/// # Errors
/// For each sensitive input.
pub(crate) fn without_secrets(modules: &[Module]) -> Result<(), Diagnostics> {
    let mut refused = Diagnostics::new();
    for module in modules {
        let given = module.given().iter().filter(|(_, given)| **given == GivenInput::Sensitive);
        refused.extend(given.map(|(input, _)| {
            Diagnostic::error("sensitive-export", format!("the input `{input}` comes from a sensitive variable"))
                .because("this format writes resources out, with what sensitive values make of them")
                .at(module.place().clone(), "of this module")
                .help("export it as `terraform`, which keeps the variable; or take `sensitive` off it")
        }));
    }
    if refused.is_empty() { Ok(()) } else { Err(refused) }
}

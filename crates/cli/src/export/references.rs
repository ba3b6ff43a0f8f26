//! References to what is not known before it is made, in words.

use keywright_module::Reference;

/// `ADDRESS.ATTRIBUTE`.
pub(super) fn place(reference: &Reference) -> String {
    format!("{}.{}", reference.address, reference.attribute)
}

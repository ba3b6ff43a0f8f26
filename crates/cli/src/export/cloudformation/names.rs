//! What resources are called in a template: letters and digits.

use std::collections::{BTreeMap, BTreeSet};

use keywright_model::{Address, Index};
use keywright_module::{Desired, Reference};

/// The names of a module's resources, different in all its templates.
pub(super) struct LogicalIds(BTreeMap<Address, String>);

impl LogicalIds {
    pub(super) fn new(desired: &Desired) -> Self {
        let mut taken = BTreeSet::new();
        let mut named = |address: &Address| {
            let name = name(address);
            // INVARIANT: there are more numbers than resources.
            let mut numbered = (1..).map(|at| if at == 1 { name.clone() } else { format!("{name}{at}") });
            let free = numbered.find(|name| !taken.contains(name)).unwrap_or_default();
            taken.insert(free.clone());
            (address.clone(), free)
        };
        Self(desired.resources.iter().map(|resource| named(&resource.address)).collect())
    }

    pub(super) fn of(&self, address: &Address) -> Option<&str> {
        self.0.get(address).map(String::as_str)
    }

    /// What a parameter is called that stands for an attribute, and the output that has it.
    pub(super) fn parameter(&self, reference: &Reference) -> String {
        format!("{}{}", self.of(&reference.address).unwrap_or_default(), words(reference.attribute))
    }
}

fn name(address: &Address) -> String {
    let key = match &address.index {
        // An alias begins with the name of its resource.
        Some(Index::Each(key)) => words(key.strip_prefix(&format!("{}/", address.name)).unwrap_or(key)),
        Some(Index::Count(_)) | None => String::new(),
    };
    words(&address.name).chars().chain(key.chars()).take(LONGEST).collect()
}

/// The words of a text, each with a capital, and nothing between them.
fn words(text: &str) -> String {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    let mut joined = String::new();
    for word in words {
        let mut characters = word.chars();
        joined.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(characters.as_str());
    }
    joined
}

/// CloudFormation takes 255 characters; a number, or the name of an attribute, may follow.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests {
    use keywright_model::ResourceKind;

    use super::*;

    #[test]
    fn names_are_words_of_the_address() {
        let address =
            |name: &str, index| Address { module: None, kind: ResourceKind::KmsAlias, name: name.into(), index };
        let each = |key: &str| Some(Index::Each(key.into()));
        let cases = [
            (address("general_encryption_key", None), "GeneralEncryptionKey"),
            (address("s3_replication_role", Some(Index::Count(0))), "S3ReplicationRole"),
            (address("alias", each("alias/acme/prod-1")), "AliasAcmeProd1"),
            (address("grant", each("a:b_c")), "GrantABC"),
        ];
        for (address, expect) in cases {
            assert_eq!(name(&address), expect);
        }
    }
}

use crate::document::{Condition, Document, Effect};

/// Who gains and who loses what, when one policy takes the place of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessChanges {
    /// What the new policy opens: an `Allow` that was not there, a `Deny` that is gone.
    pub gained: Vec<Access>,
    /// What the new policy closes: an `Allow` that is gone, a `Deny` that was not there.
    pub lost: Vec<Access>,
}

/// One thing that a policy opens or closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who, in words.
    pub principal: String,
    /// The actions, patterns spelled out.
    pub actions: Vec<String>,
    /// What must hold besides.
    pub conditions: Vec<Condition>,
    /// Whether the statement behind it allows or denies.
    pub effect: Effect,
}

/// Who gains and who loses what.
pub fn access_changes(_old: Option<&Document>, _new: &Document) -> AccessChanges {
    AccessChanges::default()
}

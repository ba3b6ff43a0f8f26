//! What commonly goes wrong with a key, found in AWS as it is: `read` gathers [`Facts`], and each case of [`CASES`] is a
//! pure function over them.
//!
//! Where to go next: a further case is a file with one function, and its line in [`CASES`].
//!
//! **Invariant:** nothing here writes; what could not be read is undecided, never fine.

mod copies;
mod decrypt_alarm;
mod facts;
mod grants;
mod leftover;
mod notification;
mod policy;
mod reach;
mod read;
mod replica;
mod root;
mod services;
mod volumes;

pub(crate) use facts::Facts;
pub(crate) use read::{Patient, patients};

/// A kind of trouble that is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Its number, which people know it by.
    pub(crate) number: u8,
    /// What it is about.
    pub(crate) topic: &'static str,
    /// What people see, where it is found.
    pub(crate) symptom: &'static str,
    /// Looks for it.
    examine: fn(&Facts) -> Examination,
}

/// What a case came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Examination {
    /// What is wrong.
    pub(crate) troubles: Vec<Trouble>,
    /// What could not be told.
    pub(crate) open: Vec<Open>,
    /// What was seen, where nothing is wrong.
    pub(crate) seen: Vec<String>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// What was seen.
    pub(crate) evidence: String,
    /// Why that is so.
    pub(crate) cause: String,
    /// What to do: an input to change, a command to run.
    pub(crate) cure: String,
}

/// Something that could not be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// What.
    pub(crate) what: String,
    /// What it would need.
    pub(crate) needs: String,
}

/// The answer of a case, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Found,
    Fine,
    Undecided,
}

impl Examination {
    fn fine(seen: impl Into<String>) -> Self {
        Self { seen: vec![seen.into()], ..Self::default() }
    }

    fn found(&mut self, evidence: impl Into<String>, cause: impl Into<String>, cure: impl Into<String>) {
        self.troubles.push(Trouble { evidence: evidence.into(), cause: cause.into(), cure: cure.into() });
    }

    fn undecided(&mut self, what: impl Into<String>, needs: impl Into<String>) {
        let open = Open { what: what.into(), needs: needs.into() };
        if !self.open.contains(&open) {
            self.open.push(open);
        }
    }

    fn unread(&mut self, unread: &facts::Unread) {
        self.undecided(unread.message.clone(), unread.needs.clone());
    }

    fn saw(&mut self, what: impl Into<String>) {
        self.seen.push(what.into());
    }

    /// Trouble outweighs doubt.
    pub(crate) fn verdict(&self) -> Verdict {
        match (self.troubles.is_empty(), self.open.is_empty()) {
            (false, _) => Verdict::Found,
            (true, false) => Verdict::Undecided,
            (true, true) => Verdict::Fine,
        }
    }
}

impl Verdict {
    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Fine => "fine",
            Self::Undecided => "undecided",
        }
    }
}

/// Looks for each kind of trouble.
pub(crate) fn examine(facts: &Facts) -> Vec<(Case, Examination)> {
    CASES.iter().map(|case| (*case, (case.examine)(facts))).collect()
}

/// By the numbers of the module's own list of common issues.
const CASES: [Case; 11] = [
    Case {
        number: 1,
        topic: "the decrypt alarm",
        symptom: "the decrypt alarm rings all the time",
        examine: decrypt_alarm::examine,
    },
    Case { number: 2, topic: "root access", symptom: "root still has access", examine: root::examine },
    Case { number: 3, topic: "notifications", symptom: "alarms notify nobody", examine: notification::examine },
    Case { number: 4, topic: "the replica key", symptom: "there is no replica key", examine: replica::examine },
    Case {
        number: 5,
        topic: "grants for S3 replication",
        symptom: "S3 replication is refused",
        examine: grants::examine,
    },
    Case { number: 6, topic: "services", symptom: "a service is refused", examine: services::examine },
    Case { number: 7, topic: "leftover alarms", symptom: "alarms are left over", examine: leftover::examine },
    Case { number: 8, topic: "the way to the keys", symptom: "the key cannot be reached", examine: reach::examine },
    Case {
        number: 9,
        topic: "key policies",
        symptom: "the key policy is not the wanted one",
        examine: policy::examine,
    },
    Case {
        number: 10,
        topic: "copies",
        symptom: "copies are not encrypted with the replica key",
        examine: copies::examine,
    },
    Case {
        number: 11,
        topic: "encrypted volumes",
        symptom: "instances with encrypted volumes do not start",
        examine: volumes::examine,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_numbered_as_people_know_them() {
        let numbers: Vec<u8> = CASES.iter().map(|case| case.number).collect();
        assert_eq!(numbers, (1..=11).collect::<Vec<u8>>());
    }

    #[test]
    fn trouble_outweighs_doubt_and_doubt_is_not_fine() {
        let mut examination = Examination::fine("seen");
        assert_eq!(examination.verdict(), Verdict::Fine);
        examination.undecided("what", "needs");
        assert_eq!(examination.verdict(), Verdict::Undecided);
        examination.found("evidence", "cause", "cure");
        assert_eq!(examination.verdict(), Verdict::Found);
    }
}

//! The one table of findings, and what accepting one does.

use keywright_model::{Diagnostic, Severity, Span};

/// Something that keywright can find about what the inputs mean for the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindingInfo {
    /// Its stable code: `docs/findings/CODE.md` is about it.
    pub code: &'static str,
    /// What it says, in one line.
    pub meaning: &'static str,
    /// Who finds it.
    pub found: Found,
    /// Whether `accepted_findings` may name it.
    pub can_be_accepted: bool,
}

/// Who finds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Whoever reads the inputs: `validate`, and every other command.
    Inputs,
    /// A plan, which knows the state, AWS and the proofs.
    Plan,
    /// Whoever compares the state with AWS: a plan, and `drift`.
    Drift,
}

/// A finding that somebody has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The finding's code, one that can be accepted.
    pub code: &'static str,
    /// Why it is accepted; never empty.
    pub reason: String,
    /// Where the acceptance is written.
    pub place: Span,
}

/// Marks what was accepted, and notes the acceptances of `found` that nothing met. Warnings come first, what was
/// accepted last.
pub fn settle(all: Vec<Diagnostic>, accepted: &[Acceptance], found: Found) -> Vec<Diagnostic> {
    let of = |code: &str| accepted.iter().find(|it| it.code == code);
    let unused: Vec<Diagnostic> = accepted
        .iter()
        .filter(|it| finding(it.code).is_some_and(|info| info.found == found))
        .filter(|it| !all.iter().any(|diagnostic| diagnostic.code == it.code))
        .map(unused_acceptance)
        .collect();
    let marked = all.into_iter().map(|diagnostic| match of(diagnostic.code) {
        Some(acceptance) => diagnostic.accept(acceptance.reason.clone()),
        None => diagnostic,
    });
    let mut settled: Vec<Diagnostic> = marked.chain(unused).collect();
    settled.sort_by_key(|it| (it.accepted.is_some(), it.severity));
    settled
}

/// The finding of that code.
pub fn finding(code: &str) -> Option<&'static FindingInfo> {
    FINDINGS.iter().find(|it| it.code == code)
}

/// The codes that `accepted_findings` may name.
pub(crate) fn acceptable() -> impl Iterator<Item = &'static str> {
    FINDINGS.iter().filter(|it| it.can_be_accepted).map(|it| it.code)
}

/// Splits what keeps a plan from being made from what is only told.
pub fn refusals(settled: Vec<Diagnostic>) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    settled.into_iter().partition(|it| it.severity == Severity::Error)
}

fn unused_acceptance(acceptance: &Acceptance) -> Diagnostic {
    let summary = format!("`accepted_findings` names `{}`, which is not found", acceptance.code);
    Diagnostic::note("unused-acceptance", summary)
        .at(acceptance.place.clone(), "")
        .help("take it out, so that it does not hide the finding when that comes back")
}

const fn inputs(code: &'static str, meaning: &'static str) -> FindingInfo {
    FindingInfo { code, meaning, found: Found::Inputs, can_be_accepted: true }
}

const fn planned(code: &'static str, meaning: &'static str) -> FindingInfo {
    FindingInfo { code, meaning, found: Found::Plan, can_be_accepted: true }
}

const fn drifted(code: &'static str, meaning: &'static str) -> FindingInfo {
    FindingInfo { code, meaning, found: Found::Drift, can_be_accepted: true }
}

/// What nobody can wave through: the run could not be carried out, or the key would be lost.
const fn binding(info: FindingInfo) -> FindingInfo {
    FindingInfo { can_be_accepted: false, ..info }
}

/// Every finding, in the order of the alphabet.
#[rustfmt::skip]
pub const FINDINGS: &[FindingInfo] = &[
    inputs("access-denied-alarm-unfed", "Nothing feeds the alarm on denied calls"),
    inputs("account-delegation", "A list of principals names the whole account although root access is off"),
    planned("admin-role-by-account", "Who may assume the admin role is decided by the account's IAM policies"),
    planned("admin-role-can-decrypt", "The key policy or a grant lets the admin role use the key itself"),
    inputs("administrator-can-widen", "Who administers the keys can also let themselves use them"),
    inputs("alarm-without-topic", "Alarms are made that notify nobody"),
    inputs("bucket-attribute", "An attribute of a bucket has no effect on the key"),
    inputs("bucket-versioning", "A replication bucket has versioning off"),
    inputs("cloudfront-unavailable", "CloudFront is switched on where it does not exist"),
    inputs("cross-account-needs-iam", "Principals of other accounts need IAM policies of their own too"),
    inputs("event-bridge-unconditioned", "EventBridge may use the key without a condition on its source"),
    drifted("foreign-grant", "A grant on the key was made by others"),
    drifted("grants-unread", "The grants on the key could not be listed"),
    binding(planned("key-pending-deletion", "The key that is wanted is on its way out")),
    inputs("lifecycle-alarm-on-own-changes", "The lifecycle alarm also fires when keywright puts a policy"),
    binding(planned("lock-out", "Nobody provably could change the key policy afterwards")),
    planned("loose-deputy", "A service could be made to use the key for another account"),
    binding(planned("missing-service-linked-role", "A role of a service that the policy names does not exist")),
    binding(planned("no-actor", "This run could not put the key policy")),
    inputs("no-admin-role", "An input about the admin role has no effect: there is none"),
    binding(inputs("no-administrator", "Nobody is named who could change the key policy")),
    inputs("no-replica", "An input about the replica has no effect: there is none"),
    binding(planned("output-left-alone", "The value of an output cannot be told, so that it stays as it is")),
    binding(planned("own-role", "This run is a session of a role that would go")),
    inputs("policy-too-large", "The trust policy needs a raised quota"),
    planned("public-access", "The key would be open to people whom the policy does not name"),
    inputs("replica-decrypts-unwatched", "Decrypt calls with the replica are not watched"),
    inputs("root-access", "The account's IAM policies decide who may use and manage the keys"),
    binding(planned("root-cannot-assume", "The account's root user could not put the final policy")),
    planned("root-not-gone", "Root access is off, and more people are let in than the policy names"),
    inputs("session-manager-without-users", "Session Manager cannot encrypt sessions with the key"),
    binding(planned("stray-creation", "A run that was cut has made something that is in no state")),
    binding(planned("tainted", "The state marks a resource for replacement, and it is not replaced")),
    binding(inputs("undeclared-variable", "A value is given for a variable that is not declared")),
    inputs("unknown-action", "No action of KMS has this name"),
    inputs("unknown-region", "The Region is not known"),
    binding(inputs("unused-acceptance", "A finding is accepted that is not found")),
];

#[cfg(test)]
mod tests {
    use keywright_model::SourceFile;

    use super::*;

    fn acceptance(code: &'static str) -> Acceptance {
        let place = Span::new(&SourceFile::new("main.tf", "x"), 0..1);
        Acceptance { code, reason: "known".to_owned(), place }
    }

    fn settled(found: &[Diagnostic], accepted: &'static str, at: Found) -> Vec<(&'static str, Severity, bool)> {
        let settled = settle(found.to_vec(), &[acceptance(accepted)], at);
        settled.iter().map(|it| (it.code, it.severity, it.accepted.is_some())).collect()
    }

    #[test]
    fn the_table_is_sorted_and_has_each_code_once() {
        assert!(FINDINGS.is_sorted_by(|one, next| one.code < next.code));
    }

    #[test]
    fn an_accepted_warning_is_marked_and_stands_last() {
        let found = [Diagnostic::warning("alarm-without-topic", ""), Diagnostic::note("root-access", "")];
        let expect = [("root-access", Severity::Note, false), ("alarm-without-topic", Severity::Warning, true)];
        assert_eq!(settled(&found, "alarm-without-topic", Found::Inputs), expect);
    }

    #[test]
    fn an_accepted_refusal_refuses_no_more_and_one_of_another_code_does() {
        let found = [Diagnostic::error("public-access", "")];
        assert_eq!(settled(&found, "public-access", Found::Plan), [("public-access", Severity::Warning, true)]);
        let other = settle(found.to_vec(), &[acceptance("loose-deputy")], Found::Plan);
        assert_eq!(refusals(other).0.len(), 1);
    }

    #[test]
    fn an_acceptance_that_nothing_meets_is_noted_by_whoever_would_have_found_it() {
        assert_eq!(settled(&[], "loose-deputy", Found::Plan), [("unused-acceptance", Severity::Note, false)]);
        assert_eq!(settled(&[], "loose-deputy", Found::Inputs), []);
    }
}

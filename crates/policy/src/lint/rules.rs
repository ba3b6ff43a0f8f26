use keywright_model::Severity;

/// What a reviewer looks for in a key policy.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// The stable code, in kebab-case; `docs/findings/` has a page of that name.
    pub code: &'static str,
    /// How grave it is: an error is what KMS refuses, or what lets anybody in.
    pub severity: Severity,
    /// What is found, in one sentence.
    pub meaning: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// The AWS page that it comes from.
    pub source: &'static str,
}

impl Rule {
    /// Whether KMS takes a policy that breaks it, so that it can be accepted.
    pub fn can_be_accepted(&self) -> bool {
        self.severity != Severity::Error || [&PUBLIC_STATEMENT, &NOT_PRINCIPAL_ALLOW].contains(&self)
    }
}

/// Every rule, by code.
pub const RULES: &[&Rule] = &[
    &ABSENT_CONDITION_KEY,
    &DELETED_PRINCIPAL,
    &DUPLICATE_SID,
    &FOREIGN_ACTION,
    &LOOSE_DEPUTY,
    &MISSING_VERSION,
    &NOT_PRINCIPAL_ALLOW,
    &OLD_VERSION,
    &OPEN_TO_ACCOUNT,
    &OVERLY_PERMISSIVE_CONDITION,
    &POLICY_CHARACTERS,
    &POLICY_GRAMMAR,
    &POLICY_NEARLY_TOO_LARGE,
    &POLICY_NOT_JSON,
    &POLICY_TOO_LARGE,
    &PRINCIPAL_GROUP,
    &PRINCIPAL_WILDCARD,
    &PUBLIC_STATEMENT,
    &REDUNDANT_STATEMENT,
    &RESOURCE_OTHER_KEY,
    &RESOURCE_OWN_KEY,
    &STATEMENT_NEVER_APPLIES,
    &STATEMENT_WITHOUT_ACTION,
    &STATEMENT_WITHOUT_RESOURCE,
    &UNKNOWN_ACTION,
    &UNKNOWN_CONDITION_KEY,
    &UNKNOWN_CONDITION_OPERATOR,
    &UNKNOWN_PRINCIPAL,
];

/// The rules that say why a statement never applies.
pub(super) const EXPLAIN_SILENCE: &[&Rule] = &[
    &ABSENT_CONDITION_KEY,
    &DELETED_PRINCIPAL,
    &FOREIGN_ACTION,
    &RESOURCE_OTHER_KEY,
    &STATEMENT_WITHOUT_ACTION,
    &STATEMENT_WITHOUT_RESOURCE,
    &UNKNOWN_ACTION,
    &UNKNOWN_CONDITION_KEY,
];

pub(super) const ABSENT_CONDITION_KEY: Rule = Rule {
    code: "absent-condition-key",
    severity: Severity::Warning,
    meaning: "A condition looks at a key that the statement's requests never have.",
    why: "An absent key fails most operators, so an Allow never applies; it passes negated ones, so a guard guards nothing.",
    source: CONDITION_KEYS,
};

pub(super) const DELETED_PRINCIPAL: Rule = Rule {
    code: "deleted-principal",
    severity: Severity::Warning,
    meaning: "A statement names a user or role that was deleted.",
    why: "AWS puts the unique ID in the place of a deleted principal's ARN. It is nobody any more, and a new principal of the same name does not get the access back.",
    source: PRINCIPALS,
};

pub(super) const DUPLICATE_SID: Rule = Rule {
    code: "duplicate-sid",
    severity: Severity::Warning,
    meaning: "Two statements have the same Sid.",
    why: "Key policies take it, but whoever reads a denial, a log or a plan cannot tell which of the two is meant.",
    source: OVERVIEW,
};

pub(super) const FOREIGN_ACTION: Rule = Rule {
    code: "foreign-action",
    severity: Severity::Warning,
    meaning: "A statement names an action that is not one of KMS.",
    why: "A key policy decides about its key only: what it says about other services has no effect.",
    source: OVERVIEW,
};

pub(super) const LOOSE_DEPUTY: Rule = Rule {
    code: "loose-deputy",
    severity: Severity::Warning,
    meaning: "A service is admitted, whichever account it acts for.",
    why: "Somebody else can have the service use the key on behalf of their own account: the service is a confused deputy.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
};

pub(super) const MISSING_VERSION: Rule = Rule {
    code: "missing-version",
    severity: Severity::Warning,
    meaning: "The policy does not say its version.",
    why: "It is then read as 2008-10-17, in which policy variables are plain text.",
    source: VERSION,
};

pub(super) const NOT_PRINCIPAL_ALLOW: Rule = Rule {
    code: "not-principal-allow",
    severity: Severity::Error,
    meaning: "An Allow names the principals that it does not admit.",
    why: "It admits everybody else, other accounts and unsigned requests among them; AWS does not support it.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html",
};

pub(super) const OLD_VERSION: Rule = Rule {
    code: "old-version",
    severity: Severity::Warning,
    meaning: "The policy has the version of 2008.",
    why: "In it policy variables such as ${aws:username} are plain text.",
    source: VERSION,
};

pub(super) const OPEN_TO_ACCOUNT: Rule = Rule {
    code: "open-to-account",
    severity: Severity::Warning,
    meaning: "Everybody in an account can use the key directly, without an IAM policy.",
    why: "Principal * with an account in the conditions names all its users and roles themselves; only the account's root as principal leaves the choice to IAM policies.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account",
};

pub(super) const OVERLY_PERMISSIVE_CONDITION: Rule = Rule {
    code: "overly-permissive-condition",
    severity: Severity::Error,
    meaning: "A ForAllValues condition on the encryption context also holds for requests without one.",
    why: "KMS refuses the policy with OverlyPermissiveCondition.",
    source: "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context",
};

pub(super) const POLICY_CHARACTERS: Rule = Rule {
    code: "policy-characters",
    severity: Severity::Error,
    meaning: "The policy holds a character that KMS does not take.",
    why: "A key policy may hold tab, line feed, carriage return, and U+0020 to U+00FF; KMS refuses any other.",
    source: PUT_KEY_POLICY,
};

pub(super) const POLICY_GRAMMAR: Rule = Rule {
    code: "policy-grammar",
    severity: Severity::Error,
    meaning: "The text is JSON, but no key policy.",
    why: "KMS refuses it with MalformedPolicyDocumentException.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
};

pub(super) const POLICY_NEARLY_TOO_LARGE: Rule = Rule {
    code: "policy-nearly-too-large",
    severity: Severity::Warning,
    meaning: "The policy has more than nine tenths of the bytes that KMS takes.",
    why: "A statement more may be refused, on the day when it is needed.",
    source: OVERVIEW,
};

pub(super) const POLICY_NOT_JSON: Rule = Rule {
    code: "policy-not-json",
    severity: Severity::Error,
    meaning: "The text is not JSON, or an object in it holds a name twice.",
    why: "KMS refuses what is not JSON; of a name that stands there twice, one value would silently be lost.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
};

pub(super) const POLICY_TOO_LARGE: Rule = Rule {
    code: "policy-too-large",
    severity: Severity::Error,
    meaning: "The policy has more than 32,768 bytes.",
    why: "KMS refuses it with LimitExceededException.",
    source: OVERVIEW,
};

pub(super) const PRINCIPAL_GROUP: Rule = Rule {
    code: "principal-group",
    severity: Severity::Error,
    meaning: "A statement names an IAM group.",
    why: "Groups are no principals: KMS refuses the policy.",
    source: PRINCIPALS,
};

pub(super) const PRINCIPAL_WILDCARD: Rule = Rule {
    code: "principal-wildcard",
    severity: Severity::Error,
    meaning: "A principal's name has a wildcard.",
    why: "AWS takes * for everybody, but no pattern of names: KMS refuses the policy.",
    source: PRINCIPALS,
};

pub(super) const PUBLIC_STATEMENT: Rule = Rule {
    code: "public-statement",
    severity: Severity::Error,
    meaning: "A statement admits principals of any account.",
    why: "Principal * is everybody in every AWS account, unless a condition names an account, an organization or a network.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous",
};

pub(super) const REDUNDANT_STATEMENT: Rule = Rule {
    code: "redundant-statement",
    severity: Severity::Warning,
    meaning: "Without the statement every request would be decided the same.",
    why: "Whoever takes it away expects that to take access away, and whoever reads it thinks that it is what gives it.",
    source: OVERVIEW,
};

pub(super) const RESOURCE_OTHER_KEY: Rule = Rule {
    code: "resource-other-key",
    severity: Severity::Warning,
    meaning: "A statement's Resource is not the key that the policy hangs on.",
    why: "A key policy decides about its own key only, so the statement never applies for that Resource. On a replica, the ARN of its primary is another key's.",
    source: OVERVIEW,
};

pub(super) const RESOURCE_OWN_KEY: Rule = Rule {
    code: "resource-own-key",
    severity: Severity::Note,
    meaning: "A statement names a multi-Region key by its ARN.",
    why: "The same policy on a replica matches nothing there, since the replica's ARN has another Region.",
    source: OVERVIEW,
};

pub(super) const STATEMENT_NEVER_APPLIES: Rule = Rule {
    code: "statement-never-applies",
    severity: Severity::Warning,
    meaning: "No request is one that the statement speaks of.",
    why: "What it seems to allow is not allowed, and what it seems to deny is not denied.",
    source: OVERVIEW,
};

pub(super) const STATEMENT_WITHOUT_ACTION: Rule = Rule {
    code: "statement-without-action",
    severity: Severity::Warning,
    meaning: "A statement has no Action.",
    why: "KMS takes it silently, and it never applies.",
    source: OVERVIEW,
};

pub(super) const STATEMENT_WITHOUT_RESOURCE: Rule = Rule {
    code: "statement-without-resource",
    severity: Severity::Warning,
    meaning: "A statement has no Resource.",
    why: "KMS takes it silently, and it never applies.",
    source: OVERVIEW,
};

pub(super) const UNKNOWN_ACTION: Rule = Rule {
    code: "unknown-action",
    severity: Severity::Warning,
    meaning: "A statement names an action that KMS does not have.",
    why: "KMS takes it silently: an Allow gives less than it says, and a Deny stops nothing.",
    source: "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html",
};

pub(super) const UNKNOWN_CONDITION_KEY: Rule = Rule {
    code: "unknown-condition-key",
    severity: Severity::Warning,
    meaning: "A condition looks at a key that neither KMS nor IAM documents.",
    why: "AWS takes it silently, and treats it as absent from every request.",
    source: CONDITION_KEYS,
};

pub(super) const UNKNOWN_CONDITION_OPERATOR: Rule = Rule {
    code: "unknown-condition-operator",
    severity: Severity::Error,
    meaning: "A condition has an operator that does not exist.",
    why: "KMS refuses the policy with MalformedPolicyDocumentException.",
    source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html",
};

pub(super) const UNKNOWN_PRINCIPAL: Rule = Rule {
    code: "unknown-principal",
    severity: Severity::Error,
    meaning: "A statement names a principal in a way that AWS does not know.",
    why: "KMS refuses a policy with a principal that is none.",
    source: PRINCIPALS,
};

const OVERVIEW: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html";
const PUT_KEY_POLICY: &str = "https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html";
const CONDITION_KEYS: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/policy-conditions.html";
const PRINCIPALS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";
const VERSION: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn rules_are_ordered_and_each_has_a_page() {
        assert!(RULES.is_sorted_by(|left, right| left.code < right.code));
        for rule in RULES {
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/findings/{}.md", rule.code));
            let text = std::fs::read_to_string(&page).unwrap_or_else(|_| panic!("no page for {}", rule.code));
            assert!(text.starts_with(&format!("# {}\n", rule.code)), "{}", rule.code);
            for heading in ["## Why", "## What to do", "## Accepting it"] {
                assert!(text.contains(heading), "{}: {heading}", rule.code);
            }
        }
    }
}

//! How a statement or a grant names the caller.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.

use crate::document::{Effect, Match, PrincipalPattern, Principals};
use crate::request::Principal;

/// How closely the caller is named; the later, the closer.
///
/// An account's name stands for its policies, not for its people. A role's name stands for its sessions, whose
/// limits (permissions boundary, session policies) still count. What names the caller itself is not limited by
/// them.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// Not at all.
    NotNamed,
    /// By its account.
    ByAccount,
    /// By its role, or as one of everybody.
    Limited,
    /// Itself.
    Itself,
}

/// How the principals of a statement name the caller.
pub(crate) fn naming(principals: &Match<Principals>, caller: &Principal, effect: Effect) -> Naming {
    match (principals, effect) {
        (Match::Is(patterns), _) => {
            patterns.iter().map(|pattern| naming_of(pattern, caller, effect)).max().unwrap_or(Naming::NotNamed)
        }
        (Match::IsNot(patterns), Effect::Allow) if patterns.iter().any(|it| mentions(it, caller)) => Naming::NotNamed,
        (Match::IsNot(patterns), Effect::Deny) if is_wholly_excepted(patterns, caller) => Naming::NotNamed,
        (Match::IsNot(_), _) => Naming::Limited,
    }
}

/// How an ARN, an account ID or the ID of a deleted principal names the caller.
pub(crate) fn naming_by_name(name: &str, caller: &Principal) -> Naming {
    if name == "*" {
        return Naming::Limited;
    }
    if let Some(account) = account_of(name) {
        return match caller {
            Principal::Root(own) if own.as_str() == account => Naming::Itself,
            other if other.account() == Some(account) => Naming::ByAccount,
            _ => Naming::NotNamed,
        };
    }
    match caller {
        Principal::User { arn } | Principal::FederatedUser { arn } if arn.as_str() == name => Naming::Itself,
        Principal::Session { session, .. } if session.as_str() == name => Naming::Itself,
        Principal::Session { role, .. } if role.as_str() == name => Naming::Limited,
        _ => Naming::NotNamed,
    }
}

/// The account that a principal stands for: twelve digits, or the ARN of its root.
pub(crate) fn account_of(name: &str) -> Option<&str> {
    if is_account(name) {
        return Some(name);
    }
    let mut parts = name.splitn(6, ':');
    let [arn, _partition, service, region, account, resource] = std::array::from_fn(|_| parts.next().unwrap_or("?"));
    let is_root = arn == "arn" && service == "iam" && region.is_empty() && is_account(account) && resource == "root";
    is_root.then_some(account)
}

/// Whether the name is the unique ID that AWS puts in the place of a deleted user's or role's ARN. It is nobody.
pub(crate) fn is_deleted(name: &str) -> bool {
    ["AIDA", "AROA"].iter().any(|prefix| name.starts_with(prefix)) && name.bytes().all(|it| it.is_ascii_alphanumeric())
}

/// Whether the pattern is the star, however the document came to be.
pub(crate) fn is_everyone(pattern: &PrincipalPattern) -> bool {
    matches!(pattern, PrincipalPattern::Everyone) || matches!(pattern, PrincipalPattern::Aws(name) if name == "*")
}

fn naming_of(pattern: &PrincipalPattern, caller: &Principal, effect: Effect) -> Naming {
    match (pattern, caller) {
        (PrincipalPattern::Everyone, _) => Naming::Limited,
        (PrincipalPattern::Aws(name), _) => naming_by_name(name, caller),
        (PrincipalPattern::Service(name), Principal::Service { name: own }) if name == own => Naming::Itself,
        // Only S3 knows whose these are: never the one that may, always the one that may not.
        (PrincipalPattern::CanonicalUser(_), _) if effect == Effect::Deny => Naming::Limited,
        _ => Naming::NotNamed,
    }
}

/// Whether a `NotPrincipal` with `Allow` takes the caller out.
fn mentions(pattern: &PrincipalPattern, caller: &Principal) -> bool {
    // As for a `Deny`: what cannot be resolved takes everybody out.
    naming_of(pattern, caller, Effect::Deny) != Naming::NotNamed
}

/// Whether a `NotPrincipal` with `Deny` spares the caller: every name that stands for it must be listed, its
/// account's among them.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>.
fn is_wholly_excepted(patterns: &Principals, caller: &Principal) -> bool {
    let lists = |name: &str| patterns.iter().any(|it| matches!(it, PrincipalPattern::Aws(known) if known == name));
    let lists_account = |account: &str| {
        patterns.iter().any(|it| matches!(it, PrincipalPattern::Aws(known) if account_of(known) == Some(account)))
    };
    if patterns.iter().any(is_everyone) {
        return true;
    }
    match caller {
        Principal::Root(account) => lists_account(account.as_str()),
        Principal::User { arn } | Principal::FederatedUser { arn } => {
            lists(arn.as_str()) && lists_account(arn.account())
        }
        Principal::Session { session, role } => {
            lists(session.as_str()) && lists(role.as_str()) && lists_account(session.account())
        }
        Principal::Service { name } => patterns.contains(&PrincipalPattern::Service(name.clone())),
        Principal::Anonymous => false,
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use keywright_model::Arn;

    use super::*;

    fn arn(text: &str) -> Arn {
        Arn::parse(text).expect("an ARN")
    }

    fn session() -> Principal {
        Principal::Session {
            session: arn("arn:aws:sts::111122223333:assumed-role/admin/me"),
            role: arn("arn:aws:iam::111122223333:role/team/admin"),
        }
    }

    #[test]
    fn a_name_stands_for_what_aws_says_it_does() {
        for (name, expected) in [
            ("111122223333", Naming::ByAccount),
            ("arn:aws:iam::111122223333:root", Naming::ByAccount),
            ("arn:aws:iam::111122223333:role/team/admin", Naming::Limited),
            ("arn:aws:sts::111122223333:assumed-role/admin/me", Naming::Itself),
            ("arn:aws:iam::111122223333:role/admin", Naming::NotNamed),
            ("arn:aws:iam::111122223333:role/team/*", Naming::NotNamed),
            ("arn:aws:sts::111122223333:assumed-role/admin/you", Naming::NotNamed),
            ("arn:aws:sts::111122223333:assumed-role/admin/*", Naming::NotNamed),
            ("AROAEXAMPLEEXAMPLE", Naming::NotNamed),
            ("444455556666", Naming::NotNamed),
            ("*", Naming::Limited),
        ] {
            assert_eq!(naming_by_name(name, &session()), expected, "{name}");
        }
    }

    #[test]
    fn a_root_arn_needs_all_its_parts() {
        assert_eq!(account_of("arn:aws-cn:iam::111122223333:root"), Some("111122223333"));
        for wrong in
            ["arn:aws:iam::111122223333", "arn:aws:sts::111122223333:root", "arn:aws:iam:x:111122223333:root", ""]
        {
            assert_eq!(account_of(wrong), None, "{wrong}");
        }
    }
}

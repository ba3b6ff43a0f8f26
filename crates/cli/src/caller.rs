//! Who a question asks about, as a person types it.

use keywright_model::{AccountId, Arn, Partition};
use keywright_policy::Principal;

/// A principal as it was typed. Which account a short name belongs to, the key tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The ARN of a user, a role, a session, or an account's root.
    Arn(Arn),
    /// An account by its number: its root user.
    Account(AccountId),
    /// `root`: the root user of the key's account.
    Root,
    /// `user/NAME` or `role/NAME`, perhaps with a path, in the key's account.
    Own(String),
    /// A service principal.
    Service(String),
}

impl Caller {
    /// Reads a principal.
    ///
    /// # Errors
    /// When the text has none of these forms; the error says which there are.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || Err(format!("this is no principal: write {FORMS}"));
        if text.starts_with("arn:") {
            return match Arn::parse(text) {
                Ok(arn) if Principal::of_arn(&arn, &[]).is_some() => Ok(Self::Arn(arn)),
                Ok(_) => wrong(),
                Err(error) => Err(error.to_string()),
            };
        }
        if let Ok(account) = AccountId::parse(text) {
            return Ok(Self::Account(account));
        }
        let is_name =
            |name: &str| !name.is_empty() && !name.contains(|it: char| it == '*' || it == ':' || it.is_whitespace());
        match text.split_once('/') {
            None if text == "root" => Ok(Self::Root),
            None if is_service(text) => Ok(Self::Service(text.to_owned())),
            Some(("user" | "role", name)) if is_name(name) => Ok(Self::Own(text.to_owned())),
            _ => wrong(),
        }
    }

    /// The principal, for a key of that account. `roles` are ARNs of roles that are known.
    pub(crate) fn principal(&self, account: &AccountId, partition: Partition, roles: &[Arn]) -> Option<Principal> {
        match self {
            Self::Arn(arn) => Principal::of_arn(arn, roles),
            Self::Account(account) => Some(Principal::Root(account.clone())),
            Self::Root => Some(Principal::Root(account.clone())),
            Self::Own(name) => Principal::of_arn(&own(name, account, partition, roles)?, roles),
            Self::Service(name) => Some(Principal::Service { name: name.clone() }),
        }
    }
}

/// The ARN of a short name; a role that is known by its name brings its path.
fn own(name: &str, account: &AccountId, partition: Partition, known: &[Arn]) -> Option<Arn> {
    let arn = Arn::new(partition, "iam", None, Some(account), name).ok()?;
    let (kind, last) = name.split_once('/')?;
    let is_it = |it: &&Arn| {
        let path_and_name = it.resource_of_kind(kind);
        it.account() == account.as_str() && path_and_name.and_then(|it| it.rsplit('/').next()) == Some(last)
    };
    let found = known.iter().find(|it| **it == arn).or_else(|| known.iter().find(is_it));
    Some(found.cloned().unwrap_or(arn))
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services>.
fn is_service(text: &str) -> bool {
    let domain = text.strip_suffix(".cn").unwrap_or(text);
    let Some(name) = domain.strip_suffix(".amazonaws.com") else { return false };
    !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'.')
}

const FORMS: &str = "the ARN of a user, role or session, an account ID, `root`, `user/NAME` or `role/NAME` of the key's \
                     account, or a service such as `s3.amazonaws.com`";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn principal(text: &str, roles: &[&str]) -> String {
        let roles: Vec<Arn> = roles.iter().map(|it| Arn::parse(it).expect("an ARN")).collect();
        let account = AccountId::parse("111122223333").expect("an account");
        let caller = Caller::parse(text).expect("a principal");
        match caller.principal(&account, Partition::Aws, &roles).expect("a principal") {
            Principal::Session { role, .. } => role.to_string(),
            other => other.to_string(),
        }
    }

    #[test]
    fn short_names_are_of_the_keys_account_and_keep_the_path_that_is_known() {
        assert_eq!(principal("user/me", &[]), "arn:aws:iam::111122223333:user/me");
        assert_eq!(principal("role/app", &[]), "arn:aws:iam::111122223333:role/app");
        let known = ["arn:aws:iam::111122223333:role/team/app", "arn:aws:iam::444455556666:role/else/app"];
        assert_eq!(principal("role/app", &known), known[0]);
        assert_eq!(principal("arn:aws:sts::111122223333:assumed-role/app/s", &known), known[0]);
    }

    #[test]
    fn accounts_roots_and_services_are_principals_and_other_words_are_not() {
        assert_eq!(principal("444455556666", &[]), "arn:aws:iam::444455556666:root");
        assert_eq!(principal("root", &[]), "arn:aws:iam::111122223333:root");
        assert_eq!(principal("logs.eu-west-1.amazonaws.com", &[]), "logs.eu-west-1.amazonaws.com");
        for wrong in ["", "me", "user/", "role/*", "group/x", "arn:aws:s3:::bucket", "amazonaws.com", ".amazonaws.com"]
        {
            assert!(Caller::parse(wrong).is_err(), "{wrong}");
        }
    }
}

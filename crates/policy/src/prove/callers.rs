//! Who may call: one caller of each kind that the policies, or a claim, tell apart.

use std::collections::{BTreeMap, BTreeSet};

use keywright_model::{AccountId, Arn};

use super::answer::Unknown;
use super::region::Work;
use super::text::{self, Base, Callers, Pattern};
use crate::document::{Condition, PrincipalPattern};
use crate::glob;
use crate::operator::{Comparison, Operator};
use crate::principal::{account_of, is_deleted};
use crate::request::Principal;

/// What decides which callers are told apart.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// Accounts by number, the key's own first.
    accounts: Vec<String>,
    users: BTreeSet<String>,
    roles: BTreeSet<String>,
    sessions: BTreeSet<String>,
    federated: BTreeSet<String>,
    services: BTreeSet<String>,
    patterns: Vec<Pattern>,
    service_patterns: Vec<Pattern>,
    /// The accounts of which every principal is known.
    complete: BTreeMap<String, BTreeSet<String>>,
}

impl Census {
    pub(super) fn new(own_account: &str) -> Self {
        Self { accounts: vec![own_account.to_owned()], ..Self::default() }
    }

    /// Makes nobody but these live in the account.
    pub(super) fn complete(&mut self, account: &str, principals: impl IntoIterator<Item = String>) {
        self.account(account);
        let principals: BTreeSet<String> = principals.into_iter().collect();
        for name in &principals {
            self.name(name);
        }
        self.complete.insert(account.to_owned(), principals);
    }

    pub(super) fn pattern(&mut self, pattern: &PrincipalPattern) {
        match pattern {
            PrincipalPattern::Aws(name) => self.name(name),
            PrincipalPattern::Service(name) => self.service(name),
            PrincipalPattern::Everyone | PrincipalPattern::Federated(_) | PrincipalPattern::CanonicalUser(_) => {}
        }
    }

    /// Tells this account, user, role or session apart.
    pub(super) fn name(&mut self, name: &str) {
        if let Some(account) = account_of(name) {
            return self.account(account);
        }
        let Ok(arn) = Arn::parse(name) else { return };
        self.account(arn.account());
        let name = name.to_owned();
        match (arn.service(), arn.resource().split('/').next()) {
            ("iam", Some("user")) => self.users.insert(name),
            ("iam", Some("role")) => self.roles.insert(name),
            ("sts", Some("assumed-role")) => self.sessions.insert(name),
            ("sts", Some("federated-user")) => self.federated.insert(name),
            _ => false,
        };
    }

    pub(super) fn service(&mut self, name: &str) {
        self.services.insert(name.to_owned());
    }

    pub(super) fn account(&mut self, account: &str) {
        if text::is_account(account) && !self.accounts.iter().any(|it| it == account) {
            self.accounts.push(account.to_owned());
        }
    }

    /// Tells apart what a condition on the caller does.
    pub(super) fn condition(&mut self, condition: &Condition) {
        let Some(operator) = Operator::parse(&condition.operator) else { return };
        for value in &condition.values {
            for number in value.split(|it: char| !it.is_ascii_digit()) {
                self.account(number);
            }
            self.value(&condition.key.to_ascii_lowercase(), operator.comparison, value);
        }
    }

    fn value(&mut self, key: &str, comparison: Comparison, value: &str) {
        let is_plain = comparison == Comparison::StringEquals
            || (matches!(comparison, Comparison::StringLike | Comparison::Arn) && !glob::has_wildcard(value));
        let pattern = match comparison {
            Comparison::StringLike => Pattern::Like(value.to_owned()),
            Comparison::Arn => Pattern::Arn(value.to_owned()),
            Comparison::StringEqualsIgnoreCase => Pattern::IgnoringCase(value.to_owned()),
            _ => Pattern::Like(value.to_owned()),
        };
        match key {
            PRINCIPAL_ARN if is_plain => self.name(value),
            PRINCIPAL_ARN => push(&mut self.patterns, pattern),
            PRINCIPAL_ACCOUNT | CALLER_ACCOUNT if !is_plain => {
                push(&mut self.patterns, Pattern::AccountLike(value.to_owned()));
            }
            USER_NAME => push(&mut self.patterns, Pattern::NameLike(value.to_owned())),
            SERVICE_NAME if is_plain => self.service(value),
            SERVICE_NAME => push(&mut self.service_patterns, pattern),
            _ => {}
        }
    }

    /// One caller of each kind: people first, the key's own account first.
    pub(super) fn callers(&self, partition: &str, work: &mut Work) -> Result<Vec<Principal>, Unknown> {
        let mut callers = Vec::new();
        let accounts = self.accounts.iter().map(|it| Some(it.as_str())).chain([None]);
        for account in accounts.clone() {
            self.people(account, partition, &mut callers, work)?;
        }
        for name in text::representatives(&Base::Service, &self.services, &self.service_patterns, work)? {
            callers.push(Principal::Service { name });
        }
        // Names that are no service's by their looks are some service's all the same.
        callers.extend(
            self.services
                .iter()
                .filter(|it| !Base::Service.holds(it))
                .map(|it| Principal::Service { name: it.clone() }),
        );
        for account in accounts {
            let number = account.map_or_else(|| text::fresh_account(&self.accounts), str::to_owned);
            callers.extend(AccountId::parse(&number).ok().map(Principal::Root));
        }
        callers.dedup();
        Ok(callers)
    }

    fn people(
        &self,
        account: Option<&str>,
        partition: &str,
        callers: &mut Vec<Principal>,
        work: &mut Work,
    ) -> Result<(), Unknown> {
        let lives_here = |name: &&String| {
            account.is_some_and(|account| {
                let known = self.complete.get(account);
                name.split(':').nth(4) == Some(account) && known.is_none_or(|known| known.contains(*name))
            })
        };
        let is_complete = account.is_some_and(|it| self.complete.contains_key(it));
        let base = |service: &str, kind, name: Option<&str>| {
            Base::Callers(Callers {
                head: format!("arn:{partition}:{service}::"),
                account: account.map(str::to_owned),
                named: self.accounts.clone(),
                kind,
                name: name.map(str::to_owned),
            })
        };
        let mut kinds = |base: &Base, literals: &BTreeSet<String>, with_names: bool| {
            let here: BTreeSet<String> = literals.iter().filter(lives_here).cloned().collect();
            let patterns: Vec<Pattern> =
                self.patterns.iter().filter(|it| with_names || !matches!(it, Pattern::NameLike(_))).cloned().collect();
            let mut names = if is_complete { Vec::new() } else { text::representatives(base, &here, &patterns, work)? };
            names.extend(here.into_iter().filter(|it| is_complete || !base.holds(it)));
            Ok::<_, Unknown>(names.into_iter().filter_map(|it| Arn::parse(&it).ok()).collect::<Vec<_>>())
        };

        let users = kinds(&base("iam", "user/", None), &self.users, true)?;
        callers.extend(users.into_iter().map(|arn| Principal::User { arn }));
        let roles = kinds(&base("iam", "role/", None), &self.roles, false)?;
        callers.extend(roles.iter().filter_map(|role| self.session_of(role)));
        for session in self.sessions.iter().filter_map(|it| Arn::parse(it).ok()) {
            if Some(session.account()) != account {
                continue;
            }
            let name = session.resource().split('/').nth(1);
            let of_that_name = |role: &Arn| role.resource().rsplit('/').next() == name;
            let mut own =
                if is_complete { roles.clone() } else { kinds(&base("iam", "role/", name), &self.roles, false)? };
            own.retain(of_that_name);
            callers.extend(own.into_iter().map(|role| Principal::Session { session: session.clone(), role }));
        }
        let federated = kinds(&base("sts", "federated-user/", None), &self.federated, false)?;
        callers.extend(federated.into_iter().map(|arn| Principal::FederatedUser { arn }));
        Ok(())
    }

    /// A session of the role by a name that no policy knows.
    pub(super) fn session_of(&self, role: &Arn) -> Option<Principal> {
        let name = role.resource().rsplit('/').next()?;
        let session = (0..).find_map(|at: usize| {
            let (partition, account) = (role.partition(), role.account());
            let text = format!("arn:{partition}:sts::{account}:assumed-role/{name}/session{}", suffix(at));
            (!self.sessions.contains(&text)).then_some(text)
        })?;
        Some(Principal::Session { session: Arn::parse(&session).ok()?, role: role.clone() })
    }
}

/// Whether a request's principal decides the key's value.
pub(super) fn decides(key: &str) -> bool {
    CALLER_KEYS.iter().any(|it| it.eq_ignore_ascii_case(key))
}

/// Whether the prover tells apart what a condition on such a key does.
pub(super) fn is_modelled(condition: &Condition) -> bool {
    let Some(operator) = Operator::parse(&condition.operator) else { return false };
    let key = condition.key.to_ascii_lowercase();
    match operator.comparison {
        Comparison::StringEquals | Comparison::StringLike | Comparison::Null => key != SERVICE_NAMES,
        Comparison::StringEqualsIgnoreCase => !matches!(key.as_str(), USER_NAME | SERVICE_NAMES),
        Comparison::Arn => key == PRINCIPAL_ARN,
        Comparison::Bool => key == IS_SERVICE,
        _ => false,
    }
}

/// Whether the name is of somebody that can call.
pub(super) fn is_somebody(name: &str) -> bool {
    account_of(name).is_some() || (!is_deleted(name) && Arn::parse(name).is_ok_and(|it| !it.account().is_empty()))
}

fn suffix(at: usize) -> String {
    if at == 0 { String::new() } else { format!("-{at}") }
}

fn push(patterns: &mut Vec<Pattern>, pattern: Pattern) {
    if !patterns.contains(&pattern) {
        patterns.push(pattern);
    }
}

const PRINCIPAL_ARN: &str = "aws:principalarn";
const PRINCIPAL_ACCOUNT: &str = "aws:principalaccount";
const CALLER_ACCOUNT: &str = "kms:calleraccount";
const USER_NAME: &str = "aws:username";
const SERVICE_NAME: &str = "aws:principalservicename";
const SERVICE_NAMES: &str = "aws:principalservicenameslist";
const IS_SERVICE: &str = "aws:principalisawsservice";
const CALLER_KEYS: [&str; 8] = [
    PRINCIPAL_ARN,
    PRINCIPAL_ACCOUNT,
    CALLER_ACCOUNT,
    USER_NAME,
    SERVICE_NAME,
    SERVICE_NAMES,
    IS_SERVICE,
    "aws:principaltype",
];

use std::collections::HashMap;
use std::fmt;

use keywright_model::{AccountId, Arn, Partition};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The root user of an account.
    Root(AccountId),
    /// An IAM user.
    User {
        /// The user's ARN, with its path.
        arn: Arn,
    },
    /// A session of a role that was assumed.
    Session {
        /// `arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`; it has no path.
        session: Arn,
        /// The role's own ARN, with its path.
        role: Arn,
    },
    /// A session of `GetFederationToken`.
    FederatedUser {
        /// `arn:…:sts::ACCOUNT:federated-user/NAME`.
        arn: Arn,
    },
    /// A service that calls in its own name. A service that passes a caller's request on is not this: there the
    /// caller is the principal, and `kms:ViaService` tells of the service.
    Service {
        /// The service principal, such as `logs.eu-west-1.amazonaws.com`.
        name: String,
    },
    /// Nobody: the request is not signed.
    Anonymous,
}

impl Principal {
    /// The caller that an ARN names: the root user, a user, a session; for a role, some session of it. None for what is
    /// no principal.
    ///
    /// `roles` are ARNs of roles that are known: a session's ARN does not tell its role's path.
    pub fn of_arn(arn: &Arn, roles: &[Arn]) -> Option<Self> {
        let account = AccountId::parse(arn.account()).ok()?;
        match (arn.service(), arn.resource()) {
            ("iam", "root") => Some(Self::Root(account)),
            ("iam", resource) if resource.starts_with("user/") => Some(Self::User { arn: arn.clone() }),
            ("iam", resource) if resource.starts_with("role/") => {
                let session = format!("assumed-role/{}/{SESSION}", last_part(arn));
                let session = format!("arn:{}:sts::{account}:{session}", arn.partition());
                Some(Self::Session { session: Arn::parse(&session).ok()?, role: arn.clone() })
            }
            ("sts", resource) if resource.starts_with("assumed-role/") => {
                Some(Self::Session { session: arn.clone(), role: role_of_session(arn, roles)? })
            }
            ("sts", resource) if resource.starts_with("federated-user/") => {
                Some(Self::FederatedUser { arn: arn.clone() })
            }
            _ => None,
        }
    }

    /// The account that the caller belongs to. Services and unsigned requests have none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root(account) => Some(account.as_str()),
            Self::User { arn } | Self::FederatedUser { arn } => Some(arn.account()),
            Self::Session { session, .. } => Some(session.account()),
            Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// The caller's ARN, as `GetCallerIdentity` gives it, in the partition `aws` where the caller does not tell.
    pub fn arn(&self) -> Option<Arn> {
        self.arn_in(Partition::Aws)
    }

    /// The caller's ARN; the partition is used for the root user, whose account does not tell its own.
    pub fn arn_in(&self, partition: Partition) -> Option<Arn> {
        match self {
            Self::Root(account) => Arn::new(partition, "iam", None, Some(account), "root").ok(),
            Self::User { arn } | Self::FederatedUser { arn } => Some(arn.clone()),
            Self::Session { session, .. } => Some(session.clone()),
            Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// Whether the caller is a session of a service-linked role.
    pub fn is_service_linked(&self) -> bool {
        matches!(self, Self::Session { role, .. } if role.resource().starts_with("role/aws-service-role/"))
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(account) => write!(f, "arn:aws:iam::{account}:root"),
            Self::User { arn } | Self::FederatedUser { arn } => arn.fmt(f),
            Self::Session { session, .. } => session.fmt(f),
            Self::Service { name } => f.write_str(name),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// What is known about a request: condition keys, each with the values that it has.
///
/// Keys are compared without regard to case. A key that was not set is absent; one that was set has one value or
/// many, or none at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    entries: Vec<(String, Vec<String>)>,
    /// Where the entries behind the first [`FEW`] stand, by their keys in lower case: callers choose how many pairs an
    /// encryption context has, and must not choose how long a search takes.
    index: HashMap<String, usize>,
}

impl Context {
    /// An empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the key this one value, whatever it had.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.set_many(key, [value]);
    }

    /// Gives the key these values, whatever it had.
    pub fn set_many<V: Into<String>>(&mut self, key: impl Into<String>, values: impl IntoIterator<Item = V>) {
        let (key, values) = (key.into(), values.into_iter().map(Into::into).collect());
        match self.entry(&key) {
            Some(known) => *known = values,
            None => self.push(key, values),
        }
    }

    /// Adds a value to those that the key has.
    pub fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let key = key.into();
        match self.entry(&key) {
            Some(known) => known.push(value.into()),
            None => self.push(key, vec![value.into()]),
        }
    }

    /// Makes the key absent.
    pub fn remove(&mut self, key: &str) {
        if let Some(at) = self.position(key) {
            self.entries.remove(at);
            let behind = self.entries.iter().enumerate().skip(FEW);
            self.index = behind.map(|(at, (known, _))| (known.to_ascii_lowercase(), at)).collect();
        }
    }

    /// The values of the key; none if it is absent.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.entries.get(self.position(key)?).map(|(_, values)| values.as_slice())
    }

    /// The value of a key that has exactly one.
    pub fn single(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The keys and their values, in the order in which they were first set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    fn entry(&mut self, key: &str) -> Option<&mut Vec<String>> {
        let at = self.position(key)?;
        self.entries.get_mut(at).map(|(_, values)| values)
    }

    fn push(&mut self, key: String, values: Vec<String>) {
        if self.entries.len() >= FEW {
            self.index.insert(key.to_ascii_lowercase(), self.entries.len());
        }
        self.entries.push((key, values));
    }

    fn position(&self, key: &str) -> Option<usize> {
        let first = self.entries.iter().take(FEW).position(|(known, _)| known.eq_ignore_ascii_case(key));
        match (first, self.index.is_empty()) {
            (None, false) => self.index.get(&key.to_ascii_lowercase()).copied(),
            (first, _) => first,
        }
    }
}

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Nothing in particular: `ListKeys`, `CreateKey`. Only a policy's `*` covers it.
    Any,
    /// One resource.
    Arn(Arn),
}

impl From<Arn> for Resource {
    fn from(arn: Arn) -> Self {
        Self::Arn(arn)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

/// A request to be decided: who wants to do what to which resource, and what else is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who calls.
    pub principal: Principal,
    /// The action, such as `kms:Decrypt`.
    pub action: String,
    /// What it is done to.
    pub resource: Resource,
    /// What else is known.
    pub context: Context,
}

impl Request {
    /// A request whose context holds what follows from its principal and resource.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html> and
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account>.
    pub fn new(principal: Principal, action: impl Into<String>, resource: impl Into<Resource>) -> Self {
        let (action, resource) = (action.into(), resource.into());
        let mut context = Context::new();
        describe_principal(&mut context, &principal, partition_of(&resource));
        if let (Some(account), true) = (principal.account(), is_kms(&action)) {
            context.set("kms:CallerAccount", account);
        }
        if let Resource::Arn(arn) = &resource
            && !arn.account().is_empty()
        {
            context.set("aws:ResourceAccount", arn.account());
        }
        Self { principal, action, resource, context }
    }

    /// The request, with this value for that condition key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context.set(key, value);
        self
    }

    /// The request, with these values for that condition key.
    #[must_use]
    pub fn with_many<V: Into<String>>(mut self, key: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        self.context.set_many(key, values);
        self
    }

    /// The request of a cryptographic operation with this encryption context.
    ///
    /// Names that differ in case only make one condition key with two values, which no single-valued operator
    /// allows.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context>.
    #[must_use]
    pub fn with_encryption_context<'a>(mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        for (name, value) in pairs {
            self.context.add(format!("{ENCRYPTION_CONTEXT}{name}"), value);
            self.context.add("kms:EncryptionContextKeys", name);
        }
        self
    }

    /// The pairs of the encryption context.
    pub(crate) fn encryption_context(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.context.iter().filter_map(|(key, values)| Some((encryption_context_name(key)?, values)))
    }
}

/// Whether the action belongs to KMS.
pub(crate) fn is_kms(action: &str) -> bool {
    action.split_once(':').is_some_and(|(service, _)| service.eq_ignore_ascii_case("kms"))
}

/// What follows the prefix in a key of the encryption context.
pub(crate) fn encryption_context_name(key: &str) -> Option<&str> {
    let (prefix, name) = key.split_at_checked(ENCRYPTION_CONTEXT.len())?;
    prefix.eq_ignore_ascii_case(ENCRYPTION_CONTEXT).then_some(name)
}

fn partition_of(resource: &Resource) -> Partition {
    match resource {
        Resource::Arn(arn) => Partition::from_name(arn.partition()).unwrap_or(Partition::Aws),
        Resource::Any => Partition::Aws,
    }
}

fn describe_principal(context: &mut Context, principal: &Principal, partition: Partition) {
    context.set("aws:PrincipalIsAWSService", matches!(principal, Principal::Service { .. }).to_string());
    if let Some(account) = principal.account() {
        context.set("aws:PrincipalAccount", account);
    }
    let arn = match principal {
        // A session is known by its role here, not by its own name.
        Principal::Session { role, .. } => Some(role.clone()),
        other => other.arn_in(partition),
    };
    if let Some(arn) = arn {
        context.set("aws:PrincipalArn", arn.as_str());
    }
    if let Some(kind) = principal_type(principal) {
        context.set("aws:PrincipalType", kind);
    }
    match principal {
        Principal::User { arn } => context.set("aws:username", last_part(arn)),
        Principal::Service { name } => {
            context.set("aws:PrincipalServiceName", name);
            context.set_many("aws:PrincipalServiceNamesList", [name]);
        }
        Principal::Anonymous => context.remove("aws:PrincipalIsAWSService"),
        _ => {}
    }
}

fn principal_type(principal: &Principal) -> Option<&'static str> {
    match principal {
        Principal::Root(_) => Some("Account"),
        Principal::User { .. } => Some("User"),
        Principal::Session { .. } => Some("AssumedRole"),
        Principal::FederatedUser { .. } => Some("FederatedUser"),
        Principal::Service { .. } => None,
        Principal::Anonymous => Some("Anonymous"),
    }
}

/// A role's name is unique in its account, whatever its path.
fn role_of_session(session: &Arn, roles: &[Arn]) -> Option<Arn> {
    let name = session.resource_of_kind("assumed-role")?.split('/').next()?;
    let is_it = |role: &&Arn| {
        role.account() == session.account() && role.resource_of_kind("role").is_some() && last_part(role) == name
    };
    let bare = || Arn::parse(&format!("arn:{}:iam::{}:role/{name}", session.partition(), session.account())).ok();
    roles.iter().find(is_it).cloned().or_else(bare)
}

/// The user's or role's name, which stands after its path.
fn last_part(arn: &Arn) -> &str {
    arn.resource().rsplit('/').next().unwrap_or_default()
}

/// The name of a session that stands for all of its role's.
const SESSION: &str = "keywright";
const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";
const FEW: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(text: &str) -> Arn {
        Arn::parse(text).expect("an ARN")
    }

    fn key() -> Arn {
        arn("arn:aws-cn:kms:cn-north-1:111122223333:key/k")
    }

    #[test]
    fn a_context_of_many_keys_is_made_and_read_in_little_time() {
        let began = std::time::Instant::now();
        let names: Vec<String> = (0..100_000).map(|number| format!("name-{number}")).collect();
        let pairs = names.iter().map(|name| (name.as_str(), "value"));
        let mut request =
            Request::new(Principal::Anonymous, "kms:Encrypt", Resource::Any).with_encryption_context(pairs);
        for name in &names {
            assert_eq!(request.context.single(&format!("kms:encryptioncontext:{name}")), Some("value"));
        }
        assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
        request.context.remove("KMS:EncryptionContext:name-50");
        request.context.set("KMS:EncryptionContext:NAME-99999", "last");
        assert_eq!(request.context.get("kms:EncryptionContext:name-50"), None);
        assert_eq!(request.context.single("kms:EncryptionContext:name-51"), Some("value"));
        assert_eq!(request.context.single("kms:EncryptionContext:name-99999"), Some("last"));
    }

    #[test]
    fn a_session_is_known_by_its_role_in_the_context() {
        let principal = Principal::Session {
            session: arn("arn:aws:sts::111122223333:assumed-role/admin/me"),
            role: arn("arn:aws:iam::111122223333:role/team/admin"),
        };
        let request = Request::new(principal, "kms:Decrypt", key());
        assert_eq!(request.context.single("aws:principalarn"), Some("arn:aws:iam::111122223333:role/team/admin"));
        assert_eq!(request.context.single("kms:CallerAccount"), Some("111122223333"));
        assert_eq!(request.context.get("aws:username"), None);
    }

    #[test]
    fn the_root_user_takes_the_partition_of_the_resource() {
        let principal = Principal::Root(AccountId::parse("111122223333").expect("an account"));
        let request = Request::new(principal, "kms:Decrypt", key());
        assert_eq!(request.context.single("aws:PrincipalArn"), Some("arn:aws-cn:iam::111122223333:root"));
    }

    #[test]
    fn a_service_has_neither_account_nor_arn() {
        let request = Request::new(Principal::Service { name: "s3.amazonaws.com".into() }, "kms:Decrypt", key());
        assert_eq!(request.context.single("aws:PrincipalIsAWSService"), Some("true"));
        assert_eq!(request.context.get("kms:CallerAccount"), None);
        assert_eq!(request.context.get("aws:PrincipalArn"), None);
    }

    #[test]
    fn encryption_context_names_that_differ_in_case_share_a_key() {
        let request = Request::new(Principal::Anonymous, "kms:Decrypt", Resource::Any)
            .with_encryption_context([("Team", "a"), ("team", "b")]);
        assert_eq!(request.context.get("kms:EncryptionContext:TEAM").map(<[String]>::len), Some(2));
        assert_eq!(request.context.get("kms:EncryptionContextKeys").map(<[String]>::len), Some(2));
    }
}

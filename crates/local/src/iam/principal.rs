use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Tags};
use keywright_policy::{PolicyKind, Principal};

use super::state::{ManagedPolicy, Permissions, PolicyVersion, Role, State, User, record_key};
use crate::context::Caller;
use crate::policy::{HeldPolicy, StoredPolicy};
use crate::sigv4::Credentials;
use crate::world::World;

impl State {
    /// The unique id of the user, role or session that a policy or grant names; none if it does not exist.
    ///
    /// A unique id that is in use stands for itself. A session's is its role's, with its name. Accounts have none.
    pub(crate) fn principal_id(&self, written: &str) -> Option<String> {
        if self.arn_of_id(written).is_some() {
            return Some(written.to_owned());
        }
        let arn = Arn::parse(written).ok()?;
        if let Some((role, session)) = arn.resource_of_kind("assumed-role").and_then(|name| name.split_once('/')) {
            let partition = Partition::from_name(arn.partition())?;
            let role = self.roles.get(&record_key(partition, &AccountId::parse(arn.account()).ok()?, role))?;
            return (arn.service() == "sts" && !session.is_empty()).then(|| format!("{}:{session}", role.id));
        }
        let role = self.role_by_arn(&arn).map(|role| &role.id);
        role.or_else(|| self.user_by_arn(&arn).map(|user| &user.id)).cloned()
    }

    /// What a principal that was written so, and had that unique id, is called now: as it was written while it lives,
    /// by its ARN if it was named by its id, else by its id.
    pub(crate) fn name_of_principal(&self, written: &str, id: &str) -> String {
        if written == id {
            return self.arn_of_id(id).map_or_else(|| id.to_owned(), |arn| arn.to_string());
        }
        match self.principal_id(written).as_deref() == Some(id) {
            true => written.to_owned(),
            false => id.to_owned(),
        }
    }

    fn arn_of_id(&self, id: &str) -> Option<&Arn> {
        if id.starts_with("AROA") {
            return self.roles.values().find(|role| role.id == id).map(|role| &role.arn);
        }
        if id.starts_with("AIDA") {
            return self.users.values().find(|user| user.id == id).map(|user| &user.arn);
        }
        None
    }

    /// The policies that a user or role holds, inline ones first.
    pub(crate) fn held_policies(&self, permissions: &Permissions) -> Vec<HeldPolicy> {
        let inline = permissions
            .inline
            .iter()
            .map(|(name, policy)| HeldPolicy { name: name.clone(), document: policy.document(self) });
        inline.chain(permissions.attached.iter().map(|arn| self.managed(arn))).collect()
    }

    /// The boundary of a user or role.
    pub(crate) fn held_boundary(&self, permissions: &Permissions) -> Option<HeldPolicy> {
        permissions.boundary.as_ref().map(|arn| self.managed(arn))
    }

    /// The policy of that ARN, a customer's or AWS's.
    pub(super) fn any_policy(&self, arn: &Arn) -> Option<Cow<'_, ManagedPolicy>> {
        if arn.account() == "aws" {
            let all = Self::aws_managed(Partition::from_name(arn.partition())?);
            return all.into_iter().find(|policy| policy.arn == *arn).map(Cow::Owned);
        }
        self.policy_by_arn(arn).map(Cow::Borrowed)
    }

    /// The document in force of a policy that an account can use: its own, or AWS's.
    pub(crate) fn managed_document(
        &self,
        written: &str,
        partition: Partition,
        account: &AccountId,
    ) -> Option<StoredPolicy> {
        let arn = Arn::parse(written).ok()?;
        let is_usable = arn.partition() == partition.as_str() && [account.as_str(), "aws"].contains(&arn.account());
        self.any_policy(&arn).filter(|_| is_usable)?.default_document().cloned()
    }

    /// The policies that AWS manages, as far as they exist here.
    pub(super) fn aws_managed(partition: Partition) -> Vec<ManagedPolicy> {
        administrator_access(partition).into_iter().collect()
    }

    fn managed(&self, arn: &Arn) -> HeldPolicy {
        let policy = self.any_policy(arn);
        let document = policy.and_then(|policy| policy.default_document()?.document(self));
        HeldPolicy { name: arn.to_string(), document }
    }
}

/// The text of AdministratorAccess.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html>.
static ADMINISTRATOR: LazyLock<StoredPolicy> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    StoredPolicy::without_principals(text, PolicyKind::Identity)
});

/// AdministratorAccess as it is in a partition; none where its ARN could not be written.
fn administrator_access(partition: Partition) -> Option<ManagedPolicy> {
    let created = Timestamp::from_second(1_423_247_986).unwrap_or(Timestamp::UNIX_EPOCH);
    Some(ManagedPolicy {
        name: "AdministratorAccess".into(),
        path: "/".into(),
        id: "ANPAIWMBCKSKIEE64ZLYK".into(),
        arn: Arn::parse(&format!("arn:{partition}:iam::aws:policy/AdministratorAccess")).ok()?,
        description: Some("Provides full access to AWS services and resources.".into()),
        created,
        updated: created,
        tags: Tags::new(),
        versions: vec![PolicyVersion { number: 1, document: ADMINISTRATOR.clone(), created }],
        default_version: 1,
        next_version: 2,
    })
}

/// The user that holds an access key.
pub(crate) fn find_credentials(world: &World, access_key_id: &str, partition: Partition) -> Option<Credentials> {
    let key = world.iam.access_keys.get(access_key_id)?;
    if !key.active || key.partition != partition.as_str() {
        return None;
    }
    let user = world.iam.users.get(&key.user_key)?;
    let caller = user_as_caller(&world.iam, user, &key.account, access_key_id);
    Some(Credentials { secret: key.secret.clone(), session: None, caller })
}

/// A user, with its policies as they are now.
pub(crate) fn user_as_caller(state: &State, user: &User, account: &AccountId, access_key_id: &str) -> Caller {
    Caller {
        principal: Principal::User { arn: user.arn.clone() },
        account: account.clone(),
        user_id: user.id.clone(),
        access_key_id: access_key_id.to_owned(),
        identity: state.held_policies(&user.permissions),
        boundary: state.held_boundary(&user.permissions),
        session_policies: Vec::new(),
        tags: pairs(&user.tags),
        session: None,
    }
}

/// A session of a role, with the role's policies as they are now.
pub(crate) fn role_as_caller(
    state: &State,
    role: &Role,
    session: Arn,
    session_name: &str,
    access_key_id: &str,
) -> Option<Caller> {
    Some(Caller {
        account: AccountId::parse(role.arn.account()).ok()?,
        principal: Principal::Session { session, role: role.arn.clone() },
        user_id: format!("{}:{session_name}", role.id),
        access_key_id: access_key_id.to_owned(),
        identity: state.held_policies(&role.permissions),
        boundary: state.held_boundary(&role.permissions),
        session_policies: Vec::new(),
        tags: pairs(&role.tags),
        session: None,
    })
}

fn pairs(tags: &Tags) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

use jiff::Timestamp;
use keywright_model::{AccountId, Arn, Partition, Secret, Tags};
use keywright_policy::PolicyKind;

use super::state::{AccessKey, Permissions, Role, User, record_key, record_key_of};
use crate::aws::{EnsureError, OperatorCredentials};
use crate::ids::Ids;
use crate::policy::StoredPolicy;
use crate::secret::StoredSecret;
use crate::world::World;

/// The user `operator`, with the policy AdministratorAccess and an access key.
pub(crate) fn ensure_operator(
    world: &mut World,
    account: &AccountId,
    partition: Partition,
    now: Timestamp,
    ids: &Ids,
) -> Result<OperatorCredentials, EnsureError> {
    let arn = iam_arn(partition, Some(account), &format!("user/{OPERATOR}"))?;
    let user_key = record_key(partition, account, OPERATOR);
    ensure_user(world, &arn, now, ids)?;
    let administrator = administrator_access(partition)?;
    if let Some(user) = world.iam.users.get(&user_key)
        && !user.permissions.attached.contains(&administrator)
        && let Some(user) = world.iam.users.get_mut(&user_key)
    {
        user.permissions.attached.push(administrator);
    }
    let known = world.iam.access_keys.values().find(|key| key.user_key == user_key && key.active).cloned();
    let key = match known {
        Some(key) => key,
        None => {
            let key = new_access_key(partition, account, user_key, now, ids);
            world.iam.access_keys.insert(key.id.clone(), key.clone());
            key
        }
    };
    let secret_access_key = Secret::new(key.secret.expose_text().to_owned());
    Ok(OperatorCredentials { arn, access_key_id: key.id, secret_access_key })
}

/// A user without policies.
pub(crate) fn ensure_user(world: &mut World, arn: &Arn, now: Timestamp, ids: &Ids) -> Result<bool, EnsureError> {
    let place = place(arn, "user", "an IAM user")?;
    if world.iam.users.contains(&place.key) {
        return Ok(false);
    }
    let user = User {
        name: place.name,
        path: place.path,
        id: ids.unique_id("AIDA"),
        arn: arn.clone(),
        created: now,
        tags: Tags::new(),
        permissions: Permissions::default(),
    };
    world.iam.users.insert(place.key, user);
    Ok(true)
}

/// A role without policies that its account may assume. One below `aws-service-role/` belongs to its service.
pub(crate) fn ensure_role(world: &mut World, arn: &Arn, now: Timestamp, ids: &Ids) -> Result<bool, EnsureError> {
    let place = place(arn, "role", "an IAM role")?;
    if world.iam.roles.contains(&place.key) {
        return Ok(false);
    }
    let linked_service =
        place.path.strip_prefix("/aws-service-role/").map(|rest| rest.trim_end_matches('/').to_owned());
    let trusted = match &linked_service {
        Some(service) => serde_json::json!({ "Service": service }),
        None => serde_json::json!({ "AWS": format!("arn:{}:iam::{}:root", arn.partition(), arn.account()) }),
    };
    let role = Role {
        name: place.name,
        path: place.path,
        id: ids.unique_id("AROA"),
        arn: arn.clone(),
        created: now,
        description: None,
        max_session_seconds: 3600,
        trust: trust_policy(world, &trusted)?,
        tags: Tags::new(),
        permissions: Permissions::default(),
        linked_service,
    };
    world.iam.roles.insert(place.key, role);
    Ok(true)
}

/// Gives a role its trust policy and an inline policy of that name.
pub(crate) fn furnish_role(world: &mut World, arn: &Arn, trust: StoredPolicy, inline: (&str, StoredPolicy)) {
    let Some(key) = record_key_of(arn, "role") else { return };
    if let Some(role) = world.iam.roles.get_mut(&key) {
        role.trust = trust;
        role.permissions.inline.insert(inline.0.to_owned(), inline.1);
    }
}

/// A new key for a user.
pub(super) fn new_access_key(
    partition: Partition,
    account: &AccountId,
    user_key: String,
    now: Timestamp,
    ids: &Ids,
) -> AccessKey {
    AccessKey {
        id: ids.unique_id("AKIA"),
        user_key,
        partition: partition.to_string(),
        account: account.clone(),
        secret: StoredSecret::new(ids.alphanumeric(40)),
        active: true,
        created: now,
    }
}

/// Where an entity that is named by its ARN stands.
struct Place {
    key: String,
    name: String,
    path: String,
}

fn place(arn: &Arn, kind: &str, expected: &'static str) -> Result<Place, EnsureError> {
    let wrong = || EnsureError::Arn { arn: arn.clone(), expected };
    let key = record_key_of(arn, kind).ok_or_else(wrong)?;
    let rest = arn.resource_of_kind(kind).ok_or_else(wrong)?;
    let (path, name) = match rest.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), rest),
    };
    match name.is_empty() {
        true => Err(wrong()),
        false => Ok(Place { key, name: name.to_owned(), path }),
    }
}

fn trust_policy(world: &World, trusted: &serde_json::Value) -> Result<StoredPolicy, EnsureError> {
    let text = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole" }],
    });
    StoredPolicy::new(&text.to_string(), PolicyKind::Trust, &world.iam)
        .map_err(|refusal| EnsureError::Refused { message: refusal.to_string() })
}

fn administrator_access(partition: Partition) -> Result<Arn, EnsureError> {
    Arn::parse(&format!("arn:{partition}:iam::aws:policy/AdministratorAccess"))
        .map_err(|error| EnsureError::Refused { message: error.to_string() })
}

fn iam_arn(partition: Partition, account: Option<&AccountId>, resource: &str) -> Result<Arn, EnsureError> {
    Arn::new(partition, "iam", None, account, resource)
        .map_err(|error| EnsureError::Refused { message: error.to_string() })
}

const OPERATOR: &str = "operator";

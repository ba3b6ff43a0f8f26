use keywright_model::{Arn, Partition, Tags};

use super::error::{member_missing, no_such_entity, unmodifiable};
use super::rules::{LONGEST_NAME, Tag, check_name, tag_pairs, wire_tag_pairs};
use super::state::{Permissions, Role, State, User, record_key};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::store::{Record, Table};
use crate::world::World;

/// What holds policies: a user or a role. Many operations are the same for both but for their names.
pub(super) trait Holder: Record {
    /// `role` or `user`, as ARNs and messages have it.
    const KIND: &'static str;
    /// The member that names one.
    const MEMBER: &'static str;
    /// How many characters all inline policies may have together.
    const MOST_INLINE: usize;
    /// The name of the quota of managed policies.
    const ATTACHMENT_QUOTA: &'static str;
    const NAMES: HolderOperations;

    fn table(state: &State) -> &Table<Self>;
    fn table_mut(state: &mut State) -> &mut Table<Self>;
    fn name(&self) -> &str;
    fn arn(&self) -> &Arn;
    fn tags(&self) -> &Tags;
    fn tags_mut(&mut self) -> &mut Tags;
    fn permissions(&self) -> &Permissions;
    fn permissions_mut(&mut self) -> &mut Permissions;

    /// # Errors
    /// When it belongs to a service, and only that may change it.
    fn check_modifiable(&self) -> Result<(), AwsError> {
        Ok(())
    }
}

/// The names of the operations that users and roles share.
pub(super) struct HolderOperations {
    pub(super) put_inline: &'static str,
    pub(super) inline: &'static str,
    pub(super) delete_inline: &'static str,
    pub(super) list_inline: &'static str,
    pub(super) attach: &'static str,
    pub(super) detach: &'static str,
    pub(super) list_attached: &'static str,
    pub(super) put_boundary: &'static str,
    pub(super) delete_boundary: &'static str,
    pub(super) tag: &'static str,
    pub(super) untag: &'static str,
    pub(super) list_tags: &'static str,
}

impl Holder for Role {
    const KIND: &'static str = "role";
    const MEMBER: &'static str = "roleName";
    const MOST_INLINE: usize = 10_240;
    const ATTACHMENT_QUOTA: &'static str = "PoliciesPerRole";
    const NAMES: HolderOperations = HolderOperations {
        put_inline: "PutRolePolicy",
        inline: "GetRolePolicy",
        delete_inline: "DeleteRolePolicy",
        list_inline: "ListRolePolicies",
        attach: "AttachRolePolicy",
        detach: "DetachRolePolicy",
        list_attached: "ListAttachedRolePolicies",
        put_boundary: "PutRolePermissionsBoundary",
        delete_boundary: "DeleteRolePermissionsBoundary",
        tag: "TagRole",
        untag: "UntagRole",
        list_tags: "ListRoleTags",
    };

    fn table(state: &State) -> &Table<Self> {
        &state.roles
    }
    fn table_mut(state: &mut State) -> &mut Table<Self> {
        &mut state.roles
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn arn(&self) -> &Arn {
        &self.arn
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }
    fn check_modifiable(&self) -> Result<(), AwsError> {
        match self.linked_service {
            Some(_) => Err(unmodifiable(&self.name)),
            None => Ok(()),
        }
    }
}

impl Holder for User {
    const KIND: &'static str = "user";
    const MEMBER: &'static str = "userName";
    const MOST_INLINE: usize = 2048;
    const ATTACHMENT_QUOTA: &'static str = "PoliciesPerUser";
    const NAMES: HolderOperations = HolderOperations {
        put_inline: "PutUserPolicy",
        inline: "GetUserPolicy",
        delete_inline: "DeleteUserPolicy",
        list_inline: "ListUserPolicies",
        attach: "AttachUserPolicy",
        detach: "DetachUserPolicy",
        list_attached: "ListAttachedUserPolicies",
        put_boundary: "PutUserPermissionsBoundary",
        delete_boundary: "DeleteUserPermissionsBoundary",
        tag: "TagUser",
        untag: "UntagUser",
        list_tags: "ListUserTags",
    };

    fn table(state: &State) -> &Table<Self> {
        &state.users
    }
    fn table_mut(state: &mut State) -> &mut Table<Self> {
        &mut state.users
    }
    fn name(&self) -> &str {
        &self.name
    }
    fn arn(&self) -> &Arn {
        &self.arn
    }
    fn tags(&self) -> &Tags {
        &self.tags
    }
    fn tags_mut(&mut self) -> &mut Tags {
        &mut self.tags
    }
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }
}

/// The name in an input, which names it differently for users and roles.
pub(super) fn required<H: Holder>(name: Option<&String>) -> Result<&str, AwsError> {
    let name = name.ok_or_else(|| member_missing(H::MEMBER))?;
    check_name(H::MEMBER, name, LONGEST_NAME)?;
    Ok(name)
}

/// The key of a user or role of the caller's account.
pub(super) fn key_of(call: &CallContext, name: &str) -> String {
    record_key(call.partition, &call.account, name)
}

/// The user or role of that name.
///
/// # Errors
/// When there is none.
pub(super) fn find<'a, H: Holder>(state: &'a State, call: &CallContext, name: &str) -> Result<&'a H, AwsError> {
    H::table(state)
        .get(&key_of(call, name))
        .filter(|holder| holder.name() == name)
        .ok_or_else(|| no_such_entity(format!("The {} with name {name} cannot be found.", H::KIND)))
}

/// As [`find`], to be changed.
pub(super) fn find_mut<'a, H: Holder>(
    state: &'a mut State,
    call: &CallContext,
    name: &str,
) -> Result<&'a mut H, AwsError> {
    find::<H>(state, call, name)?.check_modifiable()?;
    H::table_mut(state).get_mut(&key_of(call, name)).ok_or_else(AwsError::internal)
}

/// The check of an operation on a user or role: against its ARN, also where it does not exist.
pub(super) fn holder_check<H: Holder>(
    operation: &str,
    name: &str,
    call: &CallContext,
    world: &World,
) -> Result<Check, AwsError> {
    let action = format!("iam:{operation}");
    let Ok(holder) = find::<H>(&world.iam, call, name) else {
        return Ok(Check::new(call, &action, iam_arn(call, &format!("{}/{name}", H::KIND))?));
    };
    let mut check = Check::new(call, &action, holder.arn().clone()).resource_tags(tag_pairs(holder.tags()));
    for (key, value) in tag_pairs(holder.tags()) {
        check = check.with(format!("iam:ResourceTag/{key}"), value);
    }
    if let Some(boundary) = &holder.permissions().boundary {
        check = check.with("iam:PermissionsBoundary", boundary.as_str());
    }
    Ok(check)
}

/// The checks of making something: that, and tagging it where it is made with tags.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>.
pub(super) fn creation_checks(create: &str, tag: &str, arn: &Arn, tags: &[Tag], call: &CallContext) -> Vec<Check> {
    let check =
        |action: &str| Check::new(call, &format!("iam:{action}"), arn.clone()).request_tags(wire_tag_pairs(tags));
    let tagging = (!tags.is_empty()).then(|| check(tag));
    std::iter::once(check(create)).chain(tagging).collect()
}

/// An ARN of the caller's account.
pub(super) fn iam_arn(call: &CallContext, resource: &str) -> Result<Arn, AwsError> {
    arn_in(call.partition, call, resource)
}

fn arn_in(partition: Partition, call: &CallContext, resource: &str) -> Result<Arn, AwsError> {
    Arn::new(partition, "iam", None, Some(&call.account), resource).map_err(|_| AwsError::internal())
}

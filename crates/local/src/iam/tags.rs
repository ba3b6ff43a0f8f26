//! Tags of users, roles and managed policies.

use std::marker::PhantomData;

use keywright_model::Tags;
use serde::{Deserialize, Serialize};

use super::error::member_missing;
use super::holder::{Holder, find, holder_check, key_of, required};
use super::page::page_in_order;
use super::policies::{find_policy, find_policy_mut, policy_check};
use super::rules::{Tag, merge_tags, tag_list, wire_tag_pairs};
use super::state::ManagedPolicy;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

/// What carries tags.
pub(super) trait Tagged: 'static {
    const TAG: &'static str;
    const UNTAG: &'static str;
    const LIST: &'static str;

    fn check(operation: &str, subject: &Subject, call: &CallContext, world: &World) -> Result<Check, AwsError>;
    fn tags<'a>(subject: &Subject, call: &CallContext, world: &'a World) -> Result<&'a Tags, AwsError>;
    fn tags_mut<'a>(subject: &Subject, call: &CallContext, world: &'a mut World) -> Result<&'a mut Tags, AwsError>;
}

/// What an input names: by its name, or a policy by its ARN.
#[derive(Debug)]
pub(super) struct Subject {
    name: Option<String>,
}

impl<H: Holder> Tagged for H {
    const TAG: &'static str = H::NAMES.tag;
    const UNTAG: &'static str = H::NAMES.untag;
    const LIST: &'static str = H::NAMES.list_tags;

    fn check(operation: &str, subject: &Subject, call: &CallContext, world: &World) -> Result<Check, AwsError> {
        holder_check::<H>(operation, required::<H>(subject.name.as_ref())?, call, world)
    }

    fn tags<'a>(subject: &Subject, call: &CallContext, world: &'a World) -> Result<&'a Tags, AwsError> {
        Ok(find::<H>(&world.iam, call, required::<H>(subject.name.as_ref())?)?.tags())
    }

    fn tags_mut<'a>(subject: &Subject, call: &CallContext, world: &'a mut World) -> Result<&'a mut Tags, AwsError> {
        let name = required::<H>(subject.name.as_ref())?;
        find::<H>(&world.iam, call, name)?;
        let holder = H::table_mut(&mut world.iam).get_mut(&key_of(call, name)).ok_or_else(AwsError::internal)?;
        Ok(holder.tags_mut())
    }
}

/// The tags of managed policies, which are named by their ARN.
pub(super) struct OfPolicy;

impl Tagged for OfPolicy {
    const TAG: &'static str = "TagPolicy";
    const UNTAG: &'static str = "UntagPolicy";
    const LIST: &'static str = "ListPolicyTags";

    fn check(operation: &str, subject: &Subject, call: &CallContext, world: &World) -> Result<Check, AwsError> {
        policy_check(operation, subject.policy_arn()?, call, world)
    }

    fn tags<'a>(subject: &Subject, _: &CallContext, world: &'a World) -> Result<&'a Tags, AwsError> {
        find_policy(&world.iam, subject.policy_arn()?).map(|policy: &ManagedPolicy| &policy.tags)
    }

    fn tags_mut<'a>(subject: &Subject, _: &CallContext, world: &'a mut World) -> Result<&'a mut Tags, AwsError> {
        find_policy_mut(&mut world.iam, subject.policy_arn()?).map(|policy| &mut policy.tags)
    }
}

impl Subject {
    fn policy_arn(&self) -> Result<&str, AwsError> {
        self.name.as_deref().ok_or_else(|| member_missing("policyArn"))
    }
}

pub(super) struct AddTags<T>(PhantomData<T>);
pub(super) struct RemoveTags<T>(PhantomData<T>);
pub(super) struct ListTags<T>(PhantomData<T>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    #[serde(alias = "RoleName", alias = "UserName", alias = "PolicyArn")]
    name: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagInput {
    #[serde(alias = "RoleName", alias = "UserName", alias = "PolicyArn")]
    name: Option<String>,
    tag_keys: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListInput {
    #[serde(alias = "RoleName", alias = "UserName", alias = "PolicyArn")]
    name: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListShape {
    tags: Vec<Tag>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<T: Tagged> Operation for AddTags<T> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = T::TAG;
    const READ_ONLY: bool = false;
    type Input = TagInput;
    type Output = ();

    fn authorize(input: &TagInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = T::check(Self::NAME, &Subject { name: input.name.clone() }, call, world)?;
        Ok(vec![check.request_tags(wire_tag_pairs(&input.tags))])
    }

    fn call(input: TagInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        merge_tags(T::tags_mut(&Subject { name: input.name }, call, world)?, &input.tags)
    }
}

impl<T: Tagged> Operation for RemoveTags<T> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = T::UNTAG;
    const READ_ONLY: bool = false;
    type Input = UntagInput;
    type Output = ();

    fn authorize(input: &UntagInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = T::check(Self::NAME, &Subject { name: input.name.clone() }, call, world)?;
        Ok(vec![check.with_many("aws:TagKeys", input.tag_keys.clone())])
    }

    fn call(input: UntagInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let tags = T::tags_mut(&Subject { name: input.name }, call, world)?;
        tags.retain(|known, _| !input.tag_keys.iter().any(|key| key.eq_ignore_ascii_case(known)));
        Ok(())
    }
}

impl<T: Tagged> Operation for ListTags<T> {
    const SERVICE: Service = Service::Iam;
    const NAME: &'static str = T::LIST;
    const READ_ONLY: bool = true;
    type Input = ListInput;
    type Output = ListShape;

    fn authorize(input: &ListInput, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        Ok(vec![T::check(Self::NAME, &Subject { name: input.name.clone() }, call, world)?])
    }

    fn call(input: ListInput, call: &CallContext, world: &mut World, _: &Authorized) -> Result<ListShape, AwsError> {
        let tags = tag_list(T::tags(&Subject { name: input.name }, call, world)?);
        let page = page_in_order(tags.into_iter(), input.marker.as_ref(), input.max_items)?;
        Ok(ListShape { tags: page.items, is_truncated: page.is_truncated, marker: page.marker })
    }
}

use keywright_model::Arn;
use keywright_policy::{PolicyKind, Principal};
use serde::{Deserialize, Serialize};

use super::error::{access_denied, not_supported, packed_policy_too_large, validation};
use super::session::{CredentialsShape, Holder, Session, new_session};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::iam::{self, Role};
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::policy::{OwnedResourcePolicy, StoredPolicy};
use crate::secret::GivenSecret;
use crate::service::Service;
use crate::world::World;

pub(super) struct AssumeRole;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    role_arn: String,
    role_session_name: String,
    duration_seconds: Option<u32>,
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Vec<PolicyDescriptor>,
    external_id: Option<String>,
    serial_number: Option<String>,
    token_code: Option<GivenSecret>,
    source_identity: Option<String>,
    #[serde(default)]
    tags: Vec<Ignored>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    #[serde(default)]
    provided_contexts: Vec<Ignored>,
}

#[derive(Debug, Deserialize)]
struct PolicyDescriptor {
    arn: Option<String>,
}

/// What is refused whatever it holds.
#[derive(Debug, Deserialize)]
struct Ignored {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    credentials: CredentialsShape,
    assumed_role_user: AssumedRoleUser,
    packed_policy_size: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Operation for AssumeRole {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "AssumeRole";
    const READ_ONLY: bool = true;
    type Input = Input;
    type Output = Output;

    /// The role's trust policy has the first word, as a KMS key's policy has; one that names the caller itself is
    /// enough within the account.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_permissions-to-switch.html> and, for the
    /// condition keys, <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>.
    fn authorize(input: &Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_input(input)?;
        if matches!(call.caller.principal, Principal::Root(_)) {
            return Err(access_denied("Roles may not be assumed by root accounts."));
        }
        let arn = role_arn(&input.role_arn)?;
        // Accounts of different partitions have nothing in common but perhaps their number.
        if arn.partition() != call.partition.as_str() {
            return Err(validation(format!("{arn} is invalid")));
        }
        // A role that does not exist is not told from one that does not trust the caller.
        let role = world.iam.role_by_arn(&arn);
        let trust = match role {
            Some(role) => role.trust.as_mandatory(&world.iam),
            None => OwnedResourcePolicy::admits_nobody(),
        };
        let mut check = Check::new(call, "sts:AssumeRole", arn.clone()).resource_policy(trust);
        if arn.account() != call.account.as_str() {
            // Which side refuses would tell that there is a role, and whom it trusts.
            let caller = check.caller.clone();
            check = check.refused_with(format!(
                "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            ));
        }
        for (key, value) in role.iter().flat_map(|role| &role.tags) {
            check = check.with(format!("aws:ResourceTag/{key}"), value).with(format!("iam:ResourceTag/{key}"), value);
        }
        check = check.with("sts:RoleSessionName", input.role_session_name.as_str());
        if let Some(external_id) = &input.external_id {
            check = check.with("sts:ExternalId", external_id.as_str());
        }
        if input.token_code.is_some() {
            check = check.with("aws:MultiFactorAuthPresent", "true").with("aws:MultiFactorAuthAge", "0");
        }
        Ok(vec![check])
    }

    fn call(input: Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        let arn = role_arn(&input.role_arn)?;
        let role = world.iam.role_by_arn(&arn).ok_or_else(AwsError::internal)?.clone();
        let seconds = duration(&input, call, &role)?;
        let policies = session_policies(&input, call, world)?;
        let packed = packed_size(&policies, world)?;
        let session_arn = session_arn(&role, &input.role_session_name)?;
        let holder = Holder::Role {
            arn: role.arn.clone(),
            id: role.id.clone(),
            session: session_arn.clone(),
            session_name: input.role_session_name.clone(),
        };
        let session = Session {
            policies,
            mfa: input.token_code.is_some(),
            account: account_of(&role)?,
            ..new_session(holder, seconds, call)?
        };
        let credentials = world.sts.start(session, &call.ids);
        Ok(Output {
            credentials,
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: format!("{}:{}", role.id, input.role_session_name),
                arn: session_arn.to_string(),
            },
            packed_policy_size: packed,
        })
    }
}

/// What of the input can be checked without the role.
fn check_input(input: &Input) -> Result<(), AwsError> {
    let name = &input.role_session_name;
    if !(2..=64).contains(&name.chars().count()) || !name.chars().all(is_session_character) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member \
             must have length between 2 and 64 and satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    if !input.tags.is_empty() || !input.transitive_tag_keys.is_empty() {
        return Err(not_supported("Session tags"));
    }
    if input.source_identity.is_some() {
        return Err(not_supported("SourceIdentity"));
    }
    if !input.provided_contexts.is_empty() {
        return Err(not_supported("ProvidedContexts"));
    }
    check_mfa(input)
}

/// There are no MFA devices here: six digits with a serial number count as a device that the caller has.
pub(super) fn check_mfa_code(serial_number: Option<&String>, token_code: Option<&GivenSecret>) -> Result<(), AwsError> {
    match (serial_number, token_code) {
        (None, None) => Ok(()),
        (Some(serial), Some(code)) => {
            let code = code.expose();
            let is_code = code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit());
            match is_code && (9..=256).contains(&serial.len()) {
                true => Ok(()),
                false => Err(access_denied("MultiFactorAuthentication failed with invalid MFA one time pass code.")),
            }
        }
        _ => Err(access_denied(
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
        )),
    }
}

fn check_mfa(input: &Input) -> Result<(), AwsError> {
    check_mfa_code(input.serial_number.as_ref(), input.token_code.as_ref())
}

fn role_arn(written: &str) -> Result<Arn, AwsError> {
    let arn = Arn::parse(written).map_err(|_| validation(format!("{written} is invalid")))?;
    match arn.service() == "iam" && arn.resource_of_kind("role").is_some() {
        true => Ok(arn),
        false => Err(validation(format!("{written} is invalid"))),
    }
}

fn is_session_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

/// How long the session lasts: an hour unless asked otherwise, 15 minutes to what the role admits, and no more than an
/// hour for a session that was made from another role's.
///
/// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>, `DurationSeconds`.
fn duration(input: &Input, call: &CallContext, role: &Role) -> Result<u32, AwsError> {
    let Some(seconds) = input.duration_seconds else { return Ok(3600) };
    if !(900..=43_200).contains(&seconds) {
        return Err(validation(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value between 900 and 43200"
        )));
    }
    if seconds > 3600 && matches!(call.caller.principal, Principal::Session { .. }) {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(validation("The requested DurationSeconds exceeds the MaxSessionDuration set for this role."));
    }
    Ok(seconds)
}

/// The policies that limit the session: one inline, and up to ten managed ones.
fn session_policies(input: &Input, call: &CallContext, world: &World) -> Result<Vec<(String, StoredPolicy)>, AwsError> {
    let mut policies = Vec::new();
    if let Some(text) = &input.policy {
        // Before it is read, for reading takes longer the longer it is.
        let size = text.chars().count();
        if size > ROOM_FOR_POLICIES {
            return Err(packed_policy_too_large((size * 100).div_ceil(ROOM_FOR_POLICIES)));
        }
        let policy = StoredPolicy::new(text, PolicyKind::Identity, &world.iam)
            .map_err(|refusal| iam::malformed_policy(&refusal))?;
        policies.push(("session policy".to_owned(), policy));
    }
    if input.policy_arns.len() > MOST_SESSION_POLICIES {
        return Err(validation("The number of managed session policies exceeds 10."));
    }
    for descriptor in &input.policy_arns {
        let written = descriptor.arn.as_deref().unwrap_or_default();
        let policy = world.iam.managed_document(written, call.partition, &call.account);
        let policy = policy.ok_or_else(|| validation(format!("Policy {written} does not exist.")))?;
        policies.push((written.to_owned(), policy));
    }
    Ok(policies)
}

/// How much of the room for session policies is taken, in per cent; AWS packs them, here their characters count.
fn packed_size(policies: &[(String, StoredPolicy)], world: &World) -> Result<Option<usize>, AwsError> {
    if policies.is_empty() {
        return Ok(None);
    }
    let size: usize = policies.iter().map(|(_, policy)| policy.text(&world.iam).chars().count()).sum();
    let percent = (size * 100).div_ceil(ROOM_FOR_POLICIES);
    if percent > 100 { Err(packed_policy_too_large(percent)) } else { Ok(Some(percent)) }
}

fn session_arn(role: &Role, session_name: &str) -> Result<Arn, AwsError> {
    let text =
        format!("arn:{}:sts::{}:assumed-role/{}/{session_name}", role.arn.partition(), role.arn.account(), role.name);
    Arn::parse(&text).map_err(|_| AwsError::internal())
}

fn account_of(role: &Role) -> Result<keywright_model::AccountId, AwsError> {
    role.arn.account().parse().map_err(|_| AwsError::internal())
}

const MOST_SESSION_POLICIES: usize = 10;
const ROOM_FOR_POLICIES: usize = 2048;

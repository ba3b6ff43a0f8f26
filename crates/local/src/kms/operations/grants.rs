use keywright_model::{AccountId, Arn};
use serde::{Deserialize, Serialize};

use super::super::checks::{check_grant_tokens, on_key, on_target, with_context};
use super::super::error::KmsError;
use super::super::grant::{Constraints, Grant, GrantOperation, Party, Terms};
use super::super::key::Need;
use super::super::page::{GRANTS, Page, page};
use super::super::state::{Forms, Place, State, hidden};
use super::encryption::end_dry_run;
use super::inputs::checked_value;
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::iam;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::secret::{GivenSecret, ShownSecret};
use crate::service::Service;
use crate::wire::Time;
use crate::world::World;

pub(super) struct CreateGrant;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGrantInput {
    key_id: String,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
    operations: Vec<String>,
    #[serde(default)]
    constraints: Constraints,
    #[serde(default)]
    grant_tokens: Vec<GivenSecret>,
    name: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGrantOutput {
    grant_id: String,
    grant_token: ShownSecret,
}

impl Operation for CreateGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "CreateGrant";
    const READ_ONLY: bool = false;
    type Input = CreateGrantInput;
    type Output = CreateGrantOutput;

    /// Who may create grants through a grant alone may create no wider ones: only the grants that hold the new one
    /// have a say.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let terms = input.terms(&world.iam)?;
        check_grant_tokens(&input.grant_tokens, &world.kms)?;
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:CreateGrant")?;
        let parents = world.kms.grants_on(target.key).filter(|parent| terms.is_within(&parent.terms));
        let parents = parents.map(|parent| parent.held(&world.iam)).collect();
        let check = on_target("kms:CreateGrant", &target, call, world).grants(parents);
        Ok(vec![describe(check, &terms, call.via.is_for_aws_resource())])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let terms = input.terms(&world.iam)?;
        let place = place(Self::NAME, &input.key_id, Forms::Key, Need::Enabled, call, world)?;
        end_dry_run(input.dry_run)?;
        let random = |bytes: &mut [u8]| call.ids.fill(bytes);
        if let Some(same) = same_grant(&place, &terms, &world.kms) {
            return Ok(CreateGrantOutput { grant_id: same.id.clone(), grant_token: same.token(random).into() });
        }
        refuse_too_many(&place, &world.kms)?;
        let where_it_is = (place.account, place.region, place.key);
        let grant = Grant::new(where_it_is, terms, call.caller.account.clone(), call.now, random);
        let output = CreateGrantOutput { grant_id: grant.id.clone(), grant_token: grant.token(random).into() };
        world.kms.grants.insert(grant.path(), grant);
        Ok(output)
    }
}

impl CreateGrantInput {
    /// # Errors
    /// `ValidationException`, `InvalidArnException`.
    fn terms(&self, iam: &iam::State) -> Result<Terms, KmsError> {
        let grantee = match (&self.grantee_principal, &self.grantee_service_principal) {
            (Some(principal), None) => Party::principal(principal, iam)?,
            (None, Some(service)) => Party::service(service, "granteeServicePrincipal")?,
            _ => {
                return Err(KmsError::validation(
                    "You must specify either GranteePrincipal or GranteeServicePrincipal, but not both.",
                ));
            }
        };
        let retiring = match (&self.retiring_principal, &self.retiring_service_principal) {
            (None, None) => None,
            (Some(principal), None) => Some(Party::principal(principal, iam)?),
            (None, Some(service)) => Some(Party::service(service, "retiringServicePrincipal")?),
            (Some(_), Some(_)) => {
                return Err(KmsError::validation(
                    "You can specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
                ));
            }
        };
        let operations =
            self.operations.iter().map(|name| checked_value("operations", name)).collect::<Result<_, KmsError>>()?;
        let constraints = self.constraints.clone().without_an_empty_context();
        let terms = Terms { name: self.name.clone(), grantee, retiring, operations, constraints };
        terms.check()?;
        Ok(terms)
    }
}

pub(super) struct ListGrants;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGrantsInput {
    key_id: String,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    grantee_service_principal: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGrantsOutput {
    grants: Vec<GrantListEntry>,
    truncated: bool,
    next_marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GrantListEntry {
    #[serde(skip)]
    path: String,
    key_id: Arn,
    grant_id: String,
    name: Option<String>,
    creation_date: Time,
    grantee_principal: Option<String>,
    retiring_principal: Option<String>,
    issuing_account: String,
    operations: Vec<GrantOperation>,
    #[serde(skip_serializing_if = "is_unconstrained")]
    constraints: Constraints,
    grantee_service_principal: Option<String>,
    retiring_service_principal: Option<String>,
}

impl Operation for ListGrants {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListGrants";
    const READ_ONLY: bool = true;
    type Input = ListGrantsInput;
    type Output = ListGrantsOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        if input.grantee_service_principal.is_some() {
            let message = "The GranteeServicePrincipal filter is usable by service principals only.";
            return Err(KmsError::validation(message).into());
        }
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with(FOR_AWS_RESOURCE, call.via.is_for_aws_resource().to_string())])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        check_grant_id(input.grant_id.as_deref())?;
        let target = world.kms.target(&input.key_id, Forms::Key, call, "kms:ListGrants")?;
        let is_wanted = |grant: &&Grant| {
            input.grant_id.as_ref().is_none_or(|id| grant.id == *id)
                && input.grantee_principal.as_ref().is_none_or(|name| grant.terms.grantee.name(&world.iam) == *name)
        };
        let wanted = world.kms.grants_on(target.key).filter(is_wanted);
        list(wanted, &world.iam, input.limit, input.marker.as_deref())
    }
}

pub(super) struct ListRetirableGrants;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRetirableGrantsInput {
    retiring_principal: Option<String>,
    retiring_service_principal: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Operation for ListRetirableGrants {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ListRetirableGrants";
    const READ_ONLY: bool = true;
    type Input = ListRetirableGrantsInput;
    type Output = ListGrantsOutput;

    /// What is authorized is the retiring principal, in the caller's account.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListRetirableGrants.html>.
    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        let text = input.principal()?;
        let invalid = || KmsError::InvalidArn { message: format!("ARN does not refer to a valid principal: {text}") };
        let arn = Arn::parse(text).map_err(|_| invalid())?;
        AccountId::parse(arn.account()).map_err(|_| invalid())?;
        Ok(vec![Check::new(call, "kms:ListRetirableGrants", arn)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let principal = input.principal()?;
        let is_wanted = |grant: &&Grant| {
            grant.region == call.region
                && grant.terms.retiring.as_ref().is_some_and(|retiring| retiring.name(&world.iam) == principal)
        };
        list(world.kms.grants.values().filter(is_wanted), &world.iam, input.limit, input.marker.as_deref())
    }
}

impl ListRetirableGrantsInput {
    fn principal(&self) -> Result<&str, KmsError> {
        match (&self.retiring_principal, &self.retiring_service_principal) {
            (Some(principal), None) => Ok(principal),
            (None, Some(_)) => {
                Err(KmsError::validation("The RetiringServicePrincipal filter is usable by service principals only."))
            }
            _ => Err(KmsError::validation(
                "You must specify either RetiringPrincipal or RetiringServicePrincipal, but not both.",
            )),
        }
    }
}

pub(super) struct RetireGrant;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RetireGrantInput {
    grant_token: Option<GivenSecret>,
    key_id: Option<String>,
    grant_id: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

impl Operation for RetireGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RetireGrant";
    const READ_ONLY: bool = false;
    type Input = RetireGrantInput;
    type Output = ();

    /// The grant itself says who may: its retiring principal, its grantee if it allows `RetireGrant`, and the account
    /// that made it, which delegates by IAM policies. The key policy has no say.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html>.
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let grant = input.grant(call, world)?;
        let target = world.kms.at(&grant.place()).ok_or_else(|| KmsError::internal("a grant without its key"))?;
        let mut check = on_target("kms:RetireGrant", &target, call, world).grants(vec![grant.held(&world.iam)]);
        if call.caller.account == grant.issuer {
            check.resource_account = grant.issuer.clone();
        }
        Ok(vec![with_constraint_context(check, &grant.terms.constraints)])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let path = input.grant(call, world)?.path();
        end_dry_run(input.dry_run)?;
        world.kms.grants.remove(&path);
        Ok(())
    }
}

impl RetireGrantInput {
    fn grant<'a>(&self, call: &CallContext, world: &'a World) -> Result<&'a Grant, KmsError> {
        match (&self.grant_token, &self.key_id, &self.grant_id) {
            (Some(token), None, None) => {
                let grant = world.kms.grant_of_token(token.expose())?;
                if grant.region == call.region { Ok(grant) } else { Err(KmsError::InvalidGrantToken) }
            }
            (None, Some(key_id), Some(grant_id)) => {
                let target = world.kms.target(key_id, Forms::Key, call, "kms:RetireGrant")?;
                match grant_on(key_id, grant_id, "kms:RetireGrant", call, world) {
                    // Nothing has been authorized yet: of a key of another account not even this is told.
                    Err(KmsError::NotFound { .. }) if target.key.account != call.account => {
                        Err(hidden(&target.key.arn, call, "kms:RetireGrant"))
                    }
                    found => found,
                }
            }
            _ => Err(KmsError::validation("Specify either a grant token, or both a key ID and a grant ID.")),
        }
    }
}

pub(super) struct RevokeGrant;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RevokeGrantInput {
    key_id: String,
    grant_id: String,
    #[serde(default)]
    dry_run: bool,
}

impl Operation for RevokeGrant {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "RevokeGrant";
    const READ_ONLY: bool = false;
    type Input = RevokeGrantInput;
    type Output = ();

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        let check = on_key(Self::NAME, &input.key_id, Forms::Key, call, world)?;
        Ok(vec![check.with(FOR_AWS_RESOURCE, call.via.is_for_aws_resource().to_string())])
    }

    fn call(input: Self::Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<(), AwsError> {
        let path = grant_on(&input.key_id, &input.grant_id, "kms:RevokeGrant", call, world)?.path();
        end_dry_run(input.dry_run)?;
        world.kms.grants.remove(&path);
        Ok(())
    }
}

/// The condition keys that tell about a grant that is to be made.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>, the keys of `CreateGrant`.
fn describe(check: Check, terms: &Terms, is_for_aws_resource: bool) -> Check {
    let mut check = check
        // Only a service that passes a call on can set this.
        .with(FOR_AWS_RESOURCE, is_for_aws_resource.to_string())
        .with_many("kms:GrantOperations", terms.operations.iter().map(|operation| operation.name()));
    let (equals, subset) = (&terms.constraints.encryption_context_equals, &terms.constraints.encryption_context_subset);
    match (equals, subset) {
        (Some(_), _) => check = check.with("kms:GrantConstraintType", "EncryptionContextEquals"),
        (None, Some(_)) => check = check.with("kms:GrantConstraintType", "EncryptionContextSubset"),
        (None, None) => {}
    }
    if let Some(source) = &terms.constraints.source_arn {
        check = check.with("kms:GrantConstraintSourceArn", source);
    }
    check = party(check, &terms.grantee, "kms:GranteePrincipal", "kms:GranteeServicePrincipal");
    if let Some(retiring) = &terms.retiring {
        check = party(check, retiring, "kms:RetiringPrincipal", "kms:RetiringServicePrincipal");
    }
    with_constraint_context(check, &terms.constraints)
}

fn party(check: Check, party: &Party, principal_key: &str, service_key: &str) -> Check {
    match party {
        Party::Principal { arn, .. } => check.with(principal_key, arn.as_str()),
        Party::Service { name } => check.with(service_key, name),
    }
}

fn with_constraint_context(check: Check, constraints: &Constraints) -> Check {
    let context = constraints.encryption_context_equals.as_ref().or(constraints.encryption_context_subset.as_ref());
    match context {
        Some(context) => with_context(check, context),
        None => check,
    }
}

/// The grant that the same request has made before: one of the same name and the same terms.
fn same_grant<'a>(place: &Place, terms: &Terms, state: &'a State) -> Option<&'a Grant> {
    terms.name.as_ref()?;
    state.grants_on(state.keys.get(&place.path())?).find(|grant| grant.terms == *terms)
}

fn grant_on<'a>(
    key_id: &str,
    grant_id: &str,
    action: &str,
    call: &CallContext,
    world: &'a World,
) -> Result<&'a Grant, KmsError> {
    check_grant_id(Some(grant_id))?;
    let target = world.kms.target(key_id, Forms::Key, call, action)?;
    let path = format!("{}/{grant_id}", target.key.place().path());
    world.kms.grants.get(&path).ok_or_else(|| KmsError::NotFound {
        message: format!("Grant ID {grant_id} is not found on {}", target.key.arn),
    })
}

fn check_grant_id(grant_id: Option<&str>) -> Result<(), KmsError> {
    match grant_id.is_none_or(|id| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        true => Ok(()),
        false => Err(KmsError::InvalidGrantId { message: "The grant ID is not valid.".to_owned() }),
    }
}

fn list<'a>(
    grants: impl Iterator<Item = &'a Grant>,
    iam: &iam::State,
    limit: Option<i64>,
    marker: Option<&str>,
) -> Result<ListGrantsOutput, AwsError> {
    let entries = grants.map(|grant| entry(grant, iam)).collect::<Result<_, KmsError>>()?;
    let Page { items, next_marker } =
        page(entries, |entry: &GrantListEntry| entry.path.clone(), limit, marker, GRANTS)?;
    Ok(ListGrantsOutput { grants: items, truncated: next_marker.is_some(), next_marker })
}

fn entry(grant: &Grant, iam: &iam::State) -> Result<GrantListEntry, KmsError> {
    let Terms { name, grantee, retiring, operations, constraints } = &grant.terms;
    let (grantee_principal, grantee_service_principal) = shown(Some(grantee), iam);
    let (retiring_principal, retiring_service_principal) = shown(retiring.as_ref(), iam);
    Ok(GrantListEntry {
        path: grant.path(),
        key_id: grant.place().arn()?,
        grant_id: grant.id.clone(),
        name: name.clone(),
        creation_date: Time(grant.created),
        grantee_principal,
        retiring_principal,
        issuing_account: format!("arn:{}:iam::{}:root", grant.region.partition(), grant.issuer),
        operations: operations.iter().copied().collect(),
        constraints: constraints.clone(),
        grantee_service_principal,
        retiring_service_principal,
    })
}

/// A party as a principal, or as a service.
fn shown(party: Option<&Party>, iam: &iam::State) -> (Option<String>, Option<String>) {
    match party {
        Some(principal @ Party::Principal { .. }) => (Some(principal.name(iam)), None),
        Some(service @ Party::Service { .. }) => (None, Some(service.name(iam))),
        None => (None, None),
    }
}

fn is_unconstrained(constraints: &Constraints) -> bool {
    *constraints == Constraints::default()
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>.
fn refuse_too_many(place: &Place, state: &State) -> Result<(), KmsError> {
    let count = state.keys.get(&place.path()).map_or(0, |key| state.grants_on(key).count());
    match count >= MAX_GRANTS {
        true => Err(KmsError::LimitExceeded { message: format!("A key can have up to {MAX_GRANTS} grants.") }),
        false => Ok(()),
    }
}

const FOR_AWS_RESOURCE: &str = "kms:GrantIsForAWSResource";
const MAX_GRANTS: usize = 50_000;

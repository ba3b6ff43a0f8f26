use keywright_model::Arn;
use keywright_policy::Principal;
use serde::{Deserialize, Serialize};

use super::assume_role::check_mfa_code;
use super::error::{access_denied, validation};
use super::session::{CredentialsShape, Holder, Session, new_session};
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::secret::GivenSecret;
use crate::service::Service;
use crate::world::World;

pub(super) struct GetSessionToken;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    duration_seconds: Option<u32>,
    serial_number: Option<String>,
    token_code: Option<GivenSecret>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    credentials: CredentialsShape,
}

impl Operation for GetSessionToken {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetSessionToken";
    const READ_ONLY: bool = true;
    type Input = Input;
    type Output = Output;

    /// No permission is needed; but temporary credentials do not beget temporary credentials.
    ///
    /// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>.
    fn authorize(input: &Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        check_mfa_code(input.serial_number.as_ref(), input.token_code.as_ref())?;
        match call.caller.session {
            Some(_) => Err(access_denied("Cannot call GetSessionToken with session credentials")),
            None => Ok(Vec::new()),
        }
    }

    fn call(input: Input, call: &CallContext, world: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        let seconds = duration(&input, call)?;
        let holder = match &call.caller.principal {
            Principal::User { arn } => Holder::User { arn: Arn::clone(arn), id: call.caller.user_id.clone() },
            _ => Holder::Root,
        };
        let session = Session { mfa: input.token_code.is_some(), ..new_session(holder, seconds, call)? };
        Ok(Output { credentials: world.sts.start(session, &call.ids) })
    }
}

/// Twelve hours unless asked otherwise, 15 minutes to 36 hours; an hour for the root user, who gets no more.
fn duration(input: &Input, call: &CallContext) -> Result<u32, AwsError> {
    let seconds = input.duration_seconds.unwrap_or(43_200);
    if !(900..=129_600).contains(&seconds) {
        return Err(validation(format!(
            "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member \
             must have value between 900 and 129600"
        )));
    }
    match call.caller.principal {
        Principal::Root(_) => Ok(seconds.min(3600)),
        _ => Ok(seconds),
    }
}

use serde::{Deserialize, Serialize};

use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::service::Service;
use crate::world::World;

pub(super) struct GetCallerIdentity;

#[derive(Debug, Deserialize)]
pub(super) struct Input {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    user_id: String,
    account: String,
    arn: String,
}

impl Operation for GetCallerIdentity {
    const SERVICE: Service = Service::Sts;
    const NAME: &'static str = "GetCallerIdentity";
    const READ_ONLY: bool = true;
    type Input = Input;
    type Output = Output;

    /// No permission is needed, and none can be taken away.
    ///
    /// Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.
    fn authorize(_: &Input, _: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        Ok(Vec::new())
    }

    fn call(_: Input, call: &CallContext, _: &mut World, _: &Authorized) -> Result<Output, AwsError> {
        let arn = call.caller.arn(call.partition).ok_or_else(AwsError::internal)?;
        Ok(Output {
            user_id: call.caller.user_id.clone(),
            account: call.caller.account.to_string(),
            arn: arn.to_string(),
        })
    }
}

//! The data sources that the module asks.

use keywright_engine::{Attributes, Provider};
use keywright_model::ResourceKind;
use serde_json::json;

use crate::config::Configured;
use crate::trouble::Trouble;
use crate::value::{Fields, Value, object};

/// Reads a data source of this configuration.
pub(crate) async fn read(configured: &Configured, source: &str, config: &Fields) -> Result<Fields, Trouble> {
    match source {
        "aws_caller_identity" => caller_identity(configured).await,
        "aws_iam_role" => role(configured, config).await,
        _ => Err(Trouble::new("No such data source", format!("this provider has no data source `{source}`"))),
    }
}

async fn caller_identity(configured: &Configured) -> Result<Fields, Trouble> {
    let caller = configured.aws.identity(&configured.actor).await?;
    let account = caller.account.to_string();
    Ok(object(json!({"account_id": account, "arn": caller.arn.as_str(), "id": account})))
}

async fn role(configured: &Configured, config: &Fields) -> Result<Fields, Trouble> {
    let name = config.get("name").and_then(Value::text).unwrap_or_default();
    let known = Attributes::from_iter([("name".to_owned(), json!(name))]);
    let read = configured.aws.read(&configured.actor, ResourceKind::IamRole, &known).await?;
    let found = read.ok_or_else(|| Trouble::new("No such role", format!("there is no role `{name}`")))?;
    Ok(object(serde_json::Value::Object(found.attributes)))
}

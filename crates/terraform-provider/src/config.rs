//! The provider's configuration: how to reach AWS, and as whom.

use keywright_aws::{AwsProvider, Options, StaticCredentials};
use keywright_engine::{Actor, Provider};
use keywright_model::{Arn, Region, Secret};

use crate::trouble::Trouble;
use crate::value::{Fields, Value};

/// A provider that is ready to work.
pub(crate) struct Configured {
    pub(crate) aws: AwsProvider,
    /// Whom all calls are made as.
    pub(crate) actor: Actor,
    /// The Region of a resource that names none.
    pub(crate) home: Region,
}

/// Gets ready. Nothing is sent yet, unless a role is to be assumed, or accounts are told apart.
pub(crate) async fn configure(config: &Fields) -> Result<Configured, Trouble> {
    refuse_what_is_not_there(config)?;
    let home = home(config)?;
    let mut options = Options::new(home.clone());
    options.profile = text(config, "profile").map(str::to_owned);
    options.endpoint_url = endpoint(config)?.or_else(|| std::env::var("AWS_ENDPOINT_URL").ok());
    options.credentials = credentials(config)?;
    let aws = AwsProvider::connect(options).await?;
    let actor = actor(config)?;
    if let Actor::Role(role) = &actor {
        aws.assume(role).await?;
    }
    check_account(&aws, &actor, &texts(config, "allowed_account_ids")).await?;
    Ok(Configured { aws, actor, home })
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::text).filter(|text| !text.is_empty())
}

async fn check_account(aws: &AwsProvider, actor: &Actor, allowed: &[&str]) -> Result<(), Trouble> {
    if allowed.is_empty() {
        return Ok(());
    }
    let account = aws.identity(actor).await?.account.to_string();
    if allowed.contains(&account.as_str()) {
        return Ok(());
    }
    Err(Trouble::new(
        "Another account",
        format!("the credentials are of {account}, which `allowed_account_ids` leaves out"),
    ))
}

fn home(config: &Fields) -> Result<Region, Trouble> {
    let of_environment = || ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| std::env::var(name).ok());
    let name = text(config, "region").map(str::to_owned).or_else(of_environment);
    let name = name.ok_or_else(|| Trouble::new("No Region", "set `region` in the provider's block, or AWS_REGION"))?;
    Region::parse(&name).map_err(|error| Trouble::new("No such Region", error.to_string()))
}

/// An access key in the provider's block: whole, or none.
fn credentials(config: &Fields) -> Result<Option<StaticCredentials>, Trouble> {
    let secret = |name| text(config, name).map(|text| Secret::new(text.to_owned()));
    match (text(config, "access_key"), secret("secret_key")) {
        (None, None) => Ok(None),
        (Some(access_key_id), Some(secret_access_key)) => Ok(Some(StaticCredentials {
            access_key_id: access_key_id.to_owned(),
            secret_access_key,
            session_token: secret("token"),
        })),
        _ => Err(Trouble::new("Half an access key", "give both `access_key` and `secret_key`, or neither")),
    }
}

/// One endpoint for every service is what there is.
fn endpoint(config: &Fields) -> Result<Option<String>, Trouble> {
    let mut urls: Vec<&str> = blocks(config, "endpoints").flat_map(Fields::values).filter_map(Value::text).collect();
    urls.sort_unstable();
    urls.dedup();
    match urls.as_slice() {
        [] => Ok(None),
        [url] => Ok(Some((*url).to_owned())),
        _ => Err(Trouble::new("Several endpoints", "this provider takes one endpoint, the same for every service")),
    }
}

fn actor(config: &Fields) -> Result<Actor, Trouble> {
    let mut roles = blocks(config, "assume_role");
    match (roles.next(), roles.next()) {
        (None, _) => Ok(Actor::Caller),
        (Some(role), None) => assumed(role),
        _ => Err(Trouble::new("Several roles", "this provider assumes one role, not a chain of them")),
    }
}

fn assumed(role: &Fields) -> Result<Actor, Trouble> {
    if let Some(name) = ["duration", "external_id", "session_name"].iter().find(|name| text(role, name).is_some()) {
        return Err(Trouble::new("Not supported", format!("this provider does not do `assume_role.{name}`")));
    }
    let arn = text(role, "role_arn").unwrap_or_default();
    Arn::parse(arn).map(Actor::Role).map_err(|error| Trouble::new("No role", error.to_string()))
}

fn texts<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    items(fields, name).iter().filter_map(Value::text).collect()
}

fn blocks<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = &'a Fields> {
    items(fields, name).iter().filter_map(|item| match item {
        Value::Map(fields) => Some(fields),
        _ => None,
    })
}

fn items<'a>(fields: &'a Fields, name: &str) -> &'a [Value] {
    match fields.get(name) {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// What would be passed over in silence otherwise.
fn refuse_what_is_not_there(config: &Fields) -> Result<(), Trouble> {
    let names = ["default_tags", "shared_config_files", "shared_credentials_files"];
    match names.iter().find(|name| config.get(**name).is_some_and(|value| !value.is_absent())) {
        Some(name) => Err(Trouble::new("Not supported", format!("this provider does not do `{name}`"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::object as fields;

    #[test]
    fn one_endpoint_serves_all() {
        let same = json!({"endpoints": [{"kms": "http://a", "iam": "http://a"}, {"sts": "http://a"}]});
        assert_eq!(endpoint(&fields(same)).unwrap().as_deref(), Some("http://a"));
        assert!(endpoint(&fields(json!({"endpoints": [{"kms": "http://a", "iam": "http://b"}]}))).is_err());
        assert_eq!(endpoint(&fields(json!({"endpoints": []}))).unwrap(), None);
    }

    #[test]
    fn what_it_does_not_do_is_refused() {
        assert!(refuse_what_is_not_there(&fields(json!({"default_tags": [{"tags": {"a": "b"}}]}))).is_err());
        assert!(refuse_what_is_not_there(&fields(json!({"default_tags": [], "max_retries": 3}))).is_ok());
    }

    #[test]
    fn it_works_as_one_role_at_most() {
        let role = "arn:aws:iam::111122223333:role/admin";
        let one = actor(&fields(json!({"assume_role": [{"role_arn": role}]}))).unwrap();
        assert_eq!(one, Actor::Role(Arn::parse(role).unwrap()));
        assert_eq!(actor(&fields(json!({"assume_role": []}))).unwrap(), Actor::Caller);
        assert!(actor(&fields(json!({"assume_role": [{"role_arn": role}, {"role_arn": role}]}))).is_err());
        assert!(actor(&fields(json!({"assume_role": [{"role_arn": "admin"}]}))).is_err());
        assert!(actor(&fields(json!({"assume_role": [{}]}))).is_err());
        assert!(actor(&fields(json!({"assume_role": [{"role_arn": role, "external_id": "x"}]}))).is_err());
    }

    #[test]
    fn an_access_key_is_given_whole() {
        let whole = credentials(&fields(json!({"access_key": "AKIA", "secret_key": "s"}))).unwrap();
        assert_eq!(whole.unwrap().access_key_id, "AKIA");
        assert!(credentials(&fields(json!({"region": "eu-west-1"}))).unwrap().is_none());
        assert!(credentials(&fields(json!({"access_key": "AKIA"}))).is_err());
        assert!(credentials(&fields(json!({"secret_key": "s"}))).is_err());
    }
}

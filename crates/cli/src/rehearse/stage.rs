//! The embedded AWS that a rehearsal plays in: its clock, and the people and services that call.

use keywright_local::{Aws, Clock, InsideCaller, OperatorCredentials, Service};
use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Partition, Region, Secret};
use serde_json::{Value, json};

use super::client::{Client, Keys, QueryService};
use super::promise::Outcome;
use super::scene::{Key, Scene};

/// An AWS with people in it.
pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) clock: Clock,
    /// An administrator of the account, by IAM policies.
    pub(crate) operator: Client,
    /// The account's root user.
    pub(crate) root: Client,
    /// A user of the account whom no policy gives anything.
    pub(crate) ordinary: Person,
    /// Whom services make grants for: an instance, a database.
    pub(crate) grantee: Arn,
    /// An administrator of another account.
    pub(crate) stranger: Person,
    /// Another Region than those of the keys.
    pub(crate) elsewhere: Region,
}

/// A user who calls by HTTP, and whose requests services pass on.
pub(crate) struct Person {
    pub(crate) arn: Arn,
    pub(crate) client: Client,
}

impl Stage {
    /// Brings the people in.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub(crate) async fn open(
        aws: &Aws,
        clock: &Clock,
        operator: &OperatorCredentials,
        scene_regions: &[Region],
        account: &AccountId,
    ) -> Result<Self, Diagnostics> {
        let home = scene_regions.first().cloned().ok_or_else(|| cannot("find a Region", "none is named"))?;
        let keys = Keys { id: operator.access_key_id.clone(), secret: operator.secret_access_key.clone(), token: None };
        let root = root_of(aws, clock, account);
        let other = AccountId::parse(if account.as_str() == STRANGERS { OTHER_STRANGERS } else { STRANGERS })
            .map_err(|error| cannot("name another account", &error.reason))?;
        let ordinary = user(&root, &home, account, "ordinary", None).await?;
        let grantee = user(&root, &home, account, "grantee", None).await?.arn;
        let stranger = user(&root_of(aws, clock, &other), &home, &other, "stranger", Some(EVERYTHING)).await?;
        Ok(Self {
            aws: aws.clone(),
            clock: clock.clone(),
            operator: Client::new(aws, clock, keys),
            root,
            ordinary,
            grantee,
            stranger,
            elsewhere: elsewhere(&home, scene_regions)?,
        })
    }

    /// A call that HTTP cannot bring: a service's own, or one that it passes on.
    pub(crate) fn inside(&self, caller: &InsideCaller, region: &Region, operation: &str, input: Value) -> Outcome {
        match self.aws.call_from_inside(caller, region, Service::Kms, operation, input) {
            Ok(answer) => Outcome::Allowed(answer),
            Err(error) if error.denied => Outcome::Denied { message: error.message },
            Err(error) => Outcome::Failed { code: error.code.to_owned(), message: error.message },
        }
    }

    /// Who reaches the keys through services: the first who is named, else anybody.
    pub(crate) fn service_caller(&self, scene: &Scene) -> Arn {
        scene.service_callers.first().unwrap_or(&self.ordinary.arn).clone()
    }

    /// A data key that S3 makes for its caller: its ciphertext.
    pub(crate) fn sealed_through_s3(&self, scene: &Scene, key: &Key, context: &Value) -> Outcome {
        let caller = self.through(scene, "s3", &key.region);
        let input = json!({ "KeyId": key.arn.as_str(), "KeySpec": "AES_256", "EncryptionContext": context });
        self.inside(&caller, &key.region, "GenerateDataKey", input)
    }

    /// What S3 makes of that ciphertext for its caller.
    pub(crate) fn opened_through_s3(&self, scene: &Scene, key: &Key, sealed: &str, context: &Value) -> Outcome {
        let caller = self.through(scene, "s3", &key.region);
        let input = json!({ "KeyId": key.arn.as_str(), "CiphertextBlob": sealed, "EncryptionContext": context });
        self.inside(&caller, &key.region, "Decrypt", input)
    }

    /// Somebody whose request the service passes on.
    pub(crate) fn through(&self, scene: &Scene, service: &str, region: &Region) -> InsideCaller {
        InsideCaller::Forwarded {
            principal: self.service_caller(scene),
            service: format!("{service}.{region}.amazonaws.com"),
            for_aws_resource: false,
        }
    }

    /// Who may manage the key: the admin role, or whom the account's IAM policies let in.
    pub(crate) async fn manager(&self, scene: &Scene, key: &Key) -> Client {
        self.admin(scene, &key.region).await.unwrap_or_else(|_| self.operator.clone())
    }

    /// Who reaches the keys through services, and calls by HTTP: of those who are named, the first whose credentials can
    /// be had.
    ///
    /// # Errors
    /// With what was answered for the last of them.
    pub(crate) async fn service_client(&self, scene: &Scene, region: &Region) -> Result<(Arn, Client), Outcome> {
        let mut answer = None;
        for principal in &scene.service_callers {
            match self.client_of(principal, region).await {
                Ok(client) => return Ok((principal.clone(), client)),
                Err(refused) => answer = Some(refused),
            }
        }
        answer.map_or_else(|| Ok((self.ordinary.arn.clone(), self.ordinary.client.clone())), Err)
    }

    /// A user or role of the account, or its root user.
    async fn client_of(&self, principal: &Arn, region: &Region) -> Result<Client, Outcome> {
        let wanted = ["AccessKeyId", "SecretAccessKey"];
        match principal.resource_of_kind("user").and_then(|path| path.rsplit('/').next()) {
            Some(name) => {
                let parameters = [("UserName", name)];
                let answer = self.root.query(region, QueryService::Iam, "CreateAccessKey", &parameters, &wanted).await;
                self.root.with_keys_of(answer)
            }
            None if principal.resource() == "root" => Ok(self.root.clone()),
            None => self.assume(principal, region, &[]).await,
        }
    }

    /// The admin role, assumed by the operator.
    ///
    /// # Errors
    /// With what STS answered.
    pub(crate) async fn admin(&self, scene: &Scene, region: &Region) -> Result<Client, Outcome> {
        let Some(role) = &scene.admin_role else {
            return Err(Outcome::Failed { code: "NoAdminRole".into(), message: "there is no admin role".into() });
        };
        let serial = mfa_serial(scene.partition(), &scene.account);
        let mfa = [("SerialNumber", serial.as_str()), ("TokenCode", MFA_CODE)];
        self.assume(&role.arn, region, if role.requires_mfa { &mfa } else { &[] }).await
    }

    async fn assume(&self, role: &Arn, region: &Region, more: &[(&str, &str)]) -> Result<Client, Outcome> {
        let parameters = [&[("RoleArn", role.as_str()), ("RoleSessionName", "rehearsal")], more].concat();
        let wanted = ["AccessKeyId", "SecretAccessKey", "SessionToken"];
        let answer = self.operator.query(region, QueryService::Sts, "AssumeRole", &parameters, &wanted).await;
        self.operator.with_keys_of(answer)
    }
}

/// The device with which the operator assumes roles that ask for it.
pub(super) fn mfa_serial(partition: Partition, account: &AccountId) -> String {
    format!("arn:{partition}:iam::{account}:mfa/rehearsal")
}

/// What that device shows.
pub(super) const MFA_CODE: &str = "123456";

fn root_of(aws: &Aws, clock: &Clock, account: &AccountId) -> Client {
    let keys = Keys { id: account.to_string(), secret: Secret::new("test".to_owned()), token: None };
    Client::new(aws, clock, keys)
}

async fn user(
    root: &Client,
    region: &Region,
    account: &AccountId,
    name: &str,
    policy: Option<&str>,
) -> Result<Person, Diagnostics> {
    let name = format!("keywright-rehearsal-{name}");
    let iam = async |action, parameters: &[(&str, &str)], wanted: &[&str]| {
        root.query(region, QueryService::Iam, action, parameters, wanted).await
    };
    let made = iam("CreateUser", &[("UserName", &name)], &["Arn"]).await;
    if let Some(policy) = policy {
        let parameters = [("UserName", name.as_str()), ("PolicyName", "everything"), ("PolicyDocument", policy)];
        iam("PutUserPolicy", &parameters, &[]).await;
    }
    let keys = iam("CreateAccessKey", &[("UserName", &name)], &["AccessKeyId", "SecretAccessKey"]).await;
    let client =
        root.with_keys_of(keys).map_err(|answer| cannot(&format!("make the user {name}"), &answer.to_string()))?;
    let arn = made.text("Arn").and_then(|text| Arn::parse(&text).ok());
    let arn = arn.ok_or_else(|| cannot(&format!("make a user in account {account}"), &made.to_string()))?;
    Ok(Person { arn, client })
}

/// A Region of the same partition in which no key stands, and from which no global service sends logs.
fn elsewhere(home: &Region, taken: &[Region]) -> Result<Region, Diagnostics> {
    let known = home.partition().known_regions().iter().filter_map(|name| Region::parse(name).ok());
    let beside = |number| Region::parse(&format!("{}{number}", home.as_str().trim_end_matches(char::is_numeric))).ok();
    let invented = (1..=9).filter_map(beside);
    known
        .chain(invented)
        .find(|region| !taken.contains(region) && region.as_str() != home.partition().global_region())
        .ok_or_else(|| cannot("find another Region", "every Region of the partition has a key"))
}

pub(crate) fn cannot(what: &str, why: &str) -> Diagnostics {
    Diagnostic::error("rehearsal-stage", format!("the rehearsal cannot {what}")).because(why).into()
}

/// Accounts that nobody's configuration is likely to name; the second stands in where the first is the module's.
const STRANGERS: &str = "999988887777";
const OTHER_STRANGERS: &str = "888877776666";
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

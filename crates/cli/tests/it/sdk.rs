//! What is in an AWS, looked at through the AWS SDK.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use serde_json::{Map, Value, json};

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const REPLICA_REGION: &str = "us-east-1";

/// Clients of one endpoint.
#[derive(Clone)]
pub(crate) struct Sdk {
    endpoint: String,
    credentials: Credentials,
    /// Who looks at keys that the caller may not look at.
    admin_role: &'static str,
}

impl Sdk {
    pub(crate) fn new(endpoint: String, id: String, secret: String) -> Self {
        Self { endpoint, credentials: credentials(id, secret, None), admin_role: ADMIN_ROLE }
    }

    /// The root user of an account.
    pub(crate) fn root(&self, account: &str) -> Self {
        Self { credentials: credentials(account, "test", None), ..self.clone() }
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The access key of a new user that no policy gives anything.
    pub(crate) async fn user_without_permissions(&self, name: &str) -> (String, String) {
        self.iam().create_user().user_name(name).send().await.expect("a user");
        let answer = self.iam().create_access_key().user_name(name).send().await.expect("an access key");
        let key = answer.access_key.expect("a key");
        (key.access_key_id, key.secret_access_key)
    }

    /// A session of a role.
    pub(crate) async fn assume(&self, role: &str) -> Self {
        let answer = self.sts().assume_role().role_arn(role).role_session_name("test").send().await.expect("a session");
        let session = answer.credentials.expect("credentials");
        let token = Some(session.session_token);
        let credentials = credentials(session.access_key_id, session.secret_access_key, token);
        Self { credentials, ..self.clone() }
    }

    /// Its credentials, for a provider of its own.
    pub(crate) fn credentials(&self) -> keywright_aws::StaticCredentials {
        keywright_aws::StaticCredentials {
            access_key_id: self.credentials.access_key_id().to_owned(),
            secret_access_key: keywright_model::Secret::new(self.credentials.secret_access_key().to_owned()),
            session_token: self.credentials.session_token().map(|it| keywright_model::Secret::new(it.to_owned())),
        }
    }

    /// A caller with an access key of its own.
    pub(crate) fn with_key(&self, (id, secret): (String, String)) -> Self {
        Self { credentials: credentials(id, secret, None), ..self.clone() }
    }

    fn config(&self, region: &str) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(aws_sdk_kms::config::BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(aws_types::region::Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .build()
    }

    pub(crate) fn kms(&self, region: &str) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::new(&self.config(region))
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config("us-east-1"))
    }

    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config(REGION))
    }

    pub(crate) fn cloudwatch(&self, region: &str) -> aws_sdk_cloudwatch::Client {
        aws_sdk_cloudwatch::Client::new(&self.config(region))
    }

    pub(crate) fn logs(&self, region: &str) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config(region))
    }

    /// All that keywright could have made, as data: see the cases of `conformance/switches.json` for its shape.
    pub(crate) async fn facts(&self) -> Value {
        json!({
            REGION: self.regional_facts(REGION).await,
            REPLICA_REGION: self.regional_facts(REPLICA_REGION).await,
            "roles": self.roles().await,
            "policies": self.policies().await,
        })
    }

    /// The same, where the admin role has another name.
    pub(crate) async fn facts_as(self, admin_role: &'static str) -> Value {
        Self { admin_role, ..self }.facts().await
    }

    async fn regional_facts(&self, region: &str) -> Value {
        json!({
            "keys": self.keys(region).await,
            "aliases": self.aliases(region).await,
            "alarms": self.alarms(region).await,
            "filters": self.filters(region).await,
        })
    }

    async fn keys(&self, region: &str) -> Vec<Value> {
        let listed = self.kms(region).list_keys().send().await.expect("keys");
        let mut keys = Vec::new();
        for key in listed.keys.unwrap_or_default() {
            keys.push(self.key(region, key.key_arn().expect("an ARN")).await);
        }
        keys
    }

    /// Everything about a key. Where the operator is locked out, the admin role looks.
    async fn key(&self, region: &str, arn: &str) -> Value {
        match self.kms(region).describe_key().key_id(arn).send().await {
            Ok(_) => self.key_facts(region, arn).await,
            Err(_) => Box::pin(self.assume(self.admin_role).await.key_facts(region, arn)).await,
        }
    }

    async fn key_facts(&self, region: &str, arn: &str) -> Value {
        let kms = self.kms(region);
        let key = kms.describe_key().key_id(arn).send().await.expect("a key").key_metadata.expect("metadata");
        let state = key.key_state().expect("a state").as_str().to_owned();
        let policy = kms.get_key_policy().key_id(arn).send().await.expect("a policy").policy.expect("a text");
        let rotation = kms.get_key_rotation_status().key_id(arn).send().await.expect("a rotation status");
        let tags = kms.list_resource_tags().key_id(arn).send().await.expect("tags").tags.unwrap_or_default();
        let tags: Map<String, Value> = tags.iter().map(|tag| (tag.tag_key.clone(), json!(tag.tag_value))).collect();
        json!({
            "arn": arn,
            "state": state,
            "description": key.description(),
            "multi_region_type": key.multi_region_configuration().and_then(|it| it.multi_region_key_type()).map(|it| it.as_str()),
            "rotation": rotation.key_rotation_enabled,
            "rotation_period": rotation.rotation_period_in_days,
            "pending_window": key.pending_deletion_window_in_days(),
            "tags": tags,
            "statements": statements(&policy),
            "grants": self.grants(region, arn, &state).await,
        })
    }

    async fn grants(&self, region: &str, arn: &str, state: &str) -> Map<String, Value> {
        if state != "Enabled" {
            return Map::new();
        }
        let grants =
            self.kms(region).list_grants().key_id(arn).send().await.expect("grants").grants.unwrap_or_default();
        let facts = grants.iter().map(|grant| {
            let mut operations: Vec<&str> = grant.operations().iter().map(|operation| operation.as_str()).collect();
            operations.sort_unstable();
            let facts = json!({"grantee": grant.grantee_principal(), "operations": operations, "retiring": grant.retiring_principal()});
            (grant.name().unwrap_or_default().to_owned(), facts)
        });
        facts.collect()
    }

    async fn aliases(&self, region: &str) -> Vec<String> {
        let aliases = self.kms(region).list_aliases().send().await.expect("aliases").aliases.unwrap_or_default();
        aliases.iter().filter_map(|alias| alias.alias_name().map(str::to_owned)).collect()
    }

    async fn alarms(&self, region: &str) -> Map<String, Value> {
        let answer = self.cloudwatch(region).describe_alarms().send().await.expect("alarms");
        answer.metric_alarms().iter().map(|alarm| {
            let mut dimensions: Vec<String> = alarm.dimensions().iter().map(|it| format!("{}={}", it.name().unwrap_or_default(), it.value().unwrap_or_default())).collect();
            dimensions.sort();
            let facts = json!({
                "metric": format!("{}/{}", alarm.namespace().unwrap_or_default(), alarm.metric_name().unwrap_or_default()),
                "dimensions": dimensions,
                "threshold": alarm.threshold(),
                "periods": [alarm.datapoints_to_alarm(), alarm.evaluation_periods(), alarm.period()],
                "missing": alarm.treat_missing_data(),
                "actions": alarm.alarm_actions(),
                "ok_actions": alarm.ok_actions(),
            });
            (alarm.alarm_name().unwrap_or_default().to_owned(), facts)
        }).collect()
    }

    async fn filters(&self, region: &str) -> Map<String, Value> {
        let answer = self.logs(region).describe_metric_filters().send().await.expect("filters");
        let filters = answer.metric_filters.unwrap_or_default();
        filters
            .iter()
            .map(|filter| {
                let metric = filter.metric_transformations().first().expect("a transformation");
                let facts = json!({
                    "group": filter.log_group_name(),
                    "pattern": filter.filter_pattern(),
                    "metric": format!("{}/{}", metric.metric_namespace(), metric.metric_name()),
                    "value": metric.metric_value(),
                    "default": metric.default_value(),
                });
                (filter.filter_name().unwrap_or_default().to_owned(), facts)
            })
            .collect()
    }

    async fn roles(&self) -> Map<String, Value> {
        let roles = self.iam().list_roles().send().await.expect("roles").roles;
        let mut facts = Map::new();
        // The role of the trail that feeds the log group came with it.
        for role in roles.iter().filter(|role| role.path() != "/service-role/") {
            let attached =
                self.iam().list_attached_role_policies().role_name(role.role_name()).send().await.expect("attachments");
            let attached: Vec<&str> =
                attached.attached_policies().iter().filter_map(|policy| policy.policy_name()).collect();
            let role_facts = json!({
                "attached": attached,
                "trust": role.assume_role_policy_document().and_then(decoded),
                "max_session": role.max_session_duration(),
            });
            facts.insert(role.role_name().to_owned(), role_facts);
        }
        facts
    }

    async fn policies(&self) -> Vec<String> {
        let local = aws_sdk_iam::types::PolicyScopeType::Local;
        let answer = self.iam().list_policies().scope(local).send().await.expect("policies");
        answer.policies().iter().filter_map(|policy| policy.policy_name().map(str::to_owned)).collect()
    }
}

fn credentials(id: impl Into<String>, secret: impl Into<String>, token: Option<String>) -> Credentials {
    Credentials::new(id, secret, token, None, "test")
}

/// The statements of a policy by their `Sid`.
fn statements(policy: &str) -> Map<String, Value> {
    let policy: Value = serde_json::from_str(policy).expect("a policy");
    let statements = policy["Statement"].as_array().cloned().unwrap_or_else(|| vec![policy["Statement"].clone()]);
    statements
        .into_iter()
        .map(|statement| (statement["Sid"].as_str().unwrap_or_default().to_owned(), statement))
        .collect()
}

fn decoded(text: &str) -> Option<Value> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    serde_json::from_slice(&bytes).ok()
}

const ADMIN_ROLE: &str = "arn:aws:iam::111122223333:role/acme-kms-admin-role-test";

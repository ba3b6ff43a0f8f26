//! What the tests wish for: a module of every kind of resource.

use std::sync::Arc;

use indexmap::IndexMap;
use keywright_model::{AccountId, Address, Arn, Index, ModuleName, Region, ResourceKind};
use keywright_module::{
    AdminRole, Administration, Desired, DesiredResource, Output, OutputBlocks, OutputKind, Prerequisite, Reference,
    Secrets, Value,
};
use keywright_policy::{Document, PolicyKind};
use serde_json::json;

use crate::fake::{ACCOUNT, CALLER};

#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) root_access: bool,
    pub(crate) admin_role: Option<&'static str>,
    pub(crate) trust: &'static str,
    pub(crate) administrators: Vec<&'static str>,
    pub(crate) replica: Option<&'static str>,
    pub(crate) threshold: i64,
    pub(crate) aliases: Vec<&'static str>,
    pub(crate) service_linked_role: bool,
    pub(crate) create_service_linked_role: bool,
    pub(crate) deny: bool,
    pub(crate) extra_statement: bool,
    pub(crate) tag: &'static str,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            root_access: false,
            admin_role: Some("admin"),
            trust: "arn:aws:iam::111122223333:root",
            administrators: Vec::new(),
            replica: Some("eu-central-1"),
            threshold: 100,
            aliases: vec!["alias/app"],
            service_linked_role: true,
            create_service_linked_role: true,
            deny: false,
            extra_statement: false,
            tag: "one",
        }
    }
}

pub(crate) const SERVICE_LINKED: &str =
    "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";

pub(crate) fn address(kind: ResourceKind, name: &str, index: Option<Index>) -> Address {
    Address { module: ModuleName::parse("kms").ok(), kind, name: name.to_owned(), index }
}

pub(crate) fn key() -> Address {
    address(ResourceKind::KmsKey, "general_encryption_key", None)
}

pub(crate) fn key_policy() -> Address {
    address(ResourceKind::KmsKeyPolicy, "general_encryption_key_policy", None)
}

pub(crate) fn replica() -> Address {
    address(ResourceKind::KmsReplicaKey, "replica_key", Some(Index::Count(0)))
}

pub(crate) fn admin_role() -> Address {
    address(ResourceKind::IamRole, "kms_admin_role", Some(Index::Count(0)))
}

fn first(kind: ResourceKind, name: &str) -> Address {
    address(kind, name, Some(Index::Count(0)))
}

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn refer(address: &Address, attribute: &'static str) -> Value {
    Reference { address: address.clone(), attribute }.into()
}

fn trust_policy(principal: serde_json::Value) -> Document {
    let text = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]});
    Document::parse(&text.to_string(), PolicyKind::Trust).expect("a trust policy")
}

fn when_mfa(trust: Document) -> Document {
    let mfa = r#""Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}, "Effect""#;
    Document::parse(&trust.to_json().replace("\"Effect\"", mfa), PolicyKind::Trust).expect("a trust policy")
}

impl Wish {
    pub(crate) fn policy(&self, with_root: bool) -> Document {
        let allow = |sid: &str, who: &[String], action: serde_json::Value| json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": "*"});
        let mut statements = Vec::new();
        if with_root {
            statements.push(allow(
                "EnableIAMUserPermissions",
                &[format!("arn:aws:iam::{ACCOUNT}:root")],
                json!("kms:*"),
            ));
        }
        let management = json!([
            "kms:Create*",
            "kms:Describe*",
            "kms:Get*",
            "kms:Put*",
            "kms:List*",
            "kms:ReplicateKey",
            "kms:ScheduleKeyDeletion",
            "kms:CancelKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateKeyDescription"
        ]);
        if let Some(role) = self.admin_role {
            statements.push(allow("AllowKMSAdminRoleKeyManagement", &[role_arn(role)], management.clone()));
        }
        if !self.administrators.is_empty() {
            let who: Vec<String> = self.administrators.iter().map(|it| (*it).to_owned()).collect();
            statements.push(allow("AllowKeyAdministrators", &who, management));
        }
        if self.service_linked_role {
            statements.push(allow("AllowAutoScaling", &[SERVICE_LINKED.to_owned()], json!("kms:Decrypt")));
        }
        if self.extra_statement {
            statements.push(allow("Extra", &[CALLER.to_owned()], json!("kms:Decrypt")));
        }
        if self.deny {
            statements.push(
                json!({"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy", "Resource": "*"}),
            );
        }
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Document::parse(&text, PolicyKind::Key).expect("a key policy")
    }

    pub(crate) fn desired(&self) -> Desired {
        let mut resources = self.identity_resources();
        resources.extend(self.key_resources());
        resources.extend(self.monitoring_resources());
        Desired {
            module: ModuleName::parse("kms").expect("a name"),
            account: AccountId::parse(ACCOUNT).expect("an account"),
            region: Region::parse("eu-west-1").expect("a Region"),
            replication_region: self.replica.map(|region| Region::parse(region).expect("a Region")),
            resources,
            outputs: self.outputs(),
            output_blocks: Arc::new(OutputBlocks::of_document(&ModuleName::parse("kms").expect("a name"))),
            prerequisites: self.prerequisites(),
            administration: self.administration(),
            findings: Vec::new(),
            accepted: Vec::new(),
            secrets: Secrets::default(),
        }
    }

    fn outputs(&self) -> IndexMap<&'static str, Output> {
        let output = |value, kind| Output { value, kind, description: "an output", sensitive: false };
        let replica = self.replica.map_or(Value::Null, |_| refer(&replica(), "arn"));
        IndexMap::from([
            ("kms_key_arn", output(refer(&key(), "arn"), OutputKind::Text)),
            ("kms_replica_key_arn", output(replica, OutputKind::Made)),
            ("kms_key_policy", output(refer(&key_policy(), "policy"), OutputKind::Text)),
        ])
    }

    fn prerequisites(&self) -> Vec<Prerequisite> {
        let role = Prerequisite {
            service: "autoscaling.amazonaws.com",
            role: Arn::parse(SERVICE_LINKED).expect("an ARN"),
            create: self.create_service_linked_role,
        };
        self.service_linked_role.then_some(role).into_iter().collect()
    }

    fn administration(&self) -> Administration {
        Administration {
            root_access: self.root_access,
            admin_role: self.admin_role.map(|name| AdminRole {
                address: admin_role(),
                arn: Arn::parse(&role_arn(name)).expect("an ARN"),
                trust_policy: self.trust_policy(),
                requires_mfa: self.trust == "with MFA",
            }),
            key_administrators: self.administrators.iter().map(|it| Arn::parse(it).expect("an ARN")).collect(),
            primary_policy: self.policy(self.root_access),
            replica_policy: self.replica.map(|_| self.policy(self.root_access)),
        }
    }

    fn trust_policy(&self) -> Document {
        match self.trust {
            "nobody" => trust_policy(json!({"Service": "ec2.amazonaws.com"})),
            "with MFA" => when_mfa(trust_policy(json!({"AWS": "arn:aws:iam::111122223333:root"}))),
            arn => trust_policy(json!({"AWS": arn})),
        }
    }

    fn identity_resources(&self) -> Vec<DesiredResource> {
        let mut resources = Vec::new();
        if let Some(name) = self.admin_role {
            let (policy, role) = (first(ResourceKind::IamPolicy, "kms_management_policy"), admin_role());
            let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;
            resources.push(resource(
                role.clone(),
                [
                    ("name", name.into()),
                    ("assume_role_policy", self.trust_policy().to_json().into()),
                    ("tags", self.tags()),
                ],
            ));
            resources.push(resource(
                policy.clone(),
                [("name", "management".into()), ("policy", text.into()), ("tags", self.tags())],
            ));
            let attachment = first(ResourceKind::IamRolePolicyAttachment, "kms_management_attachment");
            resources
                .push(resource(attachment, [("role", refer(&role, "name")), ("policy_arn", refer(&policy, "arn"))]));
        }
        if self.replica.is_some() {
            let trust = trust_policy(json!({"Service": "s3.amazonaws.com"}));
            let role = first(ResourceKind::IamRole, "s3_replication_role");
            resources.push(resource(
                role,
                [
                    ("name", "s3-replication".into()),
                    ("assume_role_policy", trust.to_json().into()),
                    ("tags", self.tags()),
                ],
            ));
        }
        resources
    }

    fn key_resources(&self) -> Vec<DesiredResource> {
        let interim = (!self.root_access).then(|| self.policy(true));
        let region = || Value::from("eu-west-1");
        let mut primary = resource(
            key(),
            [
                ("region", region()),
                ("multi_region", true.into()),
                ("enable_key_rotation", true.into()),
                ("rotation_period_in_days", 365.into()),
                ("deletion_window_in_days", 30.into()),
                ("tags", self.tags()),
            ],
        );
        primary.interim_policy = interim.clone();
        let mut resources = vec![primary];
        let policy = self.policy(self.root_access).to_json();
        resources.push(resource(
            key_policy(),
            [("region", region()), ("key_id", refer(&key(), "key_id")), ("policy", policy.clone().into())],
        ));
        for alias in &self.aliases {
            let at = address(ResourceKind::KmsAlias, "alias", Some(Index::Each((*alias).to_owned())));
            resources.push(resource(
                at,
                [("region", region()), ("name", (*alias).into()), ("target_key_id", refer(&key(), "key_id"))],
            ));
        }
        if let Some(other) = self.replica {
            let mut copy = resource(
                replica(),
                [
                    ("region", other.into()),
                    ("primary_key_arn", refer(&key(), "arn")),
                    ("policy", policy.into()),
                    ("tags", self.tags()),
                ],
            );
            copy.interim_policy = interim;
            resources.push(copy);
            let grantee = || refer(&first(ResourceKind::IamRole, "s3_replication_role"), "arn");
            let operations = || Value::List(vec!["Encrypt".into(), "Decrypt".into()]);
            resources.push(resource(
                first(ResourceKind::KmsGrant, "s3_replication_grant"),
                [
                    ("region", other.into()),
                    ("name", "S3ReplicationGrant".into()),
                    ("key_id", refer(&replica(), "arn")),
                    ("grantee_principal", grantee()),
                    ("operations", operations()),
                ],
            ));
            resources.push(resource(
                first(ResourceKind::KmsGrant, "s3_replication_source_grant"),
                [
                    ("region", region()),
                    ("name", "S3ReplicationSourceGrant".into()),
                    ("key_id", refer(&key(), "arn")),
                    ("grantee_principal", grantee()),
                    ("operations", operations()),
                ],
            ));
        }
        resources
    }

    fn monitoring_resources(&self) -> Vec<DesiredResource> {
        let dimensions = Value::Map(IndexMap::from([("KeyArn".to_owned(), refer(&key(), "arn"))]));
        let alarm = resource(
            first(ResourceKind::MetricAlarm, "kms_decrypt_alarm"),
            [
                ("region", "eu-west-1".into()),
                ("alarm_name", "decrypts".into()),
                ("threshold", self.threshold.into()),
                ("dimensions", dimensions),
                ("tags", self.tags()),
            ],
        );
        let transformation = Value::Map(IndexMap::from([
            ("name".to_owned(), "denied".into()),
            ("namespace".to_owned(), "Keywright/KMS".into()),
            ("value".to_owned(), "1".into()),
            ("default_value".to_owned(), "0".into()),
        ]));
        let filter = resource(
            first(ResourceKind::LogMetricFilter, "kms_access_denied"),
            [
                ("region", "eu-west-1".into()),
                ("name", "denied".into()),
                ("log_group_name", "trail".into()),
                ("pattern", refer(&key(), "arn")),
                ("metric_transformation", Value::List(vec![transformation])),
            ],
        );
        vec![alarm, filter]
    }

    fn tags(&self) -> Value {
        Value::Map(IndexMap::from([("Name".to_owned(), self.tag.into())]))
    }
}

fn resource<const N: usize>(address: Address, arguments: [(&'static str, Value); N]) -> DesiredResource {
    DesiredResource { address, arguments: IndexMap::from(arguments), interim_policy: None, depends_on: Vec::new() }
}

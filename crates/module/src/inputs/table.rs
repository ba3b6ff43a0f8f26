//! The one table of inputs and the one of outputs.

use crate::read::{Attribute, OutputKind, Type};

/// An input of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputInfo {
    /// Its name.
    pub name: &'static str,
    /// Its type, as a Terraform type constraint.
    pub type_constraint: &'static str,
    /// Its default as JSON; none where it must be given.
    pub default: Option<&'static str>,
    /// What it is, in one line.
    pub description: &'static str,
    /// Whether the README's table has it, or keywright adds it.
    pub origin: Origin,
}

/// Where an input or output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The module's README names it.
    Readme,
    /// keywright adds it.
    Keywright,
}

/// An output of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputInfo {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub description: &'static str,
    /// Whether the README's table has it, or keywright adds it.
    pub origin: Origin,
    /// Of which type it is.
    pub kind: OutputKind,
}

const fn readme(
    name: &'static str,
    type_constraint: &'static str,
    default: Option<&'static str>,
    description: &'static str,
) -> InputInfo {
    InputInfo { name, type_constraint, default, description, origin: Origin::Readme }
}

const fn ours(
    name: &'static str,
    type_constraint: &'static str,
    default: &'static str,
    description: &'static str,
) -> InputInfo {
    InputInfo { name, type_constraint, default: Some(default), description, origin: Origin::Keywright }
}

/// Every input, in the order of the README, then keywright's own.
#[rustfmt::skip]
pub const INPUTS: &[InputInfo] = &[
    readme("aws_account_id", "string", None, "The AWS account, as 12 digits"),
    readme("aws_region", "string", None, "The primary key's Region; the partition follows from it"),
    readme("replication_region", "string", Some("null"), "The replica's Region; needed when a replication bucket is enabled"),
    readme("name_prefix", "string", None, "What the names of all resources begin with"),
    readme("environment", "string", None, "The environment, which ends the names: letters, digits and `-`, up to 32"),
    readme("tags", "map(string)", Some("{}"), "Tags for every resource that can carry tags"),
    readme("enable_key_rotation", "bool", Some("true"), "Whether AWS rotates the key material"),
    readme("kms_root_access", "bool", Some("true"), "Whether the key policies delegate to the account's IAM policies"),
    readme("enable_kms_admin_role", "bool", Some("false"), "Whether to make an IAM role that administers the keys"),
    readme("enable_key_monitoring", "bool", Some("false"), "Whether to make the decrypt alarm; needs `sns_topic_arn`"),
    readme("enable_kms_access_denied_alarm", "bool", Some("true"), "Whether to make the alarm on denied calls"),
    readme("key_decrypt_threshold", "number", Some("100"), "How many decrypt calls in 5 minutes are too many"),
    readme("sns_topic_arn", "string", Some("null"), "The SNS topic that alarms notify, in `aws_region`"),
    readme("default_region_buckets", DEFAULT_REGION_BUCKETS, Some("{}"), "Buckets in `aws_region`; the key `cloudtrail`, enabled, admits CloudTrail"),
    readme("replication_region_buckets", REPLICATION_REGION_BUCKETS, Some("{}"), "Buckets in `replication_region`; one enabled makes the replica and its grants"),
    readme("enable_dynamodb", "bool", Some("false"), "Whether DynamoDB may use the key"),
    readme("enable_alb_firehose", "bool", Some("false"), "Whether Firehose may use the key for the logs of load balancers"),
    readme("enable_alb_waf_logging", "bool", Some("false"), "Whether Firehose may use the key for the WAF logs of load balancers"),
    readme("enable_image_processor", "bool", Some("false"), "Whether SQS, and the senders to its queues, may use the key"),
    ours("enable_cloudfront_firehose", "bool", "false", "Whether Firehose may use the key for CloudFront's logs"),
    ours("enable_cloudfront_waf", "bool", "false", "Whether the WAF logs of CloudFront may use the key"),
    ours("enable_cloudfront_standard_logging_v2", "bool", "false", "Whether CloudFront's standard logging (v2) may use the key"),
    ours("rotation_period_in_days", "number", "null", "Days between rotations, 90 to 2560; null means 365"),
    ours("deletion_window_in_days", "number", "30", "Days that a key waits for its deletion, 7 to 30"),
    ours("aliases", "list(string)", "[]", "Aliases of the primary key: `alias/…`"),
    ours("admin_role_trusted_principals", "list(string)", "[]", "Who may assume the admin role; empty means the account"),
    ours("admin_role_require_mfa", "bool", "false", "Whether assuming the admin role needs MFA"),
    ours("key_administrators", "list(string)", "[]", "IAM principals that manage the keys"),
    ours("key_users", "list(string)", "[]", "IAM principals that use the keys"),
    ours("key_service_users", "list(string)", "[]", "IAM principals that create grants for AWS resources"),
    ours("service_usage_principals", "list(string)", "[]", "Who reaches the keys through AWS services; empty means everybody in the account"),
    ours("cross_account_principals", "list(string)", "[]", "IAM principals of other accounts that use the keys"),
    ours("key_statements", KEY_STATEMENTS, "[]", "Further statements of the key policies"),
    ours("cloudtrail_log_group_name", "string", "null", "The log group that receives CloudTrail, in `aws_region`; it feeds the alarms on calls"),
    ours("enable_key_lifecycle_alarms", "bool", "false", "Whether to alarm on ScheduleKeyDeletion, DisableKey and PutKeyPolicy; needs `cloudtrail_log_group_name`"),
    ours("replica_sns_topic_arn", "string", "null", "The SNS topic that the replica's decrypt alarm notifies, in `replication_region`"),
    ours("s3_replication_role_arn", "string", "null", "The role that S3 replicates as, where there is one already"),
    ours("create_autoscaling_service_linked_role", "bool", "true", "Whether to make the service-linked role of EC2 Auto Scaling where it is missing"),
    ours("grants", GRANTS, "{}", "Further grants, by name"),
    ours("accepted_findings", "map(string)", "{}", "Findings that may stand: their codes (`docs/findings/`), each with the reason"),
];

const DEFAULT_REGION_BUCKETS: &str = "map(object({
  enabled     = optional(bool, true)
  versioning  = optional(bool, false)
  replication = optional(bool, false)
  logging     = optional(bool, false)
  region      = optional(string)
}))";

const REPLICATION_REGION_BUCKETS: &str = "map(object({
  enabled     = optional(bool, true)
  versioning  = optional(bool, true)
  replication = optional(bool, false)
  logging     = optional(bool, false)
  region      = string
}))";

const KEY_STATEMENTS: &str = "list(object({
  sid        = optional(string)
  effect     = optional(string, \"Allow\")
  principals = list(object({ type = string, identifiers = list(string) }))
  actions    = list(string)
  resources  = optional(list(string), [\"*\"])
  conditions = optional(list(object({ test = string, variable = string, values = list(string) })), [])
}))";

const GRANTS: &str = "map(object({
  grantee_principal  = string
  operations         = list(string)
  retiring_principal = optional(string)
  region             = optional(string)
  constraints = optional(object({
    encryption_context_equals = optional(map(string))
    encryption_context_subset = optional(map(string))
  }))
}))";

const fn output(name: &'static str, kind: OutputKind, description: &'static str, origin: Origin) -> OutputInfo {
    OutputInfo { name, description, origin, kind }
}

/// Every output, in the order of the README, then keywright's own.
#[rustfmt::skip]
pub const OUTPUTS: &[OutputInfo] = &[
    output("kms_key_arn", OutputKind::Text, "The primary key's ARN", Origin::Readme),
    output("kms_key_id", OutputKind::Text, "The primary key's ID", Origin::Readme),
    output("kms_replica_key_arn", OutputKind::Made, "The replica's ARN, if there is one", Origin::Readme),
    output("enable_kms_admin_role", OutputKind::Truth, "Whether the admin role is made", Origin::Readme),
    output("kms_management_role_arn", OutputKind::Made, "The admin role's ARN, if it is made", Origin::Readme),
    output("kms_management_policy_arn", OutputKind::Made, "The ARN of the admin role's IAM policy, if it is made", Origin::Readme),
    output("kms_decrypt_alarm_arn", OutputKind::Made, "The decrypt alarm's ARN, if it is made", Origin::Readme),
    output("kms_replica_key_id", OutputKind::Made, "The replica's ID, if there is one", Origin::Keywright),
    output("kms_alias_names", OutputKind::Texts, "The names of the primary key's aliases", Origin::Keywright),
    output("kms_access_denied_alarm_arn", OutputKind::Made, "The ARN of the alarm on denied calls, if it is made", Origin::Keywright),
    output("s3_replication_grant_id", OutputKind::Made, "The ID of S3 replication's grant on the replica, if there is one", Origin::Keywright),
    output("s3_replication_role_arn", OutputKind::Text, "The ARN of the role that S3 replicates as, if there is one", Origin::Keywright),
    output("kms_key_policy", OutputKind::Text, "The primary key's policy, as JSON", Origin::Keywright),
];

/// The input of that name.
pub(crate) fn input(name: &str) -> Option<&'static InputInfo> {
    INPUTS.iter().find(|input| input.name == name)
}

impl InputInfo {
    /// The type that the constraint stands for.
    pub(crate) fn kind(&self) -> Type {
        // INVARIANT: a test reads every constraint of the table.
        Type::parse(self.type_constraint).unwrap_or(Type::Any)
    }

    /// The default as a value; null where there is none.
    pub(crate) fn default_value(&self) -> serde_json::Value {
        // INVARIANT: a test reads every default of the table.
        self.default.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// The JSON Schema (2020-12) of a document of inputs, made from the table.
pub fn json_schema() -> serde_json::Value {
    let mut properties = serde_json::Map::new();
    properties.insert("$schema".to_owned(), serde_json::json!({"type": "string"}));
    properties.insert(
        "name".to_owned(),
        serde_json::json!({
            "type": "string",
            "default": "kms",
            "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$",
            "description": "The module's name: its resources stand under `module.NAME.`",
        }),
    );
    for input in INPUTS {
        properties.insert(input.name.to_owned(), property(input));
    }
    let required: Vec<&str> = INPUTS.iter().filter(|input| input.default.is_none()).map(|input| input.name).collect();
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "keywright inputs",
        "description": "The inputs of one KMS module",
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn property(input: &InputInfo) -> serde_json::Value {
    let mut schema = type_schema(&input.kind());
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".to_owned(), input.description.into());
        if input.default.is_some() {
            fields.insert("default".to_owned(), input.default_value());
            make_nullable(fields);
        }
    }
    schema
}

fn make_nullable(fields: &mut serde_json::Map<String, serde_json::Value>) {
    if let Some(kind) = fields.get_mut("type") {
        *kind = serde_json::json!([kind.take(), "null"]);
    }
}

fn type_schema(kind: &Type) -> serde_json::Value {
    match kind {
        Type::Any => serde_json::json!({}),
        Type::String => serde_json::json!({"type": "string"}),
        Type::Number => serde_json::json!({"type": "number"}),
        Type::Bool => serde_json::json!({"type": "boolean"}),
        Type::List(inner) => serde_json::json!({"type": "array", "items": type_schema(inner)}),
        Type::Set(inner) => serde_json::json!({"type": "array", "uniqueItems": true, "items": type_schema(inner)}),
        Type::Map(inner) => serde_json::json!({"type": "object", "additionalProperties": type_schema(inner)}),
        Type::Tuple(items) => {
            let items: Vec<_> = items.iter().map(type_schema).collect();
            serde_json::json!({"type": "array", "prefixItems": items, "items": false})
        }
        Type::Object(attributes) => object_schema(attributes),
    }
}

fn object_schema(attributes: &indexmap::IndexMap<String, Attribute>) -> serde_json::Value {
    let properties: serde_json::Map<_, _> =
        attributes.iter().map(|(name, attribute)| (name.clone(), attribute_schema(attribute))).collect();
    let required: Vec<&String> =
        attributes.iter().filter(|(_, attribute)| !attribute.optional).map(|(name, _)| name).collect();
    serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn attribute_schema(attribute: &Attribute) -> serde_json::Value {
    let mut schema = type_schema(&attribute.kind);
    if let (true, Some(fields)) = (attribute.optional, schema.as_object_mut()) {
        fields.insert("default".to_owned(), attribute.default.clone());
        make_nullable(fields);
    }
    schema
}

#[cfg(test)]
mod tests {
    use keywright_model::{SourceFile, Span};

    use super::*;
    use crate::read::Given;

    #[test]
    fn every_type_and_default_of_the_table_reads_and_fits() {
        let span = Span::new(&SourceFile::new("table", ""), 0..0);
        for input in INPUTS {
            let kind = Type::parse(input.type_constraint).expect(input.name);
            if let Some(default) = input.default {
                let default = serde_json::from_str(default).expect(input.name);
                assert!(kind.convert(Given::from_json(&default, &span), true).is_ok(), "{}", input.name);
            }
        }
    }

    #[test]
    fn the_schema_names_every_input_and_requires_those_without_a_default() {
        let schema = json_schema();
        for input in INPUTS {
            assert!(schema["properties"][input.name].is_object(), "{}", input.name);
        }
        let required = ["aws_account_id", "aws_region", "name_prefix", "environment"];
        assert_eq!(schema["required"], serde_json::json!(required));
        let bucket = &schema["properties"]["replication_region_buckets"]["additionalProperties"];
        assert_eq!(bucket["required"], serde_json::json!(["region"]));
        assert_eq!(bucket["properties"]["versioning"]["default"], true);
    }
}

//! Which property of CloudFormation an argument of the `hashicorp/aws` provider is.

use keywright_model::ResourceKind;

/// An argument, and the property that it is.
pub(super) struct Property {
    pub(super) argument: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
}

/// How the value is written.
pub(super) enum Form {
    /// As it is.
    Same,
    /// A text that is a number.
    Number,
    /// A text that is a policy: as an object.
    Policy,
    /// A map: as a list of objects with this name and `Value`.
    Pairs(&'static str),
    /// A list of blocks.
    Blocks(&'static [Property]),
    /// Not at all: there is no such property.
    None,
}

const fn same(argument: &'static str, name: &'static str) -> Property {
    Property { argument, name, form: Form::Same }
}

const fn in_form(argument: &'static str, name: &'static str, form: Form) -> Property {
    Property { argument, name, form }
}

/// The type of a kind, and its properties. None for what has no type: it is a property of another resource, or cannot be made.
pub(super) fn of_kind(kind: ResourceKind) -> Option<(&'static str, &'static [Property])> {
    match kind {
        ResourceKind::KmsKey => Some(("AWS::KMS::Key", KEY)),
        ResourceKind::KmsReplicaKey => Some(("AWS::KMS::ReplicaKey", REPLICA_KEY)),
        ResourceKind::KmsAlias => Some(("AWS::KMS::Alias", ALIAS)),
        ResourceKind::IamRole => Some(("AWS::IAM::Role", ROLE)),
        ResourceKind::IamPolicy => Some(("AWS::IAM::ManagedPolicy", MANAGED_POLICY)),
        ResourceKind::MetricAlarm => Some(("AWS::CloudWatch::Alarm", ALARM)),
        ResourceKind::LogMetricFilter => Some(("AWS::Logs::MetricFilter", METRIC_FILTER)),
        ResourceKind::KmsGrant | ResourceKind::KmsKeyPolicy | ResourceKind::IamRolePolicyAttachment => None,
    }
}

const TAGS: Property = in_form("tags", "Tags", Form::Pairs("Key"));

const KEY: &[Property] = &[
    same("description", "Description"),
    same("multi_region", "MultiRegion"),
    same("is_enabled", "Enabled"),
    same("enable_key_rotation", "EnableKeyRotation"),
    same("rotation_period_in_days", "RotationPeriodInDays"),
    same("deletion_window_in_days", "PendingWindowInDays"),
    TAGS,
];

const REPLICA_KEY: &[Property] = &[
    same("description", "Description"),
    same("primary_key_arn", "PrimaryKeyArn"),
    same("enabled", "Enabled"),
    same("deletion_window_in_days", "PendingWindowInDays"),
    in_form("policy", "KeyPolicy", Form::Policy),
    TAGS,
];

const ALIAS: &[Property] = &[same("name", "AliasName"), same("target_key_id", "TargetKeyId")];

const ROLE: &[Property] = &[
    same("name", "RoleName"),
    same("description", "Description"),
    in_form("assume_role_policy", "AssumeRolePolicyDocument", Form::Policy),
    same("max_session_duration", "MaxSessionDuration"),
    TAGS,
];

const MANAGED_POLICY: &[Property] = &[
    same("name", "ManagedPolicyName"),
    same("description", "Description"),
    in_form("policy", "PolicyDocument", Form::Policy),
    in_form("tags", "", Form::None),
];

const ALARM: &[Property] = &[
    same("alarm_name", "AlarmName"),
    same("alarm_description", "AlarmDescription"),
    same("namespace", "Namespace"),
    same("metric_name", "MetricName"),
    in_form("dimensions", "Dimensions", Form::Pairs("Name")),
    same("statistic", "Statistic"),
    same("period", "Period"),
    same("evaluation_periods", "EvaluationPeriods"),
    same("datapoints_to_alarm", "DatapointsToAlarm"),
    same("comparison_operator", "ComparisonOperator"),
    same("threshold", "Threshold"),
    same("treat_missing_data", "TreatMissingData"),
    same("alarm_actions", "AlarmActions"),
    same("ok_actions", "OKActions"),
    TAGS,
];

const METRIC_FILTER: &[Property] = &[
    same("name", "FilterName"),
    same("log_group_name", "LogGroupName"),
    same("pattern", "FilterPattern"),
    in_form("metric_transformation", "MetricTransformations", Form::Blocks(TRANSFORMATION)),
];

const TRANSFORMATION: &[Property] = &[
    same("name", "MetricName"),
    same("namespace", "MetricNamespace"),
    same("value", "MetricValue"),
    in_form("default_value", "DefaultValue", Form::Number),
];

//! What the inputs mean, where people may not expect it.

use keywright_model::Diagnostic;

use crate::findings::{Found, settle};
use crate::inputs::{Inputs, Module};

/// Every finding of a module, warnings first, what was accepted last.
pub(crate) fn findings(module: &Module) -> Vec<Diagnostic> {
    let inputs = &module.inputs;
    let found =
        RULES.iter().filter_map(|rule| rule(inputs)).map(|finding| finding.at(module.place.clone(), "this module"));
    settle(module.warnings.iter().cloned().chain(found).collect(), &inputs.accepted_findings, Found::Inputs)
}

const RULES: &[fn(&Inputs) -> Option<Diagnostic>] = &[
    alarm_without_log_group,
    root_access_without_administrator,
    account_in_list,
    replica_without_topic,
    alarms_without_topic,
    cross_account,
    admin_role_gives_itself_more,
    root_access,
    no_session_manager_users,
    cloudfront_outside_its_partition,
    lifecycle_sees_own_changes,
    event_bridge_without_source,
];

/// The README's example asks for this alarm and cannot feed it: it is made, and would stay silent.
fn alarm_without_log_group(inputs: &Inputs) -> Option<Diagnostic> {
    (inputs.access_denied_alarm && inputs.trail_log_group.is_none()).then(|| {
        Diagnostic::warning("access-denied-alarm-unfed", "nothing feeds the alarm on denied calls: it will stay silent")
            .because("AWS publishes no metric of denied calls; they are counted in the log group that receives CloudTrail")
            .help("set `cloudtrail_log_group_name` to the log group of a trail, or `enable_kms_access_denied_alarm = false`")
    })
}

fn root_access_without_administrator(inputs: &Inputs) -> Option<Diagnostic> {
    let none = !inputs.root_access && inputs.admin_role.is_none() && inputs.key_administrators.is_empty();
    none.then(|| {
        Diagnostic::warning("no-administrator", "nobody is named who could change the key policy")
            .because("`kms_root_access` is false, and there is neither an admin role nor a key administrator")
            .help("set `enable_kms_admin_role = true`, or name `key_administrators`")
    })
}

/// An account in a list of principals delegates to its IAM policies, as root access does.
fn account_in_list(inputs: &Inputs) -> Option<Diagnostic> {
    let lists = [
        ("key_administrators", &inputs.key_administrators),
        ("key_users", &inputs.key_users),
        ("key_service_users", &inputs.key_service_users),
    ];
    let with_account: Vec<String> = lists
        .iter()
        .filter(|(_, principals)| principals.iter().any(crate::inputs::IamPrincipal::is_account))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    (!inputs.root_access && !with_account.is_empty()).then(|| {
        Diagnostic::warning("account-delegation", format!("{} names the whole account", with_account.join(" and ")))
            .because(
                "the account's IAM policies then decide who has these actions, although `kms_root_access` is false",
            )
            .help("name users and roles instead")
    })
}

fn replica_without_topic(inputs: &Inputs) -> Option<Diagnostic> {
    let replication = inputs.replication.as_ref()?;
    (inputs.decrypt_alarm.is_some() && replication.topic.is_none()).then(|| {
        Diagnostic::note("replica-decrypts-unwatched", "decrypt calls with the replica are not watched")
            .because("the replica's metric is in its own Region, and so are the topics that its alarm can notify")
            .help(format!("set `replica_sns_topic_arn` to a topic in `{}`", replication.region))
    })
}

fn alarms_without_topic(inputs: &Inputs) -> Option<Diagnostic> {
    let alarms = inputs.access_denied_alarm || inputs.lifecycle_alarm.is_some();
    (alarms && inputs.topic.is_none()).then(|| {
        Diagnostic::warning("alarm-without-topic", "alarms are made that notify nobody")
            .help("set `sns_topic_arn` to a topic that people read")
    })
}

fn cross_account(inputs: &Inputs) -> Option<Diagnostic> {
    (!inputs.cross_account_principals.is_empty()).then(|| {
        Diagnostic::note("cross-account-needs-iam", "principals of other accounts need IAM policies of their own too")
            .because("across accounts, the key policy and the caller's IAM policy must both allow a call")
            .help("in their account, allow the actions on this key's ARN")
    })
}

fn admin_role_gives_itself_more(inputs: &Inputs) -> Option<Diagnostic> {
    let administrators = inputs.admin_role.is_some() || !inputs.key_administrators.is_empty();
    administrators.then(|| {
        Diagnostic::note("administrator-can-widen", "who administers the keys can also let themselves use them")
            .because("kms:PutKeyPolicy and kms:CreateGrant can give any access to the key")
            .help("let few people assume the role, and watch with `enable_key_lifecycle_alarms = true`")
    })
}

fn root_access(inputs: &Inputs) -> Option<Diagnostic> {
    inputs.root_access.then(|| {
        Diagnostic::note("root-access", "the account's IAM policies decide who may use and manage the keys")
            .because("`kms_root_access` is true: the key policies delegate to them")
            .help("set `enable_kms_admin_role = true` and `kms_root_access = false` to leave the decision to the key policies")
    })
}

fn no_session_manager_users(inputs: &Inputs) -> Option<Diagnostic> {
    let none = inputs.key_users.is_empty() && inputs.service_usage_principals.is_empty();
    (none && !inputs.root_access).then(|| {
        Diagnostic::note("session-manager-without-users", "Session Manager cannot encrypt sessions with the key")
            .because("it calls KMS as the user's and the node's role, and no principals are named")
            .help("name both roles in `key_users`")
    })
}

fn cloudfront_outside_its_partition(inputs: &Inputs) -> Option<Diagnostic> {
    let partition = inputs.partition().as_str();
    let has_cloudfront = matches!(partition, "aws" | "aws-cn");
    (inputs.services.cloudfront() && !has_cloudfront).then(|| {
        Diagnostic::warning("cloudfront-unavailable", format!("CloudFront is not known in the partition `{partition}`"))
            .help("leave the `enable_cloudfront_…` inputs out")
    })
}

fn lifecycle_sees_own_changes(inputs: &Inputs) -> Option<Diagnostic> {
    inputs.lifecycle_alarm.is_some().then(|| {
        Diagnostic::note(
            "lifecycle-alarm-on-own-changes",
            "the lifecycle alarm also fires when keywright puts a policy",
        )
        .help("expect it after an apply that changes a key policy")
    })
}

fn event_bridge_without_source(inputs: &Inputs) -> Option<Diagnostic> {
    inputs.services.image_processor.then(|| {
        Diagnostic::note("event-bridge-unconditioned", "EventBridge may use the key without a condition on its source")
            .because("it gives no source account or ARN with its calls to encrypted targets")
    })
}

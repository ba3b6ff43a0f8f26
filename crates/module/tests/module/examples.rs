//! The examples and the README's block: each loads and composes as it is printed.

use std::path::{Path, PathBuf};

use keywright_model::Severity;
use keywright_module::{Assignment, Desired, Sources, load};

use crate::common::{addresses, folder, module, sources};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(name: &str) -> Desired {
    module(&sources(&root().join("examples").join(name))).desired()
}

#[test]
fn the_complete_example_needs_no_flag_and_makes_everything_that_the_readme_lists() {
    let desired = example("complete");
    assert_eq!(
        addresses(&desired),
        [
            "aws_kms_key.general_encryption_key",
            "aws_kms_key_policy.general_encryption_key_policy",
            "aws_kms_replica_key.replica_key[0]",
            "aws_kms_grant.s3_replication_grant[0]",
            "aws_kms_grant.s3_replication_source_grant[0]",
            "aws_iam_role.s3_replication_role[0]",
            "aws_iam_role.kms_admin_role[0]",
            "aws_iam_policy.kms_management_policy[0]",
            "aws_iam_role_policy_attachment.kms_management_attachment[0]",
            "aws_cloudwatch_metric_alarm.kms_decrypt_alarm[0]",
            "aws_cloudwatch_metric_alarm.kms_access_denied_alarm[0]",
            "aws_cloudwatch_log_metric_filter.kms_access_denied[0]",
            "aws_cloudwatch_metric_alarm.kms_replica_access_denied_alarm[0]",
            "aws_cloudwatch_log_metric_filter.kms_replica_access_denied[0]",
        ]
    );
}

#[test]
fn each_environment_has_an_example_of_its_own_size() {
    for (name, count) in [("dev", 3), ("stage", 9), ("prod", 19)] {
        let desired = example(name);
        assert_eq!(desired.resources.len(), count, "{name}: {:#?}", addresses(&desired));
    }
}

/// The block is copied from the module's README, unchanged; its `sns_topic_arn` refers to a resource that is not ours.
#[test]
fn the_example_of_the_readme_works_as_printed_given_its_variables_and_one_reference() {
    let folder = folder(&[
        ("main.tf", include_str!("../fixtures/readme-example.tf")),
        ("variables.tf", include_str!("../fixtures/readme-example-variables.tf")),
    ]);
    let variable = |name: &str, value: &str| Assignment::Variable { name: name.into(), value: value.into() };
    let mut sources = Sources {
        folder: folder.path().to_owned(),
        assignments: vec![
            variable("aws_region", "eu-west-1"),
            variable("aws_account_id", "111122223333"),
            variable("environment", "prod"),
            variable("name_prefix", "acme"),
        ],
        ..Sources::default()
    };
    let unresolved = load(&sources).expect_err("the topic is not known");
    let errors: Vec<_> = unresolved.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).collect();
    let diagnostic = errors[0];
    assert_eq!((errors.len(), diagnostic.code), (1, "unresolved-reference"));
    let help = diagnostic.help.as_deref().unwrap_or_default();
    assert!(help.contains("--ref aws_sns_topic.cloudwatch_alarms.arn=VALUE") && help.contains("--refs-from"), "{help}");

    let topic = "arn:aws:sns:eu-west-1:111122223333:alarms";
    sources.refs = vec![("aws_sns_topic.cloudwatch_alarms.arn".into(), topic.into())];
    let desired = module(&sources).desired();
    assert_eq!(desired.resources.len(), 11, "as the complete example, without what a log group feeds");
    assert!(desired.findings.iter().any(|finding| finding.code == "access-denied-alarm-unfed"));
}

//! What is made of the inputs: each switch on and off, the policies, their sizes, and whole examples.

use std::path::Path;

use crate::common::{addresses, desired, render, sids};
use keywright_module::{Desired, Sources};
use keywright_policy::{Document, Effect, Match, PolicyKind, PrincipalPattern};
use serde_json::{Value, json};

/// What a switch adds to the least module: resources, and statements of the primary's policy.
fn check_switch(switch: &Value) {
    let name = switch["switch"].as_str().expect("a name");
    let without = desired(&switch["without"]);
    let with = desired(&switch["with"]);
    assert_eq!(difference(&addresses(&with), &addresses(&without)), texts(&switch["adds"]), "{name}: resources");
    assert_eq!(
        difference(&addresses(&without), &addresses(&with)),
        texts(&switch["removes"]),
        "{name}: resources gone"
    );
    let policies = [&without, &with].map(|desired| sids(&desired.administration.primary_policy));
    assert_eq!(difference(&policies[1], &policies[0]), texts(&switch["admits"]), "{name}: statements");
    assert_eq!(difference(&policies[0], &policies[1]), texts(&switch["expels"]), "{name}: statements gone");
    for (pointer, value) in switch["values"].as_object().into_iter().flatten() {
        assert_eq!(argument(&with, pointer), *value, "{name}: {pointer}");
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn difference(left: &[String], right: &[String]) -> Vec<String> {
    left.iter().filter(|item| !right.contains(item)).cloned().collect()
}

/// `ADDRESS/ARGUMENT/…`, `policy/SID/ELEMENT/…` or `outputs/NAME`.
fn argument(desired: &Desired, path: &str) -> Value {
    let (first, rest) = path.split_once(' ').expect("two parts");
    let value = match first {
        "policy" => statements(&desired.administration.primary_policy),
        "replica-policy" => statements(desired.administration.replica_policy.as_ref().expect("a replica")),
        "outputs" => desired.outputs.iter().map(|(name, output)| ((*name).to_owned(), render(&output.value))).collect(),
        address => {
            let found = addresses(desired).iter().position(|other| other == address);
            let resource = &desired.resources[found.unwrap_or_else(|| panic!("there is no {address}"))];
            resource.arguments.iter().map(|(name, value)| ((*name).to_owned(), render(value))).collect()
        }
    };
    value.pointer(rest).cloned().unwrap_or_default()
}

fn statements(document: &Document) -> Value {
    let value = document.to_value();
    let statements = value["Statement"].as_array().expect("statements").iter();
    statements.map(|statement| (statement["Sid"].as_str().unwrap_or_default().to_owned(), statement.clone())).collect()
}

#[test]
fn each_switch_adds_what_it_says_and_takes_it_away_again() {
    let switches: Vec<Value> =
        serde_json::from_str(include_str!("../../../../conformance/inputs/switches.json")).expect("cases");
    let failed: Vec<&str> = switches
        .iter()
        .filter(|switch| std::panic::catch_unwind(|| check_switch(switch)).is_err())
        .filter_map(|switch| switch["switch"].as_str())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn example(name: &str) -> Desired {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    crate::common::module(&Sources { folder, ..Sources::default() }).desired()
}

fn whole(desired: &Desired) -> Value {
    let resource = |resource: &keywright_module::DesiredResource| {
        let arguments: serde_json::Map<String, Value> =
            resource.arguments.iter().map(|(name, value)| ((*name).to_owned(), readable(&render(value)))).collect();
        let after: Vec<String> = resource.depends_on.iter().map(ToString::to_string).collect();
        let interim = resource.interim_policy.as_ref().map(sids);
        (resource.address.to_string(), json!({"arguments": arguments, "after": after, "interim_sids": interim}))
    };
    let outputs: serde_json::Map<String, Value> =
        desired.outputs.iter().map(|(name, output)| ((*name).to_owned(), readable(&render(&output.value)))).collect();
    json!({
        "resources": desired.resources.iter().map(resource).collect::<serde_json::Map<_, _>>(),
        "outputs": outputs,
        "prerequisites": desired.prerequisites.iter().map(|role| json!([role.role.as_str(), role.create])).collect::<Vec<_>>(),
        "findings": desired.findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
    })
}

/// Policies as what they say, instead of as text.
fn readable(value: &Value) -> Value {
    match value.as_str().filter(|text| text.starts_with('{')) {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        None => value.clone(),
    }
}

#[test]
fn the_examples_compose_to_what_was_reviewed() {
    for name in ["complete", "dev", "stage", "prod"] {
        insta::assert_json_snapshot!(format!("example-{name}"), whole(&example(name)));
    }
}

/// Every switch on, and every list given.
fn everything(prefix: &str, environment: &str, region: &str, replica: &str) -> Value {
    let partition = if region.starts_with("us-gov") { "aws-us-gov" } else { "aws" };
    let role = |name: &str| format!("arn:{partition}:iam::111122223333:role/{name}");
    let lists: Vec<String> = (0..10).map(|at| role(&format!("{}{at}", "r".repeat(63)))).collect();
    json!({
        "aws_region": region,
        "replication_region": replica,
        "name_prefix": prefix,
        "environment": environment,
        "aliases": ["alias/a"],
        "kms_root_access": false,
        "enable_kms_admin_role": true,
        "admin_role_require_mfa": true,
        "key_administrators": lists,
        "key_users": lists,
        "key_service_users": lists,
        "service_usage_principals": lists,
        "cross_account_principals": [format!("arn:{partition}:iam::444455556666:role/{}", "r".repeat(64))],
        "enable_key_monitoring": true,
        "enable_key_lifecycle_alarms": true,
        "cloudtrail_log_group_name": "g".repeat(512),
        "sns_topic_arn": format!("arn:{partition}:sns:{region}:111122223333:{}", "t".repeat(256)),
        "replica_sns_topic_arn": format!("arn:{partition}:sns:{replica}:111122223333:{}", "t".repeat(256)),
        "default_region_buckets": {"cloudtrail": {}},
        "replication_region_buckets": {"b": {"region": replica}},
        "enable_dynamodb": true,
        "enable_alb_firehose": true,
        "enable_alb_waf_logging": true,
        "enable_image_processor": true,
        "enable_cloudfront_firehose": true,
        "enable_cloudfront_waf": true,
        "enable_cloudfront_standard_logging_v2": true,
        "grants": {"g": {"grantee_principal": role("app"), "operations": ["Decrypt"], "region": replica}},
    })
}

/// The longest names: 64 characters for the replication role.
fn largest() -> [Desired; 2] {
    [
        desired(&everything(&"p".repeat(12), &"e".repeat(31), "ap-southeast-7", "ap-northeast-3")),
        desired(&everything(&"p".repeat(12), &"e".repeat(31), "us-gov-west-1", "us-gov-east-1")),
    ]
}

fn key_policies(desired: &Desired) -> Vec<Document> {
    let interim = desired.resources.iter().filter_map(|resource| resource.interim_policy.clone());
    let last = [Some(desired.administration.primary_policy.clone()), desired.administration.replica_policy.clone()];
    interim.chain(last.into_iter().flatten()).collect()
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html>: 32 KB.
#[test]
fn every_switch_and_the_longest_names_fit_a_key_policy() {
    for desired in largest() {
        let sizes: Vec<usize> = key_policies(&desired).iter().map(|policy| policy.to_json().len()).collect();
        println!("key policies with every switch and ten principals a list, in bytes: {sizes:?} of 32768");
        assert_eq!(sizes.len(), 4, "interim and final, primary and replica");
        assert!(sizes.iter().all(|size| *size <= 32_768), "{sizes:?}");
    }
    let mut without_lists = everything("acme", "prod", "eu-west-1", "us-east-1");
    for list in ["key_administrators", "key_users", "key_service_users", "service_usage_principals"] {
        without_lists[list] = json!([]);
    }
    let size = desired(&without_lists).administration.primary_policy.to_json().len();
    println!("key policy with every switch and no lists: {size} bytes");
    assert!(size < 8_192, "{size}");
}

/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>: 1024.
#[test]
fn filter_patterns_fit_with_the_longest_arns() {
    for desired in largest() {
        for resource in desired.resources.iter().filter(|resource| resource.arguments.contains_key("pattern")) {
            let region = desired.replication_region.as_ref().map_or("", |region| region.as_str());
            let arn = format!("arn:aws-us-gov:kms:{region}:111122223333:key/mrk-{}", "0".repeat(32));
            let pattern = resource.arguments["pattern"].resolve(&|_| Some(arn.clone().into())).value;
            let length = pattern.as_str().expect("known").len();
            println!("{}: {length} of 1024 characters", resource.address);
            assert!(length <= 1024 && !pattern.as_str().unwrap_or_default().contains("${"));
        }
    }
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>: 6144 characters.
#[test]
fn the_management_policy_fits_and_names_both_keys() {
    for desired in largest() {
        let found = desired.resources.iter().find(|resource| resource.address.name == "kms_management_policy");
        let policy = &found.expect("made").arguments["policy"];
        assert_eq!(policy.references().len(), 2);
        let text = render(policy).as_str().expect("text").replace(' ', "");
        assert!(text.len() < 6_144, "{}", text.len());
        let arn = json!("arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000");
        let resolved = policy.resolve(&|_| Some(arn.clone())).value;
        Document::parse(resolved.as_str().expect("known"), PolicyKind::Identity).expect("a policy");
    }
}

#[test]
fn every_policy_reads_and_lets_everybody_in_only_from_the_account_and_through_services() {
    let all = [example("complete"), example("dev"), example("stage"), example("prod")].into_iter().chain(largest());
    for desired in all {
        for policy in key_policies(&desired) {
            let text = policy.to_json();
            assert_eq!(Document::parse(&text, PolicyKind::Key).expect("a key policy").to_json(), text);
            policy.statements.iter().for_each(check_openness);
        }
        if let Some(role) = &desired.administration.admin_role {
            Document::parse(&role.trust_policy.to_json(), PolicyKind::Trust).expect("a trust policy");
        }
    }
}

fn check_openness(statement: &keywright_policy::Statement) {
    assert_eq!(statement.effect, Effect::Allow);
    assert_eq!(statement.resource, Some(Match::Is(vec!["*".to_owned()])));
    let Some(Match::Is(principals)) = &statement.principal else { panic!("{statement:?}") };
    let keys: Vec<&str> = statement.conditions.iter().map(|condition| condition.key.as_str()).collect();
    if principals.contains(&PrincipalPattern::Everyone) {
        assert!(keys.contains(&"kms:CallerAccount") && keys.contains(&"kms:ViaService"), "{statement:?}");
    }
    let service = principals.iter().any(|principal| matches!(principal, PrincipalPattern::Service(_)));
    let via = keys.contains(&"kms:ViaService");
    assert!(!(service && via), "a service that calls as itself has no `kms:ViaService`: {statement:?}");
    let source = |key: &&str| key.starts_with("aws:Source") || key.starts_with("kms:EncryptionContext:");
    let unconditioned = statement.sid.as_deref() == Some("AllowEventBridgeEventSources");
    assert!(!service || keys.iter().any(source) || unconditioned, "{statement:?}");
}

/// Everything that can be said of the admin role's actions: it manages, and does not use.
#[test]
fn the_admin_role_manages_and_does_not_use() {
    let policy = example("complete").administration.primary_policy;
    let statement = &statements(&policy)["AllowKMSAdminRoleKeyManagement"];
    let actions = texts(&statement["Action"]);
    assert_eq!(actions.len(), 26);
    for used in ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncrypt*", "kms:*"] {
        assert!(!actions.iter().any(|action| action == used || action.starts_with("kms:GenerateDataKey")), "{used}");
    }
    assert!(actions.contains(&"kms:PutKeyPolicy".to_owned()));
}

#[test]
fn root_access_is_absent_from_the_final_policies_and_stands_in_the_interim_ones() {
    let off = example("complete");
    for policy in [&off.administration.primary_policy, off.administration.replica_policy.as_ref().expect("a replica")] {
        assert!(!policy.to_json().contains(":root"), "{policy}");
        assert!(!policy.to_json().contains("kms:*"), "{policy}");
    }
    let interim: Vec<Vec<String>> =
        off.resources.iter().filter_map(|resource| resource.interim_policy.as_ref()).map(sids).collect();
    assert_eq!(interim.len(), 2, "the key and the replica");
    assert!(interim.iter().all(|sids| sids[0] == "EnableIAMUserPermissions"));
    let on = desired(&json!({"kms_root_access": true}));
    assert!(on.resources.iter().all(|resource| resource.interim_policy.is_none()), "final from the start");
}

#[test]
fn the_replicas_policy_differs_from_the_primarys_in_its_region_alone() {
    let desired = example("prod");
    let primary = desired.administration.primary_policy.to_json();
    let replica = desired.administration.replica_policy.expect("a replica").to_json();
    assert_ne!(primary, replica);
    assert_eq!(primary.replace("eu-west-1", "eu-central-1"), replica);
}

#[test]
fn keys_wait_for_the_role_that_their_policies_name() {
    for resource in example("complete").resources {
        let kind = resource.address.kind.type_name();
        let has_policy = ["aws_kms_key", "aws_kms_replica_key", "aws_kms_key_policy"].contains(&kind);
        let waits = resource.depends_on.iter().any(|address| address.name == "kms_admin_role");
        assert_eq!(waits, has_policy, "{}", resource.address);
    }
}

#[test]
fn references_name_resources_that_are_made() {
    for desired in largest().into_iter().chain([example("complete"), example("dev")]) {
        let made: Vec<_> = desired.resources.iter().map(|resource| &resource.address).collect();
        let values = desired.resources.iter().flat_map(|resource| resource.arguments.values());
        let outputs = desired.outputs.values().map(|output| &output.value);
        for reference in values.chain(outputs).flat_map(keywright_module::Value::references) {
            assert!(made.contains(&&reference.address), "{}", reference.address);
        }
        for resource in &desired.resources {
            assert_eq!(
                resource.arguments.contains_key("region"),
                resource.address.kind.is_regional(),
                "{}",
                resource.address
            );
            assert!(resource.depends_on.iter().all(|address| made.contains(&address)));
        }
    }
}

#[test]
fn the_partition_follows_from_the_region() {
    let desired = desired(&everything("acme", "prod", "us-gov-west-1", "us-gov-east-1"));
    for policy in key_policies(&desired) {
        assert!(!policy.to_json().contains("arn:aws:"), "{policy}");
    }
}

#[test]
fn the_inputs_tell_which_principals_and_topics_they_name() {
    let folder = crate::common::folder(&[(
        "keywright.json",
        &crate::common::least_and(&json!({
            "key_users": ["arn:aws:iam::111122223333:role/b", "111122223333"],
            "key_service_users": ["arn:aws:iam::111122223333:role/b"],
            "grants": {"g": {"grantee_principal": "arn:aws:iam::111122223333:user/a", "operations": ["Decrypt"]}},
            "key_statements": [{
                "actions": ["kms:Decrypt"],
                "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::111122223333:role/c"]}],
            }],
            "sns_topic_arn": "arn:aws:sns:eu-west-1:111122223333:alarms",
        }))
        .to_string(),
    )]);
    let module = crate::common::module(&crate::common::sources(folder.path()));
    let named: Vec<String> = module.inputs().named_principals().iter().map(ToString::to_string).collect();
    let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
    assert_eq!(named, [role("b"), role("c"), "arn:aws:iam::111122223333:user/a".to_owned()], "no account, none twice");
    let topics: Vec<&str> = module.inputs().named_topics().iter().map(|topic| topic.arn().as_str()).collect();
    assert_eq!(topics, ["arn:aws:sns:eu-west-1:111122223333:alarms"]);
}

/// A name that is missing from the list of own names would let people shadow a statement.
#[test]
fn no_statement_of_ours_can_be_named_by_others() {
    let mut names: Vec<String> = key_policies(&largest()[0]).iter().flat_map(sids).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 23, "every statement there is");
    for name in names {
        let statement = json!({
            "sid": name,
            "actions": ["kms:Decrypt"],
            "principals": [{"type": "AWS", "identifiers": ["arn:aws:iam::111122223333:role/c"]}],
        });
        let document = crate::common::least_and(&json!({"key_statements": [statement]})).to_string();
        let folder = crate::common::folder(&[("keywright.json", &document)]);
        let errors = crate::common::errors(&crate::common::sources(folder.path()));
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["duplicate-sid"], "{name}");
    }
}

#[test]
fn a_module_without_root_access_is_the_one_that_says_so() {
    for more in [json!({}), json!({ "enable_kms_admin_role": true })] {
        let composed = |root_access: bool| {
            let mut inputs = crate::common::least_and(&more);
            inputs["kms_root_access"] = root_access.into();
            let folder = crate::common::folder(&[("keywright.json", &inputs.to_string())]);
            crate::common::module(&crate::common::sources(folder.path()))
        };
        let (with, without) = (composed(true), composed(false));
        let codes = |desired: &Desired| desired.findings.iter().map(|it| it.code).collect::<Vec<_>>();
        let (taken, said) = (with.without_root_access().desired(), without.desired());
        assert_eq!((&taken.resources, &taken.administration), (&said.resources, &said.administration));
        assert_eq!(codes(&taken), codes(&said));
        assert_ne!(taken.administration, with.desired().administration);
    }
}

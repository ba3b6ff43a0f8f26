//! A key that is there is adopted, with what belongs to it; nothing is written but the state, and that whole or not at all.

use std::fs;

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, Statistic, Tag};
use aws_sdk_kms::types::{GrantConstraints, KeySpec};
use serde_json::{Value, json};

use crate::folder::{ACCOUNT, Folder, Run, module, run};
use crate::sdk::{REGION, REPLICA_REGION, Sdk};

const ALL: &str = "replication_region = \"us-east-1\"\nreplication_region_buckets = { b = { region = \"us-east-1\" } }\nenable_kms_admin_role = true\nkms_root_access = false\naliases = [\"alias/app\"]\ncloudtrail_log_group_name = \"trail\"";

fn state(folder: &Folder) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.state_path()).expect("a state")).expect("JSON")
}

fn addresses(folder: &Folder) -> Vec<String> {
    let path = folder.path().to_str().expect("a path");
    let said = run(&["state", "list", path, "--local", "--json"]).succeeds().stdout;
    serde_json::from_str(&said).expect("addresses")
}

fn key_of(folder: &Folder) -> String {
    folder.outputs()["kms_key_id"]["value"].as_str().expect("an ID").to_owned()
}

fn arn(region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{ACCOUNT}:key/{id}")
}

fn import(folder: &Folder, key: &str) -> Run {
    folder.local("import", &["--key", key])
}

/// Expects that the import is refused so, and that the state stays as it is.
#[track_caller]
fn is_refused(folder: &Folder, arguments: &[&str], told: &[&str]) {
    let before = fs::read(folder.state_path()).ok();
    folder.local("import", arguments).fails_with(told);
    assert_eq!(fs::read(folder.state_path()).ok(), before, "the state is left as it is");
}

#[test]
fn what_was_lost_with_the_state_is_found_again_by_arn_id_and_alias() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let (key, before) = (key_of(&folder), addresses(&folder));
    for name in [key.clone(), arn(REGION, &key), "alias/app".to_owned()] {
        fs::remove_file(folder.state_path()).expect("the state is lost");
        let imported = import(&folder, &name).succeeds();
        assert!(imported.stdout.contains("No changes."), "{name}: {}", imported.stdout);
        assert_eq!(addresses(&folder), before, "{name}");
        let again = folder.local("plan", &["--detailed-exitcode"]);
        assert_eq!(again.code, 0, "{name}: {}{}", again.stdout, again.stderr);
        let drift = folder.local("drift", &[]);
        assert_eq!(drift.code, 0, "{name}: {}", drift.stdout);
    }
    folder.destroy();
}

#[test]
fn a_key_that_others_made_is_adopted_and_the_plan_says_what_the_first_apply_changes() {
    let folder = Folder::with_inputs("aliases = [\"alias/app\", \"alias/other\"]");
    let key = folder.cloud(async |sdk| {
        let kms = sdk.kms(REGION);
        let made = kms.create_key().multi_region(true).description("theirs").send().await.expect("a key");
        let id = made.key_metadata.expect("metadata").key_id;
        kms.create_alias().alias_name("alias/app").target_key_id(&id).send().await.expect("an alias");
        let other = kms.create_key().send().await.expect("a key").key_metadata.expect("metadata").key_id;
        kms.create_alias().alias_name("alias/other").target_key_id(other).send().await.expect("an alias");
        id
    });
    let run = folder.local("import", &["--key", "alias/app", "--json"]).succeeds();
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let expect = [
        "module.kms.aws_kms_alias.alias[\"alias/app\"]",
        "module.kms.aws_kms_key.general_encryption_key",
        "module.kms.aws_kms_key_policy.general_encryption_key_policy",
    ];
    assert_eq!(told["imported"], json!(expect));
    let codes: Vec<&Value> = told["diagnostics"].as_array().expect("a list").iter().map(|it| &it["code"]).collect();
    assert!(codes.iter().any(|code| **code == "alias-elsewhere"), "{codes:?}");
    let missing = told["missing"].as_array().expect("a list");
    assert!(missing.contains(&json!("module.kms.aws_kms_alias.alias[\"alias/other\"]")), "{told:#}");
    let gained = &told["keywright"]["key_policies"][0]["gained"];
    assert!(gained.as_array().is_some_and(|it| !it.is_empty()), "the policy's change is told as access: {told:#}");
    let written = folder.cloud(async |sdk| {
        let described = sdk.kms(REGION).describe_key().key_id(&key).send().await.expect("a key");
        described.key_metadata.expect("metadata").description.expect("a description")
    });
    assert_eq!(written, "theirs", "nothing is written to AWS");
    folder.write("main.tf", &module("aliases = [\"alias/app\"]"));
    folder.apply();
    assert_eq!(key_of(&folder), key);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
}

#[test]
fn a_key_that_could_not_become_the_modules_is_refused() {
    let folder = Folder::with_inputs("");
    let (single, asymmetric, going, elsewhere) = folder.cloud(async |sdk| {
        let kms = sdk.kms(REGION);
        let id =
            |made: aws_sdk_kms::operation::create_key::CreateKeyOutput| made.key_metadata.expect("metadata").key_id;
        let single = id(kms.create_key().send().await.expect("a key"));
        let asymmetric = kms.create_key().multi_region(true).key_spec(KeySpec::Rsa2048).send().await.is_ok();
        let going = id(kms.create_key().multi_region(true).send().await.expect("a key"));
        kms.schedule_key_deletion().key_id(&going).send().await.expect("scheduled");
        let primary = id(sdk.kms(REPLICA_REGION).create_key().multi_region(true).send().await.expect("a key"));
        let replicate = sdk.kms(REPLICA_REGION).replicate_key().key_id(&primary);
        replicate.replica_region(REGION).send().await.expect("a replica");
        (single, asymmetric, going, primary)
    });
    assert!(!asymmetric, "the embedded AWS makes symmetric keys only");
    is_refused(&folder, &["--key", &single], &["key-not-multi-region", "single-Region"]);
    is_refused(&folder, &["--key", &going], &["key-pending-deletion", "cancel-key-deletion"]);
    is_refused(&folder, &["--key", &elsewhere], &["key-is-replica", REPLICA_REGION]);
    is_refused(&folder, &["--key", &arn(REPLICA_REGION, &elsewhere)], &["key-elsewhere", "`aws_region`"]);
    is_refused(&folder, &["--key", &arn(REGION, &single).replace(ACCOUNT, "444455556666")], &["key-elsewhere"]);
    for name in ["mrk-00000000000000000000000000000000", "alias/nobody", "nonsense"] {
        is_refused(&folder, &["--key", name], &["key-not-found"]);
    }
    is_refused(&folder, &["--key", "arn:aws:s3:::bucket"], &["key-unnamed"]);
}

#[test]
fn a_state_that_holds_another_key_is_not_overwritten_and_the_same_key_may_be_imported_again() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let other = folder.cloud(async |sdk| {
        let made = sdk.kms(REGION).create_key().multi_region(true).send().await.expect("a key");
        made.key_metadata.expect("metadata").key_id
    });
    is_refused(&folder, &["--key", &other], &["state-holds-another-key"]);
    import(&folder, &key_of(&folder)).succeeds();
}

#[test]
fn a_replica_is_adopted_only_where_it_is_the_one_that_the_inputs_want() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let key = key_of(&folder);
    fs::remove_file(folder.state_path()).expect("the state is lost");
    let replica = arn(REPLICA_REGION, &key);
    is_refused(&folder, &["--key", &key, "--replica", &arn("eu-central-1", &key)], &["replica-elsewhere"]);
    folder.local("import", &["--key", &key, "--replica", &replica]).succeeds();
    let other = Folder::with_inputs("");
    other.apply();
    let (key, lost) = (key_of(&other), other.state_path());
    fs::remove_file(lost).expect("the state is lost");
    is_refused(&other, &["--key", &key, "--replica", &arn(REPLICA_REGION, &key)], &["replica-unwanted"]);
    other.write(
        "main.tf",
        &module("replication_region = \"us-east-1\"\nreplication_region_buckets = { b = { region = \"us-east-1\" } }"),
    );
    is_refused(&other, &["--key", &key, "--replica", &arn(REPLICA_REGION, &key)], &["key-not-found"]);
}

/// The folder's state as Terraform would have it for the published module, with a token, and with things of others.
fn published(folder: &Folder, module: &str) -> Value {
    let mut state = state(folder);
    let text = state.to_string().replace("module.kms", &format!("module.{module}"));
    state = serde_json::from_str(&text).expect("JSON");
    let keys = [
        ("kms_admin_role", "kms_admin_role"),
        ("kms_management_policy", "kms_policy"),
        ("kms_management_attachment", "kms_attachment"),
    ];
    for resource in state["resources"].as_array_mut().expect("resources") {
        for (name, index) in keys {
            if resource["name"] == name {
                resource["instances"][0]["index_key"] = json!(index);
            }
        }
        let attributes = resource["instances"][0]["attributes"].as_object_mut().expect("attributes");
        attributes.remove("region");
        if resource["type"] == "aws_kms_grant" {
            resource["instances"][0]["attributes"]["grant_token"] = json!("SECRET-TOKEN");
        }
    }
    let bucket = json!({
        "mode": "managed", "type": "aws_s3_bucket", "name": "logs", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
        "instances": [{"schema_version": 0, "attributes": {"id": "logs", "strange": [1, 2]}}],
    });
    state["resources"].as_array_mut().expect("resources").push(bucket);
    state["resources"][0]["instances"][0]["attributes"]["unheard_of"] = json!("kept");
    state["outputs"] = json!({"bucket": {"value": "logs", "type": "string"}});
    state
}

#[test]
fn a_terraform_state_is_taken_over_with_what_is_not_ours_and_without_tokens() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let theirs = published(&folder, "encryption");
    folder.write("theirs.tfstate", &theirs.to_string());
    fs::remove_file(folder.state_path()).expect("no state of ours");
    let file = folder.path().join("theirs.tfstate");
    let imported = folder.local("import", &["--from-state", file.to_str().expect("a path")]).succeeds();
    let counted = ["0 to add, 0 to change, 0 to destroy", "No changes."];
    assert!(counted.iter().any(|it| imported.stdout.contains(it)), "{}", imported.stdout);
    let ours = state(&folder);
    let text = ours.to_string();
    assert!(!text.contains("SECRET-TOKEN"), "{ours:#}");
    assert!(text.contains("unheard_of") && text.contains("\"strange\":[1,2]"), "{ours:#}");
    assert_eq!(ours["lineage"], theirs["lineage"]);
    assert_eq!(ours["outputs"]["bucket"]["value"], "logs");
    let all = addresses(&folder);
    for expect in [
        "aws_s3_bucket.logs",
        "module.kms.aws_iam_role.kms_admin_role[0]",
        "module.kms.aws_iam_policy.kms_management_policy[0]",
        "module.kms.aws_iam_role_policy_attachment.kms_management_attachment[0]",
    ] {
        assert!(all.iter().any(|it| it == expect), "{expect} in {all:#?}");
    }
    folder.apply();
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
    assert_eq!(addresses(&folder), all, "what is not ours stays");
    assert_eq!(fs::read_to_string(&file).expect("their state"), theirs.to_string(), "their file is left as it is");
}

#[test]
fn the_published_modules_grant_on_the_primary_is_brought_to_the_replica() {
    let folder = Folder::with_inputs(ALL);
    folder.apply();
    let key = key_of(&folder);
    let id = folder.cloud(async |sdk| {
        let role = "arn:aws:iam::111122223333:role/acme-kms-admin-role-test";
        let kms = sdk.assume(role).await.kms(REGION);
        let request = kms.create_grant().key_id(&key).grantee_principal(role).name("S3ReplicationGrant");
        let made = request.operations("Decrypt".into()).send().await.expect("a grant");
        made.grant_id.expect("an ID")
    });
    let mut theirs = published(&folder, "kms");
    for resource in theirs["resources"].as_array_mut().expect("resources") {
        if resource["name"] == "s3_replication_grant" {
            let attributes = &mut resource["instances"][0]["attributes"];
            attributes["key_id"] = json!(key);
            attributes["grant_id"] = json!(id);
            attributes["id"] = json!(format!("{key}:{id}"));
        }
    }
    folder.write("theirs.tfstate", &theirs.to_string());
    fs::remove_file(folder.state_path()).expect("no state of ours");
    let file = folder.path().join("theirs.tfstate");
    let run = folder.local("import", &["--from-state", file.to_str().expect("a path"), "--json"]).succeeds();
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let changes = told["resource_changes"].as_array().expect("changes");
    let grant = changes.iter().find(|it| it["name"] == "s3_replication_grant").expect("the grant");
    assert_eq!(grant["change"]["before"]["region"], REGION, "{grant:#}");
    assert_eq!(grant["change"]["after"]["region"], REPLICA_REGION, "{grant:#}");
    folder.apply();
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
}

const MONITORED: &str = "enable_key_monitoring = true\nsns_topic_arn = \"arn:aws:sns:eu-west-1:111122223333:alarms\"\ncloudtrail_log_group_name = \"trail\"";

/// The alarms as the published module makes them, on metrics that AWS does not publish, as attributes of a state.
fn published_alarms(key: &str) -> [Value; 2] {
    [
        ("kms_decrypt_alarm", "acme-kms-decrypt-usage-high-test", "DecryptCount", 100, 3, 2),
        ("kms_access_denied_alarm", "acme-kms-access-denied-test", "AccessDenied", 0, 1, 1),
    ]
    .map(|(resource, name, metric, threshold, periods, datapoints)| {
        json!({
            "resource": resource, "alarm_name": name, "id": name,
            "arn": format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"),
            "alarm_description": "theirs", "namespace": "AWS/KMS", "metric_name": metric, "dimensions": { "KeyId": key },
            "statistic": "Sum", "period": 300, "comparison_operator": "GreaterThanThreshold", "threshold": threshold,
            "evaluation_periods": periods, "datapoints_to_alarm": datapoints, "treat_missing_data": "notBreaching",
            "alarm_actions": ["arn:aws:sns:eu-west-1:111122223333:alarms"],
            "ok_actions": ["arn:aws:sns:eu-west-1:111122223333:alarms"],
            "tags": { "Name": "theirs", "Environment": "test" }, "tags_all": { "Name": "theirs", "Environment": "test" },
        })
    })
}

/// Puts them in place of the folder's own.
async fn put_alarms(sdk: &Sdk, alarms: &[Value]) {
    let client = sdk.cloudwatch(REGION);
    for alarm in alarms {
        let text = |name: &str| alarm[name].as_str().expect(name).to_owned();
        let whole = |name: &str| i32::try_from(alarm[name].as_i64().expect(name)).expect(name);
        let actions = || Some(vec![alarm["alarm_actions"][0].as_str().expect("a topic").to_owned()]);
        let tag = |name: &str| Tag::builder().key(name).value(alarm["tags"][name].as_str().expect(name)).build();
        let key = alarm["dimensions"]["KeyId"].as_str().expect("a key");
        client.delete_alarms().alarm_names(text("alarm_name")).send().await.expect("deleted");
        let put = client.put_metric_alarm().alarm_name(text("alarm_name")).alarm_description(text("alarm_description"));
        let put = put.namespace(text("namespace")).metric_name(text("metric_name"));
        let put = put.dimensions(Dimension::builder().name("KeyId").value(key).build());
        let put = put.statistic(Statistic::Sum).period(whole("period")).threshold(f64::from(whole("threshold")));
        let put = put.comparison_operator(ComparisonOperator::GreaterThanThreshold);
        let put = put.evaluation_periods(whole("evaluation_periods")).datapoints_to_alarm(whole("datapoints_to_alarm"));
        let put =
            put.treat_missing_data(text("treat_missing_data")).set_alarm_actions(actions()).set_ok_actions(actions());
        put.tags(tag("Name")).tags(tag("Environment")).send().await.expect("an alarm");
    }
}

/// Expects that a first plan says of both alarms that they never rang, and what they will watch; and that the first
/// apply makes it so, and leaves the key as it is.
#[track_caller]
fn alarms_are_mended(folder: &Folder, source: &[&str], key: &str) {
    let said = folder.local("import", source).succeeds().stdout;
    let denied = format!("AccessDenied-{key}-{REGION}");
    let told = [
        ("kms_decrypt_alarm", "AWS/KMS DecryptCount", "AWS/KMS SuccessfulRequest".to_owned()),
        ("kms_access_denied_alarm", "AWS/KMS AccessDenied", format!("Keywright/KMS {denied}")),
    ];
    for (alarm, before, after) in &told {
        let text = format!(
            "  # module.kms.aws_cloudwatch_metric_alarm.{alarm}[0] will be updated in-place\n  # (it watches `{before}`, which AWS does not \
             publish, so that it never rang; now it will watch `{after}`)\n"
        );
        assert!(said.contains(&text), "{text} is not in {said}");
    }
    assert!(said.contains("0 to add, 2 to change, 0 to destroy"), "{said}");
    let plan = folder.local("plan", &["--json"]).succeeds().stdout;
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let reasons = plan["keywright"]["reasons"].as_object().expect("reasons");
    assert_eq!(reasons.len(), 2, "{reasons:#?}");

    folder.apply();
    assert!(state(folder).to_string().contains(&format!("\"arn\":\"{}\"", arn(REGION, key))), "the key is the same");
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
    let facts = folder.cloud(async |sdk| sdk.facts().await);
    let alarms = &facts[REGION]["alarms"];
    let decrypt = &alarms["acme-kms-decrypt-usage-high-test"];
    assert_eq!(decrypt["metric"], "AWS/KMS/SuccessfulRequest");
    assert_eq!(decrypt["dimensions"], json!([format!("KeyArn={}", arn(REGION, key)), "Operation=Decrypt"]));
    assert_eq!(alarms["acme-kms-access-denied-test"]["metric"], format!("Keywright/KMS/{denied}"));
}

#[test]
fn the_published_modules_alarms_are_adopted_from_its_state_and_the_plan_says_that_they_never_rang() {
    let folder = Folder::with_inputs(MONITORED);
    folder.apply();
    let key = key_of(&folder);
    let alarms = published_alarms(&key);
    folder.cloud(async |sdk| put_alarms(&sdk, &alarms).await);
    let mut theirs = published(&folder, "kms");
    for (alarm, index) in alarms.iter().zip([json!(0), json!("kms_access_denied")]) {
        let mut resources = theirs["resources"].as_array_mut().expect("resources").iter_mut();
        let resource = resources.find(|it| it["name"] == alarm["resource"]).expect("the alarm");
        let mut attributes = alarm.clone();
        attributes.as_object_mut().expect("attributes").remove("resource");
        resource["instances"][0]["attributes"] = attributes;
        resource["instances"][0]["index_key"] = index;
    }
    folder.write("theirs.tfstate", &theirs.to_string());
    fs::remove_file(folder.state_path()).expect("no state of ours");
    let file = folder.path().join("theirs.tfstate");
    alarms_are_mended(&folder, &["--from-state", file.to_str().expect("a path")], &key);
}

#[test]
fn the_published_modules_alarms_are_adopted_from_the_account_and_the_plan_says_that_they_never_rang() {
    let folder = Folder::with_inputs(MONITORED);
    folder.apply();
    let key = key_of(&folder);
    let alarms = published_alarms(&key);
    folder.cloud(async |sdk| put_alarms(&sdk, &alarms).await);
    fs::remove_file(folder.state_path()).expect("the state is lost");
    alarms_are_mended(&folder, &["--key", &key], &key);
}

/// Whom nobody in particular may become.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}"#;
const APP: &str = "arn:aws:iam::111122223333:role/app";

fn granted(operations: &str, more: &str) -> String {
    format!("grants = {{ app = {{ grantee_principal = \"{APP}\", operations = [{operations}]{more} }} }}")
}

/// A grant to the same role under the same name, with what its encryption context must hold. Gives its ID.
async fn another_grant(sdk: &Sdk, key: &str, operations: &[&str], context: Option<&str>) -> String {
    let request = sdk.kms(REGION).create_grant().key_id(key).grantee_principal(APP).name("app");
    let request = request.set_operations(Some(operations.iter().map(|it| (*it).into()).collect()));
    let constraints = context.map(|value| GrantConstraints::builder().encryption_context_equals("a", value).build());
    request.set_constraints(constraints).send().await.expect("a grant").grant_id.expect("an ID")
}

/// The ID of the grant that the state holds.
fn grant_id(folder: &Folder) -> Option<String> {
    let state = state(folder);
    let grants = state["resources"].as_array().expect("resources").iter().find(|it| it["type"] == "aws_kms_grant")?;
    Some(grants["instances"][0]["attributes"]["grant_id"].as_str().expect("an ID").to_owned())
}

#[test]
fn the_grant_whose_id_the_state_holds_is_kept_though_another_of_its_name_fits_better() {
    let folder = Folder::with_inputs(&granted("\"Decrypt\"", ""));
    folder.apply();
    let (key, held) = (key_of(&folder), grant_id(&folder).expect("a grant"));
    let other = folder.cloud(async |sdk| another_grant(&sdk, &key, &["Decrypt", "Encrypt"], None).await);
    folder.write("main.tf", &module(&granted("\"Decrypt\", \"Encrypt\"", "")));
    let again = import(&folder, &key).succeeds();
    assert_eq!(grant_id(&folder).as_ref(), Some(&held), "{}", again.stdout);
    assert!(again.stderr.contains(&format!("grant `{other}` (`app`) was made outside")), "{}", again.stderr);
    fs::remove_file(folder.state_path()).expect("the state is lost");
    import(&folder, &key).succeeds();
    assert_eq!(grant_id(&folder), Some(other), "without an ID, the one that is like what is wanted");
}

#[test]
fn of_grants_of_one_name_the_one_with_the_wanted_constraints_is_adopted_and_of_several_alike_none() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let key = key_of(&folder);
    let constrained = |value: &str| format!(", constraints = {{ encryption_context_equals = {{ a = \"{value}\" }} }}");
    let [free, one, two] = folder.cloud(async |sdk| {
        sdk.iam().create_role().role_name("app").assume_role_policy_document(TRUST).send().await.expect("a role");
        [
            another_grant(&sdk, &key, &["Decrypt"], None).await,
            another_grant(&sdk, &key, &["Decrypt"], Some("1")).await,
            another_grant(&sdk, &key, &["Decrypt"], Some("2")).await,
        ]
    });
    for (more, expect) in [(String::new(), &free), (constrained("1"), &one), (constrained("2"), &two)] {
        folder.write("main.tf", &module(&granted("\"Decrypt\"", &more)));
        fs::remove_file(folder.state_path()).expect("the state is lost");
        let said = import(&folder, &key).succeeds();
        assert_eq!(grant_id(&folder).as_ref(), Some(expect), "{more}: {}", said.stdout);
    }
    folder.write("main.tf", &module(&granted("\"Decrypt\"", &constrained("3"))));
    fs::remove_file(folder.state_path()).expect("the state is lost");
    let run = folder.local("import", &["--key", &key, "--json"]).succeeds();
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let ambiguous = told["diagnostics"].as_array().expect("a list").iter().find(|it| it["code"] == "grant-ambiguous");
    let ambiguous = ambiguous.expect("a warning").to_string();
    assert!([&free, &one, &two].iter().all(|id| ambiguous.contains(*id)), "{ambiguous}");
    assert!(
        told["missing"].as_array().expect("a list").contains(&json!("module.kms.aws_kms_grant.grant[\"app\"]")),
        "{told:#}"
    );
    assert_eq!(grant_id(&folder), None);
}

/// The state with the key under these instance keys, as `count` and `for_each` write it.
fn indexed(state: &Value, indices: &[Value]) -> Value {
    let mut state = state.clone();
    let mut resources = state["resources"].as_array_mut().expect("resources").iter_mut();
    let key = resources.find(|it| it["type"] == "aws_kms_key").expect("the key");
    let with_index = |index: &Value| {
        let mut instance = key["instances"][0].clone();
        instance["index_key"] = index.clone();
        instance
    };
    key["instances"] = indices.iter().map(with_index).collect();
    state
}

#[test]
fn a_key_under_an_index_is_checked_like_any_other_and_stands_without_it_afterwards() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let (good, all) = (state(&folder), addresses(&folder));
    let file = folder.path().join("theirs.tfstate");
    let from = ["--from-state", file.to_str().expect("a path")];
    for index in [json!(0), json!("kms")] {
        let theirs = indexed(&good, std::slice::from_ref(&index)).to_string();
        let id = key_of(&folder);
        folder.write("theirs.tfstate", &theirs.replace(&id, "mrk-00000000000000000000000000000000"));
        is_refused(&folder, &from, &["state-holds-another-key"]);
        folder.write("theirs.tfstate", &theirs);
        folder.local("import", &from).succeeds();
        assert_eq!(addresses(&folder), all, "{index}: the same key is not there twice");
        fs::write(folder.state_path(), &theirs).expect("a state of ours with an index");
        import(&folder, &id).succeeds();
        assert_eq!(addresses(&folder), all, "{index}: the same key is not there twice");
        fs::write(folder.state_path(), &theirs).expect("a state of ours with an index");
        folder.write("theirs.tfstate", &good.to_string().replace(&id, "mrk-00000000000000000000000000000000"));
        is_refused(&folder, &from, &["state-holds-another-key"]);

        fs::remove_file(folder.state_path()).expect("no state of ours");
        for (from_text, to_text, code) in [
            ("\"multi_region\":true", "\"multi_region\":false", "key-not-multi-region"),
            ("arn:aws:kms:eu-west-1", "arn:aws:kms:eu-central-1", "key-elsewhere"),
            (ACCOUNT, "444455556666", "key-elsewhere"),
        ] {
            folder.write("theirs.tfstate", &theirs.replace(from_text, to_text));
            is_refused(&folder, &from, &[code]);
        }
        folder.write("theirs.tfstate", &theirs);
        folder.local("import", &from).succeeds();
        assert_eq!(addresses(&folder), all, "{index}");
        assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
    }
    fs::remove_file(folder.state_path()).expect("no state of ours");
    folder.write("theirs.tfstate", &indexed(&good, &[json!(0), json!(1)]).to_string());
    is_refused(&folder, &from, &["import-ambiguous", "2 keys"]);
}

#[test]
fn a_state_without_the_modules_key_or_with_a_single_region_one_is_refused() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let good = state(&folder);
    fs::remove_file(folder.state_path()).expect("no state of ours");
    let file = folder.path().join("theirs.tfstate");
    let path = file.to_str().expect("a path").to_owned();
    is_refused(&folder, &["--from-state", &path], &["there is no state file"]);
    let with = |from: &str, to: &str| good.to_string().replace(from, to);
    for (text, told) in [
        ("{".to_owned(), "state-corrupt"),
        (with("module.kms", "module.a.module.kms"), "stands elsewhere"),
        (with("general_encryption_key\"", "other\""), "nothing-to-import"),
        (with("\"multi_region\":true", "\"multi_region\":false"), "key-not-multi-region"),
        (with("arn:aws:kms:eu-west-1", "arn:aws:kms:eu-central-1"), "key-elsewhere"),
        (with(ACCOUNT, "444455556666"), "key-elsewhere"),
    ] {
        folder.write("theirs.tfstate", &text);
        is_refused(&folder, &["--from-state", &path], &[told]);
    }
    folder.write("theirs.tfstate", &good.to_string());
    folder.local("import", &["--from-state", &path]).succeeds();
}

#[test]
fn a_key_that_the_state_knows_and_aws_does_not_is_not_imported() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let id = key_of(&folder);
    let text = state(&folder).to_string().replace(&id, "mrk-00000000000000000000000000000000");
    fs::remove_file(folder.state_path()).expect("no state of ours");
    folder.write("theirs.tfstate", &text);
    let file = folder.path().join("theirs.tfstate");
    is_refused(&folder, &["--from-state", file.to_str().expect("a path")], &["key-not-found"]);
}

#[test]
fn one_source_is_named() {
    let folder = Folder::with_inputs("");
    assert_eq!(folder.local("import", &[]).code, 2);
    assert_eq!(folder.local("import", &["--key", "alias/a", "--from-state", "f"]).code, 2);
}

/// The state with only these resources.
fn only(state: &Value, is_kept: impl Fn(&Value) -> bool) -> Value {
    let mut part = state.clone();
    part["resources"].as_array_mut().expect("resources").retain(is_kept);
    part
}

#[test]
fn a_state_that_holds_another_module_takes_the_imported_one_in() {
    let second = module("").replace("\"kms\"", "\"second\"").replace("acme", "other");
    let folder = Folder::new(&format!("{}{second}", module("")));
    folder.apply();
    let (whole, all) = (state(&folder), addresses(&folder));
    let own = only(&whole, |resource| resource["module"] == "module.kms");
    fs::write(folder.state_path(), own.to_string()).expect("a state of one module");
    folder.write("theirs.tfstate", &only(&whole, |resource| resource["module"] == "module.second").to_string());
    let file = folder.path().join("theirs.tfstate");
    let from = ["--from-state", file.to_str().expect("a path")];
    is_refused(&folder, &from, &["import-ambiguous", "--module"]);
    folder.local("import", &[&from[..], &["--module", "second"]].concat()).succeeds();
    assert_eq!(addresses(&folder), all);
    assert_eq!(folder.local("plan", &["--detailed-exitcode"]).code, 0);
}

#[test]
fn two_states_that_say_different_things_of_one_address_are_not_mixed() {
    let folder = Folder::with_inputs("");
    folder.apply();
    let theirs = state(&folder).to_string().replace("\"id\":\"acme-kms-access-denied-test\"", "\"id\":\"another\"");
    assert!(theirs.contains("\"another\""), "{theirs}");
    folder.write("theirs.tfstate", &theirs);
    let file = folder.path().join("theirs.tfstate");
    is_refused(
        &folder,
        &["--from-state", file.to_str().expect("a path")],
        &["state-collision", "kms_access_denied_alarm"],
    );
}

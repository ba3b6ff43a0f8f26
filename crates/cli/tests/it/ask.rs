//! `can` and `who-can`, asked of every source.

use serde_json::{Value, json};

use crate::folder::{ACCOUNT, Folder, Run, run};

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

fn published() -> String {
    format!("{}/../../conformance/prove/published-module.json", env!("CARGO_MANIFEST_DIR"))
}

fn complete() -> String {
    format!("{}/../../examples/complete", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command with `--json`, and gives its data.
#[track_caller]
fn asked(arguments: &[&str]) -> Value {
    let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&run(&all).succeeds().stdout).expect("JSON")
}

/// The decisions of `can`, one for each key.
#[track_caller]
fn decisions(arguments: &[&str]) -> Vec<String> {
    let all: Vec<&str> = ["can"].iter().chain(arguments).copied().collect();
    let answers = asked(&all)["answers"].clone();
    answers.as_array().expect("answers").iter().map(|it| it["decision"].as_str().expect("a text").to_owned()).collect()
}

fn file(folder: &Folder, name: &str, text: &str) -> String {
    folder.write(name, text);
    folder.path().join(name).to_str().expect("a path").to_owned()
}

fn policy(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn allow(principal: Value, action: &str) -> Value {
    json!({"Sid": "One", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
}

fn root() -> Value {
    json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")})
}

#[test]
fn an_ordinary_user_can_put_the_published_modules_policy_and_not_that_of_the_complete_example() {
    let (published, complete) = (published(), complete());
    let answer = asked(&["can", "user/anybody", "kms:PutKeyPolicy", "--policy", &published]);
    assert_eq!(answer["answers"][0]["decision"], "allow");
    assert_eq!(answer["answers"][0]["by"][0]["sid"], "EnableIAMPermissions");
    assert_eq!(answer["answers"][0]["by"][0]["location"]["start"]["line"], 5, "{answer:#}");
    let answers = asked(&["can", "user/anybody", "PutKeyPolicy", "--dir", &complete]);
    let both: Vec<_> =
        answers["answers"].as_array().expect("answers").iter().map(|it| (&it["part"], &it["decision"])).collect();
    assert_eq!(both, [(&json!("primary"), &json!("implicitDeny")), (&json!("replica"), &json!("implicitDeny"))]);
    assert_eq!(answers["answers"][0]["if_iam_policies_allow"], Value::Null, "no IAM policy helps");
    assert_eq!(decisions(&["role/acme-kms-admin-role-prod", "PutKeyPolicy", "replica", "--dir", &complete]), ["allow"]);
    assert_eq!(
        decisions(&["role/acme-kms-admin-role-prod", "Decrypt", "primary", "--dir", &complete]),
        ["implicitDeny"]
    );
}

#[test]
fn a_policy_that_delegates_says_that_iam_policies_decide_and_takes_those_that_are_given() {
    let folder = Folder::new("");
    let key_policy = file(&folder, "key.json", &policy(json!([allow(root(), "kms:*")])));
    let own = |action: &str| policy(json!([{"Effect": "Allow", "Action": action, "Resource": "*"}]));
    let (decrypt, encrypt) =
        (file(&folder, "d.json", &own("kms:Decrypt")), file(&folder, "e.json", &own("kms:Encrypt")));
    let ask = |more: &[&str]| {
        let all: Vec<&str> =
            ["can", "user/me", "Decrypt", "--policy", &key_policy].iter().chain(more).copied().collect();
        asked(&all)["answers"][0].clone()
    };
    let unknown = ask(&[]);
    assert_eq!((&unknown["decision"], &unknown["iam_policies_known"]), (&json!("implicitDeny"), &json!(false)));
    assert_eq!(unknown["if_iam_policies_allow"]["decision"], "allow");
    let told = run(&["can", "user/me", "Decrypt", "--policy", &key_policy]).succeeds().stdout;
    assert!(told.contains("unless its IAM policies allow it: then allow"), "{told}");
    assert_eq!(ask(&["--identity-policy", &decrypt])["decision"], "allow");
    let other = ask(&["--identity-policy", &encrypt]);
    assert_eq!((&other["decision"], &other["if_iam_policies_allow"]), (&json!("implicitDeny"), &Value::Null));
    assert_eq!(ask(&["--identity-policy", &decrypt, "--boundary", &encrypt])["decision"], "implicitDeny");
}

#[test]
fn conditions_are_met_by_the_context_that_is_given_and_named_where_they_are_not() {
    let folder = Folder::new("");
    let mut statement = allow(json!({"Service": "logs.eu-west-1.amazonaws.com"}), "kms:Decrypt");
    statement["Condition"] = json!({"StringEquals": {"aws:SourceAccount": ACCOUNT, "kms:EncryptionContext:team": "a"}});
    let deny = json!({"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"});
    let key_policy = file(&folder, "key.json", &policy(json!([statement, deny])));
    let ask = |action: &str, context: &[&str]| {
        let mut all = vec!["can", "logs.eu-west-1.amazonaws.com", action, "--key", KEY, "--policy", &key_policy];
        context.iter().for_each(|it| all.extend(["--context", it]));
        asked(&all)["answers"][0].clone()
    };
    let source = format!("aws:SourceAccount={ACCOUNT}");
    assert_eq!(ask("Decrypt", &[&source, "kms:EncryptionContext:team=a"])["decision"], "allow");
    let half = ask("Decrypt", &[&source]);
    assert_eq!(half["decision"], "implicitDeny");
    assert_eq!(half["unmet"][0]["conditions"].as_array().map(Vec::len), Some(1), "{half:#}");
    assert_eq!(half["unmet"][0]["conditions"][0]["key"], "kms:EncryptionContext:team");
    let denied = ask("Encrypt", &[]);
    assert_eq!((&denied["decision"], &denied["by"][0]["sid"]), (&json!("explicitDeny"), &json!("No")));
}

#[test]
fn the_exit_code_tells_the_answer_where_it_is_asked_for() {
    let published = published();
    let ask = |who: &str, more: &[&str]| -> Run {
        let all: Vec<&str> = ["can", who, "Decrypt", "--policy", &published].iter().chain(more).copied().collect();
        run(&all)
    };
    assert_eq!(ask("user/me", &["--exit-code"]).code, 0);
    assert_eq!(ask("arn:aws:iam::444455556666:user/me", &["--exit-code"]).code, 3);
    assert_eq!(ask("arn:aws:iam::444455556666:user/me", &[]).code, 0);
}

#[test]
fn a_policy_in_a_file_belongs_to_the_key_that_it_names_and_else_to_none_that_is_known() {
    let folder = Folder::new("");
    let mut statement = allow(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/app")}), "kms:Decrypt");
    statement["Resource"] = json!(KEY);
    let one = file(&folder, "one.json", &policy(json!([statement])));
    let answer = asked(&["can", "role/app", "Decrypt", "--policy", &one])["answers"][0].clone();
    assert_eq!((&answer["decision"], &answer["key_arn"]), (&json!("allow"), &json!(KEY)));
    let other = KEY.replace("eu-west-1", "eu-west-2");
    assert_eq!(decisions(&["role/app", "Decrypt", &other, "--policy", &one]), ["implicitDeny"]);
    let unknown = asked(&["can", "role/app", "Decrypt", "--policy", &one, "--account", ACCOUNT])["answers"][0].clone();
    assert_eq!(unknown["decision"], "implicitDeny");
    assert!(unknown["assumptions"].to_string().contains("`Resource`"), "{unknown:#}");
}

#[test]
fn wrong_questions_are_errors_that_say_what_to_do() {
    let (published, complete) = (published(), complete());
    let said = |arguments: &[&str]| {
        let run = run(arguments);
        assert_ne!(run.code, 0);
        run.stderr
    };
    assert!(said(&["can", "group/x", "Decrypt", "--policy", &published]).contains("role/NAME"));
    assert!(said(&["can", "user/x", "Decrypz", "--policy", &published]).contains("kms:Decrypt"));
    run(&["can", "user/x", "Decrypt", "nokey", "--dir", &complete]).fails_with(&["unknown-key", "replica"]);
    run(&["can", "user/x", "Decrypt", "--policy", "/nowhere.json"]).fails_with(&["unreadable-file", "/nowhere.json"]);
    let folder = Folder::new("");
    let bad = file(&folder, "bad.json", "{\"Statement\": [{\"Effect\": \"Maybe\"}]}");
    run(&["can", "user/x", "Decrypt", "--policy", &bad]).fails_with(&["policy-grammar", "bad.json:1"]);
    let several = allow(json!({"AWS": ["111122223333", "444455556666"]}), "kms:*");
    let several = file(&folder, "several.json", &policy(json!([several])));
    run(&["can", "user/x", "Decrypt", "--policy", &several]).fails_with(&["unknown-account", "--account"]);
    run(&["can", "user/x", "Decrypt", "--policy", &several, "--account", ACCOUNT]).succeeds();
    let failed = run(&["can", "user/x", "Decrypt", "--policy", "/nowhere.json", "--json"]).fails_with(&[]);
    let data: Value = serde_json::from_str(&failed.stdout).expect("JSON");
    assert_eq!(data["diagnostics"][0]["code"], "unreadable-file");
}

fn terraform_plan(policy: &Value, unknown: &Value) -> String {
    let resource = |kind: &str, name: &str, after: Value, unknown: Value| {
        json!({
            "address": format!("module.a.{kind}.{name}"), "module_address": "module.a", "mode": "managed", "type": kind,
            "name": name, "change": {"actions": ["create"], "before": null, "after": after, "after_unknown": unknown},
        })
    };
    let refers = |name: &str| json!({"references": [format!("{name}.arn"), name]});
    json!({
        "format_version": "1.2",
        "resource_changes": [
            resource("aws_kms_key", "k", json!({"policy": policy, "multi_region": false}), json!({"arn": true, "key_id": true, "policy": unknown})),
            resource("aws_kms_grant", "g", json!({"operations": ["Decrypt"], "grantee_principal": "arn:aws:iam::111122223333:role/granted"}), json!({"key_id": true})),
            resource("aws_iam_role", "app", json!({"name": "app", "path": "/"}), json!({"arn": true})),
            resource("aws_iam_role_policy", "app", json!({"policy": r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}]}"#}), json!({"role": true})),
        ],
        "configuration": {"root_module": {"module_calls": {"a": {"module": {"resources": [
            {"address": "aws_kms_key.k", "expressions": {"policy": {}}},
            {"address": "aws_kms_grant.g", "expressions": {"key_id": refers("aws_kms_key.k")}},
            {"address": "aws_iam_role_policy.app", "expressions": {"role": refers("aws_iam_role.app")}},
        ]}}}}},
    })
    .to_string()
}

#[test]
fn a_terraform_plan_is_asked_with_its_grants_and_roles() {
    let folder = Folder::new("");
    let plan =
        file(&folder, "plan.json", &terraform_plan(&json!(policy(json!([allow(root(), "kms:*")]))), &json!(false)));
    assert_eq!(decisions(&["role/app", "Encrypt", "module.a.aws_kms_key.k", "--plan", &plan]), ["allow"]);
    assert_eq!(decisions(&["role/app", "Decrypt", "--plan", &plan]), ["implicitDeny"]);
    assert_eq!(decisions(&["role/granted", "Decrypt", "--plan", &plan]), ["allow"]);
    assert_eq!(decisions(&["role/granted", "Encrypt", "--plan", &plan]), ["implicitDeny"]);
}

#[test]
fn a_policy_that_is_known_after_apply_only_is_an_error() {
    let folder = Folder::new("");
    let plan = file(&folder, "plan.json", &terraform_plan(&Value::Null, &json!(true)));
    run(&["can", "root", "Decrypt", "--plan", &plan])
        .fails_with(&["policy-known-after-apply", "module.a.aws_kms_key.k"]);
    let number = file(&folder, "number.json", &terraform_plan(&json!(7), &json!(false)));
    run(&["can", "root", "Decrypt", "--plan", &number]).fails_with(&["policy-known-after-apply"]);
    let other = file(&folder, "other.json", "{}");
    run(&["can", "root", "Decrypt", "--plan", &other]).fails_with(&["not-a-plan"]);
}

/// The plan above with a change in it.
fn changed_plan(folder: &Folder, change: impl Fn(&mut Value)) -> String {
    let text = terraform_plan(&json!(policy(json!([allow(root(), "kms:*")]))), &json!(false));
    let mut plan: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut plan);
    file(folder, "changed.json", &plan.to_string())
}

#[test]
fn a_policy_on_a_key_that_is_not_told_is_never_taken_for_none() {
    let folder = Folder::new("");
    let plan = changed_plan(&folder, |plan| {
        let apart = json!({
            "address": "aws_kms_key_policy.p", "mode": "managed", "type": "aws_kms_key_policy", "name": "p",
            "change": {"actions": ["create"], "before": null, "after": {"policy": policy(json!([]))}, "after_unknown": {"key_id": true}},
        });
        plan["resource_changes"].as_array_mut().expect("changes").push(apart);
        let block = json!({"address": "aws_kms_key_policy.p", "expressions": {"key_id": {"references": ["module.a.key_id", "module.a"]}}});
        plan["configuration"]["root_module"]["resources"] = json!([block]);
    });
    let claimed = ["prove", "--plan", &plan, "--claim", "somebody-keeps-control"];
    run(&claimed).fails_with(&["policy-known-after-apply", "aws_kms_key_policy.p"]);
    let without = changed_plan(&folder, |_| {});
    run(&["prove", "--plan", &without, "--claim", "somebody-keeps-control"]).succeeds();
}

#[test]
fn what_a_plan_without_its_changes_leaves_out_is_not_the_default() {
    let folder = Folder::new("");
    let plan = file(
        &folder,
        "planned.json",
        &json!({"planned_values": {"root_module": {"resources": [{
            "address": "aws_kms_key.k", "mode": "managed", "type": "aws_kms_key", "name": "k", "values": {"multi_region": false},
        }]}}})
        .to_string(),
    );
    run(&["can", "root", "Decrypt", "--plan", &plan, "--account", ACCOUNT]).fails_with(&["policy-known-after-apply"]);
}

#[test]
fn a_grant_that_a_plan_does_not_tell_is_an_error_and_not_none() {
    let folder = Folder::new("");
    for (path, unknown) in [
        ("grantee_principal", json!({"key_id": true, "grantee_principal": true})),
        ("constraints", json!({"key_id": true, "constraints": [{"encryption_context_equals": {"a": true}}]})),
    ] {
        let plan = changed_plan(&folder, |plan| {
            let grant = &mut plan["resource_changes"][1]["change"];
            grant["after"].as_object_mut().expect("attributes").remove(path);
            grant["after_unknown"] = unknown.clone();
        });
        run(&["prove", "--plan", &plan, "--claim", "no-public-access"])
            .fails_with(&["unknown-grant", "aws_kms_grant.g"]);
    }
    let elsewhere = changed_plan(&folder, |plan| {
        plan["configuration"]["root_module"]["module_calls"]["a"]["module"]["resources"][1]["expressions"]["key_id"] =
            json!({"references": ["var.key_id"]});
    });
    run(&["can", "role/granted", "Encrypt", "--plan", &elsewhere]).fails_with(&["unknown-grant"]);
}

#[test]
fn a_role_whose_policies_a_plan_does_not_tell_is_not_known() {
    let folder = Folder::new("");
    let plan = changed_plan(&folder, |plan| {
        plan["configuration"]["root_module"]["module_calls"]["a"]["module"]["resources"][2]["expressions"]["role"] =
            json!({"references": ["var.role"]});
    });
    let listed = |roles: &Value| {
        changed_plan(&folder, |plan| {
            let attachment = json!({
                "address": "aws_iam_policy_attachment.p", "mode": "managed", "type": "aws_iam_policy_attachment", "name": "p",
                "change": {"actions": ["create"], "before": null, "after": {"roles": roles}, "after_unknown": {}},
            });
            plan["resource_changes"].as_array_mut().expect("changes").push(attachment);
        })
    };
    let known =
        |plan: &str| asked(&["can", "role/app", "Encrypt", "--plan", plan])["answers"][0]["iam_policies_known"].clone();
    assert_eq!(known(&plan), false);
    assert_eq!(known(&listed(&json!(["app"]))), false);
    assert_eq!(known(&listed(&json!(["other"]))), true);
}

#[test]
fn a_deny_on_a_key_by_its_id_is_no_yes_while_the_key_is_not_known() {
    let folder = Folder::new("");
    let user = json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:user/me")});
    let mut deny = allow(user.clone(), "kms:Decrypt");
    deny["Effect"] = json!("Deny");
    deny["Resource"] = json!([KEY, KEY.replace("eu-west-1", "eu-west-2")]);
    let named = file(&folder, "deny.json", &policy(json!([allow(user, "kms:*"), deny])));
    run(&["can", "user/me", "Decrypt", "--policy", &named]).fails_with(&["unknown-key", "--key ARN"]);
    assert_eq!(decisions(&["user/me", "Decrypt", KEY, "--policy", &named]), ["explicitDeny"]);
}

#[test]
fn policies_of_somebody_who_can_have_none_are_not_passed_over() {
    let folder = Folder::new("");
    let deny = json!([{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]);
    let deny = file(&folder, "deny.json", &policy(deny));
    let open = file(&folder, "open.json", &policy(json!([allow(root(), "kms:*")])));
    run(&["can", "root", "Decrypt", "--policy", &open, "--identity-policy", &deny]).fails_with(&["no-identity"]);
    run(&["can", "root", "Decrypt", "--policy", &open]).succeeds();
}

#[test]
fn another_account_that_may_use_the_key_is_not_taken_for_its_own() {
    let folder = Folder::new("");
    let boss = allow(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/boss")}), "kms:*");
    let guest = allow(json!({"AWS": "arn:aws:iam::444455556666:root"}), "kms:Decrypt");
    let shared = file(&folder, "shared.json", &policy(json!([boss, guest.clone()])));
    run(&["can", "root", "Decrypt", "--policy", &shared]).fails_with(&["unknown-account"]);
    let with_root = file(&folder, "root.json", &policy(json!([allow(root(), "kms:*"), guest])));
    let answer = asked(&["can", "root", "Decrypt", "--policy", &with_root])["answers"][0].clone();
    assert!(answer["key_arn"].to_string().contains(ACCOUNT), "{answer:#}");
}

#[test]
fn keywrights_own_plan_answers_as_its_folder_does() {
    let folder = Folder::with_inputs("  kms_root_access = false\n  enable_kms_admin_role = true");
    let role = "arn:aws:iam::111122223333:role/acme-s3-replication-role-test";
    let replicated = Folder::with_inputs(
        "  replication_region = \"eu-central-1\"\n  replication_region_buckets = { b = { region = \"eu-central-1\" } }",
    );
    let with_role = replicated.local("plan", &["--json"]).succeeds().stdout;
    let with_role = file(&replicated, "plan.json", &with_role);
    assert_eq!(
        decisions(&[role, "Encrypt", "replica", "--plan", &with_role]),
        ["allow"],
        "a role that is yet to be made"
    );
    let plan = folder.local("plan", &["--json"]).succeeds().stdout;
    let plan = file(&folder, "plan.json", &plan);
    let dir = folder.path().to_str().expect("a path").to_owned();
    for (who, action, expected) in
        [("role/acme-kms-admin-role-test", "PutKeyPolicy", "allow"), ("user/me", "PutKeyPolicy", "implicitDeny")]
    {
        assert_eq!(decisions(&[who, action, "--plan", &plan]), [expected], "{who}");
        assert_eq!(decisions(&[who, action, "--dir", &dir]), [expected], "{who}");
    }
}

const TEMPLATE: &str = r#"Parameters:
  Reader: {Type: String, Default: reader}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: app}
  Key:
    Type: AWS::KMS::Key
    Properties:
      KeyPolicy:
        Version: 2012-10-17
        Statement:
          - Sid: Root
            Effect: Allow
            Principal: {AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:user/boss'}
            Action: kms:*
            Resource: '*'
          - Sid: App
            Effect: Allow
            Principal: {AWS: [!GetAtt Role.Arn, {'Fn::Join': [':', [arn, aws, iam, '', !Ref AWS::AccountId, !Sub 'role/${Reader}']]}]}
            Action: kms:Decrypt
            Resource: '*'
"#;

#[test]
fn a_template_is_worked_out_and_its_statements_have_their_places() {
    let folder = Folder::new("");
    let template = file(&folder, "t.yaml", TEMPLATE);
    let ask = |who: &str, action: &str, more: &[&str]| {
        let mut all = vec!["can", who, action, "--template", &template, "--account", ACCOUNT, "--region", "eu-west-1"];
        all.extend(more);
        asked(&all)["answers"][0].clone()
    };
    let app = ask("role/app", "Decrypt", &[]);
    assert_eq!((&app["decision"], &app["by"][0]["sid"]), (&json!("allow"), &json!("App")));
    assert_eq!(app["by"][0]["location"]["start"]["line"], 18, "{app:#}");
    assert_eq!(ask("role/app", "Encrypt", &[])["decision"], "implicitDeny");
    assert_eq!(ask("role/reader", "Decrypt", &[])["decision"], "allow");
    assert_eq!(ask("role/reader", "Decrypt", &["--parameter", "Reader=other"])["decision"], "implicitDeny");
    assert_eq!(ask("role/other", "Decrypt", &["--parameter", "Reader=other"])["decision"], "allow");
    run(&["can", "root", "Decrypt", "--template", &template]).fails_with(&[
        "template-unresolved",
        "--account",
        "t.yaml:15",
    ]);
}

#[test]
fn a_template_that_cannot_be_worked_out_is_an_error_at_its_place() {
    let folder = Folder::new("");
    let given = ["--account", ACCOUNT, "--region", "eu-west-1"];
    let ask = |text: &str| {
        let template = file(&folder, "t.yaml", text);
        let mut all = vec!["can", "root", "Decrypt", "--template", &template];
        all.extend(given);
        run(&all)
    };
    ask(&TEMPLATE.replace("{RoleName: app}", "{}")).fails_with(&["template-unresolved", "Role.Arn", "t.yaml:20"]);
    ask(&TEMPLATE.replace("!GetAtt Role.Arn", "!ImportValue x"))
        .fails_with(&["template-unresolved", "Fn::ImportValue"]);
    let looped = format!("{TEMPLATE}  Fn::ForEach::More: [X, [a, b], {{'Key${{X}}': {{Type: AWS::KMS::Key}}}}]\n");
    ask(&looped).fails_with(&["template-unresolved", "Fn::ForEach::More"]);
    ask("Resources: {}\n").fails_with(&["no-key"]);
    ask("a: [").fails_with(&["invalid-template"]);
}

#[test]
fn live_answers_come_from_what_aws_has() {
    let folder = Folder::with_inputs("  kms_root_access = false\n  enable_kms_admin_role = true");
    let dir = folder.path().to_str().expect("a path").to_owned();
    run(&["can", "root", "Decrypt", "--dir", &dir, "--local", "--live"]).fails_with(&["nothing-applied"]);
    folder.apply();
    let live = |who: &str, action: &str| {
        asked(&["can", who, action, "--dir", &dir, "--local", "--live"])["answers"][0].clone()
    };
    assert_eq!(live("role/acme-kms-admin-role-test", "PutKeyPolicy")["decision"], "allow");
    let operator = live("user/operator", "PutKeyPolicy");
    assert_eq!((&operator["decision"], &operator["iam_policies_known"]), (&json!("implicitDeny"), &json!(true)));
    let nobody = live("user/nobody", "PutKeyPolicy");
    assert_eq!((&nobody["decision"], &nobody["iam_policies_known"]), (&json!("implicitDeny"), &json!(false)));
}

#[test]
fn live_iam_policies_decide_where_the_key_delegates() {
    let folder = Folder::with_inputs("");
    let dir = folder.path().to_str().expect("a path").to_owned();
    folder.apply();
    let answers = asked(&["can", "user/operator", "PutKeyPolicy", "--dir", &dir, "--local", "--live"]);
    assert_eq!(answers["answers"][0]["decision"], "allow", "{answers:#}");
    assert_eq!(answers["answers"][0]["by"][1]["source"], "identity");
    let who = asked(&["who-can", "PutKeyPolicy", "--dir", &dir, "--local", "--live"]);
    let operator = principal(&who["keys"][0], &format!("arn:aws:iam::{ACCOUNT}:user/operator"));
    assert_eq!(operator["ways"][0]["iam_policies"][0]["source"], "identity", "{who:#}");
}

#[track_caller]
fn principal(key: &Value, name: &str) -> Value {
    let all = key["principals"].as_array().expect("principals");
    all.iter().find(|it| it["principal"] == name).unwrap_or_else(|| panic!("{name} in {key:#}")).clone()
}

#[test]
fn who_can_names_everybody_and_their_ways() {
    let complete = complete();
    let data = asked(&["who-can", "kms:PutKeyPolicy", "--dir", &complete]);
    for key in data["keys"].as_array().expect("keys") {
        let names: Vec<&str> =
            key["principals"].as_array().expect("them").iter().filter_map(|it| it["principal"].as_str()).collect();
        assert_eq!(names, [format!("arn:aws:iam::{ACCOUNT}:role/acme-kms-admin-role-prod")], "{key:#}");
        assert_eq!(key["principals"][0]["ways"][0]["means"], "yes");
    }
    let data = asked(&["who-can", "Decrypt", "--dir", &complete, "--key", "primary"]);
    let account = principal(&data["keys"][0], ACCOUNT);
    assert!(account["ways"].as_array().expect("ways").iter().all(|it| it["through_services"] == true), "{account:#}");
    assert_eq!(principal(&data["keys"][0], "delivery.logs.amazonaws.com")["ways"][0]["means"], "cond");
}

#[test]
fn without_an_action_who_can_prints_a_table_that_fits() {
    let complete = complete();
    let told = run(&["who-can", "--dir", &complete, "--key", "primary"]).succeeds().stdout;
    let rows: Vec<&str> = told.lines().take_while(|it| !it.contains("assumed:")).collect();
    assert!(rows.iter().all(|it| it.chars().count() <= 100), "{told}");
    assert!(rows.iter().any(|it| it.starts_with("account 111122223333") && it.contains("via")), "{told}");
    let data = asked(&["who-can", "--policy", &published()]);
    assert_eq!(principal(&data["keys"][0], ACCOUNT)["can"]["policy"], "yes");
    assert_eq!(principal(&data["keys"][0], "s3.amazonaws.com")["can"]["policy"], "no");
}

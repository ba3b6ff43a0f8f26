use serde_json::{Value, json};

use crate::Service;
use crate::testing::{ACCOUNT, Answered, Client};

fn iam(client: &Client, action: &str, parameters: &[(&str, &str)]) -> Answered {
    client.query(Service::Iam, action, parameters)
}

fn trust(principal: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" }],
    })
    .to_string()
}

fn account_trust() -> String {
    trust(&format!("arn:aws:iam::{ACCOUNT}:root"))
}

fn allow(action: &str) -> String {
    statement("Allow", action).to_string()
}

fn statement(effect: &str, action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": "*" }] })
}

fn make_role(client: &Client, name: &str) -> Answered {
    let trust = account_trust();
    iam(client, "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)])
}

fn make_policy(client: &Client, name: &str) -> String {
    let document = allow("kms:ListKeys");
    iam(client, "CreatePolicy", &[("PolicyName", name), ("PolicyDocument", &document)]).ok().element("Arn")
}

fn arn(resource: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{resource}")
}

const ROLE: &str = "subject-role";
const USER: &str = "subject-user";

/// An operation and parameters with which it goes well in the world of [`furnished`].
fn calls() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let role = || ("RoleName", ROLE.to_owned());
    let user = || ("UserName", USER.to_owned());
    let policy = || ("PolicyArn", arn("policy/subject-policy"));
    let other = || ("PolicyArn", arn("policy/other-policy"));
    let document = || ("PolicyDocument", allow("kms:ListKeys"));
    let inline = || ("PolicyName", "inline".to_owned());
    let tag = || vec![("Tags.member.1.Key", "k".to_owned()), ("Tags.member.1.Value", "v".to_owned())];
    let boundary = || ("PermissionsBoundary", arn("policy/other-policy"));
    let with = |first, rest: Vec<_>| std::iter::once(first).chain(rest).collect::<Vec<_>>();
    vec![
        ("CreateUser", vec![("UserName", "new".into())]),
        ("GetUser", vec![user()]),
        ("ListUsers", vec![]),
        ("ListGroupsForUser", vec![user()]),
        ("CreateAccessKey", vec![user()]),
        ("ListAccessKeys", vec![user()]),
        ("CreateRole", vec![("RoleName", "new".into()), ("AssumeRolePolicyDocument", account_trust())]),
        ("GetRole", vec![role()]),
        ("UpdateRole", vec![role(), ("Description", "d".into())]),
        ("UpdateRoleDescription", vec![role(), ("Description", "d".into())]),
        ("UpdateAssumeRolePolicy", vec![role(), ("PolicyDocument", account_trust())]),
        ("ListRoles", vec![]),
        ("ListInstanceProfilesForRole", vec![role()]),
        ("CreateServiceLinkedRole", vec![("AWSServiceName", "autoscaling.amazonaws.com".into())]),
        ("DeleteServiceLinkedRole", vec![("RoleName", "AWSServiceRoleForRDS".into())]),
        ("CreatePolicy", vec![("PolicyName", "new".into()), document()]),
        ("GetPolicy", vec![policy()]),
        ("ListPolicies", vec![]),
        ("ListEntitiesForPolicy", vec![policy()]),
        ("CreatePolicyVersion", vec![policy(), document()]),
        ("GetPolicyVersion", vec![policy(), ("VersionId", "v1".into())]),
        ("SetDefaultPolicyVersion", vec![policy(), ("VersionId", "v2".into())]),
        ("DeletePolicyVersion", vec![other(), ("VersionId", "v2".into())]),
        ("ListPolicyVersions", vec![policy()]),
        ("AttachRolePolicy", vec![role(), other()]),
        ("DetachRolePolicy", vec![role(), policy()]),
        ("ListAttachedRolePolicies", vec![role()]),
        ("PutRolePermissionsBoundary", vec![role(), boundary()]),
        ("DeleteRolePermissionsBoundary", vec![role()]),
        ("PutRolePolicy", vec![role(), inline(), document()]),
        ("GetRolePolicy", vec![role(), inline()]),
        ("ListRolePolicies", vec![role()]),
        ("DeleteRolePolicy", vec![role(), inline()]),
        ("TagRole", with(role(), tag())),
        ("ListRoleTags", vec![role()]),
        ("UntagRole", vec![role(), ("TagKeys.member.1", "k".into())]),
        ("AttachUserPolicy", vec![user(), other()]),
        ("DetachUserPolicy", vec![user(), policy()]),
        ("ListAttachedUserPolicies", vec![user()]),
        ("PutUserPermissionsBoundary", vec![user(), boundary()]),
        ("DeleteUserPermissionsBoundary", vec![user()]),
        ("PutUserPolicy", vec![user(), inline(), document()]),
        ("GetUserPolicy", vec![user(), inline()]),
        ("ListUserPolicies", vec![user()]),
        ("DeleteUserPolicy", vec![user(), inline()]),
        ("TagUser", with(user(), tag())),
        ("ListUserTags", vec![user()]),
        ("UntagUser", vec![user(), ("TagKeys.member.1", "k".into())]),
        ("TagPolicy", with(policy(), tag())),
        ("ListPolicyTags", vec![policy()]),
        ("UntagPolicy", vec![policy(), ("TagKeys.member.1", "k".into())]),
        ("DeleteRole", vec![("RoleName", "spare".into())]),
        ("DeleteUser", vec![("UserName", "spare".into())]),
        ("DeletePolicy", vec![("PolicyArn", arn("policy/spare"))]),
    ]
}

/// An account in which everything that [`calls`] names exists.
fn furnished() -> Client {
    let admin = Client::operator();
    make_role(&admin, ROLE).ok();
    make_role(&admin, "spare").ok();
    for name in [USER, "spare"] {
        iam(&admin, "CreateUser", &[("UserName", name)]).ok();
    }
    let policy = make_policy(&admin, "subject-policy");
    let other = make_policy(&admin, "other-policy");
    make_policy(&admin, "spare");
    let document = allow("kms:ListKeys");
    for arn in [&policy, &other] {
        iam(&admin, "CreatePolicyVersion", &[("PolicyArn", arn), ("PolicyDocument", &document)]).ok();
    }
    let inline = [("PolicyName", "inline"), ("PolicyDocument", document.as_str())];
    for (kind, member, name) in [("Role", "RoleName", ROLE), ("User", "UserName", USER)] {
        iam(&admin, &format!("Attach{kind}Policy"), &[(member, name), ("PolicyArn", &policy)]).ok();
        iam(&admin, &format!("Put{kind}Policy"), &[[(member, name)].as_slice(), &inline].concat()).ok();
        let boundary = [(member, name), ("PermissionsBoundary", policy.as_str())];
        iam(&admin, &format!("Put{kind}PermissionsBoundary"), &boundary).ok();
    }
    iam(&admin, "CreateServiceLinkedRole", &[("AWSServiceName", "rds.amazonaws.com")]).ok();
    admin
}

fn borrowed<'a>(parameters: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn every_operation_is_allowed_by_a_policy_and_denied_without_one_or_by_a_deny() {
    for (action, parameters) in calls() {
        let admin = furnished();
        let parameters = borrowed(&parameters);
        let stranger = admin.new_user("stranger", None);
        let denied = iam(&stranger, action, &parameters);
        denied.is_error("AccessDenied");
        let sentence = format!("because no identity-based policy allows the iam:{action} action");
        assert!(denied.message().ends_with(&sentence), "{}", denied.message());

        let mut both = statement("Allow", "iam:*");
        let deny = statement("Deny", &format!("iam:{action}"))["Statement"][0].clone();
        both["Statement"].as_array_mut().expect("a list").push(deny);
        let barred = iam(&admin.new_user("barred", Some(&both)), action, &parameters);
        barred.is_error("AccessDenied");
        assert!(
            barred.message().ends_with("with an explicit deny in an identity-based policy"),
            "{}",
            barred.message()
        );

        let allowed = admin.new_user("allowed", Some(&statement("Allow", &format!("iam:{action}"))));
        iam(&allowed, action, &parameters).ok();
    }
}

#[test]
fn the_table_of_calls_leaves_no_operation_out() {
    let others = ["UpdateAccessKey", "DeleteAccessKey", "GetServiceLinkedRoleDeletionStatus"];
    let tested: Vec<&str> = calls().iter().map(|(action, _)| *action).chain(others).collect();
    let missing: Vec<&str> =
        super::OPERATIONS.iter().map(|entry| entry.name).filter(|name| !tested.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn access_keys_open_until_they_are_made_inactive_or_deleted() {
    let admin = Client::operator();
    let user = admin.new_user("user", Some(&statement("Allow", "iam:GetUser")));
    iam(&user, "GetUser", &[]).ok();
    let key = [("UserName", "user"), ("AccessKeyId", user.access_key_id.as_str())];
    iam(&admin, "UpdateAccessKey", &[key.as_slice(), &[("Status", "Inactive")]].concat()).ok();
    iam(&user, "GetUser", &[]).is_error("InvalidClientTokenId");
    iam(&admin, "UpdateAccessKey", &[key.as_slice(), &[("Status", "Active")]].concat()).ok();
    iam(&user, "GetUser", &[]).ok();
    iam(&admin, "DeleteUser", &[("UserName", "user")]).is_error("DeleteConflict");
    iam(&admin, "CreateAccessKey", &[("UserName", "user")]).ok();
    iam(&admin, "CreateAccessKey", &[("UserName", "user")]).is_error("LimitExceeded");
    assert_eq!(iam(&admin, "ListAccessKeys", &[("UserName", "user")]).ok().elements("AccessKeyId").len(), 2);
    iam(&admin, "DeleteAccessKey", &key).ok();
    iam(&admin, "DeleteAccessKey", &key).is_error("NoSuchEntity");
    iam(&user, "GetUser", &[]).is_error("InvalidClientTokenId");
}

#[test]
fn names_paths_and_sizes_have_their_limits() {
    let admin = furnished();
    let long_name = "r".repeat(65);
    let too_large = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "S".repeat(6144), "Effect": "Allow", "Action": "*", "Resource": "*" }] })
    .to_string();
    let document = allow("*");
    let trust = account_trust();
    let role = |name: &'static str| ("RoleName", name);
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);
    let cases: Vec<Case<'_>> = vec![
        ("CreateRole", vec![("RoleName", &long_name), ("AssumeRolePolicyDocument", &trust)], "ValidationError"),
        ("CreateRole", vec![role("a b"), ("AssumeRolePolicyDocument", &trust)], "ValidationError"),
        ("CreateRole", vec![role(""), ("AssumeRolePolicyDocument", &trust)], "ValidationError"),
        ("CreateRole", vec![("AssumeRolePolicyDocument", &trust)], "ValidationError"),
        ("CreateRole", vec![role("a"), ("Path", "x"), ("AssumeRolePolicyDocument", &trust)], "ValidationError"),
        ("CreateRole", vec![role("SUBJECT-role"), ("AssumeRolePolicyDocument", &trust)], "EntityAlreadyExists"),
        ("CreateRole", vec![role("a"), ("AssumeRolePolicyDocument", "{")], "MalformedPolicyDocument"),
        ("CreateRole", vec![role("a"), ("AssumeRolePolicyDocument", &document)], "MalformedPolicyDocument"),
        (
            "CreateRole",
            vec![role("a"), ("AssumeRolePolicyDocument", &trust), ("MaxSessionDuration", "3599")],
            "ValidationError",
        ),
        (
            "CreateRole",
            vec![role("a"), ("AssumeRolePolicyDocument", &trust), ("MaxSessionDuration", "x")],
            "MalformedInput",
        ),
        (
            "CreateRole",
            vec![role("a"), ("AssumeRolePolicyDocument", &trust), ("PermissionsBoundary", "arn:aws:iam::aws:policy/X")],
            "NoSuchEntity",
        ),
        ("UpdateRole", vec![role(ROLE), ("MaxSigninSessionDuration", "3600")], "InvalidInput"),
        ("CreateUser", vec![("UserName", USER)], "EntityAlreadyExists"),
        ("CreatePolicy", vec![("PolicyName", "subject-policy"), ("PolicyDocument", &document)], "EntityAlreadyExists"),
        ("CreatePolicy", vec![("PolicyName", "big"), ("PolicyDocument", &too_large)], "LimitExceeded"),
        ("CreatePolicy", vec![("PolicyName", "trust"), ("PolicyDocument", &trust)], "MalformedPolicyDocument"),
        (
            "PutUserPolicy",
            vec![("UserName", USER), ("PolicyName", "x"), ("PolicyDocument", &too_large)],
            "LimitExceeded",
        ),
        ("GetRole", vec![role("nobody")], "NoSuchEntity"),
        ("GetUser", vec![("UserName", "nobody")], "NoSuchEntity"),
        ("GetPolicy", vec![("PolicyArn", "arn:aws:iam::111122223333:policy/none")], "NoSuchEntity"),
        ("GetPolicy", vec![("PolicyArn", "nonsense")], "InvalidInput"),
        ("GetRolePolicy", vec![role(ROLE), ("PolicyName", "none")], "NoSuchEntity"),
        (
            "DetachRolePolicy",
            vec![role(ROLE), ("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")],
            "NoSuchEntity",
        ),
        ("AttachRolePolicy", vec![role(ROLE), ("PolicyArn", "arn:aws:iam::111122223333:policy/none")], "NoSuchEntity"),
        ("DeleteRole", vec![role(ROLE)], "DeleteConflict"),
        ("DeleteUser", vec![("UserName", USER)], "DeleteConflict"),
        ("DeletePolicy", vec![("PolicyArn", "arn:aws:iam::111122223333:policy/subject-policy")], "DeleteConflict"),
        ("DeletePolicy", vec![("PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")], "AccessDenied"),
        (
            "DeletePolicyVersion",
            vec![("PolicyArn", "arn:aws:iam::111122223333:policy/subject-policy"), ("VersionId", "v1")],
            "DeleteConflict",
        ),
        (
            "GetPolicyVersion",
            vec![("PolicyArn", "arn:aws:iam::111122223333:policy/subject-policy"), ("VersionId", "v9")],
            "NoSuchEntity",
        ),
        ("CreateServiceLinkedRole", vec![("AWSServiceName", "rds.amazonaws.com")], "InvalidInput"),
        ("CreateServiceLinkedRole", vec![("AWSServiceName", "nonsense")], "InvalidInput"),
        ("DeleteRole", vec![role("AWSServiceRoleForRDS")], "UnmodifiableEntity"),
        ("DeleteServiceLinkedRole", vec![role(ROLE)], "InvalidInput"),
        ("TagRole", vec![role(ROLE), ("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "")], "InvalidInput"),
        ("ListRoles", vec![("MaxItems", "0")], "ValidationError"),
        ("ListRoles", vec![("Marker", "***")], "ValidationError"),
        ("NoSuchAction", vec![], "InvalidAction"),
    ];
    for (action, parameters, code) in cases {
        let answer = iam(&admin, action, &parameters);
        assert_eq!(answer.code(), code, "{action} {parameters:?}: {}", answer.text);
    }
}

#[test]
fn a_policy_has_up_to_five_versions_and_numbers_are_not_used_twice() {
    let admin = Client::operator();
    let policy = make_policy(&admin, "p");
    let document = allow("kms:*");
    let add = || {
        let parameters = [("PolicyArn", policy.as_str()), ("PolicyDocument", &document), ("SetAsDefault", "true")];
        iam(&admin, "CreatePolicyVersion", &parameters)
    };
    for _ in 0..4 {
        add().ok();
    }
    add().is_error("LimitExceeded");
    iam(&admin, "DeletePolicyVersion", &[("PolicyArn", &policy), ("VersionId", "v4")]).ok();
    assert_eq!(add().ok().element("VersionId"), "v6");
    assert_eq!(
        iam(&admin, "ListPolicyVersions", &[("PolicyArn", &policy)]).ok().elements("VersionId"),
        ["v6", "v5", "v3", "v2", "v1"]
    );
    let version = iam(&admin, "GetPolicyVersion", &[("PolicyArn", &policy), ("VersionId", "v6")]).ok();
    assert_eq!(version.element("Document"), super::shape::encoded(&document));
    assert_eq!(version.element("IsDefaultVersion"), "true");
    iam(&admin, "DeletePolicy", &[("PolicyArn", &policy)]).is_error("DeleteConflict");
}

#[test]
fn lists_come_in_pages() {
    let admin = Client::operator();
    for at in 0..5 {
        make_role(&admin, &format!("role-{at}")).ok();
    }
    let mut seen = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let mut parameters = vec![("MaxItems", "2")];
        parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = iam(&admin, "ListRoles", &parameters).ok();
        seen.extend(page.elements("RoleName"));
        marker = page.elements("Marker").pop();
        assert_eq!(page.element("IsTruncated"), marker.is_some().to_string());
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["role-0", "role-1", "role-2", "role-3", "role-4"]);
}

#[test]
fn a_role_made_again_under_its_name_is_another_principal() {
    let admin = Client::operator();
    let old_id = make_role(&admin, "friend").ok().element("RoleId");
    let friend = arn("role/friend");
    let document = trust(&friend);
    iam(&admin, "CreateRole", &[("RoleName", "house"), ("AssumeRolePolicyDocument", &document)]).ok();
    let shown = || iam(&admin, "GetRole", &[("RoleName", "house")]).ok().element("AssumeRolePolicyDocument");
    assert_eq!(shown(), super::shape::encoded(&document));

    let house = arn("role/house");
    let enter =
        |client: &Client| client.query(Service::Sts, "AssumeRole", &[("RoleArn", &house), ("RoleSessionName", "me")]);
    let policy = allow("sts:AssumeRole");
    let give = [("RoleName", "friend"), ("PolicyName", "p"), ("PolicyDocument", policy.as_str())];
    iam(&admin, "PutRolePolicy", &give).ok();
    let session = admin.assume(&friend, "before");
    enter(&session).ok();

    iam(&admin, "DeleteRolePolicy", &give[..2]).ok();
    iam(&admin, "DeleteRole", &[("RoleName", "friend")]).ok();
    assert!(shown().contains(&old_id), "{}", shown());
    session.query(Service::Sts, "GetCallerIdentity", &[]).is_error("InvalidClientTokenId");

    make_role(&admin, "friend").ok();
    iam(&admin, "PutRolePolicy", &give).ok();
    assert!(shown().contains(&old_id), "the name alone brings nothing back");
    enter(&admin.assume(&friend, "after")).is_error("AccessDenied");
    session.query(Service::Sts, "GetCallerIdentity", &[]).is_error("InvalidClientTokenId");

    let stale = trust(&old_id);
    let put = [("RoleName", "house"), ("PolicyDocument", stale.as_str())];
    iam(&admin, "UpdateAssumeRolePolicy", &put).is_error("MalformedPolicyDocument");
    iam(&admin, "UpdateAssumeRolePolicy", &[("RoleName", "house"), ("PolicyDocument", &document)]).ok();
    enter(&admin.assume(&friend, "after")).ok();
}

#[test]
fn a_trust_policy_names_only_principals_that_exist() {
    let admin = furnished();
    let cases = [
        (arn("role/nobody"), false),
        (arn("user/nobody"), false),
        (format!("arn:aws:iam::{ACCOUNT}:role/other/path/{ROLE}"), false),
        (format!("arn:aws-cn:iam::{ACCOUNT}:role/{ROLE}"), false),
        (format!("arn:aws:sts::{ACCOUNT}:assumed-role/nobody/x"), false),
        ("AROAAAAAAAAAAAAAAAAAA".into(), false),
        (arn(&format!("role/{ROLE}")), true),
        (arn(&format!("user/{USER}")), true),
        (format!("arn:aws:sts::{ACCOUNT}:assumed-role/{ROLE}/x"), true),
        ("444455556666".into(), true),
        ("arn:aws:iam::444455556666:root".into(), true),
        ("*".into(), true),
    ];
    for (principal, is_taken) in cases {
        let document = trust(&principal);
        let put = [("RoleName", "spare"), ("PolicyDocument", document.as_str())];
        let answer = iam(&admin, "UpdateAssumeRolePolicy", &put);
        match is_taken {
            true => assert_eq!(answer.status, 200, "{principal}: {}", answer.text),
            false => assert_eq!(answer.code(), "MalformedPolicyDocument", "{principal}"),
        }
    }
}

#[test]
fn a_boundary_limits_what_other_policies_allow() {
    let admin = furnished();
    let user = admin.new_user("bounded", Some(&statement("Allow", "iam:*")));
    iam(&user, "ListRoles", &[]).ok();
    let boundary = arn("policy/other-policy");
    iam(&admin, "PutUserPermissionsBoundary", &[("UserName", "bounded"), ("PermissionsBoundary", &boundary)]).ok();
    let denied = iam(&user, "ListRoles", &[]);
    denied.is_error("AccessDenied");
    assert!(denied.message().contains("permissions boundary"), "{}", denied.message());
    assert_eq!(iam(&admin, "GetUser", &[("UserName", "bounded")]).ok().element("PermissionsBoundaryArn"), boundary);
    let entities = iam(&admin, "ListEntitiesForPolicy", &[("PolicyArn", &boundary)]).ok();
    assert_eq!(entities.elements("UserName"), ["bounded"]);
}

#[test]
fn partitions_are_apart() {
    let admin = Client::operator();
    make_role(&admin, "r").ok();
    let china = admin.root_of(ACCOUNT).in_region("cn-north-1");
    iam(&china, "GetRole", &[("RoleName", "r")]).is_error("NoSuchEntity");
    iam(&admin.in_region("cn-north-1"), "ListRoles", &[]).is_error("InvalidClientTokenId");
    let policies = iam(&china, "ListPolicies", &[("Scope", "AWS")]).ok();
    assert_eq!(policies.elements("Arn"), ["arn:aws-cn:iam::aws:policy/AdministratorAccess"]);
    let trusted = account_trust().replace("arn:aws:", "arn:aws-cn:");
    let made = iam(&china, "CreateRole", &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trusted)]).ok();
    assert_eq!(made.element("Arn"), format!("arn:aws-cn:iam::{ACCOUNT}:role/r"));
}

/// Two accounts of one number in two partitions are two accounts.
#[test]
fn a_policy_of_another_partition_is_out_of_reach() {
    let admin = Client::operator();
    let china = admin.root_of(ACCOUNT).in_region("cn-north-1");
    let policy = make_policy(&china, "theirs");
    assert!(policy.starts_with("arn:aws-cn:"), "{policy}");
    let document = allow("*");
    let version = [("PolicyArn", policy.as_str()), ("PolicyDocument", &document), ("SetAsDefault", "true")];
    for caller in [&admin, &admin.root_of(ACCOUNT)] {
        iam(caller, "CreatePolicyVersion", &version).is_error("InvalidInput");
        iam(caller, "GetPolicy", &[("PolicyArn", &policy)]).is_error("InvalidInput");
        iam(caller, "DeletePolicy", &[("PolicyArn", &policy)]).is_error("InvalidInput");
    }
    iam(&china, "GetPolicy", &[("PolicyArn", &policy)]).ok();
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>.
#[test]
fn what_is_made_with_tags_needs_the_permission_to_tag_too() {
    let admin = Client::operator();
    let (trust, document) = (account_trust(), allow("kms:*"));
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "a")];
    for (create, tag, input) in [
        ("CreateUser", "TagUser", vec![("UserName", "new")]),
        ("CreateRole", "TagRole", vec![("RoleName", "new"), ("AssumeRolePolicyDocument", trust.as_str())]),
        ("CreatePolicy", "TagPolicy", vec![("PolicyName", "new"), ("PolicyDocument", document.as_str())]),
    ] {
        let may = |actions: &[&str]| json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] });
        let (create_action, tag_action) = (format!("iam:{create}"), format!("iam:{tag}"));
        let maker = admin.new_user(&format!("{create}-only"), Some(&may(&[&create_action])));
        let both = admin.new_user(&format!("{create}-and-tag"), Some(&may(&[&create_action, &tag_action])));
        let denied = iam(&maker, create, &[input.as_slice(), &tags].concat());
        denied.is_error("AccessDenied");
        assert!(denied.message().contains(&tag_action), "{}", denied.text);
        iam(&both, create, &[input.as_slice(), &tags].concat()).ok();
    }
}

#[test]
fn no_value_of_a_parameter_makes_an_operation_fall_over() {
    let admin = furnished();
    let long = "x".repeat(20_000);
    let odd = ["", " ", "\u{0}", "é", "*", "..", "arn:aws:iam::111122223333:policy/", "-1", "{}", "[]", long.as_str()];
    for (operation, parameters) in calls() {
        let parameters = borrowed(&parameters);
        for at in 0..parameters.len() {
            for value in odd {
                let mut spoilt = parameters.clone();
                spoilt[at].1 = value;
                let answer = iam(&admin, operation, &spoilt);
                assert!(answer.status < 500, "{operation} {:?}: {}", spoilt[at].0, answer.text);
            }
        }
    }
}

#[test]
fn what_is_made_from_inside_is_made_once() {
    let admin = Client::operator();
    let role = "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    let role = keywright_model::Arn::parse(role).expect("an ARN");
    assert!(admin.aws.ensure_role(&role).expect("made"));
    assert!(!admin.aws.ensure_role(&role).expect("there"));
    assert!(admin.aws.ensure_user(&role).is_err());
    let got = iam(&admin, "GetRole", &[("RoleName", "AWSServiceRoleForAutoScaling")]).ok();
    assert_eq!(got.element("Arn"), role.as_str());
    iam(&admin, "CreateServiceLinkedRole", &[("AWSServiceName", "autoscaling.amazonaws.com")]).is_error("InvalidInput");
    let account = keywright_model::AccountId::parse(ACCOUNT).expect("an account");
    let again = admin.aws.ensure_operator(&account, keywright_model::Partition::Aws).expect("there");
    assert_eq!(again.access_key_id, admin.access_key_id);
}

#[test]
fn tags_merge_without_regard_to_case_and_reach_conditions() {
    let admin = furnished();
    let tag = |key, value| {
        let parameters = [("RoleName", "spare"), ("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
        iam(&admin, "TagRole", &parameters).ok();
    };
    tag("Team", "a");
    tag("team", "b");
    let tags = iam(&admin, "ListRoleTags", &[("RoleName", "spare")]).ok();
    assert_eq!((tags.elements("Key"), tags.elements("Value")), (vec!["team".to_owned()], vec!["b".to_owned()]));
    let mut policy = statement("Allow", "iam:GetRole");
    policy["Statement"][0]["Condition"] = json!({ "StringEquals": { "aws:ResourceTag/team": "b" } });
    let user = admin.new_user("tagged", Some(&policy));
    iam(&user, "GetRole", &[("RoleName", "spare")]).ok();
    iam(&user, "GetRole", &[("RoleName", ROLE)]).is_error("AccessDenied");
}

fn open_in(folder: &std::path::Path, clock: &crate::Clock) -> crate::Aws {
    let options = crate::Options { data_dir: Some(folder.to_owned()), clock: clock.clone(), ids: crate::Ids::random() };
    crate::Aws::open(options).expect("opens")
}

#[test]
fn what_was_answered_survives_a_crash() {
    let (folder, copy) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let clock = crate::Clock::manual(crate::testing::start());
    let admin = Client::of(&open_in(folder.path(), &clock), &clock, ACCOUNT, "test");
    make_role(&admin, "r").ok();
    let user = admin.new_user("u", Some(&statement("Allow", "sts:AssumeRole")));
    let session = user.assume(&arn("role/r"), "session");
    let role_id = iam(&admin, "GetRole", &[("RoleName", "r")]).ok().element("RoleId");
    let user_id = session.query(Service::Sts, "GetCallerIdentity", &[]).ok().element("UserId");
    // What is on the disk at this moment is what a crash would leave: nothing has been closed.
    std::fs::copy(folder.path().join("aws.redb"), copy.path().join("aws.redb")).expect("copied");

    let aws = open_in(copy.path(), &clock);
    let again = |client: &Client| Client { aws: aws.clone(), ..client.clone() };
    assert_eq!(iam(&again(&admin), "GetRole", &[("RoleName", "r")]).ok().element("RoleId"), role_id);
    assert_eq!(again(&session).query(Service::Sts, "GetCallerIdentity", &[]).ok().element("UserId"), user_id);
    again(&user).assume(&arn("role/r"), "another");
}

#[test]
fn a_closed_aws_lets_go_of_its_folder_and_refuses_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = crate::Clock::manual(crate::testing::start());
    let aws = open_in(folder.path(), &clock);
    let admin = Client::of(&aws, &clock, ACCOUNT, "test");
    make_role(&admin, "r").ok();
    aws.close();
    assert_eq!(iam(&admin, "ListRoles", &[]).code(), "InternalFailure");
    let reopened = Client { aws: open_in(folder.path(), &clock), ..admin };
    iam(&reopened, "GetRole", &[("RoleName", "r")]).ok();
}

#[test]
fn two_writers_at_once_both_get_durable_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = crate::Clock::manual(crate::testing::start());
    let aws = open_in(folder.path(), &clock);
    let admin = Client::of(&aws, &clock, ACCOUNT, "test");
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let admin = admin.clone();
            scope.spawn(move || {
                for at in 0..20 {
                    make_role(&admin, &format!("w{writer}-{at}")).ok();
                }
            });
        }
    });
    aws.close();
    let reopened = Client { aws: open_in(folder.path(), &clock), ..admin };
    assert_eq!(iam(&reopened, "ListRoles", &[]).ok().elements("RoleName").len(), 40);
}

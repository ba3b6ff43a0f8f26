use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::Service;
use crate::testing::{ACCOUNT, Answered, Client};

fn sts(client: &Client, action: &str, parameters: &[(&str, &str)]) -> Answered {
    client.query(Service::Sts, action, parameters)
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn make_role(admin: &Client, name: &str, statement: &Value, longest: &str) {
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let parameters =
        [("RoleName", name), ("AssumeRolePolicyDocument", document.as_str()), ("MaxSessionDuration", longest)];
    admin.query(Service::Iam, "CreateRole", &parameters).ok();
}

fn trusts(principal: &str) -> Value {
    json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "sts:AssumeRole" })
}

fn assume(client: &Client, name: &str, more: &[(&str, &str)]) -> Answered {
    let arn = role(name);
    sts(client, "AssumeRole", &[[("RoleArn", arn.as_str()), ("RoleSessionName", "session")].as_slice(), more].concat())
}

fn may(effect: &str, action: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": "*" }] })
}

#[test]
fn tells_callers_who_they_are_whatever_their_policies_say() {
    let root = Client::root();
    let answer = sts(&root, "GetCallerIdentity", &[]).ok();
    assert_eq!(
        (answer.element("Arn"), answer.element("UserId")),
        (format!("arn:aws:iam::{ACCOUNT}:root"), ACCOUNT.into())
    );
    let barred = root.new_user("u", Some(&may("Deny", "*")));
    assert_eq!(sts(&barred, "GetCallerIdentity", &[]).ok().element("Arn"), format!("arn:aws:iam::{ACCOUNT}:user/u"));
    let china = sts(&root.in_region("cn-north-1"), "GetCallerIdentity", &[]).ok();
    assert_eq!(china.element("Arn"), format!("arn:aws-cn:iam::{ACCOUNT}:root"));
}

#[test]
fn a_role_is_assumed_by_whom_it_trusts_and_who_may() {
    let admin = Client::operator();
    let plain = admin.new_user("plain", None);
    let allowed = admin.new_user("allowed", Some(&may("Allow", "sts:AssumeRole")));
    let barred = admin.new_user("barred", Some(&may("Deny", "sts:AssumeRole")));
    make_role(&admin, "by-account", &trusts(ACCOUNT), "3600");
    make_role(&admin, "by-plain", &trusts(&format!("arn:aws:iam::{ACCOUNT}:user/plain")), "3600");
    make_role(&admin, "by-barred", &trusts(&format!("arn:aws:iam::{ACCOUNT}:user/barred")), "3600");
    make_role(&admin, "by-stranger", &trusts("444455556666"), "3600");
    for (who, name, client, is_taken) in [
        ("allowed", "by-account", &allowed, true),
        ("plain", "by-account", &plain, false),
        ("barred", "by-account", &barred, false),
        ("plain", "by-plain", &plain, true),
        ("allowed", "by-plain", &allowed, false),
        ("barred", "by-barred", &barred, false),
        ("admin", "by-stranger", &admin, false),
        ("admin", "nobody", &admin, false),
    ] {
        let answer = assume(client, name, &[]);
        match is_taken {
            true => assert_eq!(answer.status, 200, "{who} assumes {name}: {}", answer.text),
            false => assert_eq!(answer.code(), "AccessDenied", "{who} assumes {name}"),
        }
    }
    assume(&admin.root_of(ACCOUNT), "by-account", &[]).is_error("AccessDenied");
}

#[test]
fn a_missing_role_is_not_told_from_one_that_does_not_trust() {
    let admin = Client::operator();
    make_role(&admin, "distrusts", &trusts("444455556666"), "3600");
    let there = assume(&admin, "distrusts", &[]).message().replace("distrusts", "X");
    let missing = assume(&admin, "missing", &[]).message().replace("missing", "X");
    assert_eq!(there, missing);
    make_role(&admin, "for-us", &trusts(ACCOUNT), "3600");
    let stranger = admin.root_of("444455556666");
    for (user, policy) in [("plain", None), ("barred", Some(may("Deny", "*"))), ("allowed", Some(may("Allow", "*")))] {
        let user = stranger.new_user(user, policy.as_ref());
        let refused = |name: &str| {
            let answer = assume(&user, name, &[]);
            answer.is_error("AccessDenied");
            answer.message().replace(name, "X")
        };
        // It trusts that account, but two of the callers have no permission of their own.
        if policy != Some(may("Allow", "*")) {
            assert_eq!(refused("distrusts"), refused("missing"));
        }
        assert_eq!(refused("for-us"), refused("missing"));
    }
}

#[test]
fn roles_of_other_accounts_need_both_sides() {
    let admin = Client::operator();
    make_role(&admin, "open", &trusts("444455556666"), "3600");
    let stranger = admin.root_of("444455556666");
    let allowed = stranger.new_user("allowed", Some(&may("Allow", "sts:AssumeRole")));
    let plain = stranger.new_user("plain", None);
    let answer = assume(&allowed, "open", &[]).ok();
    assert_eq!(answer.element("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/open/session"));
    assume(&plain, "open", &[]).is_error("AccessDenied");
}

#[test]
fn a_session_has_the_powers_of_its_role_and_ends() {
    let admin = Client::operator();
    make_role(&admin, "worker", &trusts(ACCOUNT), "3600");
    let session = admin.assume(&role("worker"), "me");
    let identity = sts(&session, "GetCallerIdentity", &[]).ok();
    assert_eq!(identity.element("Arn"), format!("arn:aws:sts::{ACCOUNT}:assumed-role/worker/me"));
    assert!(identity.element("UserId").starts_with("AROA") && identity.element("UserId").ends_with(":me"));
    session.query(Service::Iam, "ListRoles", &[]).is_error("AccessDenied");
    let document = may("Allow", "iam:ListRoles").to_string();
    let give = [("RoleName", "worker"), ("PolicyName", "p"), ("PolicyDocument", document.as_str())];
    admin.query(Service::Iam, "PutRolePolicy", &give).ok();
    session.query(Service::Iam, "ListRoles", &[]).ok();

    let other = Client { session_token: Some("nonsense".into()), ..session.clone() };
    sts(&other, "GetCallerIdentity", &[]).is_error("InvalidClientTokenId");
    let without = Client { session_token: None, ..session.clone() };
    sts(&without, "GetCallerIdentity", &[]).is_error("InvalidClientTokenId");
    session.clock.advance(SignedDuration::from_secs(3599));
    sts(&session, "GetCallerIdentity", &[]).ok();
    session.clock.advance(SignedDuration::from_secs(1));
    sts(&session, "GetCallerIdentity", &[]).is_error("ExpiredToken");
}

#[test]
fn session_policies_only_take_away() {
    let admin = Client::operator();
    make_role(&admin, "worker", &trusts(ACCOUNT), "3600");
    let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
    admin.query(Service::Iam, "AttachRolePolicy", &[("RoleName", "worker"), ("PolicyArn", administrator)]).ok();
    let with = |parameters: &[(&str, &str)]| {
        let answer = assume(&admin, "worker", parameters).ok();
        Client {
            access_key_id: answer.element("AccessKeyId"),
            secret_access_key: answer.element("SecretAccessKey"),
            session_token: Some(answer.element("SessionToken")),
            ..admin.clone()
        }
    };
    let users = may("Allow", "iam:ListUsers").to_string();
    let limited = with(&[("Policy", &users)]);
    limited.query(Service::Iam, "ListUsers", &[]).ok();
    let denied = limited.query(Service::Iam, "ListRoles", &[]);
    denied.is_error("AccessDenied");
    assert!(denied.message().contains("session policy"), "{}", denied.message());
    with(&[("PolicyArns.member.1.arn", administrator)]).query(Service::Iam, "ListRoles", &[]).ok();
}

#[test]
fn durations_keep_their_limits() {
    let admin = Client::operator();
    make_role(&admin, "hour", &trusts(ACCOUNT), "3600");
    make_role(&admin, "day", &trusts(ACCOUNT), "43200");
    let chained = admin.assume(&role("day"), "first");
    let document = may("Allow", "sts:AssumeRole").to_string();
    let give = [("RoleName", "day"), ("PolicyName", "p"), ("PolicyDocument", document.as_str())];
    admin.query(Service::Iam, "PutRolePolicy", &give).ok();
    for (client, name, seconds, is_taken) in [
        (&admin, "hour", "900", true),
        (&admin, "hour", "899", false),
        (&admin, "hour", "3601", false),
        (&admin, "day", "43200", true),
        (&admin, "day", "43201", false),
        (&chained, "day", "3600", true),
        (&chained, "day", "3601", false),
    ] {
        let answer = assume(client, name, &[("DurationSeconds", seconds)]);
        match is_taken {
            true => assert_eq!(answer.status, 200, "{name} {seconds}: {}", answer.text),
            false => assert_eq!(answer.code(), "ValidationError", "{name} {seconds}"),
        }
    }
}

#[test]
fn trust_can_ask_for_an_external_id_and_for_mfa() {
    let admin = Client::operator();
    let mut with_id = trusts(ACCOUNT);
    with_id["Condition"] = json!({ "StringEquals": { "sts:ExternalId": "ticket" } });
    make_role(&admin, "with-id", &with_id, "3600");
    let mut with_mfa = trusts(ACCOUNT);
    with_mfa["Condition"] = json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } });
    make_role(&admin, "with-mfa", &with_mfa, "3600");
    assume(&admin, "with-id", &[]).is_error("AccessDenied");
    assume(&admin, "with-id", &[("ExternalId", "other")]).is_error("AccessDenied");
    assume(&admin, "with-id", &[("ExternalId", "ticket")]).ok();
    assume(&admin, "with-mfa", &[]).is_error("AccessDenied");
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/phone");
    assume(&admin, "with-mfa", &[("SerialNumber", &serial)]).is_error("AccessDenied");
    assume(&admin, "with-mfa", &[("SerialNumber", &serial), ("TokenCode", "12345x")]).is_error("AccessDenied");
    assume(&admin, "with-mfa", &[("SerialNumber", &serial), ("TokenCode", "123456")]).ok();
}

#[test]
fn bad_requests_are_refused_before_anything_else() {
    let admin = Client::operator();
    make_role(&admin, "r", &trusts(ACCOUNT), "3600");
    let arn = role("r");
    for parameters in [
        vec![("RoleArn", arn.as_str()), ("RoleSessionName", "x")],
        vec![("RoleArn", arn.as_str()), ("RoleSessionName", "a b")],
        vec![("RoleArn", arn.as_str())],
        vec![("RoleArn", "nonsense"), ("RoleSessionName", "session")],
        vec![("RoleArn", "arn:aws:iam::111122223333:user/r"), ("RoleSessionName", "session")],
        vec![("RoleArn", arn.as_str()), ("RoleSessionName", "session"), ("Tags.member.1.Key", "k")],
        vec![("RoleArn", arn.as_str()), ("RoleSessionName", "session"), ("SourceIdentity", "me")],
    ] {
        sts(&admin, "AssumeRole", &parameters).is_error("ValidationError");
    }
    let policy = [("Policy", "{")];
    assume(&admin, "r", &policy).is_error("MalformedPolicyDocument");
    sts(&admin, "AssumeRoleWithSAML", &[]).is_error("InvalidAction");
}

#[test]
fn session_tokens_are_the_user_and_open_iam_only_with_mfa() {
    let admin = Client::operator();
    let token = |parameters: &[(&str, &str)]| {
        let answer = sts(&admin, "GetSessionToken", parameters).ok();
        Client {
            access_key_id: answer.element("AccessKeyId"),
            secret_access_key: answer.element("SecretAccessKey"),
            session_token: Some(answer.element("SessionToken")),
            ..admin.clone()
        }
    };
    let plain = token(&[]);
    assert_eq!(
        sts(&plain, "GetCallerIdentity", &[]).ok().element("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:user/operator")
    );
    plain.query(Service::Iam, "ListRoles", &[]).is_error("InvalidClientTokenId");
    sts(&plain, "GetSessionToken", &[]).is_error("AccessDenied");
    let serial = [("SerialNumber", "arn:aws:iam::111122223333:mfa/phone"), ("TokenCode", "123456")];
    token(&serial).query(Service::Iam, "ListRoles", &[]).ok();
    sts(&admin, "GetSessionToken", &[("DurationSeconds", "899")]).is_error("ValidationError");
    sts(&admin, "GetSessionToken", &[("DurationSeconds", "129600")]).ok();
}

#[test]
fn a_role_of_another_partition_is_none_of_the_callers() {
    let admin = Client::operator();
    let china = admin.root_of(ACCOUNT).in_region("cn-north-1");
    let mut trusting = trusts("*");
    trusting["Principal"] = json!("*");
    make_role(&china, "open", &trusting, "3600");
    let foreign = format!("arn:aws-cn:iam::{ACCOUNT}:role/open");
    let input = [("RoleArn", foreign.as_str()), ("RoleSessionName", "session")];
    sts(&admin, "AssumeRole", &input).is_error("ValidationError");
    china.new_user("there", Some(&may("Allow", "sts:*"))).query(Service::Sts, "AssumeRole", &input).ok();
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>, the key is there
/// wherever MFA was used, so that a denial by its age sees every such session.
#[test]
fn a_session_with_mfa_tells_how_old_that_is() {
    let admin = Client::operator();
    let old = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": "*",
          "Condition": { "NumericGreaterThan": { "aws:MultiFactorAuthAge": "600" } } },
    ]});
    let user = admin.new_user("careful", Some(&old));
    let serial = [("SerialNumber", "arn:aws:iam::111122223333:mfa/phone"), ("TokenCode", "123456")];
    let answer = sts(&user, "GetSessionToken", &serial).ok();
    let session = Client {
        access_key_id: answer.element("AccessKeyId"),
        secret_access_key: answer.element("SecretAccessKey"),
        session_token: Some(answer.element("SessionToken")),
        ..user.clone()
    };
    session.query(Service::Iam, "ListRoles", &[]).ok();
    session.clock.advance(SignedDuration::from_secs(601));
    session.query(Service::Iam, "ListRoles", &[]).is_error("AccessDenied");
}

#[test]
fn a_session_policy_that_is_too_long_is_not_even_read() {
    let admin = Client::operator();
    make_role(&admin, "r", &trusts(ACCOUNT), "3600");
    let names: Vec<String> = (0..100_000).map(|at| format!("\"{at:x}\":0")).collect();
    let policy = format!("{{{}}}", names.join(","));
    assume(&admin, "r", &[("Policy", &policy)]).is_error("PackedPolicyTooLarge");
}

/// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html>.
#[test]
fn the_tags_of_a_role_reach_conditions_on_assuming_it() {
    let admin = Client::operator();
    make_role(&admin, "secret", &trusts(ACCOUNT), "3600");
    for (at, key) in ["aws:ResourceTag/level", "iam:ResourceTag/level"].into_iter().enumerate() {
        let guarded = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" },
            { "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*", "Condition": { "StringEquals": { key: "top" } } },
        ]});
        let user = admin.new_user(&format!("guarded-{at}"), Some(&guarded));
        let tag = |value| {
            let tags = [("RoleName", "secret"), ("Tags.member.1.Key", "level"), ("Tags.member.1.Value", value)];
            admin.query(Service::Iam, "TagRole", &tags).ok();
        };
        tag("low");
        assume(&user, "secret", &[]).ok();
        tag("top");
        assume(&user, "secret", &[]).is_error("AccessDenied");
    }
}

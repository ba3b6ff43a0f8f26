use keywright_model::{AccountId, Arn};
use keywright_policy::{Document, Match, Principal, PrincipalPattern, Request};

use super::Examination;
use super::facts::{Facts, KeyFacts};

/// Auto Scaling and EC2 may not use the key for volumes.
///
/// Source: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html>.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    for needed in &facts.desired.prerequisites {
        match facts.roles.get(&needed.role) {
            Some(Ok(false)) => examination.found(
                format!("the service-linked role `{}` is not there", needed.role),
                "nobody used Auto Scaling in this account yet, or the role was deleted: its groups cannot start instances with encrypted volumes",
                format!("run `aws iam create-service-linked-role --aws-service-name {}`, then `keywright apply`", needed.service),
            ),
            Some(Err(unread)) => examination.unread(unread),
            Some(Ok(true)) | None => {}
        }
        for key in &facts.keys {
            match &key.policy {
                Ok(policy) => examine_key(facts, key, policy, &needed.role, &mut examination),
                Err(unread) => examination.unread(unread),
            }
        }
    }
    if examination.troubles.is_empty() && examination.open.is_empty() {
        examination.saw("Auto Scaling and EC2 may use each key for volumes");
    }
    examination
}

fn examine_key(facts: &Facts, key: &KeyFacts, policy: &Document, role: &Arn, examination: &mut Examination) {
    for needed in needs(facts, key, role) {
        let refused: Vec<&str> =
            needed.requests.iter().filter(|it| !facts.allows(policy, it)).map(|it| it.action.as_str()).collect();
        if !refused.is_empty() {
            examination.found(
                format!(
                    "the policy of the {} key (`{}`) refuses {} to {}",
                    key.part,
                    key.arn,
                    refused.join(", "),
                    needed.who
                ),
                format!("the statement `{}` is missing, or was changed outside", needed.statement),
                facts.apply(),
            );
        }
    }
}

/// What a statement is needed for.
struct Need {
    statement: &'static str,
    who: &'static str,
    requests: Vec<Request>,
}

fn needs(facts: &Facts, key: &KeyFacts, role: &Arn) -> Vec<Need> {
    let mut needs = Vec::new();
    if let Some(session) = Principal::of_arn(role, &[]) {
        let ask = |action: &&str| Request::new(session.clone(), *action, key.arn.clone());
        let grant = ask(&"kms:CreateGrant").with("kms:GrantIsForAWSResource", "true");
        let who = "the Auto Scaling role";
        needs.push(Need {
            statement: "AllowAutoScalingServiceRoleUsage",
            who,
            requests: USE.iter().map(ask).collect(),
        });
        needs.push(Need { statement: "AllowAutoScalingServiceRoleCreateGrant", who, requests: vec![grant] });
    }
    let via = format!("ec2.{}.amazonaws.com", key.region);
    for (statement, action, who) in [
        ("AllowEC2LaunchGrant", "kms:CreateGrant", "those who start instances, through EC2"),
        ("AllowAWSServicesUsage", "kms:GenerateDataKeyWithoutPlaintext", "those who make volumes, through EC2"),
    ] {
        let Some(caller) = somebody(facts, key, statement) else { continue };
        let request = Request::new(caller, action, key.arn.clone());
        let request = request.with("kms:ViaService", via.as_str()).with("kms:GrantIsForAWSResource", "true");
        needs.push(Need { statement, who, requests: vec![request] });
    }
    needs
}

/// Somebody whom the wanted statement speaks of.
fn somebody(facts: &Facts, key: &KeyFacts, statement: &str) -> Option<Principal> {
    let wanted = facts.wanted_policy(key.part)?.statements.iter().find(|it| it.sid.as_deref() == Some(statement))?;
    let named = wanted.principal.iter().flat_map(Match::inner).find_map(|it| match it {
        PrincipalPattern::Aws(name) => Principal::of_arn(&Arn::parse(name).ok()?, &[]),
        _ => None,
    });
    named.or_else(|| anybody(&facts.desired.account, key))
}

fn anybody(account: &AccountId, key: &KeyFacts) -> Option<Principal> {
    let user = Arn::parse(&format!("arn:{}:iam::{account}:user/somebody", key.arn.partition())).ok()?;
    Some(Principal::User { arn: user })
}

const USE: &[&str] = &[
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
];

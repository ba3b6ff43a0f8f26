use super::Examination;
use super::facts::{Facts, KeyFacts, Why};

/// KMS does not answer from here, or the key may not be used.
pub(super) fn examine(facts: &Facts) -> Examination {
    let mut examination = Examination::default();
    for key in &facts.keys {
        match &key.standing {
            Ok(Some(standing)) if standing.state == "Enabled" => {
                examination.saw(format!("KMS answers in {}, and the {} key is enabled", key.region, key.part));
            }
            Ok(Some(standing)) => not_enabled(key, &standing.state, &mut examination),
            Ok(None) => examination.saw(format!("KMS answers in {}", key.region)),
            Err(unread) if unread.why == Why::Unreachable => examination.found(
                format!("KMS does not answer in {}: {}", key.region, unread.message),
                "there is no way from here to the endpoint: a private subnet without a NAT gateway needs an interface endpoint for KMS, whose security group lets port 443 in; or a proxy, a firewall, or `AWS_ENDPOINT_URL` stands between",
                format!(
                    "run `aws ec2 create-vpc-endpoint --vpc-endpoint-type Interface --private-dns-enabled --service-name com.amazonaws.{}.kms --region {} --vpc-id VPC --subnet-ids SUBNET… --security-group-ids GROUP`",
                    key.region, key.region
                ),
            ),
            // That the way is open is half of it: who is refused does not reach the key either.
            Err(unread) if unread.why == Why::Denied && key.is_answered => examination.undecided(
                format!(
                    "the way to KMS in {} is open, for it answers; but it refuses who asks, so that the key was not seen: {}",
                    key.region, unread.message
                ),
                format!("{}; through a VPC endpoint, its policy must let the call pass, too", unread.needs),
            ),
            Err(unread) => examination.unread(unread),
        }
    }
    examination
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>.
fn not_enabled(key: &KeyFacts, state: &str, examination: &mut Examination) {
    let evidence = format!("the {} key (`{}`) is {state}", key.part, key.arn);
    let (cause, cure) = match state {
        "PendingDeletion" | "PendingReplicaDeletion" => (
            "its deletion was scheduled outside: every use of it is refused until then",
            "run `keywright apply --rescue` before its time is up".to_owned(),
        ),
        "Disabled" => (
            "it was disabled outside: every use of it is refused",
            "run `keywright apply`: it enables the key".to_owned(),
        ),
        _ => ("it is on its way to another state", "wait some minutes, and ask again".to_owned()),
    };
    examination.found(evidence, cause, cure);
}

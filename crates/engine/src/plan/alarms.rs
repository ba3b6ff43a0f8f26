//! What a change of an alarm means.

use serde_json::Value;

use crate::provider::Attributes;

/// Why an alarm is changed that could never ring, for nobody publishes what it watches.
pub(super) fn why(before: &Attributes, after: &Attributes) -> Option<String> {
    let text = |alarm: &Attributes, name: &str| alarm.get(name).and_then(Value::as_str).map(str::to_owned);
    let metric = |alarm: &Attributes| Some((text(alarm, "namespace")?, text(alarm, "metric_name")?));
    let (namespace, name) = metric(before)?;
    if namespace != "AWS/KMS" || is_published(&name) {
        return None;
    }
    let now = match metric(after) {
        Some((namespace, name)) => format!("`{namespace} {name}`"),
        None => "another metric".to_owned(),
    };
    Some(format!(
        "it watches `{namespace} {name}`, which AWS does not publish, so that it never rang; now it will watch {now}"
    ))
}

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/monitoring-cloudwatch.html>.
fn is_published(metric: &str) -> bool {
    PUBLISHED.contains(&metric) || metric.starts_with("Xks")
}

const PUBLISHED: &[&str] =
    &["SuccessfulRequest", "SecondsUntilKeyMaterialExpiration", "CloudHSMKeyStoreThrottle", "ExternalKeyStoreThrottle"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(before: Value, after: Value, expect: Option<&str>) {
        let alarm = |value: Value| value.as_object().cloned().expect("attributes");
        assert_eq!(why(&alarm(before), &alarm(after)).as_deref(), expect);
    }

    #[test]
    fn only_an_alarm_on_what_aws_does_not_publish_never_rang() {
        let of = |namespace: &str, metric: &str| json!({ "namespace": namespace, "metric_name": metric });
        let ours = || of("AWS/KMS", "SuccessfulRequest");
        let silent =
            "it watches `AWS/KMS DecryptCount`, which AWS does not publish, so that it never rang; now it will watch ";
        check(of("AWS/KMS", "DecryptCount"), ours(), Some(&format!("{silent}`AWS/KMS SuccessfulRequest`")));
        check(
            of("AWS/KMS", "DecryptCount"),
            json!({ "namespace": "Keywright/KMS" }),
            Some(&format!("{silent}another metric")),
        );
        check(ours(), ours(), None);
        check(of("AWS/KMS", "XksProxyErrors"), ours(), None);
        check(of("Own", "DecryptCount"), ours(), None);
        check(json!({ "metric_query": [] }), ours(), None);
    }
}

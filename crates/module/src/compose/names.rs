//! The names of what is made.

use keywright_model::Arn;

use crate::inputs::Inputs;

/// Names made of the prefix and the environment.
pub(crate) struct Names<'a> {
    prefix: &'a str,
    environment: &'a str,
}

impl<'a> Names<'a> {
    pub(crate) fn new(inputs: &'a Inputs) -> Self {
        Self { prefix: inputs.name_prefix.as_str(), environment: inputs.environment.as_str() }
    }

    fn named(&self, what: &str) -> String {
        format!("{}-{what}-{}", self.prefix, self.environment)
    }

    pub(crate) fn key(&self) -> String {
        self.named("general-encryption-key")
    }

    pub(crate) fn replica(&self) -> String {
        self.named("replica-key")
    }

    pub(crate) fn admin_role(&self) -> String {
        self.named("kms-admin-role")
    }

    pub(crate) fn management_policy(&self) -> String {
        self.named("kms-management-policy")
    }

    pub(crate) fn replication_role(&self) -> String {
        self.named("s3-replication-role")
    }

    pub(crate) fn decrypt_alarm(&self) -> String {
        self.named("kms-decrypt-usage-high")
    }

    pub(crate) fn replica_decrypt_alarm(&self) -> String {
        self.named("kms-replica-decrypt-usage-high")
    }

    /// Both the alarm on denied calls and the metric filter that feeds it.
    pub(crate) fn access_denied(&self) -> String {
        self.named("kms-access-denied")
    }

    pub(crate) fn replica_access_denied(&self) -> String {
        self.named("kms-replica-access-denied")
    }

    /// Both the lifecycle alarm and the metric filter that feeds it.
    pub(crate) fn lifecycle(&self) -> String {
        self.named("kms-key-lifecycle")
    }
}

/// The names that alarms can have.
pub(crate) fn alarm_names(inputs: &Inputs) -> Vec<String> {
    let names = Names::new(inputs);
    vec![
        names.decrypt_alarm(),
        names.replica_decrypt_alarm(),
        names.access_denied(),
        names.replica_access_denied(),
        names.lifecycle(),
    ]
}

/// The ARN that the admin role has or will have.
pub(crate) fn admin_role_arn(inputs: &Inputs) -> Option<Arn> {
    let role = format!("role/{}", Names::new(inputs).admin_role());
    // INVARIANT: a checked prefix and environment hold no character that an ARN refuses.
    Arn::new(inputs.partition(), "iam", None, Some(&inputs.account), &role).ok()
}

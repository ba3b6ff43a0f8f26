//! The newtypes of inputs: each can only hold what its AWS page allows.

use keywright_model::{AccountId, Arn, ParseError, Partition, Region};

/// A text that keeps a rule of its own.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text! {
    /// `name_prefix`: characters that role names, alarm names and tag values all take.
    NamePrefix
}

text! {
    /// `environment`: letters, digits and `-`, 1 to 32 of them.
    Environment
}

text! {
    /// The name of a CloudWatch Logs log group, 1 to 512 characters.
    LogGroupName
}

impl NamePrefix {
    /// Reads a prefix.
    ///
    /// Sources: role names <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>, tags
    /// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it must not be empty".to_owned());
        }
        check_characters(text, "_.=+-@")?;
        Ok(Self(text.into()))
    }
}

impl Environment {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !(1..=32).contains(&text.chars().count()) {
            return Err("it must have 1 to 32 characters".to_owned());
        }
        check_characters(text, "-")?;
        Ok(Self(text.into()))
    }
}

impl LogGroupName {
    /// Reads a name.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("arn:") {
            return Err("it is an ARN; the name alone is wanted".to_owned());
        }
        if !(1..=512).contains(&text.chars().count()) {
            return Err("it must have 1 to 512 characters".to_owned());
        }
        check_characters(text, "_-/.#")?;
        Ok(Self(text.into()))
    }
}

fn check_characters(text: &str, others: &str) -> Result<(), String> {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || others.contains(*character);
    match text.chars().find(|character| !allowed(character)) {
        Some(character) => {
            let others: Vec<String> = others.chars().map(String::from).collect();
            Err(format!(
                "the character {character:?} is not allowed; allowed are letters, digits and `{}`",
                others.join(" ")
            ))
        }
        None => Ok(()),
    }
}

/// A number of days between two bounds.
macro_rules! days {
    ($(#[$doc:meta])* $name:ident, $low:literal, $high:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(u16);

        impl $name {
            /// The fewest and the most days.
            pub const BOUNDS: (u16, u16) = ($low, $high);

            /// The days.
            pub fn days(self) -> u16 {
                self.0
            }

            pub(crate) fn new(days: f64) -> Option<Self> {
                whole_number(days).and_then(|days| u16::try_from(days).ok()).filter(|days| ($low..=$high).contains(days)).map(Self)
            }
        }
    };
}

days! {
    /// Days between two rotations.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>.
    RotationPeriod, 90, 2560
}

days! {
    /// Days that a key waits for its deletion.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>.
    DeletionWindow, 7, 30
}

/// The number as a whole one, if it is one that floats carry exactly.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
pub(crate) fn whole_number(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

impl DeletionWindow {
    /// The longest that is allowed.
    pub(crate) const LONGEST: Self = Self(30);
}

/// `key_decrypt_threshold`: a positive whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DecryptThreshold(i64);

impl DecryptThreshold {
    /// The number of calls.
    pub fn calls(self) -> i64 {
        self.0
    }

    pub(crate) fn new(number: f64) -> Option<Self> {
        whole_number(number).filter(|calls| *calls > 0).map(Self)
    }
}

/// An IAM principal that a key policy can name for good: an account's root, a user or a role.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IamPrincipal {
    arn: Arn,
    account: AccountId,
}

impl IamPrincipal {
    /// Its ARN; an account is written as its root's.
    pub fn arn(&self) -> &Arn {
        &self.arn
    }

    /// The account that it belongs to.
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Whether it stands for a whole account.
    pub fn is_account(&self) -> bool {
        self.arn.resource() == "root"
    }

    /// Whether it is a role.
    pub fn is_role(&self) -> bool {
        self.arn.resource_of_kind("role").is_some()
    }

    /// The root of an account.
    pub(crate) fn root(partition: Partition, account: &AccountId) -> Result<Self, ParseError> {
        let arn = Arn::new(partition, "iam", None, Some(account), "root")?;
        Ok(Self { arn, account: account.clone() })
    }

    /// Reads an ARN, or twelve digits that stand for an account.
    pub(crate) fn parse(text: &str, partition: Partition) -> Result<Self, String> {
        if let Ok(account) = AccountId::parse(text) {
            return Self::root(partition, &account).map_err(|error| error.reason);
        }
        if text.contains(['*', '?']) {
            return Err("wildcards are not allowed: name each principal".to_owned());
        }
        let arn = Arn::parse(text).map_err(|error| error.reason)?;
        let account = AccountId::parse(arn.account()).map_err(|_| "it has no account".to_owned())?;
        let named = |kind| arn.resource_of_kind(kind).is_some_and(is_iam_path);
        let known = arn.resource() == "root" || named("user") || named("role");
        if arn.service() != "iam" || !arn.region().is_empty() || !known {
            return Err(UNKNOWN_PRINCIPAL.to_owned());
        }
        Ok(Self { arn, account })
    }
}

const UNKNOWN_PRINCIPAL: &str = "it must be an account (12 digits, or its root's ARN), an IAM user or an IAM role";

fn is_iam_path(name: &str) -> bool {
    let characters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte));
    !name.is_empty() && name.split('/').all(|part| !part.is_empty() && characters(part))
}

/// The ARN of an SNS topic that alarms can notify.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicArn(Arn);

impl TopicArn {
    /// The ARN.
    pub fn arn(&self) -> &Arn {
        &self.0
    }

    /// Reads an ARN. The Region is checked by who knows which one is wanted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let arn = Arn::parse(text).map_err(|error| error.reason)?;
        if arn.service() != "sns" {
            return Err("it is no ARN of an SNS topic: `arn:aws:sns:REGION:ACCOUNT:NAME`".to_owned());
        }
        AccountId::parse(arn.account()).map_err(|_| "its account must be 12 digits".to_owned())?;
        Region::parse(arn.region()).map_err(|_| "its Region is none".to_owned())?;
        if arn.resource().ends_with(".fifo") {
            return Err("it is a FIFO topic, which alarms cannot notify; name a standard topic".to_owned());
        }
        let name = arn.resource();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if name.len() > 256 || !name.bytes().all(allowed) {
            return Err("the topic's name must be up to 256 letters, digits, `_` and `-`".to_owned());
        }
        Ok(Self(arn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_accounts_users_and_roles() {
        for right in [
            "111122223333",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/a/b",
            "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/Y",
        ] {
            assert!(IamPrincipal::parse(right, Partition::Aws).is_ok(), "{right}");
        }
        for wrong in [
            "*",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:sts::111122223333:assumed-role/a/b",
            "arn:aws:iam::1:role/a",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role//a",
            "logs.amazonaws.com",
        ] {
            assert!(IamPrincipal::parse(wrong, Partition::Aws).is_err(), "{wrong}");
        }
    }

    #[test]
    fn topics_are_standard_topics() {
        assert!(TopicArn::parse("arn:aws:sns:eu-west-1:111122223333:alarms").is_ok());
        for wrong in [
            "alarms",
            "arn:aws:sqs:eu-west-1:111122223333:alarms",
            "arn:aws:sns:eu-west-1:111122223333:alarms.fifo",
            "arn:aws:sns:eu-west-1:1:alarms",
            "arn:aws:sns::111122223333:alarms",
            "arn:aws:sns:eu-west-1:111122223333:a:b",
        ] {
            assert!(TopicArn::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_and_thresholds_keep_their_bounds() {
        assert_eq!(
            [89.0, 90.0, 2560.0, 2561.0, 90.5].map(|days| RotationPeriod::new(days).is_some()),
            [false, true, true, false, false]
        );
        assert_eq!(
            [6.0, 7.0, 30.0, 31.0, -7.0].map(|days| DeletionWindow::new(days).is_some()),
            [false, true, true, false, false]
        );
        assert_eq!(
            [0.0, 1.0, 1.5, -1.0].map(|calls| DecryptThreshold::new(calls).is_some()),
            [false, true, false, false]
        );
    }
}

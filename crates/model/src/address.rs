use std::fmt;

use crate::parse::{ParseError, checked_string};

/// The name of a `module` block: a Terraform identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModuleName(Box<str>);

impl ModuleName {
    /// Reads a module's name.
    ///
    /// # Errors
    /// When the text is no identifier: a letter or `_`, then letters, digits, `_` and `-`.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut characters = text.chars();
        let starts_well = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
        if starts_well && characters.all(|next| next.is_alphanumeric() || next == '_' || next == '-') {
            return Ok(Self(text.into()));
        }
        Err(ParseError::new(
            text,
            "a module name",
            "it must begin with a letter, then hold letters, digits, `_` and `-`",
        ))
    }
}

checked_string!(ModuleName);

/// Names every kind of resource once: the variant, Terraform's type, and the AWS service.
macro_rules! resource_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The kinds of resources that keywright manages, each with its Terraform type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ResourceKind {
            $($(#[$doc])* $variant,)*
        }

        impl ResourceKind {
            /// Every kind, in the order of Terraform's types.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The type as it stands in addresses and state files.
            pub fn type_name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind of that type, if it is one of ours.
            pub fn from_type_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

resource_kinds! {
    /// A CloudWatch Logs metric filter.
    LogMetricFilter = "aws_cloudwatch_log_metric_filter",
    /// A CloudWatch alarm on one metric.
    MetricAlarm = "aws_cloudwatch_metric_alarm",
    /// A customer managed IAM policy.
    IamPolicy = "aws_iam_policy",
    /// An IAM role.
    IamRole = "aws_iam_role",
    /// The attachment of a managed policy to a role.
    IamRolePolicyAttachment = "aws_iam_role_policy_attachment",
    /// An alias of a KMS key.
    KmsAlias = "aws_kms_alias",
    /// A grant on a KMS key.
    KmsGrant = "aws_kms_grant",
    /// A KMS key.
    KmsKey = "aws_kms_key",
    /// The key policy of a KMS key, as a resource of its own.
    KmsKeyPolicy = "aws_kms_key_policy",
    /// A replica of a multi-Region KMS key.
    KmsReplicaKey = "aws_kms_replica_key",
}

impl ResourceKind {
    /// Whether the resource lives in one Region, and so has a `region` attribute.
    pub fn is_regional(self) -> bool {
        !matches!(self, Self::IamPolicy | Self::IamRole | Self::IamRolePolicyAttachment)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

/// Which of several instances of a resource: a number for `count`, a text for `for_each`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// An instance made by `count`.
    Count(u64),
    /// An instance made by `for_each`.
    Each(String),
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => write!(f, "[{number}]"),
            Self::Each(key) => write!(f, "[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}

/// The address of a resource instance, as Terraform writes it:
/// `module.kms.aws_kms_replica_key.replica_key[0]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The module that the resource stands in; none for the root module.
    pub module: Option<ModuleName>,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// The name of the `resource` block.
    pub name: String,
    /// Which instance, where there can be several.
    pub index: Option<Index>,
}

impl Address {
    /// The address without its instance key, as state files list dependencies.
    pub fn without_index(&self) -> String {
        let module = self.module.as_ref().map(|name| format!("module.{name}.")).unwrap_or_default();
        format!("{module}{}.{}", self.kind, self.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.without_index())?;
        match &self.index {
            Some(index) => index.fmt(f),
            None => Ok(()),
        }
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(index: Option<Index>, expect: &str) {
        let address = Address {
            module: Some(ModuleName::parse("kms").expect("a name")),
            kind: ResourceKind::KmsAlias,
            name: "alias".into(),
            index,
        };
        assert_eq!(address.to_string(), expect);
        assert_eq!(address.without_index(), "module.kms.aws_kms_alias.alias");
    }

    #[test]
    fn addresses_read_as_terraform_writes_them() {
        check(None, "module.kms.aws_kms_alias.alias");
        check(Some(Index::Count(0)), "module.kms.aws_kms_alias.alias[0]");
        check(Some(Index::Each("alias/a\"b".into())), r#"module.kms.aws_kms_alias.alias["alias/a\"b"]"#);
    }

    #[test]
    fn each_kind_has_its_type() {
        for kind in ResourceKind::ALL {
            assert_eq!(ResourceKind::from_type_name(kind.type_name()), Some(*kind));
        }
        assert_eq!(ResourceKind::from_type_name("aws_s3_bucket"), None);
    }

    #[test]
    fn module_names_are_identifiers() {
        assert!(ModuleName::parse("kms-eu_1").is_ok());
        for wrong in ["", "1kms", "a b", "a.b"] {
            assert!(ModuleName::parse(wrong).is_err(), "{wrong}");
        }
    }
}

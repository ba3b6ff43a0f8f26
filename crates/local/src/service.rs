/// The services that answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// AWS Key Management Service.
    Kms,
    /// AWS Identity and Access Management.
    Iam,
    /// AWS Security Token Service.
    Sts,
    /// Amazon CloudWatch.
    CloudWatch,
    /// Amazon CloudWatch Logs.
    Logs,
    /// Amazon Simple Notification Service.
    Sns,
    /// AWS CloudTrail.
    CloudTrail,
}

/// Which family of error codes a service answers with when the request itself is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `UnrecognizedClientException`, `SerializationException`, …
    Json,
    /// `InvalidClientTokenId`, `MalformedQueryString`, …
    Query,
}

impl Service {
    pub(crate) const ALL: [Self; 7] =
        [Self::Kms, Self::Iam, Self::Sts, Self::CloudWatch, Self::Logs, Self::Sns, Self::CloudTrail];

    /// The name in the credential scope of a signature.
    pub fn signing_name(self) -> &'static str {
        self.facts().signing_name
    }

    /// The service that signs with that name.
    pub(crate) fn from_signing_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.signing_name() == name)
    }

    /// What stands before the dot of `X-Amz-Target`, and in the path of rpcv2Cbor.
    pub(crate) fn target_prefix(self) -> Option<&'static str> {
        self.facts().target_prefix
    }

    /// Whether this stands before the dot of `X-Amz-Target`: the prefix, or its long form with the package's name.
    pub(crate) fn has_target_prefix(self, prefix: &str) -> bool {
        self.target_prefix().is_some_and(|known| known == prefix || prefix.rsplit('.').next() == Some(known))
    }

    /// The service as CloudTrail names it.
    pub(crate) fn event_source(self) -> &'static str {
        match self {
            Self::Kms => "kms.amazonaws.com",
            Self::Iam => "iam.amazonaws.com",
            Self::Sts => "sts.amazonaws.com",
            Self::CloudWatch => "monitoring.amazonaws.com",
            Self::Logs => "logs.amazonaws.com",
            Self::Sns => "sns.amazonaws.com",
            Self::CloudTrail => "cloudtrail.amazonaws.com",
        }
    }

    /// The version of the API, which the Query protocol carries.
    pub(crate) fn api_version(self) -> &'static str {
        self.facts().api_version
    }

    /// The namespace of Query's answers.
    pub(crate) fn xml_namespace(self) -> &'static str {
        self.facts().xml_namespace
    }

    /// Whether one place serves the whole partition.
    pub(crate) fn is_global(self) -> bool {
        self == Self::Iam
    }

    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Kms | Self::Logs | Self::CloudTrail => Dialect::Json,
            Self::Iam | Self::Sts | Self::Sns | Self::CloudWatch => Dialect::Query,
        }
    }

    fn facts(self) -> &'static Facts {
        match self {
            Self::Kms => &KMS,
            Self::Iam => &IAM,
            Self::Sts => &STS,
            Self::CloudWatch => &CLOUDWATCH,
            Self::Logs => &LOGS,
            Self::Sns => &SNS,
            Self::CloudTrail => &CLOUDTRAIL,
        }
    }
}

struct Facts {
    signing_name: &'static str,
    target_prefix: Option<&'static str>,
    api_version: &'static str,
    xml_namespace: &'static str,
}

// Source: the `metadata` of the service models that the AWS SDKs ship.
const KMS: Facts =
    Facts { signing_name: "kms", target_prefix: Some("TrentService"), api_version: "2014-11-01", xml_namespace: "" };
const IAM: Facts = Facts {
    signing_name: "iam",
    target_prefix: None,
    api_version: "2010-05-08",
    xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
};
const STS: Facts = Facts {
    signing_name: "sts",
    target_prefix: None,
    api_version: "2011-06-15",
    xml_namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
};
const CLOUDWATCH: Facts = Facts {
    signing_name: "monitoring",
    target_prefix: Some("GraniteServiceVersion20100801"),
    api_version: "2010-08-01",
    xml_namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
};
const LOGS: Facts =
    Facts { signing_name: "logs", target_prefix: Some("Logs_20140328"), api_version: "2014-03-28", xml_namespace: "" };
const SNS: Facts = Facts {
    signing_name: "sns",
    target_prefix: None,
    api_version: "2010-03-31",
    xml_namespace: "http://sns.amazonaws.com/doc/2010-03-31/",
};
const CLOUDTRAIL: Facts = Facts {
    signing_name: "cloudtrail",
    // Clients send the long form, `com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101`.
    target_prefix: Some("CloudTrail_20131101"),
    api_version: "2013-11-01",
    xml_namespace: "",
};

use crate::parse::ParseError;
use crate::{AccountId, Partition, Region};

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
///
/// The region and the account may be empty, as they are in an S3 bucket's ARN. Wildcards are not
/// allowed here: a pattern is not a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: Box<str>,
    /// Where each of the first five `:` stands.
    colons: [usize; 5],
}

impl Arn {
    /// Reads an ARN.
    ///
    /// # Errors
    /// When there are fewer than six parts, the partition or the service is empty, or the resource
    /// is empty.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = |reason: &str| ParseError::new(text, "an ARN", reason);
        if !text.starts_with("arn:") {
            return Err(wrong("it must begin with `arn:`"));
        }
        // The key of an S3 object may hold spaces.
        let may_hold_spaces = text.split(':').nth(2) == Some("s3");
        let is_forbidden = |c: char| c.is_control() || (c.is_whitespace() && !(may_hold_spaces && c == ' '));
        if text.chars().any(is_forbidden) {
            return Err(wrong("it must not hold spaces or control characters"));
        }
        let mut found = text.match_indices(':').map(|(at, _)| at);
        let mut colons = [0; 5];
        for colon in &mut colons {
            *colon = found
                .next()
                .ok_or_else(|| wrong("it must have six parts: `arn:partition:service:region:account:resource`"))?;
        }
        let arn = Self { text: text.into(), colons };
        if arn.partition().is_empty() || arn.service().is_empty() || arn.resource().is_empty() {
            return Err(wrong("its partition, service and resource must not be empty"));
        }
        Ok(arn)
    }

    /// Puts an ARN together from its parts.
    ///
    /// # Errors
    /// As [`Arn::parse`].
    pub fn new(
        partition: Partition,
        service: &str,
        region: Option<&Region>,
        account: Option<&AccountId>,
        resource: &str,
    ) -> Result<Self, ParseError> {
        let region = region.map_or("", Region::as_str);
        let account = account.map_or("", AccountId::as_str);
        Self::parse(&format!("arn:{partition}:{service}:{region}:{account}:{resource}"))
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition: `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        self.part(0)
    }

    /// The service: `kms`, `iam`, …
    pub fn service(&self) -> &str {
        self.part(1)
    }

    /// The region, empty where the service has none.
    pub fn region(&self) -> &str {
        self.part(2)
    }

    /// The account ID, empty where the resource has none.
    pub fn account(&self) -> &str {
        self.part(3)
    }

    /// The resource: all that follows the fifth colon, such as `key/mrk-…` or `role/path/name`.
    pub fn resource(&self) -> &str {
        self.text.get(self.colons[4] + 1..).unwrap_or_default()
    }

    /// What follows `kind/` in the resource, if the resource is of that kind.
    pub fn resource_of_kind(&self, kind: &str) -> Option<&str> {
        self.resource().strip_prefix(kind)?.strip_prefix('/')
    }

    fn part(&self, at: usize) -> &str {
        let (Some(start), Some(end)) = (self.colons.get(at), self.colons.get(at + 1)) else {
            return "";
        };
        self.text.get(start + 1..*end).unwrap_or_default()
    }
}

impl std::fmt::Display for Arn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for Arn {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for Arn {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Arn {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        Self::parse(&text)
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_its_parts() {
        let arn = Arn::parse("arn:aws-cn:logs:cn-north-1:111122223333:log-group:trail:*").expect("an ARN");
        assert_eq!(
            [arn.partition(), arn.service(), arn.region(), arn.account(), arn.resource()],
            ["aws-cn", "logs", "cn-north-1", "111122223333", "log-group:trail:*"]
        );
    }

    #[test]
    fn gives_the_resource_of_its_kind() {
        let arn = Arn::parse("arn:aws:iam::111122223333:role/path/admin").expect("an ARN");
        assert_eq!(arn.resource_of_kind("role"), Some("path/admin"));
        assert_eq!(arn.resource_of_kind("user"), None);
    }

    #[test]
    fn refuses_what_is_no_arn() {
        for wrong in
            ["", "arn", "arn:aws:iam::1", "arn:aws:iam::111122223333:", "arn::iam:::x", "arn:aws:iam::1:role/a b"]
        {
            assert!(Arn::parse(wrong).is_err(), "{wrong}");
        }
    }
}

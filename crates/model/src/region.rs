use std::fmt;

use crate::parse::{ParseError, checked_string};

/// A partition: a group of Regions with its own accounts and its own `arn:` prefix.
///
/// Source: the partitions that the AWS SDKs ship (`partitions.json` in botocore 1.44.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// `aws`, the commercial Regions.
    Aws,
    /// `aws-cn`, China.
    AwsCn,
    /// `aws-us-gov`, GovCloud (US).
    AwsUsGov,
    /// `aws-iso`.
    AwsIso,
    /// `aws-iso-b`.
    AwsIsoB,
    /// `aws-iso-e`.
    AwsIsoE,
    /// `aws-iso-f`.
    AwsIsoF,
    /// `aws-eusc`, the European Sovereign Cloud.
    AwsEusc,
}

impl Partition {
    /// The name that stands in ARNs.
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The partition of that name, as it stands in ARNs.
    pub fn from_name(name: &str) -> Option<Self> {
        PARTITIONS.iter().find(|facts| facts.name == name).map(|facts| facts.partition)
    }

    /// The Region whose endpoint signs for global services such as IAM.
    pub fn global_region(self) -> &'static str {
        self.facts().global_region
    }

    /// The Regions that are known to exist; a Region of a later day may be missing.
    pub fn known_regions(self) -> &'static [&'static str] {
        self.facts().regions
    }

    fn facts(self) -> &'static Facts {
        // INVARIANT: `PARTITIONS` holds each variant (a test holds it to that), so the first is never the fallback.
        PARTITIONS.iter().find(|facts| facts.partition == self).unwrap_or(&PARTITIONS[0])
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a Region, such as `eu-west-1`; its partition follows from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Box<str>);

impl Region {
    /// Reads the name of a Region. A well-formed name that is not in the list of known Regions is
    /// taken: AWS opens Regions faster than programs are updated ([`Region::is_known`] tells).
    ///
    /// # Errors
    /// When no partition has Regions of that shape.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        match facts_of(text) {
            Some(_) => Ok(Self(text.into())),
            None => Err(ParseError::new(text, "an AWS Region", "Regions look like `eu-west-1`")),
        }
    }

    /// The partition that the Region belongs to.
    pub fn partition(&self) -> Partition {
        facts_of(&self.0).map_or(Partition::Aws, |facts| facts.partition)
    }

    /// Whether the Region is in the list that this program knows.
    pub fn is_known(&self) -> bool {
        self.partition().known_regions().contains(&self.as_str())
    }
}

checked_string!(Region);

fn facts_of(region: &str) -> Option<&'static Facts> {
    let (prefix_and_place, number) = region.rsplit_once('-')?;
    let (prefix, place) = prefix_and_place.rsplit_once('-')?;
    let number_is_fine = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let place_is_fine = !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_lowercase());
    if !number_is_fine || !place_is_fine {
        return None;
    }
    PARTITIONS.iter().find(|facts| facts.prefixes.contains(&prefix))
}

struct Facts {
    partition: Partition,
    name: &'static str,
    /// What stands before the last two parts of a Region's name.
    prefixes: &'static [&'static str],
    global_region: &'static str,
    regions: &'static [&'static str],
}

#[rustfmt::skip]
const PARTITIONS: [Facts; 8] = [
    Facts {
        partition: Partition::Aws,
        name: "aws",
        prefixes: &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
        global_region: "us-east-1",
        regions: &[
            "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
            "ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4",
            "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1",
            "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3",
            "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1", "sa-east-1", "sa-west-1",
            "us-east-1", "us-east-2", "us-west-1", "us-west-2",
        ],
    },
    Facts {
        partition: Partition::AwsCn,
        name: "aws-cn",
        prefixes: &["cn"],
        global_region: "cn-northwest-1",
        regions: &["cn-north-1", "cn-northwest-1"],
    },
    Facts {
        partition: Partition::AwsUsGov,
        name: "aws-us-gov",
        prefixes: &["us-gov"],
        global_region: "us-gov-west-1",
        regions: &["us-gov-east-1", "us-gov-west-1"],
    },
    Facts {
        partition: Partition::AwsIso,
        name: "aws-iso",
        prefixes: &["us-iso"],
        global_region: "us-iso-east-1",
        regions: &["us-iso-east-1", "us-iso-west-1"],
    },
    Facts {
        partition: Partition::AwsIsoB,
        name: "aws-iso-b",
        prefixes: &["us-isob"],
        global_region: "us-isob-east-1",
        regions: &["us-isob-east-1", "us-isob-west-1"],
    },
    Facts {
        partition: Partition::AwsIsoE,
        name: "aws-iso-e",
        prefixes: &["eu-isoe"],
        global_region: "eu-isoe-west-1",
        regions: &["eu-isoe-west-1"],
    },
    Facts {
        partition: Partition::AwsIsoF,
        name: "aws-iso-f",
        prefixes: &["us-isof"],
        global_region: "us-isof-south-1",
        regions: &["us-isof-east-1", "us-isof-south-1"],
    },
    Facts {
        partition: Partition::AwsEusc,
        name: "aws-eusc",
        prefixes: &["eusc-de"],
        global_region: "eusc-de-east-1",
        regions: &["eusc-de-east-1"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_region_reads_and_belongs_to_its_partition() {
        for facts in &PARTITIONS {
            assert_eq!(Partition::from_name(facts.name), Some(facts.partition));
            for name in facts.regions {
                let region = Region::parse(name).expect("a known Region");
                assert_eq!(region.partition(), facts.partition, "{name}");
                assert!(region.is_known());
            }
        }
    }

    #[test]
    fn a_well_formed_unknown_region_is_read_but_not_known() {
        assert!(!Region::parse("eu-wset-1").expect("well-formed").is_known());
    }

    #[test]
    fn refuses_what_is_no_region() {
        for wrong in ["", "eu", "eu-west", "eu-west-x", "EU-west-1", "eu-west-1a", "xx-west-1", "eu--1", "us-gov-x"] {
            assert!(Region::parse(wrong).is_err(), "{wrong}");
        }
    }
}

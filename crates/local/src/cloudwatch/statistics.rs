use super::error::unsupported;
use super::samples::Samples;
use crate::error::AwsError;

/// What is made of the values of a period.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// From 0 to 100.
    Percentile(f64),
}

impl Statistic {
    /// Reads one that is known to be AWS's.
    ///
    /// # Errors
    /// When it is one of those that are not computed here: trimmed means and their kin.
    pub(super) fn read(name: &str) -> Result<Self, AwsError> {
        Ok(match name {
            "SampleCount" => Self::SampleCount,
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => {
                let percent = name.strip_prefix('p').and_then(|percent| percent.parse().ok());
                Self::Percentile(percent.ok_or_else(|| unsupported(&format!("The statistic {name} is")))?)
            }
        })
    }

    /// Its value; none where the values are not known well enough for it.
    pub(super) fn of(self, samples: &Samples) -> Option<f64> {
        if samples.is_empty() {
            return None;
        }
        match self {
            Self::SampleCount => Some(samples.count),
            Self::Average => Some(samples.sum / samples.count),
            Self::Sum => Some(samples.sum),
            Self::Minimum => Some(samples.minimum),
            Self::Maximum => Some(samples.maximum),
            Self::Percentile(percent) => samples.percentile(percent),
        }
    }

    /// Whether so few values say too little about this percentile.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html>.
    pub(super) fn is_unsure_of(self, count: f64) -> bool {
        match self {
            Self::Percentile(percent) if percent >= 50.0 => count < 10.0 / (1.0 - percent / 100.0),
            Self::Percentile(percent) => count < 10.0 / (percent / 100.0),
            _ => false,
        }
    }
}

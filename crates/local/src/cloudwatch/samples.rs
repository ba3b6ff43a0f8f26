use serde::{Deserialize, Serialize};

/// Values that were gathered: AWS's statistic set, and the values themselves as far as they are known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Samples {
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    /// Distinct values, smallest first, and how often each came. Fewer than `count` where a set came without them.
    values: Vec<(f64, f64)>,
}

impl Samples {
    /// One value.
    pub(crate) fn one(value: f64) -> Self {
        Self::repeated(value, 1.0)
    }

    /// A value that came so often.
    pub(crate) fn repeated(value: f64, count: f64) -> Self {
        Self { count, sum: value * count, minimum: value, maximum: value, values: vec![(value, count)] }
    }

    /// A set whose values are not known, unless they are all the same.
    pub(crate) fn set(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let values = if minimum == maximum { vec![(minimum, count)] } else { Vec::new() };
        Self { count, sum, minimum, maximum, values }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0.0
    }

    /// Whether every value lies between -2^360 and 2^360, so that no sum of such runs over.
    pub(crate) fn is_in_bounds(&self) -> bool {
        let is_in = |value: f64| value.is_finite() && value.abs() <= GREATEST;
        is_in(self.minimum) && is_in(self.maximum) && is_in(self.count) && self.sum.is_finite()
    }

    /// Adds those of another.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        for (value, count) in &other.values {
            self.add_value(*value, *count);
        }
        self.bound();
    }

    /// The value below which that percentage of the values lies; none where they are not all known.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>: percentiles
    /// need raw values, or sets whose minimum is their maximum. The nearest rank is taken.
    pub(crate) fn percentile(&self, percent: f64) -> Option<f64> {
        let known: f64 = self.values.iter().map(|(_, count)| count).sum();
        if self.is_empty() || known + f64::EPSILON * self.count < self.count {
            return None;
        }
        let rank = percent / 100.0 * known;
        let mut passed = 0.0;
        let found = self.values.iter().find(|(_, count)| {
            passed += count;
            passed >= rank
        });
        found.or(self.values.last()).map(|(value, _)| *value)
    }

    fn add_value(&mut self, value: f64, count: f64) {
        match self.values.binary_search_by(|(known, _)| known.total_cmp(&value)) {
            Ok(at) => {
                if let Some((_, known)) = self.values.get_mut(at) {
                    *known += count;
                }
            }
            Err(at) => self.values.insert(at, (value, count)),
        }
    }

    /// Keeps the list short: values are rounded to ever fewer digits, as AWS's own percentiles are approximate.
    fn bound(&mut self) {
        for digits in [3, 2, 1] {
            if self.values.len() <= MOST_VALUES {
                return;
            }
            for (value, count) in std::mem::take(&mut self.values) {
                self.add_value(rounded(value, digits), count);
            }
        }
    }
}

/// The number with so many significant digits.
fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powi(value.abs().log10().floor() as i32 + 1 - digits);
    match unit > 0.0 && unit.is_finite() {
        true => (value / unit).round() * unit,
        false => value,
    }
}

const MOST_VALUES: usize = 1_000;
/// 2^360, AWS's greatest value.
pub(super) const GREATEST: f64 = f64::from_bits((1023 + 360) << 52);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Samples {
        values.iter().fold(Samples::default(), |mut all, value| {
            all.add(&Samples::one(*value));
            all
        })
    }

    #[test]
    fn values_add_up_to_a_statistic_set() {
        let all = of(&[3.0, -1.0, 4.0, 3.0]);
        assert_eq!((all.count, all.sum, all.minimum, all.maximum), (4.0, 9.0, -1.0, 4.0));
    }

    #[test]
    fn the_greatest_value_is_in_bounds_and_nothing_beyond_it() {
        assert_eq!(GREATEST, 2_f64.powi(360));
        assert!(Samples::one(GREATEST).is_in_bounds() && Samples::one(-GREATEST).is_in_bounds());
        for value in [GREATEST * 2.0, -GREATEST * 2.0, f64::INFINITY, f64::NAN] {
            assert!(!Samples::one(value).is_in_bounds(), "{value}");
        }
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all = of(&(1..=100).map(f64::from).collect::<Vec<_>>());
        let at = |percent| all.percentile(percent).expect("known");
        assert_eq!((at(0.0), at(50.0), at(99.0), at(99.5), at(100.0)), (1.0, 50.0, 99.0, 100.0, 100.0));
        assert_eq!(Samples::default().percentile(50.0), None);
    }

    #[test]
    fn a_set_whose_values_are_not_known_has_no_percentiles() {
        let mut all = Samples::set(2.0, 3.0, 1.0, 2.0);
        assert_eq!(all.percentile(50.0), None);
        all.add(&Samples::one(7.0));
        assert_eq!(all.percentile(50.0), None);
        assert_eq!(Samples::set(2.0, 6.0, 3.0, 3.0).percentile(50.0), Some(3.0));
    }

    #[test]
    fn many_distinct_values_are_kept_in_bounds_and_about_right() {
        let all = of(&(1..=5_000).map(f64::from).collect::<Vec<_>>());
        assert!(all.values.len() <= MOST_VALUES + 1, "{}", all.values.len());
        let middle = all.percentile(50.0).expect("known");
        assert!((middle - 2_500.0).abs() < 150.0, "{middle}");
    }
}

/// The candidate that a misspelt name most probably means; none when nothing is close.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

/// Below this, two names look different to people too.
const CLOSE: f64 = 0.87;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant_and_nothing_where_nothing_is_close() {
        let names = ["aws_region", "replication_region", "environment"];
        assert_eq!(nearest("aws_regoin", names.into_iter()), Some("aws_region"));
        assert_eq!(nearest("Enviroment", names.into_iter()), Some("environment"));
        assert_eq!(nearest("bucket", names.into_iter()), None);
    }
}

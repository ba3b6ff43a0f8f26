//! What removing root would come to, as people and as programs read it.

use std::fmt::Write as _;

use keywright_engine::access_json;
use keywright_policy::Access;
use serde_json::{Value, json};

use crate::rehearse::removal::RootRemoval;
use crate::render::{diagnostics, summary};

/// As text, each line set in by two.
pub(super) fn text(removal: &RootRemoval) -> String {
    let mut text = String::new();
    if removal.refused.is_empty() {
        text.push_str("  the plan would go through, and was played on keys of the same inputs\n");
    }
    for refused in &removal.refused {
        let _ = writeln!(text, "  the plan would be refused: {}", refused.summary);
        for more in [&refused.detail, &refused.help].into_iter().flatten() {
            let _ = writeln!(text, "    {more}");
        }
    }
    for (key, access) in &removal.access {
        let _ = writeln!(text, "  {key}:");
        for line in summary::access_lines(&access.gained, &access.lost).lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    for administrator in &removal.administrators {
        let (who, key, how) = (&administrator.who, &administrator.key, &administrator.how);
        let _ = writeln!(text, "  {who} could change the policy of {key}: {how}");
    }
    for finding in &removal.findings {
        let _ = writeln!(text, "  {}: {}", finding.severity.as_str(), finding.summary);
    }
    text
}

/// As data.
pub(super) fn data(removal: &RootRemoval) -> Value {
    let told = |all: &[Access]| all.iter().map(access_json).collect::<Vec<_>>();
    let keys = removal
        .access
        .iter()
        .map(|(key, access)| json!({ "key": key, "gained": told(&access.gained), "lost": told(&access.lost) }));
    json!({
        "refused": diagnostics::data(&removal.refused),
        "keys": keys.collect::<Vec<_>>(),
        "administrators": removal.administrators,
        "findings": diagnostics::data(&removal.findings),
    })
}

/// What stands above it.
pub(super) const TITLE: &str = "root access is on, as configured; what `kms_root_access = false` would come to";

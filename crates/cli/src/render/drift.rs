//! What was changed outside, as people read it.

use std::fmt::Write as _;

use keywright_engine::{Change, Departure, DriftReport, KeyGrant, Outlook, PolicyOf};
use keywright_model::Address;
use serde_json::Value;

use super::{summary, values};

/// The whole report.
pub(crate) fn text(report: &DriftReport) -> String {
    let mut text = departures(report);
    if text.is_empty() {
        text.push_str(if report.unread_grants.is_empty() { NO_DRIFT } else { NONE_SEEN });
        text.push('\n');
    }
    for (address, reason) in &report.unread_grants {
        let _ = writeln!(text, "\nThe grants on {address} cannot be listed, so it is not known who made any: {reason}");
    }
    text.push_str(&service_grants(report));
    text.push_str(&unapplied(report));
    text.trim_end().to_owned()
}

/// What was changed outside, by resource; nothing where nothing was.
pub(crate) fn departures(report: &DriftReport) -> String {
    if report.departures.is_empty() {
        return String::new();
    }
    let mut text = format!("{CHANGED}\n");
    let mut last: Option<(&Address, Outlook)> = None;
    for departure in &report.departures {
        let here = (&departure.address, departure.outlook);
        if last != Some(here) {
            let _ = writeln!(text, "\n  # {} ({})", departure.address, outlook(departure.outlook));
        }
        last = Some(here);
        text.push_str(&what(departure));
    }
    text
}

fn what(departure: &Departure) -> String {
    let line = match &departure.what {
        Change::Access { by, gained, lost } => {
            return format!("    {}:\n{}", policy(*by), indented(&summary::access_lines(gained, lost)));
        }
        Change::ForeignGrant { grant, .. } => return format!("    ! a grant made by others:\n{}", grant_lines(grant)),
        Change::Gone => "is gone".to_owned(),
        Change::DeletionScheduled { deletion_date: Some(date) } => format!("is to be deleted on {date}"),
        Change::DeletionScheduled { deletion_date: None } => "is to be deleted after its replicas".to_owned(),
        Change::Disabled => "is disabled".to_owned(),
        Change::Enabled => "is enabled".to_owned(),
        Change::RotationStopped => "is not rotated any more".to_owned(),
        Change::RotationStarted => "is rotated".to_owned(),
        Change::RotationPeriod { before, after } => format!("is rotated every {after} days, not every {before}"),
        Change::Unreadable { by } => format!("{} has changed, and cannot be understood", policy(*by)),
        Change::DeletedPrincipal { by, principal } => {
            format!("{} names {principal}, who was deleted; whoever has that name now is somebody else", policy(*by))
        }
        Change::MadeAgain { before, after } => {
            format!(
                "was deleted and made again ({} -> {}): policies that named it do not mean the new one",
                bare(before),
                bare(after)
            )
        }
        Change::PolicyAttached { policy } => format!("has the policy {policy} as well"),
        Change::AliasMoved { before, after } => format!("leads to {}, not to {}", bare(after), bare(before)),
        Change::Attribute { name, before, after } => {
            format!("{name}: {} -> {}", values::hcl(before, INDENT), values::hcl(after, INDENT))
        }
    };
    format!("    ! {line}\n")
}

fn grant_lines(grant: &KeyGrant) -> String {
    let name = grant.name.as_ref().map(|name| format!(" (`{name}`)")).unwrap_or_default();
    let mut text = format!("      {} may {}\n", grant.grantee, grant.operations.join(", "));
    for (word, pairs) in [("is", &grant.encryption_context_equals), ("holds", &grant.encryption_context_subset)] {
        if !pairs.is_empty() {
            let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let _ = writeln!(text, "      if the encryption context {word} {}", pairs.join(", "));
        }
    }
    if let Some(source) = &grant.source_arn {
        let _ = writeln!(text, "      if it works for {source}");
    }
    let since = grant.creation_date.as_ref().map(|date| format!(", since {date}")).unwrap_or_default();
    let issuer =
        grant.issuing_account.as_ref().map(|account| format!(", made in account {account}")).unwrap_or_default();
    let _ = writeln!(text, "      grant {}{name}{since}{issuer}", grant.grant_id);
    text
}

fn service_grants(report: &DriftReport) -> String {
    if report.service_grants.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nGrants that AWS services made for resources of their own (no drift):\n");
    for owned in &report.service_grants {
        let grant = &owned.grant;
        let _ = writeln!(
            text,
            "  {}: {} may {} (grant {})",
            owned.address,
            grant.grantee,
            grant.operations.join(", "),
            grant.grant_id
        );
    }
    text
}

fn unapplied(report: &DriftReport) -> String {
    if report.unapplied.is_empty() {
        return String::new();
    }
    let addresses: Vec<String> = report.unapplied.iter().map(|address| format!("  {address}\n")).collect();
    format!(
        "\nNot as the inputs ask, for they were not applied (no drift; `keywright plan` shows it):\n{}",
        addresses.concat()
    )
}

fn outlook(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::PutBack => "the next apply puts it back",
        Outlook::NeedsRescue => "`keywright apply --rescue` cancels it",
        Outlook::AsWanted => "the inputs ask for it by now",
        Outlook::Goes => "the inputs do not ask for this resource any more",
        Outlook::Left => "keywright leaves it as it is",
    }
}

fn policy(by: PolicyOf) -> &'static str {
    match by {
        PolicyOf::Key => "the key policy",
        PolicyOf::Trust => "the trust policy",
        PolicyOf::Identity => "the IAM policy",
    }
}

fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}\n")).collect()
}

const CHANGED: &str = "Changed outside of keywright since the state was written:";
const NO_DRIFT: &str = "No drift. Nothing was changed outside of keywright since the state was written.";
const NONE_SEEN: &str = "Nothing that could be read was changed outside of keywright since the state was written.";
const INDENT: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn departure(what: Change, outlook: Outlook) -> Departure {
        let key = keywright_model::ResourceKind::KmsKey;
        let address = Address { module: None, kind: key, name: "k".into(), index: None };
        Departure { address, what, outlook, attributes: Vec::new() }
    }

    #[test]
    fn each_resource_is_named_once_with_what_becomes_of_it() {
        let departures = vec![
            departure(Change::Disabled, Outlook::PutBack),
            departure(Change::RotationStopped, Outlook::PutBack),
            departure(Change::MadeAgain { before: "AROA1".into(), after: "AROA2".into() }, Outlook::Left),
        ];
        let report = DriftReport { departures, ..DriftReport::default() };
        let expect = "Changed outside of keywright since the state was written:\n\n  # aws_kms_key.k (the next apply puts it back)\n    ! is disabled\n    ! is not rotated any more\n\n  # aws_kms_key.k (keywright leaves it as it is)\n    ! was deleted and made again (AROA1 -> AROA2): policies that named it do not mean the new one";
        assert_eq!(text(&report), expect);
    }

    #[test]
    fn no_drift_is_said() {
        assert_eq!(text(&DriftReport::default()), NO_DRIFT);
    }

    #[test]
    fn no_drift_is_not_said_where_something_could_not_be_read() {
        let Departure { address, .. } = departure(Change::Gone, Outlook::Left);
        let unread_grants = vec![(address, "denied".to_owned())];
        let told = text(&DriftReport { unread_grants, ..DriftReport::default() });
        assert!(!told.contains("No drift") && told.contains("cannot be listed"), "{told}");
    }
}

//! Who can do something, as a list and as a table.

use std::fmt::Write as _;

use keywright_policy::prove::{Means, Needs, Reach, Reacher, Way};
use serde_json::{Map, Value, json};

use super::answers::{cause_data, cause_text, conditions_text, which};
use crate::subject::Subject;

/// Actions that people think of together.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) actions: &'static [&'static str],
}

/// A line of the table: a cell for each of [`GROUPS`].
pub(crate) struct Line {
    pub(crate) who: Reacher,
    pub(crate) marks: Vec<Option<Mark>>,
}

/// How somebody can do one of a group's actions; the first is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Yes,
    ByIam,
    UnderConditions,
    ThroughServices,
    Unknown,
}

impl Mark {
    fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::ByIam => "iam",
            Self::UnderConditions => "cond",
            Self::ThroughServices => "via",
            Self::Unknown => "?",
        }
    }
}

/// The strongest of the ways.
pub(crate) fn mark(reach: &Reach) -> Mark {
    reach.ways.iter().map(mark_of).min().unwrap_or(Mark::Unknown)
}

/// Everybody who can, each with their ways.
pub(crate) fn list_text(subject: &Subject, action: &str, found: &[Reach]) -> String {
    let mut text = format!("{action} on {}", which(subject));
    if found.is_empty() {
        text.push_str("\n  nobody");
    }
    for reach in found {
        let _ = write!(text, "\n  {}", who(subject, &reach.who));
        for way in &reach.ways {
            let _ = write!(text, "\n    {}", way_text(subject, way));
        }
    }
    for note in notes(subject) {
        let _ = write!(text, "\n  assumed: {note}");
    }
    text
}

/// The same as data.
pub(crate) fn list_data(subject: &Subject, action: &str, found: &[Reach]) -> Value {
    let condition =
        |it: &keywright_policy::Condition| json!({"operator": it.operator, "key": it.key, "values": it.values});
    let way = |way: &Way| {
        json!({
            "means": mark_of(way).as_str(),
            "by": cause_data(subject, &way.by),
            "conditions": way.conditions.iter().map(condition).collect::<Vec<_>>(),
            "through_services": way.means == Means::ThroughServices,
            "needs_iam_policy": way.needs != Needs::Nothing,
            "iam_policies": match &way.needs {
                Needs::Known(by) => by.iter().map(|it| cause_data(subject, it)).collect::<Vec<_>>(),
                _ => Vec::new(),
            },
        })
    };
    let principals: Vec<Value> = found
        .iter()
        .map(|it| {
            let mut data = who_data(&it.who);
            data.insert("ways".to_owned(), it.ways.iter().map(way).collect());
            data.into()
        })
        .collect();
    json!({
        "key": subject.label, "key_arn": subject.key.as_str(), "part": subject.part.to_string(), "action": action,
        "principals": principals, "assumptions": notes(subject),
    })
}

/// Who can do what, a line each, in at most 100 columns.
pub(crate) fn table_text(subject: &Subject, lines: &[Line]) -> String {
    let mut text = format!("{}\n\n{:NAME_WIDTH$}", which(subject), "");
    for group in GROUPS {
        let _ = write!(text, "  {}", group.name);
    }
    for line in lines {
        let rows = wrapped(&who(subject, &line.who));
        for (at, name) in rows.iter().enumerate() {
            let _ = match at {
                0 => write!(text, "\n{name:NAME_WIDTH$}{}", cells(line).trim_end()),
                _ => write!(text, "\n{name}"),
            };
        }
    }
    if lines.is_empty() {
        text.push_str("\nnobody can do anything");
    }
    for note in notes(subject) {
        let _ = write!(text, "\n  assumed: {note}");
    }
    text
}

/// The same as data.
pub(crate) fn table_data(subject: &Subject, lines: &[Line]) -> Value {
    let cells = |line: &Line| -> Map<String, Value> {
        let cell = |mark: &Option<Mark>| mark.map_or("no", Mark::as_str).into();
        GROUPS.iter().zip(&line.marks).map(|(group, mark)| (group.name.to_owned(), cell(mark))).collect()
    };
    let principals: Vec<Value> = lines
        .iter()
        .map(|line| {
            let mut data = who_data(&line.who);
            data.insert("can".to_owned(), cells(line).into());
            data.into()
        })
        .collect();
    json!({
        "key": subject.label, "key_arn": subject.key.as_str(), "part": subject.part.to_string(),
        "principals": principals, "assumptions": notes(subject),
    })
}

fn cells(line: &Line) -> String {
    let cell = |(group, mark): (&Group, &Option<Mark>)| {
        let width = group.name.len();
        format!("  {:width$}", mark.map_or("-", Mark::as_str))
    };
    GROUPS.iter().zip(&line.marks).map(cell).collect()
}

/// A name in lines that fit the first column, broken behind a `/`, `-` or `.` where there is one.
fn wrapped(name: &str) -> Vec<String> {
    let (mut lines, mut rest) = (Vec::new(), name);
    while rest.chars().count() > NAME_WIDTH {
        let end = rest.char_indices().nth(NAME_WIDTH).map_or(rest.len(), |(at, _)| at);
        let head = rest.get(..end).unwrap_or(rest);
        let at = head.rfind(['/', '-', '.', ' ', ':']).filter(|at| *at > 2).map_or(end, |at| at + 1);
        lines.push(rest.get(..at).unwrap_or(rest).trim_end().to_owned());
        // What goes on is set in.
        let tail = rest.get(at..).unwrap_or_default();
        rest = tail;
    }
    lines.push(rest.to_owned());
    let set_in = |(at, line): (usize, String)| if at == 0 { line } else { format!(" {line}") };
    lines.into_iter().enumerate().map(set_in).collect()
}

fn mark_of(way: &Way) -> Mark {
    match (way.means, &way.needs) {
        (Means::Plain, Needs::OwnPolicies) => Mark::ByIam,
        (Means::Plain, _) => Mark::Yes,
        (Means::UnderConditions, _) => Mark::UnderConditions,
        (Means::ThroughServices, _) => Mark::ThroughServices,
        (Means::Unknown, _) => Mark::Unknown,
    }
}

fn way_text(subject: &Subject, way: &Way) -> String {
    let how = match way.means {
        Means::Plain => "",
        Means::UnderConditions => "under conditions, ",
        Means::ThroughServices => "only through services, ",
        Means::Unknown => "perhaps (it could not be told), ",
    };
    let mut text = format!("{how}by {}", cause_text(subject, &way.by));
    match &way.needs {
        Needs::Nothing => {}
        Needs::OwnPolicies => text.push_str(", where its IAM policies allow it too"),
        Needs::Known(by) => {
            let by: Vec<String> = by.iter().map(|it| cause_text(subject, it)).collect();
            let _ = write!(text, " and {}", by.join(" and "));
        }
    }
    if !way.conditions.is_empty() {
        let _ = write!(text, ": {}", conditions_text(&way.conditions));
    }
    text
}

/// The name; of the key's own account without what all of its principals share.
fn who(subject: &Subject, who: &Reacher) -> String {
    match who {
        Reacher::Principal(name) => {
            let prefix = format!("arn:{}:iam::{}:", subject.key.partition(), subject.account);
            name.strip_prefix(&prefix).unwrap_or(name).to_owned()
        }
        Reacher::Service(name) => name.clone(),
        Reacher::Account(account) => format!("account {account}"),
        Reacher::Everybody => "everybody, in any account".to_owned(),
    }
}

fn who_data(who: &Reacher) -> Map<String, Value> {
    let (kind, name) = match who {
        Reacher::Principal(name) => ("principal", name.as_str()),
        Reacher::Service(name) => ("service", name.as_str()),
        Reacher::Account(account) => ("account", account.as_str()),
        Reacher::Everybody => ("everybody", "*"),
    };
    Map::from_iter([("kind".to_owned(), kind.into()), ("principal".to_owned(), name.into())])
}

fn notes(subject: &Subject) -> Vec<String> {
    let mut notes = subject.assumptions();
    if !subject.complete_accounts.contains(&subject.account) {
        notes.push(format!(
            "IAM policies in account {} are not all known: `iam` says where they decide",
            subject.account
        ));
    }
    notes
}

/// What the marks mean.
pub(crate) const LEGEND: &str = "\
yes   at least one action of the group, by a direct call that nothing else is known of
iam   the same, where the caller's IAM policies allow it too
cond  under conditions of the statement (`keywright who-can ACTION` names them)
via   only through an AWS service (kms:ViaService)
?     could not be told
-     no
An account's line is its root user and everybody in it who has no stronger line.";

/// The columns. `kms:RetireGrant` is not among them: no key policy decides it.
pub(crate) const GROUPS: &[Group] = &[
    Group { name: "policy", actions: &["kms:PutKeyPolicy"] },
    Group { name: "delete", actions: &["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:DeleteImportedKeyMaterial"] },
    Group {
        name: "manage",
        actions: &[
            "kms:CancelKeyDeletion",
            "kms:CreateAlias",
            "kms:DeleteAlias",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:EnableKeyRotation",
            "kms:ImportKeyMaterial",
            "kms:ReplicateKey",
            "kms:RotateKeyOnDemand",
            "kms:SynchronizeMultiRegionKey",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:UpdateAlias",
            "kms:UpdateKeyDescription",
            "kms:UpdatePrimaryRegion",
        ],
    },
    Group { name: "grant", actions: &["kms:CreateGrant", "kms:RevokeGrant"] },
    Group { name: "encrypt", actions: &["kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncryptTo", "kms:Encapsulate"] },
    Group {
        name: "decrypt",
        actions: &["kms:Decrypt", "kms:ReEncryptFrom", "kms:DeriveSharedSecret", "kms:Decapsulate"],
    },
    Group { name: "sign", actions: &["kms:Sign", "kms:GenerateMac", "kms:Verify", "kms:VerifyMac"] },
    Group { name: "read", actions: &["kms:DescribeKey", "kms:Get*", "kms:List*"] },
];

/// Leaves room for the columns within 100.
const NAME_WIDTH: usize = 34;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_that_key_policies_decide_stands_in_one_column() {
        for action in keywright_policy::KMS_ACTIONS {
            let fits = |asked: &&&str| match asked.strip_suffix('*') {
                Some(prefix) => action.starts_with(prefix),
                None => *asked == action,
            };
            let columns = GROUPS.iter().filter(|it| it.actions.iter().any(|asked| fits(&asked))).count();
            let is_about_keys = keywright_policy::permission(action) != Some(keywright_policy::Permission::Iam);
            let expected = usize::from(is_about_keys && *action != "kms:RetireGrant");
            if is_about_keys {
                assert_eq!(columns, expected, "{action}");
            }
        }
    }

    #[test]
    fn a_table_fits_into_a_hundred_columns() {
        let columns: usize = GROUPS.iter().map(|it| it.name.len() + 2).sum();
        assert!(NAME_WIDTH + columns <= 100, "{columns}");
        for line in wrapped("role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling") {
            assert!(line.len() <= NAME_WIDTH + 1, "{line}");
        }
        assert_eq!(wrapped("short"), ["short"]);
    }
}

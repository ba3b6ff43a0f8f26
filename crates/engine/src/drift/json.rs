//! The report as data.

use serde_json::{Map, Value, json};

use super::{Change, Departure, DriftReport, Outlook, OwnedGrant, PolicyOf};
use crate::plan::access_json;

impl DriftReport {
    /// The report as data: `drift` is empty where nothing was changed outside.
    pub fn to_json(&self) -> Value {
        let unread = self.unread_grants.iter().map(|(key, reason)| json!({"key": key, "reason": reason}));
        json!({
            "drift": self.departures.iter().map(departure).collect::<Vec<_>>(),
            "service_grants": self.service_grants.iter().map(owned).collect::<Vec<_>>(),
            "unread_grants": unread.collect::<Vec<_>>(),
            "unapplied": self.unapplied,
        })
    }
}

impl Change {
    /// Its stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::DeletionScheduled { .. } => "deletion-scheduled",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::RotationStopped => "rotation-stopped",
            Self::RotationStarted => "rotation-started",
            Self::RotationPeriod { .. } => "rotation-period",
            Self::Access { by: PolicyOf::Key, .. } => "key-policy",
            Self::Access { by: PolicyOf::Trust, .. } => "trust-policy",
            Self::Access { by: PolicyOf::Identity, .. } => "iam-policy",
            Self::Unreadable { .. } => "policy-unreadable",
            Self::DeletedPrincipal { .. } => "deleted-principal",
            Self::MadeAgain { .. } => "role-made-again",
            Self::PolicyAttached { .. } => "policy-attached",
            Self::AliasMoved { .. } => "alias-moved",
            Self::ForeignGrant { .. } => "foreign-grant",
            Self::Attribute { .. } => "attribute",
        }
    }
}

impl Outlook {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::PutBack => "put-back",
            Self::NeedsRescue => "needs-rescue",
            Self::AsWanted => "as-wanted",
            Self::Goes => "goes",
            Self::Left => "left",
        }
    }
}

fn departure(departure: &Departure) -> Value {
    let mut object = details(&departure.what);
    object.insert("address".to_owned(), json!(departure.address));
    object.insert("change".to_owned(), departure.what.code().into());
    object.insert("outlook".to_owned(), departure.outlook.code().into());
    object.insert("attributes".to_owned(), json!(departure.attributes));
    object.into()
}

fn details(change: &Change) -> Map<String, Value> {
    let details = match change {
        Change::DeletionScheduled { deletion_date } => json!({"deletion_date": deletion_date}),
        Change::RotationPeriod { before, after }
        | Change::MadeAgain { before, after }
        | Change::AliasMoved { before, after } => json!({"before": before, "after": after}),
        Change::Attribute { name, before, after } => json!({"name": name, "before": before, "after": after}),
        Change::Access { gained, lost, .. } => json!({
            "gained": gained.iter().map(access_json).collect::<Vec<_>>(),
            "lost": lost.iter().map(access_json).collect::<Vec<_>>(),
        }),
        Change::DeletedPrincipal { principal, .. } => json!({"principal": principal}),
        Change::PolicyAttached { policy } => json!({"policy": policy}),
        Change::ForeignGrant { key, grant } => json!({"key": key, "grant": grant}),
        _ => json!({}),
    };
    details.as_object().cloned().unwrap_or_default()
}

fn owned(grant: &OwnedGrant) -> Value {
    json!({"key": grant.address, "grant": grant.grant})
}

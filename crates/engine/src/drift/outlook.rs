//! What becomes of what was changed outside.

use std::collections::BTreeSet;

use keywright_model::{Address, ResourceKind};

use super::{Change, Departure, DriftReport, Outlook};
use crate::plan::{Action, Move, ResourceChange};

/// Completes the report with what the next apply would change.
pub(crate) fn look_ahead(report: &mut DriftReport, changes: &[ResourceChange], moves: &[Move]) {
    let moved = |address: &Address| moves.iter().find(|it| it.from == *address).map_or(address, |it| &it.to).clone();
    for departure in &mut report.departures {
        let address = moved(&departure.address);
        let change = changes.iter().find(|change| change.address == address && change.deposed.is_none());
        departure.outlook = outlook(departure, change);
    }
    let departed: BTreeSet<Address> = report.departures.iter().map(|it| moved(&it.address)).collect();
    let waiting = changes.iter().filter(|it| it.action != Action::NoOp && !departed.contains(&it.address));
    report.unapplied = waiting.map(|it| it.address.clone()).collect();
}

fn outlook(departure: &Departure, change: Option<&ResourceChange>) -> Outlook {
    match (&departure.what, change) {
        (Change::ForeignGrant { .. } | Change::PolicyAttached { .. } | Change::MadeAgain { .. }, _) => Outlook::Left,
        (Change::Gone, None) => Outlook::AsWanted,
        (Change::Gone, Some(_)) => Outlook::PutBack,
        (_, None) => Outlook::Left,
        (_, Some(change)) if change.action == Action::Delete => Outlook::Goes,
        (Change::DeletionScheduled { .. }, _) if departure.address.kind == ResourceKind::KmsKey => Outlook::NeedsRescue,
        (Change::DeletionScheduled { .. }, _) => Outlook::PutBack,
        (_, Some(change)) => of_attributes(departure, change),
    }
}

fn of_attributes(departure: &Departure, change: &ResourceChange) -> Outlook {
    let differs = |name: &String| change.changed.contains(name);
    let is_asked_for = |name: &String| change.recipe.arguments.iter().any(|(argument, _)| argument == name);
    if departure.attributes.iter().any(differs) {
        Outlook::PutBack
    } else if departure.attributes.iter().any(is_asked_for) {
        Outlook::AsWanted
    } else {
        Outlook::Left
    }
}

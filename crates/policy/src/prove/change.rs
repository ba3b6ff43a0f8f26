//! The claims about two policies: what a new one gives that the old one did not, and what a statement is good for.

use super::access::{KeyAccess, Opening, Origin, Supposed, cause, replay};
use super::answer::{Unknown, Verdict, Witness};
use super::claim::{assumptions, not_told};
use super::model::{self, Interest, Model, Side, same};
use super::region::{Region, Values};
use crate::document::{Document, Effect};
use crate::reason::Cause;

/// What a new policy gives that the old one did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gain {
    /// The statement or grant that gives it.
    pub by: Cause,
    /// The actions that it gives to somebody.
    pub actions: Vec<String>,
    /// A request that the new policy lets through, and the old one refuses.
    pub witness: Box<Witness>,
}

/// The answer to what a new policy gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gains {
    /// Whether the claim holds that it gives nothing new.
    pub verdict: Verdict,
    /// What it gives, by statement. All of it only if `unsure` is empty.
    pub gains: Vec<Gain>,
    /// The statements of which it cannot be told whether they give anything new.
    pub unsure: Vec<Cause>,
}

/// Claims that the new policy and grants give nothing that the old ones did not, and says what they give.
pub fn gives_nothing_new(old: &KeyAccess<'_>, new: &KeyAccess<'_>) -> Gains {
    let unknown = |reason| Gains { verdict: Verdict::Unknown { reason }, gains: Vec::new(), unsure: Vec::new() };
    try_gains(old, new).unwrap_or_else(unknown)
}

/// What a statement is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Without it, this request would be decided otherwise.
    Needed {
        /// The request, as it is decided with the statement.
        witness: Box<Witness>,
    },
    /// No request is one that it speaks of.
    NeverApplies,
    /// It speaks of requests, but without it none would be decided otherwise.
    Redundant,
    /// It could not be told.
    Unknown {
        /// Why.
        reason: Unknown,
    },
}

/// What each statement of the key policy is good for, in the order of the text.
pub fn standings(access: &KeyAccess<'_>) -> Vec<Standing> {
    let statements = access.key_policy.statements.iter().enumerate();
    match Model::new(&[access], &Interest::default()) {
        Ok(model) => {
            let whole = Whole::new(access, &model);
            let unknown = |reason| Standing::Unknown { reason };
            statements.map(|(at, _)| whole.standing(at).unwrap_or_else(unknown)).collect()
        }
        Err(reason) => statements.map(|_| Standing::Unknown { reason: reason.clone() }).collect(),
    }
}

fn try_gains(old: &KeyAccess<'_>, new: &KeyAccess<'_>) -> Result<Gains, Unknown> {
    let model = Model::new(&[old, new], &Interest::default())?;
    let change = Change::new(old, new, &model);
    let (mut gains, mut unsure, mut missed) = (Vec::new(), Vec::new(), None);
    for origin in change.origins() {
        let by = cause(new, origin);
        match change.gain(origin, &by)? {
            Found::Gain(gain) => gains.push(gain),
            Found::Miss(witness) => {
                missed = Some(*witness);
                unsure.push(by);
            }
            Found::Nothing => {}
        }
    }
    let first = gains.first().map(|it: &Gain| it.witness.clone());
    let verdict = match (first, unsure.is_empty()) {
        (Some(witness), _) => Verdict::Refuted { witness },
        (None, true) => Verdict::Proved { assumptions: assumptions(new, &[]) },
        (None, false) => Verdict::Unknown { reason: not_told(&model, missed) },
    };
    Ok(Gains { verdict, gains, unsure })
}

/// Two policies side by side.
struct Change<'m, 'a> {
    old: &'m KeyAccess<'a>,
    new: &'m KeyAccess<'a>,
    model: &'m Model<'a>,
    /// On which side, and with which IAM policies supposed: all that may be gained first.
    views: Vec<View>,
}

/// Boxes that may be gained, and the boxes that they must lie outside of.
struct View {
    supposed: Supposed,
    side: Side,
    /// What the new policy opens, but for what stood in the old one word for word.
    opened: Vec<Opening>,
    outside_of: Vec<Region>,
    /// What the new policy opens of what the old one denied.
    freed: Vec<Opening>,
    not_denied: Vec<Region>,
}

enum Found {
    Gain(Gain),
    Miss(Box<Witness>),
    Nothing,
}

impl<'m, 'a> Change<'m, 'a> {
    fn new(old: &'m KeyAccess<'a>, new: &'m KeyAccess<'a>, model: &'m Model<'a>) -> Self {
        let view = |side, supposed| View::new(old, new, model, side, supposed);
        Self { old, new, model, views: VIEWS.into_iter().map(|(side, supposed)| view(side, supposed)).collect() }
    }

    /// The statements and grants that may give something new.
    fn origins(&self) -> Vec<Origin> {
        let mut origins: Vec<Origin> =
            self.views.iter().flat_map(|it| it.opened.iter().chain(&it.freed)).map(|it| it.origin).collect();
        origins.sort();
        origins.dedup();
        origins
    }

    /// Everything that the statement or grant gives.
    fn gain(&self, origin: Origin, by: &Cause) -> Result<Found, Unknown> {
        let mut actions: Vec<String> = Vec::new();
        let (mut first, mut missed) = (None, None);
        loop {
            let left = self.model.actions_that(|it| !actions.iter().any(|known| known == it));
            match self.witness(origin, &left)? {
                Some(Ok(witness)) => {
                    actions.push(witness.request.action.clone());
                    first.get_or_insert(Box::new(witness));
                }
                Some(Err(witness)) => {
                    missed = Some(Box::new(witness));
                    break;
                }
                None => break,
            }
        }
        actions.sort();
        Ok(match (first, missed) {
            (Some(witness), _) => Found::Gain(Gain { by: by.clone(), actions, witness }),
            (None, Some(witness)) => Found::Miss(witness),
            (None, None) => Found::Nothing,
        })
    }

    /// A request for one of the actions that the new policy lets through and the old one does not; or one that only
    /// the search took for that.
    fn witness(&self, origin: Origin, actions: &Values) -> Result<Option<Result<Witness, Witness>>, Unknown> {
        let mut missed = None;
        for view in &self.views {
            if view.side == Side::Narrowest && missed.is_none() {
                break;
            }
            for region in view.beyond(self.model, origin, actions)? {
                let witness = replay(self.new, self.model, &region, view.supposed)?;
                let before = self.old.decide(&witness.request, view.supposed);
                if witness.decision.is_allowed() && !before.decision.is_allowed() {
                    return Ok(Some(Ok(witness)));
                }
                missed = Some(witness);
            }
        }
        Ok(missed.map(Err))
    }
}

impl View {
    fn new(old: &KeyAccess<'_>, new: &KeyAccess<'_>, model: &Model<'_>, side: Side, supposed: Supposed) -> Self {
        let other = opposite(side);
        let not_denied: Vec<Region> = model.impossible.iter().cloned().chain(new.denials(model, other)).collect();
        let before = old.openings(model, other, supposed).into_iter().map(|it| it.region);
        let outside_of = not_denied.iter().cloned().chain(before).collect();
        let opened = new.openings(model, side, supposed);
        let gone: Vec<Region> = if old.identities == new.identities {
            let gone = old.key_denials(model, side).into_iter().filter(|(at, _)| !stands_in(old, *at, new));
            gone.map(|(_, region)| region).collect()
        } else {
            old.denials(model, side)
        };
        let freed = opened.iter().flat_map(|it| gone.iter().filter_map(|gone| it.and(gone))).collect();
        let is_new = |it: &Opening| old.identities != new.identities || !was_there(new, it.origin, old);
        Self { supposed, side, opened: opened.into_iter().filter(is_new).collect(), outside_of, freed, not_denied }
    }

    fn beyond(&self, model: &Model<'_>, origin: Origin, actions: &Values) -> Result<Vec<Region>, Unknown> {
        let of_origin = |it: &&Opening| it.origin == origin;
        let opened = self.opened.iter().filter(of_origin).map(|it| (it, &self.outside_of));
        let freed = self.freed.iter().filter(of_origin).map(|it| (it, &self.not_denied));
        let mut found = Vec::new();
        for (opening, without) in opened.chain(freed) {
            let region = opening.region.clone().narrowed(model::ACTION, actions);
            found.extend(model.remainder(&region, without)?);
        }
        Ok(found)
    }
}

/// One policy, to be looked at without one statement after the other.
struct Whole<'m, 'a> {
    access: &'m KeyAccess<'a>,
    model: &'m Model<'a>,
    views: Vec<Parts>,
}

/// What the policy opens and denies, as it is looked at from one side.
struct Parts {
    side: Side,
    supposed: Supposed,
    opened: Vec<Opening>,
    denied: Vec<(usize, Region)>,
    /// The same from the other side.
    opened_otherwise: Vec<Opening>,
    denied_otherwise: Vec<(Option<usize>, Region)>,
}

impl<'m, 'a> Whole<'m, 'a> {
    fn new(access: &'m KeyAccess<'a>, model: &'m Model<'a>) -> Self {
        let parts = |(side, supposed)| Parts {
            side,
            supposed,
            opened: access.openings(model, side, supposed),
            denied: access.key_denials(model, side),
            opened_otherwise: access.openings(model, opposite(side), supposed),
            denied_otherwise: access.named_denials(model, opposite(side)),
        };
        Self { access, model, views: VIEWS.into_iter().map(parts).collect() }
    }

    fn standing(&self, at: usize) -> Result<Standing, Unknown> {
        let statements = &self.access.key_policy.statements;
        let Some(statement) = statements.get(at) else { return Ok(Standing::NeverApplies) };
        if !self.applies(at, statement.effect)? {
            return Ok(Standing::NeverApplies);
        }
        if statements.iter().enumerate().any(|(other, it)| other != at && same(it, statement)) {
            return Ok(Standing::Redundant);
        }
        let without = without(self.access.key_policy, at);
        let without = KeyAccess { key_policy: &without, ..self.access.clone() };
        let mut missed = None;
        for view in &self.views {
            if view.side == Side::Narrowest && missed.is_none() {
                break;
            }
            for region in view.difference(self.model, at, statement.effect)? {
                let witness = replay(self.access, self.model, &region, view.supposed)?;
                let after = without.decide(&witness.request, view.supposed);
                if witness.decision.is_allowed() != after.decision.is_allowed() {
                    return Ok(Standing::Needed { witness: Box::new(witness) });
                }
                missed = Some(witness);
            }
        }
        Ok(match missed {
            None => Standing::Redundant,
            Some(witness) => Standing::Unknown { reason: not_told(self.model, Some(witness)) },
        })
    }

    /// Whether there may be a request that the statement speaks of.
    fn applies(&self, at: usize, effect: Effect) -> Result<bool, Unknown> {
        let Some(view) = self.views.first() else { return Ok(true) };
        let opened = view.opened.iter().filter(|it| it.origin == Origin::Statement(at)).map(|it| &it.region);
        let denied = view.denied.iter().filter(|(known, _)| *known == at).map(|(_, region)| region);
        let regions: Vec<&Region> = if effect == Effect::Allow { opened.collect() } else { denied.collect() };
        for region in regions {
            if self.model.remainder(region, &self.model.impossible)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Parts {
    /// Boxes of requests that may be decided otherwise without the statement.
    fn difference(&self, model: &Model<'_>, at: usize, effect: Effect) -> Result<Vec<Region>, Unknown> {
        let is_it = |it: &&Opening| it.origin == Origin::Statement(at);
        let others = self.denied_otherwise.iter().filter(|(known, _)| *known != Some(at)).map(|(_, region)| region);
        let mut outside_of: Vec<Region> = model.impossible.iter().chain(others).cloned().collect();
        let pieces: Vec<Region> = match effect {
            Effect::Allow => {
                let rest = self.opened_otherwise.iter().filter(|it| !is_it(it)).map(|it| it.region.clone());
                outside_of.extend(rest);
                self.opened.iter().filter(is_it).map(|it| it.region.clone()).collect()
            }
            Effect::Deny => {
                let own: Vec<&Region> =
                    self.denied.iter().filter(|(known, _)| *known == at).map(|(_, it)| it).collect();
                self.opened.iter().flat_map(|it| own.iter().filter_map(|own| it.region.and(own))).collect()
            }
        };
        let mut found = Vec::new();
        for piece in pieces {
            let left = model.remainder(&piece, &outside_of)?;
            if left.is_some() {
                found.extend(left);
                break;
            }
        }
        Ok(found)
    }
}

fn opposite(side: Side) -> Side {
    match side {
        Side::Widest => Side::Narrowest,
        Side::Narrowest => Side::Widest,
    }
}

/// Whether the statement stands in the other policy too.
fn stands_in(access: &KeyAccess<'_>, at: usize, other: &KeyAccess<'_>) -> bool {
    let is_same_language = access.key_policy.version == other.key_policy.version;
    let statement = access.key_policy.statements.get(at);
    statement
        .is_some_and(|statement| is_same_language && other.key_policy.statements.iter().any(|it| same(it, statement)))
}

fn was_there(new: &KeyAccess<'_>, origin: Origin, old: &KeyAccess<'_>) -> bool {
    match origin {
        Origin::Statement(at) => stands_in(new, at, old),
        Origin::Grant(at) => new.grants.get(at).is_some_and(|grant| old.grants.contains(grant)),
    }
}

fn without(document: &Document, at: usize) -> Document {
    let mut document = document.clone();
    document.statements.remove(at);
    document
}

const VIEWS: [(Side, Supposed); 4] = [
    (Side::Widest, Supposed::Everything),
    (Side::Widest, Supposed::Nothing),
    (Side::Narrowest, Supposed::Everything),
    (Side::Narrowest, Supposed::Nothing),
];

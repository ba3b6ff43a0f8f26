use std::collections::BTreeSet;

use crate::actions::KMS_ACTIONS;
use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Statement, Version};
use crate::equivalent::{canonical_principal, canonical_principals, covers, may_have_variable};
use crate::operator::{Comparison, Operator, Quantifier};
use crate::statement::completed;
use crate::{glob, principal, statement};

/// Who gains and who loses what, when one policy takes the place of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessChanges {
    /// What the new policy opens: an `Allow` that was not there, a `Deny` that is gone.
    pub gained: Vec<Access>,
    /// What the new policy closes: an `Allow` that is gone, a `Deny` that was not there.
    pub lost: Vec<Access>,
}

impl AccessChanges {
    /// Whether nobody gains or loses anything.
    pub fn is_empty(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty()
    }
}

/// One thing that a policy opens or closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who: an ARN, a service, or words such as `everyone` and `account 111122223333, by its IAM policies`.
    pub principal: String,
    /// The actions, with the patterns spelled out over KMS's actions; `kms:*` where it is all of them.
    pub actions: Vec<String>,
    /// What must hold besides. Where only some values of a condition are new, only these.
    pub conditions: Vec<Condition>,
    /// Whether the statement behind it allows or denies.
    pub effect: Effect,
}

/// Who gains and who loses what when `new` takes the place of `old`, statement by statement: what an `Allow` opens is
/// told whether or not a `Deny` takes it away again, and the `Deny` is told too.
///
/// Nothing is left out that the change can open or close. What another statement gives already by a rule that
/// cannot be compared (a pattern that overlaps in part) is told as well.
pub fn access_changes(old: Option<&Document>, new: &Document) -> AccessChanges {
    let (old, new) = (old.map(rules).unwrap_or_default(), rules(new));
    let mut changes = AccessChanges::default();
    for rule in &new {
        let side = if rule.effect == Effect::Allow { &mut changes.gained } else { &mut changes.lost };
        rule.push_beyond(&old, side);
    }
    for rule in &old {
        let side = if rule.effect == Effect::Allow { &mut changes.lost } else { &mut changes.gained };
        rule.push_beyond(&new, side);
    }
    for access in changes.gained.iter_mut().chain(&mut changes.lost) {
        spell_briefly(&mut access.actions);
    }
    changes
}

/// What one statement says about one principal.
struct Rule {
    effect: Effect,
    who: Who,
    resource: Option<Match<Vec<String>>>,
    conditions: Vec<Condition>,
    actions: Vec<String>,
    /// The version of the language, where it decides what the texts mean.
    version: Option<Version>,
}

#[derive(PartialEq, Eq)]
enum Who {
    One(PrincipalPattern),
    AllBut(BTreeSet<PrincipalPattern>),
    /// Whoever the policy hangs on.
    Holder,
}

impl Rule {
    /// Adds what this rule says and none of the others does.
    fn push_beyond(&self, others: &[Self], found: &mut Vec<Access>) {
        for action in &self.actions {
            let relevant = || {
                others.iter().filter(|other| {
                    (other.effect, other.version) == (self.effect, self.version)
                        && other.actions.contains(action)
                        && other.who.covers(&self.who)
                        && resource_covers(other.resource.as_ref(), self.resource.as_ref())
                })
            };
            if relevant().any(|other| all_implied(&self.conditions, &other.conditions)) {
                continue;
            }
            let conditions = relevant().find_map(|other| difference(&self.conditions, &other.conditions));
            let conditions = conditions.unwrap_or_else(|| self.conditions.clone());
            push(
                found,
                Access {
                    principal: self.who.describe(self.effect),
                    actions: vec![action.clone()],
                    conditions,
                    effect: self.effect,
                },
            );
        }
    }
}

impl Who {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(PrincipalPattern::Everyone), _) => true,
            (Self::AllBut(few), Self::AllBut(many)) => few.is_subset(many),
            _ => self == other,
        }
    }

    fn describe(&self, effect: Effect) -> String {
        match self {
            Self::One(pattern) => describe(pattern, effect),
            Self::AllBut(patterns) => {
                let names: Vec<_> = patterns.iter().map(|it| describe(it, Effect::Deny)).collect();
                format!("everyone but {}", names.join(", "))
            }
            Self::Holder => "whoever holds the policy".to_owned(),
        }
    }
}

fn describe(pattern: &PrincipalPattern, effect: Effect) -> String {
    match pattern {
        PrincipalPattern::Everyone => "everyone".to_owned(),
        PrincipalPattern::Aws(name) if principal::is_deleted(name) => format!("the deleted principal {name}"),
        PrincipalPattern::Aws(name) if principal::account_of(name).is_some() => match effect {
            Effect::Allow => format!("account {name}, by its IAM policies"),
            Effect::Deny => format!("account {name}"),
        },
        PrincipalPattern::CanonicalUser(name) => format!("the canonical user {name}"),
        PrincipalPattern::Aws(name) | PrincipalPattern::Service(name) | PrincipalPattern::Federated(name) => {
            name.clone()
        }
    }
}

/// What the document says, each principal of a statement apart. Statements that never apply say nothing.
fn rules(document: &Document) -> Vec<Rule> {
    document
        .statements
        .iter()
        .flat_map(|statement| who(statement).into_iter().filter_map(|who| rule(statement, document.version, who)))
        .collect()
}

fn rule(statement: &Statement, version: Version, who: Who) -> Option<Rule> {
    let mut actions = spelled_out(statement.action.as_ref()?);
    if statement.resource.is_none() {
        actions.retain(|action| statement::is_trust(action));
    }
    let (effect, resource, conditions) = (statement.effect, statement.resource.clone(), statement.conditions.clone());
    let version = may_have_variable(statement).then_some(version);
    Some(Rule { effect, who, resource, conditions, actions, version })
}

fn who(statement: &Statement) -> Vec<Who> {
    match &statement.principal {
        Some(Match::Is(patterns)) => patterns.iter().map(|it| Who::One(canonical_principal(it))).collect(),
        Some(Match::IsNot(patterns)) => vec![Who::AllBut(canonical_principals(patterns))],
        None => vec![Who::Holder],
    }
}

/// The KMS actions that the patterns cover, and the patterns that cover none.
fn spelled_out(actions: &Match<Vec<String>>) -> Vec<String> {
    let fits = |action: &str| actions.inner().iter().any(|it| glob::matches_ignoring_case(it, action));
    match actions {
        Match::IsNot(_) => KMS_ACTIONS.iter().filter(|it| !fits(it)).map(ToString::to_string).collect(),
        Match::Is(patterns) => {
            let of_kms = KMS_ACTIONS.iter().filter(|it| fits(it)).map(ToString::to_string);
            let covers_none =
                |pattern: &&String| !KMS_ACTIONS.iter().any(|it| glob::matches_ignoring_case(pattern, it));
            of_kms.chain(patterns.iter().filter(covers_none).cloned()).collect()
        }
    }
}

fn resource_covers(wide: Option<&Match<Vec<String>>>, narrow: Option<&Match<Vec<String>>>) -> bool {
    match (wide, narrow) {
        (Some(Match::Is(wide)), Some(_)) if wide.iter().any(|it| it == "*") => true,
        (Some(Match::Is(wide)), Some(Match::Is(narrow))) => are_covered(narrow, wide),
        (Some(Match::IsNot(wide)), Some(Match::IsNot(narrow))) => are_covered(wide, narrow),
        (None, None) => true,
        _ => false,
    }
}

fn are_covered(narrow: &[String], wide: &[String]) -> bool {
    narrow.iter().all(|it| wide.iter().any(|known| covers(&completed(known), &completed(it))))
}

/// Whether each of the weaker conditions follows from one of the stronger.
fn all_implied(stronger: &[Condition], weaker: &[Condition]) -> bool {
    weaker.iter().all(|wanted| stronger.iter().any(|known| implies(known, wanted)))
}

fn implies(stronger: &Condition, weaker: &Condition) -> bool {
    if !stronger.key.eq_ignore_ascii_case(&weaker.key) {
        return false;
    }
    let (Some(strong), Some(weak)) = (Operator::parse(&stronger.operator), Operator::parse(&weaker.operator)) else {
        return stronger == weaker;
    };
    let is_text = |it: Comparison| matches!(it, Comparison::StringEquals | Comparison::StringLike);
    let same_kind = strong.comparison == weak.comparison || (is_text(strong.comparison) && is_text(weak.comparison));
    let same_form = strong.quantifier == weak.quantifier && strong.negated == weak.negated;
    if !same_kind || !same_form || (strong.if_exists && !weak.if_exists) {
        return false;
    }
    // What conditions without values mean is not known, so nothing follows.
    if stronger.values.is_empty() || weaker.values.is_empty() {
        return stronger == weaker;
    }
    // The more values are ruled out, the stronger; the fewer are let in, the stronger.
    let (wide, wide_is, narrow, narrow_is) = if strong.negated {
        (&stronger.values, strong.comparison, &weaker.values, weak.comparison)
    } else {
        (&weaker.values, weak.comparison, &stronger.values, strong.comparison)
    };
    narrow.iter().all(|value| wide.iter().any(|known| value_covers(wide_is, known, narrow_is, value)))
}

fn value_covers(wide_is: Comparison, wide: &str, narrow_is: Comparison, narrow: &str) -> bool {
    match (wide_is, narrow_is) {
        (Comparison::StringLike, _) => covers(wide, narrow),
        (Comparison::StringEquals, Comparison::StringLike) => wide == narrow && !glob::has_wildcard(narrow),
        (Comparison::Bool | Comparison::Null, _) => wide.eq_ignore_ascii_case(narrow),
        _ => wide == narrow,
    }
}

/// The conditions of a rule beside those of a rule that differs in the values of one of them only, without the
/// values that the other has; none if they differ otherwise.
fn difference(conditions: &[Condition], other: &[Condition]) -> Option<Vec<Condition>> {
    let mut unmet = other.iter().filter(|wanted| !conditions.iter().any(|known| implies(known, wanted)));
    let (differing, None) = (unmet.next()?, unmet.next()) else { return None };
    let operator = Operator::parse(&differing.operator)?;
    if operator.negated || operator.quantifier != Quantifier::Single {
        return None;
    }
    let at = conditions
        .iter()
        .position(|it| it.operator == differing.operator && it.key.eq_ignore_ascii_case(&differing.key))?;
    let mut left = conditions.to_vec();
    let condition = left.get_mut(at)?;
    condition.values.retain(|value| !differing.values.contains(value));
    Some(left)
}

/// Adds the action to what is told of the same principal under the same conditions.
fn push(found: &mut Vec<Access>, access: Access) {
    let same = |known: &&mut Access| {
        (known.effect, &known.principal, &known.conditions) == (access.effect, &access.principal, &access.conditions)
    };
    match found.iter_mut().find(same) {
        Some(known) => known
            .actions
            .extend(access.actions.into_iter().filter(|it| !known.actions.contains(it)).collect::<Vec<_>>()),
        None => found.push(access),
    }
}

fn spell_briefly(actions: &mut Vec<String>) {
    actions.sort();
    let all = KMS_ACTIONS.iter().all(|it| actions.iter().any(|action| action == it));
    if all {
        actions.retain(|action| !KMS_ACTIONS.contains(&action.as_str()));
        actions.insert(0, "kms:*".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PolicyKind;

    fn policy(statements: &str) -> Document {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
        Document::parse(&text, PolicyKind::Key).expect("a key policy")
    }

    const ROOT: &str =
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#;

    fn via(services: &str) -> String {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["kms:Decrypt","kms:Encrypt"],"Resource":"*",
               "Condition":{{"StringEquals":{{"kms:CallerAccount":"111122223333","kms:ViaService":{services}}}}}}}"#
        )
    }

    #[test]
    fn a_first_policy_gives_all_that_it_says() {
        let changes = access_changes(None, &policy(ROOT));
        assert_eq!(changes.lost, []);
        let [access] = changes.gained.as_slice() else { panic!("one gain: {changes:?}") };
        assert_eq!(access.principal, "account 111122223333, by its IAM policies");
        assert_eq!(access.actions, ["kms:*"]);
    }

    #[test]
    fn losing_root_is_told_as_a_loss() {
        let (old, new) = (policy(&format!("{ROOT},{}", via(r#""s3""#))), policy(&via(r#""s3""#)));
        let changes = access_changes(Some(&old), &new);
        assert_eq!(changes.gained, []);
        assert_eq!(changes.lost.len(), 1);
    }

    #[test]
    fn of_a_longer_list_only_the_new_values_are_told() {
        let (old, new) = (policy(&via(r#"["s3","rds"]"#)), policy(&via(r#"["rds","sqs","s3"]"#)));
        let changes = access_changes(Some(&old), &new);
        assert_eq!(changes.lost, []);
        let [access] = changes.gained.as_slice() else { panic!("one gain: {changes:?}") };
        assert_eq!(access.actions, ["kms:Decrypt", "kms:Encrypt"]);
        assert_eq!(access.conditions.last().map(|it| it.values.clone()), Some(vec!["sqs".to_owned()]));
    }

    #[test]
    fn a_dropped_condition_is_a_gain() {
        let bare = r#"{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Decrypt","Resource":"*"}"#;
        let changes = access_changes(Some(&policy(&via(r#""s3""#))), &policy(bare));
        assert_eq!(changes.gained.iter().map(|it| it.conditions.len()).collect::<Vec<_>>(), [0]);
        assert_eq!(changes.lost.iter().map(|it| it.actions.clone()).collect::<Vec<_>>(), [["kms:Encrypt"]]);
    }

    #[test]
    fn what_is_split_spelled_out_or_moved_changes_nothing() {
        let old = r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["kms:ReEncrypt*","KMS:decrypt"],"Resource":"*"}"#;
        let new = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:Decrypt","Resource":"*"},
                     {"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":["kms:ReEncryptTo","kms:ReEncryptFrom"],"Resource":"*"}"#;
        assert!(access_changes(Some(&policy(old)), &policy(new)).is_empty());
    }

    #[test]
    fn a_new_deny_is_a_loss_and_one_that_goes_a_gain() {
        let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
        let (without, with) = (policy(ROOT), policy(&format!("{ROOT},{deny}")));
        let added = access_changes(Some(&without), &with);
        assert_eq!((added.gained.len(), added.lost.len()), (0, 1));
        assert_eq!(added.lost.first().map(|it| it.effect), Some(Effect::Deny));
        let removed = access_changes(Some(&with), &without);
        assert_eq!((removed.gained.len(), removed.lost.len()), (1, 0));
    }

    #[test]
    fn a_narrower_pattern_loses_and_gains_nothing() {
        let like = |value: &str| {
            policy(&format!(
                r#"{{"Effect":"Allow","Principal":{{"Service":"logs.eu-west-1.amazonaws.com"}},"Action":"kms:Decrypt","Resource":"*",
                   "Condition":{{"StringLike":{{"kms:EncryptionContext:aws:logs:arn":"{value}"}}}}}}"#
            ))
        };
        let changes = access_changes(
            Some(&like("arn:aws:logs:eu-west-1:111122223333:*")),
            &like("arn:aws:logs:eu-west-1:111122223333:log-group:a"),
        );
        assert_eq!((changes.gained.len(), changes.lost.len()), (0, 1));
    }

    #[test]
    fn a_statement_that_never_applies_gives_nothing() {
        let inert = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*"}"#;
        assert!(access_changes(None, &policy(inert)).is_empty());
    }
}

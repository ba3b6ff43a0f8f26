//! What the prover says about single statements.

use keywright_model::{AccountId, Arn};

use super::Finding;
use super::outline::Outline;
use super::rules::{self, Rule};
use crate::document::{Condition, Document, Effect, Match, PrincipalPattern, Statement};
use crate::operator::Operator;
use crate::principal::is_everyone;
use crate::prove::{
    KeyAccess, Scope, Standing, Verdict, Who, Witness, confused_deputies, no_public_access, nobody_can,
    principals_by_arn, standings,
};

pub(super) fn check(outline: &Outline, document: &Document, key: &Arn) -> Vec<Finding> {
    // A key's ARN has an account; without one nothing is claimed.
    let Ok(account) = AccountId::parse(key.account()) else { return Vec::new() };
    let judge = Judge { outline, access: KeyAccess::new(key, &account, document) };
    let mut findings = judge.openings();
    let public: Vec<Option<usize>> =
        findings.iter().filter(|it| it.rule == &rules::PUBLIC_STATEMENT).map(|it| it.statement).collect();
    findings.extend(judge.standings());
    findings.extend(judge.deputies().into_iter().filter(|it| !public.contains(&it.statement)));
    findings
}

struct Judge<'a> {
    outline: &'a Outline,
    access: KeyAccess<'a>,
}

impl Judge<'_> {
    fn standings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (at, standing) in standings(&self.access).into_iter().enumerate() {
            let name = self.name(at);
            findings.extend(match standing {
                Standing::NeverApplies => {
                    let help = self.statement(at).map_or(SILENT, why_silent).to_owned();
                    let summary = format!("{name} speaks of no request that there can be");
                    Some(self.finding(&rules::STATEMENT_NEVER_APPLIES, at, summary, help, None))
                }
                Standing::Redundant => {
                    let summary = format!("without {name} every request would be decided the same");
                    let help = "leave it out, or narrow the statement that makes it needless".to_owned();
                    Some(self.finding(&rules::REDUNDANT_STATEMENT, at, summary, help, None))
                }
                Standing::Needed { .. } | Standing::Unknown { .. } => None,
            });
        }
        findings
    }

    fn deputies(&self) -> Vec<Finding> {
        let loose = confused_deputies(&self.access).into_iter().filter_map(|it| match it.verdict {
            Verdict::Refuted { witness } => Some((it.by.statement?, witness)),
            Verdict::Proved { .. } | Verdict::Unknown { .. } => None,
        });
        loose
            .map(|(at, witness)| {
                let service = &witness.request.principal;
                let summary = format!("{} lets `{service}` use the key for other accounts", self.name(at));
                let help =
                    "tie it to the account with `aws:SourceAccount` or `aws:SourceArn`, where the service sends them"
                        .to_owned();
                self.finding(&rules::LOOSE_DEPUTY, at, summary, help, Some(witness))
            })
            .collect()
    }

    /// Statements for everybody, each looked at with no other `Allow` beside it.
    fn openings(&self) -> Vec<Finding> {
        let statements = self.access.key_policy.statements.iter().enumerate();
        let wide = statements.filter(|(_, it)| it.effect == Effect::Allow && names_everyone(it));
        wide.filter_map(|(at, statement)| self.opening(at, statement)).collect()
    }

    fn opening(&self, at: usize, statement: &Statement) -> Option<Finding> {
        let alone = alone(self.access.key_policy, statement);
        let access = KeyAccess { key_policy: &alone, ..self.access.clone() };
        let name = self.name(at);
        if let Verdict::Refuted { witness } = no_public_access(&access).verdict {
            let summary = format!("{name} admits everybody, in every account");
            let help =
                "name the principals, or add a condition on `kms:CallerAccount` or `aws:PrincipalOrgID`".to_owned();
            return Some(self.finding(&rules::PUBLIC_STATEMENT, at, summary, help, Some(witness)));
        }
        let others = Who::AllBut(principals_by_arn(&access));
        let direct = nobody_can(&access, &others, &["kms:*"], Scope::DIRECT).verdict;
        let Verdict::Refuted { witness } = direct else { return None };
        if witness.needs_own_policy || statement.conditions.iter().any(picks_identities) {
            return None;
        }
        let account = witness.request.principal.account().unwrap_or_default();
        let summary = format!("{name} lets everybody in account {account} use the key without an IAM policy");
        let help = format!(
            "name `arn:{}:iam::{account}:root` to leave the choice to IAM policies, or the principals; or add `kms:ViaService`",
            access.key.partition()
        );
        Some(self.finding(&rules::OPEN_TO_ACCOUNT, at, summary, help, Some(witness)))
    }

    fn finding(
        &self,
        rule: &'static Rule,
        at: usize,
        summary: String,
        help: String,
        witness: Option<Box<Witness>>,
    ) -> Finding {
        Finding { rule, summary, span: self.outline.statement_span(at), statement: Some(at), help, witness }
    }

    fn name(&self, at: usize) -> String {
        self.outline.statements.get(at).map_or_else(|| format!("statement {}", at + 1), |it| it.describe(at))
    }

    fn statement(&self, at: usize) -> Option<&Statement> {
        self.access.key_policy.statements.get(at)
    }
}

/// The policy with no other `Allow` than this one.
fn alone(document: &Document, statement: &Statement) -> Document {
    let denies = document.statements.iter().filter(|it| it.effect == Effect::Deny);
    Document { statements: denies.chain([statement]).cloned().collect(), ..document.clone() }
}

fn names_everyone(statement: &Statement) -> bool {
    match &statement.principal {
        Some(Match::Is(names)) => names.iter().any(is_everyone),
        Some(Match::IsNot(_)) => true,
        None => false,
    }
}

/// Whether the condition picks some principals of an account.
fn picks_identities(condition: &Condition) -> bool {
    let key = condition.key.to_ascii_lowercase();
    is_positive(condition)
        && (IDENTITY_KEYS.contains(&key.as_str()) || IDENTITY_PREFIXES.iter().any(|it| key.starts_with(it)))
}

fn is_positive(condition: &Condition) -> bool {
    Operator::parse(&condition.operator).is_some_and(|it| !it.negated && !it.if_exists)
}

/// The usual reasons for which a statement never applies.
fn why_silent(statement: &Statement) -> &'static str {
    let has = |keys: &[&str]| {
        statement.conditions.iter().any(|it| is_positive(it) && keys.iter().any(|key| it.key.eq_ignore_ascii_case(key)))
    };
    let names = statement.principal.as_ref().map(Match::inner);
    let are_services = names.is_some_and(|it| it.iter().all(|it| matches!(it, PrincipalPattern::Service(_))));
    if are_services && has(&["kms:ViaService"]) {
        return "`kms:ViaService` comes with requests that a service passes on for a user or role, never with its own: leave the condition out, or name the users and roles";
    }
    if !are_services && has(&["aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths"]) {
        return "`aws:SourceArn` and its kin come with a service's own requests only: name the service, or leave the condition out";
    }
    SILENT
}

const SILENT: &str =
    "look at its principals, actions, resource and conditions, of which one can never be met; or leave it out";
const IDENTITY_KEYS: [&str; 5] =
    ["aws:principalarn", "aws:principaltype", "aws:userid", "aws:username", "aws:sourceidentity"];
const IDENTITY_PREFIXES: [&str; 1] = ["aws:principaltag/"];

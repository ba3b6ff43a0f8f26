//! What was claimed of a key and what a reviewer would say about its policy, as text, as data and as SARIF.

use keywright_model::{Diagnostic, Severity, Span};
use keywright_policy::Cause;
use keywright_policy::prove::{Assumption, Claim, Counter, Escalation, Flaw, Proof, ProofFinding, Unsure, Witness};
use serde_json::{Value, json};

use super::sarif::{Entry, RuleEntry, Run};
use super::{answers, diagnostics};
use crate::subject::{Origin, Subject};

/// Everything that is told of one key.
pub(crate) struct Report {
    pub(crate) subject: Subject,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) lints: Vec<Lint>,
}

/// What a reviewer would say.
pub(crate) struct Lint {
    pub(crate) diagnostic: Diagnostic,
    /// The statement that it is about, by its name.
    pub(crate) statement: Option<String>,
    /// Why somebody has accepted it.
    pub(crate) accepted: Option<String>,
}

/// The report as people read it.
pub(crate) fn text(report: &Report, color: bool) -> String {
    let subject = &report.subject;
    let mut lines = vec![format!("{}: {}", answers::which(subject), subject.key)];
    for proof in &report.proofs {
        lines.push(String::new());
        lines.extend(proof_lines(subject, proof));
    }
    let assumptions = assumptions(report);
    if report.proofs.iter().any(Proof::is_proved) {
        lines.push("\n  taken for granted:".to_owned());
        lines.extend(assumptions.iter().map(|it| format!("  - {it}")));
        lines.extend(of_grants(subject).iter().map(|it| format!("  - {it}")));
    }
    lines.extend(subject.notes.iter().map(|it| format!("  note: {it}")));
    for lint in &report.lints {
        lines.push(String::new());
        lines.push(lint_text(lint, color));
    }
    lines.join("\n")
}

/// How many of all there are, in one line.
pub(crate) fn summary(reports: &[Report]) -> String {
    let proofs = || reports.iter().flat_map(|it| &it.proofs);
    let count = |wanted: &str| proofs().filter(|it| verdict(it) == wanted).count();
    let lints = |severity| {
        let all = reports.iter().flat_map(|it| &it.lints);
        all.filter(|it| it.accepted.is_none() && it.diagnostic.severity == severity).count()
    };
    format!(
        "claims: {} proved, {} refuted, {} unknown; findings: {} errors, {} warnings",
        count(PROVED),
        count(REFUTED),
        count(UNKNOWN),
        lints(Severity::Error),
        lints(Severity::Warning)
    )
}

/// The report as data.
pub(crate) fn data(report: &Report) -> Value {
    let Report { subject, proofs, lints } = report;
    json!({
        "key": subject.label,
        "key_arn": subject.key.as_str(),
        "part": subject.part.to_string(),
        "notes": subject.notes,
        "claims": proofs.iter().map(|it| proof_data(subject, it)).collect::<Vec<_>>(),
        "findings": lints.iter().map(lint_data).collect::<Vec<_>>(),
    })
}

/// Adds to a SARIF run what is wrong, or could not be told.
pub(crate) fn sarif(report: &Report, run: &mut Run) {
    let subject = &report.subject;
    for proof in &report.proofs {
        let (by, unsure) = against(&proof.finding);
        for counter in by {
            let message = format!("{} does not hold: {}", proof.claim, flaw_lines(subject, counter).join("; "));
            let entry = entry(subject, &proof.claim, counter.by.as_ref(), Some(Severity::Error), message);
            run.push(claim_rule(&proof.claim), &entry);
        }
        for it in unsure {
            let message = format!("{} could not be told: {}", proof.claim, it.reason);
            run.push(claim_rule(&proof.claim), &entry(subject, &proof.claim, it.by.as_ref(), None, message));
        }
    }
    for lint in &report.lints {
        let about =
            lint.statement.as_ref().map_or_else(|| subject.label.clone(), |it| format!("{}#{it}", subject.label));
        let mut diagnostic = lint.diagnostic.clone();
        diagnostic.labels.retain(|_| subject.origin != Origin::Live);
        run.push_diagnostic_of(&diagnostic, about, lint.accepted.clone());
    }
}

fn proof_lines(subject: &Subject, proof: &Proof) -> Vec<String> {
    let mut lines = vec![format!("  {}: {}", verdict(proof), proof.claim)];
    let (by, unsure) = against(&proof.finding);
    for counter in by {
        lines.extend(flaw_lines(subject, counter).into_iter().map(|it| format!("    {it}")));
    }
    lines.extend(unsure.iter().map(|it| format!("    {}", unsure_text(subject, it))));
    for keeper in &proof.keepers {
        lines.push(format!("    kept by {}", keeper.request.principal));
    }
    for (by, actions) in ways(subject, &proof.escalations) {
        lines.push(format!("    beside it: more can be had through {} ({by})", actions.join(", ")));
    }
    lines
}

/// What is against a claim: the request in AWS's words, what lets it through, and with what.
fn flaw_lines(subject: &Subject, counter: &Counter) -> Vec<String> {
    let by = counter.by.as_ref().map(|it| answers::cause_text(subject, it));
    let by = by.unwrap_or_else(|| "the key policy".to_owned());
    match &counter.flaw {
        Flaw::LetsThrough { witness } => witness_lines(witness, &by),
        Flaw::Gives { actions, witness } => {
            let gives = format!("{by} gives {}", actions.join(", "));
            std::iter::once(gives).chain(witness_lines(witness, &by)).collect()
        }
        Flaw::Refuses { witness } => {
            let lines = [format!("{}, and none of the others is", sentence(witness)), context_line(witness)];
            lines.into_iter().filter(|it| !it.is_empty()).collect()
        }
        Flaw::Redundant => vec![format!("without {by} every request would be decided the same")],
        Flaw::NeverApplies => vec![format!("{by} speaks of no request that there can be")],
    }
}

fn witness_lines(witness: &Witness, by: &str) -> Vec<String> {
    let own = if witness.needs_own_policy {
        "if an IAM policy of its own allows it too, as its account can make it"
    } else {
        "without an IAM policy"
    };
    let lines = [sentence(witness), format!("by {by}, {own}"), context_line(witness)];
    lines.into_iter().filter(|it| !it.is_empty()).collect()
}

/// The request as AWS's own messages put it.
fn sentence(witness: &Witness) -> String {
    let request = &witness.request;
    let key = match &request.resource {
        keywright_policy::Resource::Arn(arn) => arn.as_str(),
        keywright_policy::Resource::Any => "*",
    };
    let (not, because) = if witness.decision.is_allowed() {
        ("", String::new())
    } else {
        ("not ", format!(" {}", witness.decision.reason.clause()))
    };
    format!("User: {} is {not}authorized to perform: {} on resource: {key}{because}", request.principal, request.action)
}

fn context_line(witness: &Witness) -> String {
    let shown = witness.request.context.iter().filter(|(key, _)| !is_implied(key));
    let pairs: Vec<String> = shown.map(|(key, values)| format!("{key} = {}", values.join(", "))).collect();
    if pairs.is_empty() { String::new() } else { format!("with {}", pairs.join("; ")) }
}

/// Keys that say again who calls which key.
fn is_implied(key: &str) -> bool {
    IMPLIED.iter().any(|it| it.eq_ignore_ascii_case(key))
}

fn unsure_text(subject: &Subject, unsure: &Unsure) -> String {
    match &unsure.by {
        Some(by) => format!("{}: {}", answers::cause_text(subject, by), unsure.reason),
        None => unsure.reason.to_string(),
    }
}

/// The ways to more, by what opens them.
fn ways(subject: &Subject, escalations: &[Escalation]) -> Vec<(String, Vec<&'static str>)> {
    let mut ways: Vec<(String, Vec<&'static str>)> = Vec::new();
    for escalation in escalations {
        let by = escalation.witness.as_ref().and_then(|it| it.causes().next());
        let by = by.map_or_else(|| "perhaps".to_owned(), |it| answers::cause_text(subject, it));
        match ways.iter_mut().find(|(known, _)| *known == by) {
            Some((_, actions)) => actions.push(escalation.action),
            None => ways.push((by, vec![escalation.action])),
        }
    }
    ways
}

fn lint_text(lint: &Lint, color: bool) -> String {
    match &lint.accepted {
        Some(reason) => diagnostics::accepted(&lint.diagnostic, reason),
        None => diagnostics::text(&on_one_line(&lint.diagnostic), color),
    }
}

/// The diagnostic pointing at one line of a statement, not at all of it: that of its `Sid`, or its first.
fn on_one_line(diagnostic: &Diagnostic) -> Diagnostic {
    let mut shown = diagnostic.clone();
    for label in &mut shown.labels {
        let range = label.span.range.clone();
        let text = label.span.file.text.get(range.clone()).unwrap_or_default();
        let start = text.find("\"Sid\"").unwrap_or(0);
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default().trim_end_matches(',');
        label.span = Span::new(&label.span.file, range.start + start..range.start + start + line.len());
    }
    shown
}

fn proof_data(subject: &Subject, proof: &Proof) -> Value {
    let (by, unsure) = against(&proof.finding);
    let assumptions = match &proof.finding {
        ProofFinding::Proved { assumptions } => {
            assumptions.iter().map(ToString::to_string).chain(of_grants(subject).map(str::to_owned)).collect()
        }
        ProofFinding::Refuted { .. } | ProofFinding::Unknown { .. } => Vec::new(),
    };
    json!({
        "claim": proof.claim.to_string(),
        "name": proof.claim.name(),
        "verdict": verdict(proof),
        "assumptions": assumptions,
        "against": by.iter().map(|it| counter_data(subject, it)).collect::<Vec<_>>(),
        "unsure": unsure.iter().map(|it| json!({
            "by": it.by.as_ref().map(|by| answers::cause_data(subject, by)),
            "reason": it.reason.to_string(),
        })).collect::<Vec<_>>(),
        "escalations": proof.escalations.iter().map(|it| json!({
            "action": it.action,
            "request": it.witness.as_ref().map(|it| witness_data(it)),
        })).collect::<Vec<_>>(),
        "kept_by": proof.keepers.iter().map(|it| it.request.principal.to_string()).collect::<Vec<_>>(),
    })
}

fn counter_data(subject: &Subject, counter: &Counter) -> Value {
    let (flaw, actions) = match &counter.flaw {
        Flaw::LetsThrough { .. } => ("lets_through", None),
        Flaw::Gives { actions, .. } => ("gives", Some(actions)),
        Flaw::Refuses { .. } => ("refuses", None),
        Flaw::Redundant => ("redundant", None),
        Flaw::NeverApplies => ("never_applies", None),
    };
    json!({
        "by": counter.by.as_ref().map(|it| answers::cause_data(subject, it)),
        "flaw": flaw,
        "actions": actions,
        "request": counter.flaw.witness().map(witness_data),
    })
}

fn witness_data(witness: &Witness) -> Value {
    let context: serde_json::Map<String, Value> =
        witness.request.context.iter().map(|(key, values)| (key.to_owned(), json!(values))).collect();
    json!({
        "principal": witness.request.principal.to_string(),
        "action": witness.request.action,
        "context": context,
        "decision": witness.decision.outcome.as_str(),
        "reason": witness.decision.reason.to_string(),
        "needs_own_policy": witness.needs_own_policy,
    })
}

fn lint_data(lint: &Lint) -> Value {
    let mut data = diagnostics::one(&lint.diagnostic);
    if let Some(fields) = data.as_object_mut() {
        fields.insert("statement".to_owned(), json!(lint.statement));
        fields.insert("accepted".to_owned(), json!(lint.accepted));
    }
    data
}

/// What all proofs took for granted, each said once.
fn assumptions(report: &Report) -> Vec<&Assumption> {
    let mut all: Vec<&Assumption> = Vec::new();
    for proof in &report.proofs {
        if let ProofFinding::Proved { assumptions } = &proof.finding {
            all.extend(assumptions.iter().filter(|it| !all.contains(it)).collect::<Vec<_>>());
        }
    }
    all
}

/// What a proof takes for granted where a source does not tell of all grants.
fn of_grants(subject: &Subject) -> Option<&'static str> {
    subject.may_have_other_grants.then_some("there are no grants on the key but those that are known")
}

fn against(finding: &ProofFinding) -> (&[Counter], &[Unsure]) {
    match finding {
        ProofFinding::Proved { .. } => (&[], &[]),
        ProofFinding::Refuted { by, unsure } => (by, unsure),
        ProofFinding::Unknown { unsure } => (&[], unsure),
    }
}

fn verdict(proof: &Proof) -> &'static str {
    match proof.finding {
        ProofFinding::Proved { .. } => PROVED,
        ProofFinding::Refuted { .. } => REFUTED,
        ProofFinding::Unknown { .. } => UNKNOWN,
    }
}

fn claim_rule(claim: &Claim) -> RuleEntry {
    let says = Claim::forms().find(|(name, ..)| *name == claim.name()).map_or("", |(.., says)| says);
    RuleEntry {
        code: claim.name().to_owned(),
        severity: Severity::Error,
        meaning: format!("It is claimed that {says}."),
        why: None,
        source: None,
    }
}

fn entry(subject: &Subject, claim: &Claim, by: Option<&Cause>, severity: Option<Severity>, message: String) -> Entry {
    let statement = by.and_then(|it| it.statement);
    // What AWS answered stands in no file.
    let is_file = subject.origin != Origin::Live;
    let name =
        by.map(|it| it.sid.clone().unwrap_or_else(|| it.statement.map_or_else(String::new, |at| (at + 1).to_string())));
    Entry {
        code: claim.name().to_owned(),
        severity,
        message,
        place: statement
            .and_then(|at| subject.place_of(at))
            .or_else(|| subject.policy.place.clone())
            .filter(|_| is_file),
        subject: Some(name.map_or_else(|| subject.label.clone(), |it| format!("{}#{it}", subject.label))),
        accepted: None,
    }
}

const PROVED: &str = "proved";
const REFUTED: &str = "refuted";
const UNKNOWN: &str = "unknown";
const IMPLIED: [&str; 8] = [
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:PrincipalArn",
    "aws:PrincipalAccount",
    "aws:PrincipalType",
    "aws:PrincipalIsAWSService",
    "aws:userid",
    "aws:username",
];

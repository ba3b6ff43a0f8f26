use std::io::{self, IsTerminal};
use std::path::Path;

use keywright_model::{Diagnostic, Diagnostics, Severity, Span};
use keywright_module::{Desired, UNTIED_STATEMENTS};
use keywright_policy::lint::{self, Finding, RULES};
use keywright_policy::prove::{Claim, NoClaim, Promises, prove, resources_by_key_id};
use serde_json::json;

use super::End;
use crate::args::ProveArguments;
use crate::render::proofs::{self, Lint, Report};
use crate::render::sarif::Run;
use crate::subject::{self, Origin, Subject, Whose};
use crate::{session, ui};

/// Proves claims about keys, or refutes them by a request, and says what a reviewer would about their policies.
pub(super) async fn run(arguments: &ProveArguments) -> Result<End, Diagnostics> {
    match reports(arguments).await {
        Ok(reports) => {
            show(arguments, &reports);
            Ok(if reports.iter().all(|it| is_fine(it, arguments.deny_warnings)) { End::Fine } else { End::Failed })
        }
        // Whoever asked for SARIF gets it, whatever is wrong.
        Err(problems) if arguments.sarif => {
            let mut run = Run::new();
            problems.iter().for_each(|it| run.push_diagnostic(it));
            ui::data(&run.log());
            Ok(End::Failed)
        }
        Err(problems) => Err(problems),
    }
}

async fn reports(arguments: &ProveArguments) -> Result<Vec<Report>, Diagnostics> {
    let claims = claims(arguments)?;
    check_accepted(arguments)?;
    let asked = arguments.about();
    let is_about_modules = asked.policy.is_none() && asked.plan.is_none() && asked.template.is_none();
    let promised =
        if claims.is_empty() && is_about_modules { session::desired(&asked.configuration.0)? } else { Vec::new() };
    let subjects = subject::load(&asked, &Whose::Named(Vec::new())).await?;
    check_known(&subjects, &claims)?;
    let report = |subject: Subject| {
        let claims = if claims.is_empty() { promises(&subject, &promised).claims() } else { claims.clone() };
        let proofs = claims.iter().map(|it| prove(it, &subject.access())).collect();
        let lints = if arguments.claims.is_empty() || arguments.lint { lints(&subject, arguments) } else { Vec::new() };
        Report { proofs, lints, subject }
    };
    Ok(subjects.into_iter().map(report).collect())
}

/// A policy that names keys by their IDs means nothing certain while its own key's ID is not known.
fn check_known(subjects: &[Subject], claims: &[Claim]) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::new();
    for subject in subjects.iter().filter(|it| !it.is_key_id_known()) {
        let old = claims.iter().filter_map(|it| match it {
            Claim::GivesNothingNew { old, .. } => Some(old),
            _ => None,
        });
        let documents = std::iter::once(&subject.policy.document).chain(old);
        let named: Vec<&str> = documents.flat_map(resources_by_key_id).collect();
        if let Some(first) = named.first() {
            errors.push(subject.unknown_key(first));
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(()) }
}

fn show(arguments: &ProveArguments, reports: &[Report]) {
    if arguments.sarif {
        let mut run = Run::new();
        reports.iter().for_each(|it| proofs::sarif(it, &mut run));
        ui::data(&run.log());
    } else if arguments.subject.configuration.0.json {
        let is_fine = reports.iter().all(|it| is_fine(it, arguments.deny_warnings));
        ui::data(&json!({ "holds": is_fine, "keys": reports.iter().map(proofs::data).collect::<Vec<_>>() }));
    } else {
        for report in reports {
            ui::result(&proofs::text(report, io::stdout().is_terminal()));
            ui::result("");
        }
        ui::result(&proofs::summary(reports));
    }
}

/// Whether all is proved and nothing is found that may not stand.
fn is_fine(report: &Report, deny_warnings: bool) -> bool {
    let stands = |it: &Lint| match it.diagnostic.severity {
        _ if it.accepted.is_some() => true,
        Severity::Error => false,
        Severity::Warning => !deny_warnings,
        Severity::Note => true,
    };
    report.proofs.iter().all(keywright_policy::prove::Proof::is_proved) && report.lints.iter().all(stands)
}

fn claims(arguments: &ProveArguments) -> Result<Vec<Claim>, Diagnostics> {
    let (mut claims, mut errors) = (Vec::new(), Diagnostics::new());
    for words in &arguments.claims {
        let mut wrong = None;
        let mut read = |file: &str| {
            let policy =
                subject::read_text(Path::new(file)).map_err(Diagnostics::from).and_then(|it| subject::key_policy(&it));
            policy.map(|it| it.document).map_err(|it| {
                let first = it.iter().next().map(|it| it.summary.clone()).unwrap_or_default();
                wrong = Some(it);
                first
            })
        };
        match Claim::parse(words, &mut read) {
            Ok(claim) => claims.push(claim),
            Err(error) => errors.extend(wrong.unwrap_or_else(|| no_claim(words, &error).into())),
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(claims) }
}

fn no_claim(words: &str, error: &NoClaim) -> Diagnostic {
    let name = words.split('=').next().unwrap_or_default();
    let forms = || Claim::forms().map(|(_, written, says)| format!("{written}: {says}"));
    let help = match Claim::forms().find(|(known, ..)| *known == name) {
        Some((_, written, says)) => format!("write it as `{written}`: {says}"),
        None => format!("claims are:\n{}", forms().collect::<Vec<_>>().join("\n")),
    };
    Diagnostic::error("invalid-claim", format!("`--claim {words}`: {error}")).help(help)
}

/// What the inputs of the key's module promise; nothing for a key of no module.
fn promises(subject: &Subject, modules: &[Desired]) -> Promises {
    let is_of = |it: &&Desired| subject.label.starts_with(&format!("module.{}.", it.module));
    let Some(module) = modules.iter().find(is_of) else { return Promises::default() };
    let administration = &module.administration;
    let is_there = |sid: &str| subject.policy.document.statements.iter().any(|it| it.sid.as_deref() == Some(sid));
    Promises {
        root_is_gone: !administration.root_access,
        admin_role: administration.admin_role.as_ref().map(|it| it.arn.to_string()),
        untied: UNTIED_STATEMENTS.iter().filter(|it| is_there(it)).map(ToString::to_string).collect(),
    }
}

fn check_accepted(arguments: &ProveArguments) -> Result<(), Diagnostics> {
    let mut errors = Diagnostics::new();
    for (code, _) in &arguments.accept {
        let problem = match RULES.iter().find(|it| it.code == code) {
            Some(rule) if rule.can_be_accepted() => continue,
            Some(rule) => {
                Diagnostic::error("invalid-acceptance", format!("`{code}` cannot be accepted")).because(rule.why)
            }
            None => Diagnostic::error("invalid-acceptance", format!("there is no finding `{code}`"))
                .help("the codes are those of the findings, each with a page in `docs/findings/`"),
        };
        errors.push(problem);
    }
    if errors.has_errors() { Err(errors) } else { Ok(()) }
}

fn lints(subject: &Subject, arguments: &ProveArguments) -> Vec<Lint> {
    let written =
        subject.policy.place.as_ref().filter(|_| matches!(subject.origin, Origin::PolicyFile(_) | Origin::Live));
    let rendered = subject.policy.document.to_json();
    let text = written.map_or(rendered.as_str(), |it| it.file.text.as_str());
    let findings = lint::lint(text, &subject.key).into_iter();
    findings
        .map(|finding| {
            let place = match written {
                Some(whole) => Some(Span::new(&whole.file, finding.span.clone())),
                None => finding.statement.and_then(|at| subject.place_of(at)).or_else(|| subject.policy.place.clone()),
            };
            let accepted = arguments.accept.iter().find(|(code, _)| code == finding.rule.code);
            Lint {
                statement: finding.statement.map(|at| statement_name(subject, at)),
                diagnostic: diagnostic(&finding, place),
                accepted: accepted.map(|(_, reason)| reason.clone()),
            }
        })
        .collect()
}

fn statement_name(subject: &Subject, at: usize) -> String {
    let sid = subject.policy.document.statements.get(at).and_then(|it| it.sid.clone());
    sid.unwrap_or_else(|| (at + 1).to_string())
}

fn diagnostic(finding: &Finding, place: Option<Span>) -> Diagnostic {
    let rule = finding.rule;
    let diagnostic = match rule.severity {
        Severity::Error => Diagnostic::error(rule.code, &finding.summary),
        Severity::Warning => Diagnostic::warning(rule.code, &finding.summary),
        Severity::Note => Diagnostic::note(rule.code, &finding.summary),
    };
    let why = format!("{} ({})", rule.why, rule.source);
    diagnostic.because(why).help(&finding.help).at_opt(place, "")
}

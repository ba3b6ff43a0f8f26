//! What a reviewer would say about the text of one key policy.
//!
//! Each finding follows a [`Rule`], which has a stable code, says why it matters and names the AWS page that it comes
//! from. `text.rs` looks at the bytes, `words.rs` at names that mean nothing, `shape.rs` at elements that mean something
//! else than they seem to, and `meaning.rs` asks the prover what the statements do.
//!
//! **Invariant:** a text that is not a policy has its errors told, and nothing else is guessed about it.

mod keys;
mod meaning;
mod outline;
mod rules;
mod shape;
mod text;
mod words;

use std::ops::Range;

use keywright_model::Arn;

use crate::document::Document;
use crate::error::PolicyError;
use crate::parse::PolicyKind;
use crate::prove::Witness;

pub use rules::{RULES, Rule};

/// Something that a reviewer would say about a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that it follows.
    pub rule: &'static Rule,
    /// What is found, in one line.
    pub summary: String,
    /// Which bytes of the text it is about.
    pub span: Range<usize>,
    /// The statement that it is about, counted from 0; none where it is about the whole text.
    pub statement: Option<usize>,
    /// What to do about it.
    pub help: String,
    /// A request that shows it, where it is about what the policy lets through.
    pub witness: Option<Box<Witness>>,
}

/// What is to be said about the text of a key's policy, in the order of the text.
///
/// The text is looked at as it stands: grants and IAM policies have no say.
pub fn lint(text: &str, key: &Arn) -> Vec<Finding> {
    let mut findings = text::check(text);
    match Document::parse(text, PolicyKind::Key) {
        Ok(document) => findings.extend(of_document(text, &document, key)),
        Err(errors) => findings.extend(errors.iter().map(|error| of_error(text, error))),
    }
    findings.sort_by_key(|it| (it.span.start, it.span.end, it.rule.code));
    findings
}

/// The rule that an error of a policy's text breaks, and what to do about it.
pub fn rule_of(error: &PolicyError) -> (&'static Rule, String) {
    words::of_error(error)
}

fn of_document(text: &str, document: &Document, key: &Arn) -> Vec<Finding> {
    // What was just parsed is JSON.
    let outline = outline::Outline::read(text).unwrap_or_default();
    let mut findings = words::check(&outline);
    findings.extend(shape::check(&outline, document, key));
    let explained: Vec<usize> =
        findings.iter().filter(|it| rules::EXPLAIN_SILENCE.contains(&it.rule)).filter_map(|it| it.statement).collect();
    let judged = meaning::check(&outline, document, key);
    let is_told = |it: &Finding| {
        it.rule == &rules::STATEMENT_NEVER_APPLIES && it.statement.is_some_and(|at| explained.contains(&at))
    };
    findings.extend(judged.into_iter().filter(|it| !is_told(it)));
    findings
}

fn of_error(text: &str, error: &PolicyError) -> Finding {
    let (rule, help) = rule_of(error);
    Finding {
        rule,
        summary: error.to_string(),
        span: error.span.clone().unwrap_or(0..text.len()),
        statement: None,
        help,
        witness: None,
    }
}

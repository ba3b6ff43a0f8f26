//! Answers to "can this one do that", as text and as data.

use std::fmt::Write as _;

use keywright_model::Span;
use keywright_policy::{Cause, Condition, Effect, Outcome, Principal, Reason, Request, Ruling, Source, Unmet};
use serde_json::{Value, json};

use super::diagnostics;
use crate::subject::{Origin, Subject, identity_arn};

/// A question about one key, and its answer.
pub(crate) struct Answer {
    pub(crate) subject: Subject,
    pub(crate) request: Request,
    pub(crate) ruling: Ruling,
}

/// The answer in one line, then why, then what was taken for granted.
pub(crate) fn text(answer: &Answer) -> String {
    let Answer { subject, request, ruling } = answer;
    let (word, may) = match ruling.decision.outcome {
        Outcome::Allow => ("yes", "may"),
        Outcome::ImplicitDeny | Outcome::ExplicitDeny => ("no", "may not"),
    };
    let mut text = format!("{word}: {} {may} {} on {}", who(&request.principal), request.action, which(subject));
    for line in why(answer) {
        let _ = write!(text, "\n  {line}");
    }
    for line in assumptions(answer) {
        let _ = write!(text, "\n  assumed: {line}");
    }
    text
}

/// The answer as data.
pub(crate) fn data(answer: &Answer) -> Value {
    let Answer { subject, request, ruling } = answer;
    json!({
        "key": subject.label,
        "key_arn": subject.key.as_str(),
        "part": subject.part.to_string(),
        "principal": who(&request.principal),
        "action": request.action,
        "decision": ruling.decision.outcome.as_str(),
        "reason": ruling.decision.reason.to_string(),
        "by": causes(&ruling.decision.reason).iter().map(|it| cause_data(subject, it)).collect::<Vec<_>>(),
        "missing": missing(answer),
        "unmet": ruling.unmet.iter().map(|it| unmet_data(subject, it)).collect::<Vec<_>>(),
        "iam_policies_known": subject.knows_policies_of(&request.principal),
        "if_iam_policies_allow": ruling.if_own_policies_allow.as_ref().map(|it| json!({
            "decision": it.outcome.as_str(),
            "by": causes(&it.reason).iter().map(|it| cause_data(subject, it)).collect::<Vec<_>>(),
        })),
        "assumptions": assumptions(answer),
    })
}

/// A cause as data, with its place.
pub(crate) fn cause_data(subject: &Subject, cause: &Cause) -> Value {
    json!({
        "source": source_word(cause.source),
        "policy": cause.policy,
        "statement": cause.statement,
        "sid": cause.sid,
        "location": place_of(subject, cause).as_ref().map(diagnostics::place),
    })
}

/// A cause in words: which statement of what, and where it stands.
pub(crate) fn cause_text(subject: &Subject, cause: &Cause) -> String {
    let statement = match (&cause.sid, cause.statement) {
        (Some(sid), _) => format!("statement `{sid}` of "),
        (None, Some(at)) => format!("statement {} of ", at + 1),
        (None, None) => String::new(),
    };
    let policy = match (cause.source, &cause.policy) {
        (Source::Resource, _) => "the key policy".to_owned(),
        (Source::Identity, Some(name)) => format!("its IAM policy `{name}`"),
        (Source::Boundary, Some(name)) => format!("its permissions boundary `{name}`"),
        (Source::Grant, Some(id)) => grant_text(subject, id),
        (Source::RootUser, _) => "being the account's root user, which needs no IAM policy".to_owned(),
        (source, Some(name)) => format!("the {source} `{name}`"),
        (source, None) => format!("the {source}"),
    };
    let place = place_of(subject, cause).map(|it| format!(" ({})", place_text(&it))).unwrap_or_default();
    format!("{statement}{policy}{place}")
}

/// Conditions as people read them.
pub(crate) fn conditions_text(conditions: &[Condition]) -> String {
    let one = |it: &Condition| format!("{} {} {}", it.key, it.operator, it.values.join(" or "));
    conditions.iter().map(one).collect::<Vec<_>>().join(", and ")
}

/// What people call the key.
pub(crate) fn which(subject: &Subject) -> String {
    format!("{} ({}, {})", subject.label, subject.part, subject.key.region())
}

fn grant_text(subject: &Subject, id: &str) -> String {
    let name = subject.grants.iter().find(|it| it.id == id).and_then(|it| it.name.as_deref());
    match name {
        Some(name) => format!("the grant `{name}` ({id})"),
        None => format!("the grant `{id}`"),
    }
}

fn place_of(subject: &Subject, cause: &Cause) -> Option<Span> {
    match (cause.source, cause.statement) {
        (Source::Resource, Some(at)) => subject.place_of(at),
        _ => None,
    }
}

fn place_text(span: &Span) -> String {
    let start = span.start();
    format!("{}:{}", span.file.name, start.line)
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Identity => "identity",
        Source::Resource => "key_policy",
        Source::Trust => "trust",
        Source::Boundary => "boundary",
        Source::Session => "session",
        Source::ServiceControl => "scp",
        Source::ResourceControl => "rcp",
        Source::Grant => "grant",
        Source::RootUser => "root_user",
    }
}

/// The principal; for a session that stands for all of its role's, the role.
fn who(principal: &Principal) -> String {
    match principal {
        Principal::Session { session, role } if session.as_str().ends_with("/keywright") => role.to_string(),
        other => other.to_string(),
    }
}

fn causes(reason: &Reason) -> &[Cause] {
    match reason {
        Reason::Allowed { by } => by,
        Reason::ExplicitDeny { by } => std::slice::from_ref(by),
        _ => &[],
    }
}

fn why(answer: &Answer) -> Vec<String> {
    let Answer { subject, ruling, .. } = answer;
    let mut lines = Vec::new();
    match &ruling.decision.reason {
        Reason::Allowed { by } => lines.extend(by.iter().map(|it| format!("by {}", cause_text(subject, it)))),
        Reason::ExplicitDeny { by } => {
            lines.push(format!("denied by {}: no allow outweighs that", cause_text(subject, by)));
        }
        Reason::Unreadable { policy } => lines.push(format!("the policy `{policy}` cannot be read, which denies")),
        _ => {}
    }
    lines.extend(missing(answer));
    lines.extend(ruling.unmet.iter().filter_map(|it| unmet_text(answer, it)));
    if let Some(supposed) = &ruling.if_own_policies_allow {
        let by: Vec<String> = causes(&supposed.reason).iter().map(|it| cause_text(subject, it)).collect();
        lines.push(format!("unless its IAM policies allow it: then allow, by {}", by.join(" and ")));
    }
    lines
}

/// Which allow is missing, and where it would have to stand.
fn missing(answer: &Answer) -> Option<String> {
    let Answer { subject, request, ruling } = answer;
    let (who, action) = (who(&request.principal), &request.action);
    let Reason::NoneAllows { source, .. } = &ruling.decision.reason else {
        return match &ruling.decision.reason {
            Reason::CrossAccount { .. } => {
                Some(format!("{action} works in the key's own account {} only, whatever policies say", subject.account))
            }
            _ => None,
        };
    };
    Some(match source {
        Source::Resource => format!(
            "no statement of the key policy and no grant lets it: an allow for `{who}` would have to stand in the key policy{}",
            subject
                .policy
                .place
                .as_ref()
                .filter(|_| subject.origin == Origin::Folder)
                .map_or(String::new(), |it| { format!(" (`key_statements` of the module at {})", place_text(it)) })
        ),
        Source::Identity => {
            format!(
                "the key's side leaves it to the IAM policies of `{who}`: an allow for {action} would have to stand there"
            )
        }
        Source::Boundary => {
            format!("the permissions boundary of `{who}` does not allow {action}: it would have to stand there too")
        }
        source => format!("no {source} allows {action}"),
    })
}

/// Statements that would allow matter to a no, those that would deny to a yes.
fn unmet_text(answer: &Answer, unmet: &Unmet) -> Option<String> {
    let is_allowed = answer.ruling.decision.is_allowed();
    let statement = cause_text(&answer.subject, &unmet.by);
    let conditions = conditions_text(&unmet.conditions);
    match (unmet.effect, is_allowed) {
        (Effect::Allow, false) => Some(format!("{statement} speaks of it, but only with {conditions}")),
        (Effect::Deny, true) => Some(format!("{statement} would deny it with {conditions}")),
        _ => None,
    }
}

fn unmet_data(subject: &Subject, unmet: &Unmet) -> Value {
    let condition = |it: &Condition| json!({ "operator": it.operator, "key": it.key, "values": it.values });
    json!({
        "effect": unmet.effect.to_string(),
        "by": cause_data(subject, &unmet.by),
        "conditions": unmet.conditions.iter().map(condition).collect::<Vec<_>>(),
    })
}

fn assumptions(answer: &Answer) -> Vec<String> {
    let Answer { subject, request, .. } = answer;
    let mut all = vec![request_text(request)];
    if let Some(arn) = identity_arn(&request.principal) {
        let reason = subject.unreadable.iter().find(|(known, _)| known == arn).map(|(_, reason)| reason);
        match reason {
            Some(reason) => {
                all.push(format!("the IAM policies of `{arn}` are not known, for they could not be read: {reason}"))
            }
            None if subject.knows_policies_of(&request.principal) => {}
            None => all.push(format!(
                "the IAM policies of `{arn}` are not known, and taken to allow nothing and to deny nothing"
            )),
        }
    }
    all.extend(subject.assumptions());
    all
}

fn request_text(request: &Request) -> String {
    let via = request.context.single("kms:ViaService");
    let how = match via {
        Some(service) => format!("the request comes through {service}"),
        None => "the request is a direct one".to_owned(),
    };
    format!("{how}, over TLS; condition keys that `--context` does not give are absent")
}

use keywright_model::{Diagnostic, Diagnostics, Partition};
use keywright_policy::prove::resources_by_key_id;
use keywright_policy::{Document, Effect, Match, Principal, Request, ask};
use serde_json::json;

use super::End;
use crate::args::CanArguments;
use crate::render::answers::{self, Answer};
use crate::subject::{self, Identity, Subject, Whose};
use crate::ui;

/// Says whether a principal may do something, for each key, and why.
pub(super) async fn run(arguments: &CanArguments) -> Result<End, Diagnostics> {
    let own = own_policies(arguments)?;
    let arguments_of_subject = arguments.subject.with_key(arguments.which.as_deref());
    let subjects = subject::load(&arguments_of_subject, &Whose::Named(vec![arguments.principal.clone()])).await?;
    let mut answers = Vec::new();
    for subject in subjects {
        answers.push(answer(subject, arguments, own.as_ref())?);
    }
    if arguments.subject.configuration.0.json {
        ui::data(&json!({ "answers": answers.iter().map(answers::data).collect::<Vec<_>>() }));
    } else {
        let texts: Vec<String> = answers.iter().map(answers::text).collect();
        ui::result(&texts.join("\n\n"));
    }
    let is_denied = answers.iter().any(|it| !it.ruling.decision.is_allowed());
    Ok(if is_denied && arguments.exit_code { End::Denied } else { End::Fine })
}

/// The principal's IAM policies, where files hold them: the ARN is filled in once the key is known.
struct OwnPolicies {
    policies: Vec<subject::NamedDocument>,
    boundary: Option<subject::NamedDocument>,
}

fn own_policies(arguments: &CanArguments) -> Result<Option<OwnPolicies>, Diagnostics> {
    let mut errors = Diagnostics::new();
    let mut read = |path: &std::path::PathBuf| {
        let file = subject::read_text(path).map_err(Diagnostics::from);
        match file.and_then(|file| subject::named_policy(&file)) {
            Ok(policy) => Some(policy),
            Err(wrong) => {
                errors.extend(wrong);
                None
            }
        }
    };
    let policies: Vec<_> = arguments.identity_policy.iter().filter_map(&mut read).collect();
    let boundary = arguments.boundary.as_ref().and_then(&mut read);
    if errors.has_errors() {
        return Err(errors);
    }
    let is_given = !policies.is_empty() || boundary.is_some();
    Ok(is_given.then_some(OwnPolicies { policies, boundary }))
}

fn answer(mut subject: Subject, arguments: &CanArguments, own: Option<&OwnPolicies>) -> Result<Answer, Diagnostic> {
    let caller = caller(&subject, arguments)?;
    if own.is_some() && subject::identity_arn(&caller).is_none() {
        return Err(no_identity());
    }
    if let (Some(own), Some(arn)) = (own, subject::identity_arn(&caller)) {
        subject.identities.retain(|it| it.arn != *arn);
        let (policies, boundary) = (own.policies.clone(), own.boundary.clone());
        subject.identities.push(Identity { arn: arn.clone(), policies, boundary });
    }
    let request = request(&subject, caller, arguments);
    let is_known = subject.knows_policies_of(&request.principal);
    let ruling = ask(&request, &subject.policies(&request.principal), is_known);
    if ruling.decision.is_allowed() {
        check_known(&subject, &request.principal)?;
    }
    Ok(Answer { subject, request, ruling })
}

/// A `Deny` on a key by its ID may be one on this key, and so is no yes while its ID is not known.
fn check_known(subject: &Subject, caller: &Principal) -> Result<(), Diagnostic> {
    if subject.is_key_id_known() {
        return Ok(());
    }
    let identity = subject.identity(caller).into_iter().flat_map(|it| it.policies.iter().chain(&it.boundary));
    let documents = std::iter::once(&subject.policy.document).chain(identity.map(|it| &it.document));
    let sparing: Vec<Document> = documents.map(sparing).collect();
    let mut named = sparing.iter().flat_map(resources_by_key_id);
    let may_be_it = |it: &&str| *it != subject.key.as_str() && !it.contains(":alias/");
    match named.find(may_be_it) {
        Some(named) => Err(subject.unknown_key(named)),
        None => Ok(()),
    }
}

/// The statements by which a key of an ID that is named has less than others.
fn sparing(document: &Document) -> Document {
    let mut document = document.clone();
    document.statements.retain(|it| {
        matches!((it.effect, &it.resource), (Effect::Deny, Some(Match::Is(_))) | (Effect::Allow, Some(Match::IsNot(_))))
    });
    document
}

fn caller(subject: &Subject, arguments: &CanArguments) -> Result<Principal, Diagnostic> {
    let partition = Partition::from_name(subject.key.partition()).unwrap_or(Partition::Aws);
    arguments.principal.principal(&subject.account, partition, &subject.known_roles()).ok_or_else(|| {
        Diagnostic::error("unknown-principal", format!("{:?} names no principal", arguments.principal))
            .help("name a user, a role, a session, an account or a service")
    })
}

/// A direct request, with what is known of the key and what was said of the request.
fn request(subject: &Subject, caller: Principal, arguments: &CanArguments) -> Request {
    let mut request = Request::new(caller, arguments.action, subject.key.clone());
    for (key, values) in &subject.condition_keys {
        request.context.set_many(key, values);
    }
    let is_via = arguments.context.iter().any(|(key, _)| key.eq_ignore_ascii_case("kms:ViaService"));
    request.context.set("aws:RequestedRegion", subject.key.region());
    request.context.set("aws:SecureTransport", "true");
    request.context.set("aws:ViaAWSService", is_via.to_string());
    if TAKES_BYPASS.contains(&arguments.action) {
        request.context.set("kms:BypassPolicyLockoutSafetyCheck", "false");
    }
    for (key, _) in &arguments.context {
        let said = arguments.context.iter().filter(|(other, _)| other.eq_ignore_ascii_case(key));
        request.context.set_many(key, said.map(|(_, value)| value));
    }
    let mut names: Vec<&str> = arguments.context.iter().filter_map(|(key, _)| encryption_context_name(key)).collect();
    names.dedup();
    if !names.is_empty() && request.context.get(CONTEXT_KEYS).is_none() {
        request.context.set_many(CONTEXT_KEYS, names);
    }
    request
}

fn no_identity() -> Diagnostic {
    Diagnostic::error("no-identity", "only users and roles have IAM policies and boundaries")
        .because("an account's root user and a service have none, so what was given would not count")
        .help("leave `--identity-policy` and `--boundary` out, or name a user or a role")
}

fn encryption_context_name(key: &str) -> Option<&str> {
    let (prefix, name) = key.split_at_checked(ENCRYPTION_CONTEXT.len())?;
    prefix.eq_ignore_ascii_case(ENCRYPTION_CONTEXT).then_some(name)
}

const ENCRYPTION_CONTEXT: &str = "kms:EncryptionContext:";
const CONTEXT_KEYS: &str = "kms:EncryptionContextKeys";

/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-bypass-policy-lockout-safety-check>.
const TAKES_BYPASS: [&str; 3] = ["kms:CreateKey", "kms:PutKeyPolicy", "kms:ReplicateKey"];

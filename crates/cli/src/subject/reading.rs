//! What the sources share: files, policies with their errors, ARNs.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics, Region, SourceFile, Span};
use keywright_policy::{Document, PolicyError, PolicyKind, lint};
use serde_json::{Map, Value};

use super::{NamedDocument, Part, PolicyText};

/// Reads a file; `-` is standard input.
///
/// # Errors
/// When it cannot be read, is no UTF-8, or is far too large.
pub(crate) fn read_text(path: &Path) -> Result<Arc<SourceFile>, Diagnostic> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let unreadable = |reason: String| {
        let help = if is_stdin { "pipe a text into it" } else { "check the path, and that you may read it" };
        Diagnostic::error("unreadable-file", format!("`{name}` cannot be read: {reason}")).help(help)
    };
    let bytes = read_bytes(path, is_stdin).map_err(|error| unreadable(error.to_string().to_lowercase()))?;
    if bytes.len() > MAX_SIZE {
        return Err(unreadable(format!("it is larger than {} MB", MAX_SIZE / 1_000_000)));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceFile::new(name, text)),
        Err(error) => Err(unreadable(format!("it is not UTF-8 (at byte {})", error.utf8_error().valid_up_to()))),
    }
}

/// Reads a file of JSON.
///
/// # Errors
/// As [`read_text`], and where the text stops being JSON.
pub(crate) fn read_json(path: &Path) -> Result<(Arc<SourceFile>, Value), Diagnostic> {
    let file = read_text(path)?;
    let value = serde_json::from_str(&file.text).map_err(|error| {
        let before: usize = file.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let at = (before + error.column().saturating_sub(1)).min(file.text.len());
        Diagnostic::error("invalid-json", format!("`{}` is not JSON: {error}", file.name))
            .at(Span::new(&file, at..at), "reading stops here")
    })?;
    Ok((file, value))
}

/// A key policy that was read from this very text.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub(crate) fn key_policy(file: &Arc<SourceFile>) -> Result<PolicyText, Diagnostics> {
    let document = document(file, PolicyKind::Key)?;
    Ok(PolicyText::written(document, file))
}

/// A policy of a user or role, or a boundary, that was read from this very text.
///
/// # Errors
/// All that is wrong with it, each with its place.
pub(crate) fn named_policy(file: &Arc<SourceFile>) -> Result<NamedDocument, Diagnostics> {
    let document = document(file, PolicyKind::Identity)?;
    Ok(NamedDocument { name: file.name.clone(), document })
}

fn document(file: &Arc<SourceFile>, kind: PolicyKind) -> Result<Document, Diagnostics> {
    Document::parse(&file.text, kind).map_err(|errors| {
        let mut all = Diagnostics::new();
        all.extend(errors.iter().map(|error| policy_error(file, kind, error)));
        all
    })
}

fn policy_error(file: &Arc<SourceFile>, kind: PolicyKind, error: &PolicyError) -> Diagnostic {
    let span = error.span.clone().map(|range| Span::new(file, range));
    let summary = format!("`{}` is not {}: {error}", file.name, kind.describe());
    if kind == PolicyKind::Key {
        let (rule, help) = lint::rule_of(error);
        return Diagnostic::error(rule.code, summary).because(rule.why).help(help).at_opt(span, "here");
    }
    let diagnostic = Diagnostic::error("invalid-policy", summary).at_opt(span, "here");
    match error.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The ARN of a key; where its ID is not known, with one that cannot be taken for a real key's.
pub(crate) fn key_arn(region: &Region, account: &AccountId, id: Option<&str>) -> Result<Arn, Diagnostic> {
    let resource = format!("key/{}", id.unwrap_or(unknown_key_id()));
    Arn::new(region.partition(), "kms", Some(region), Some(account), &resource)
        .map_err(|error| Diagnostic::error("invalid-key", "the key's ARN cannot be told").because(error.to_string()))
}

/// The ID that stands for a key that does not exist yet.
pub(crate) fn unknown_key_id() -> &'static str {
    "mrk-00000000000000000000000000000000"
}

/// The condition keys that a key of these attributes decides, by the names of the `hashicorp/aws` provider.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>.
pub(crate) fn condition_keys(
    part: Part,
    attributes: &Map<String, Value>,
    aliases: &[String],
) -> Vec<(String, Vec<String>)> {
    let text = |name: &str, default: &str| attributes.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    let is_multi_region =
        part == Part::Replica || attributes.get("multi_region").and_then(Value::as_bool) == Some(true);
    let mut all = vec![
        ("kms:KeySpec".to_owned(), vec![text("customer_master_key_spec", "SYMMETRIC_DEFAULT")]),
        ("kms:KeyUsage".to_owned(), vec![text("key_usage", "ENCRYPT_DECRYPT")]),
        ("kms:MultiRegion".to_owned(), vec![is_multi_region.to_string()]),
    ];
    if is_multi_region {
        all.push(("kms:MultiRegionKeyType".to_owned(), vec![part.to_string().to_uppercase()]));
    }
    if !aliases.is_empty() {
        all.push(("kms:ResourceAliases".to_owned(), aliases.to_vec()));
    }
    let tags = attributes.get("tags_all").or_else(|| attributes.get("tags")).and_then(Value::as_object);
    let tags = tags.into_iter().flatten();
    all.extend(tags.filter_map(|(tag, it)| Some((format!("aws:ResourceTag/{tag}"), vec![it.as_str()?.to_owned()]))));
    all
}

fn read_bytes(path: &Path, is_stdin: bool) -> std::io::Result<Vec<u8>> {
    if !is_stdin {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A plan of a large folder has some ten million bytes.
const MAX_SIZE: usize = 256_000_000;

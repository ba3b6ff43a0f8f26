//! Takes what another state holds of a module, and keeps the rest of it as it is.

use keywright_model::{Address, Arn, Diagnostic, ModuleName, ResourceKind};
use keywright_module::Desired;
use serde_json::Value;

use super::{not_multi_region, refuse_another_key, refuse_elsewhere, refused, settle_addresses};
use crate::address::InstanceKey;
use crate::error::EngineError;
use crate::provider::Attributes;
use crate::state::State;

/// The folder's state with what the other one holds.
///
/// # Errors
/// When the other state has no key that could be the module's, or the folder's has something else in its place.
pub(crate) fn take(mut own: State, mut theirs: State, desired: &Desired) -> Result<State, EngineError> {
    settle_addresses(&mut own, desired);
    let module = module_of(&theirs, desired)?;
    if module != desired.module {
        theirs.rename_module(&module, &desired.module);
    }
    theirs.drop_secrets();
    check_key(&own, &theirs, desired)?;
    settle_addresses(&mut theirs, desired);
    let mut state = own;
    if state.is_empty() {
        state = theirs;
    } else {
        state.absorb(theirs).map_err(|address| collision(&address))?;
    }
    complete_regions(&mut state, desired);
    Ok(state)
}

/// The module of the other state: of the same name, or the only one.
fn module_of(theirs: &State, desired: &Desired) -> Result<ModuleName, EngineError> {
    let keys = theirs.instances().map(|(address, _)| address).filter(is_primary);
    let modules: Vec<ModuleName> = keys.filter_map(|address| address.module).collect();
    if modules.contains(&desired.module) {
        return Ok(desired.module.clone());
    }
    match modules.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(refused(
            "nothing-to-import",
            format!("the state holds no `module.NAME.{KEY}`"),
            elsewhere(theirs),
            "name a state of the Terraform module or of keywright, in which the module stands directly under the root",
        )),
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).collect();
            Err(refused(
                "import-ambiguous",
                format!("the state holds several keys, and none of a module `{}`", desired.module),
                format!("it has the modules {}", names.join(", ")),
                "give the module of the folder the name of the one that is meant",
            ))
        }
    }
}

fn elsewhere(theirs: &State) -> String {
    match theirs.addresses().into_iter().find(|address| address.ends_with(KEY)) {
        Some(address) => format!("it has `{address}`, which stands elsewhere"),
        None => "the published module's key, and keywright's, stand there".to_owned(),
    }
}

fn is_primary(address: &Address) -> bool {
    address.kind == ResourceKind::KmsKey && format!("{}.{}", address.kind, address.name) == KEY
}

/// The key may stand under `count` or `for_each` there.
fn check_key(own: &State, theirs: &State, desired: &Desired) -> Result<(), EngineError> {
    let keys =
        theirs.held_in(&desired.module).filter(|held| held.key.deposed.is_none() && is_primary(&held.key.address));
    let keys: Vec<Attributes> = keys.map(|held| held.attributes()).collect();
    let [key] = keys.as_slice() else {
        return Err(refused(
            "import-ambiguous",
            format!("module `{}` of the state holds {} keys", desired.module, keys.len()),
            format!("they stand at `{KEY}`, and the module has one key"),
            "leave in the state (`terraform state rm`, on a copy of it) the one that is meant",
        ));
    };
    let arn = key.get("arn").and_then(Value::as_str).unwrap_or_default();
    let Ok(parsed) = Arn::parse(arn) else {
        return Err(refused(
            "key-not-found",
            format!("the state does not tell the ARN of its `{KEY}`"),
            format!("it has `{arn}`"),
            "name a state that was written after the key was made",
        ));
    };
    refuse_elsewhere(desired, &parsed)?;
    if key.get("multi_region") == Some(&Value::Bool(false)) {
        return Err(EngineError::Refused(not_multi_region(&format!("`{arn}`")).into()));
    }
    refuse_another_key(own, desired, arn)
}

fn collision(address: &str) -> EngineError {
    let diagnostic = Diagnostic::error("state-collision", format!("both states hold `{address}`, and not the same"))
        .help("import into another folder, or move the state file of this one away");
    EngineError::Refused(diagnostic.into())
}

/// Providers before 6.0 wrote no `region`: it was the provider's. A grant of the published module on the bare ID of the
/// replica stands on the primary, for both have one ID.
fn complete_regions(state: &mut State, desired: &Desired) {
    let is_bare = |it: &Attributes| it.get("region").and_then(Value::as_str).is_none_or(str::is_empty);
    let held = state.held_in(&desired.module).filter(|held| held.kind().is_regional());
    let bare: Vec<(InstanceKey, String)> = held
        .filter(|held| is_bare(&held.attributes()))
        .map(|held| {
            let region = region_told(&held.attributes()).unwrap_or_else(|| desired.region.to_string());
            (held.key, region)
        })
        .collect();
    for (key, region) in bare {
        state.set_attribute(&key, "region", region.into());
    }
}

/// The Region in an ARN of the resource, or of its key.
fn region_told(attributes: &Attributes) -> Option<String> {
    let arns = ["arn", "key_id", "target_key_arn"].iter().filter_map(|name| attributes.get(*name)?.as_str());
    let regions = arns.filter_map(|arn| Arn::parse(arn).ok()).map(|arn| arn.region().to_owned());
    regions.into_iter().find(|region| !region.is_empty())
}

const KEY: &str = "aws_kms_key.general_encryption_key";

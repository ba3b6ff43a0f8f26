use keywright_model::Diagnostics;
use serde_json::json;

use super::End;
use crate::args::ValidateArguments;
use crate::render::diagnostics;
use crate::{session, ui};

/// Checks the inputs, and tells what they mean that a person may not expect.
pub(super) fn run(arguments: &ValidateArguments) -> Result<End, Diagnostics> {
    let desired = session::desired(&arguments.configuration)?;
    let findings = || desired.iter().flat_map(|module| &module.findings);
    if arguments.configuration.json {
        ui::data(&json!({ "valid": true, "diagnostics": diagnostics::data(findings()) }));
        return Ok(End::Fine);
    }
    ui::diagnose(findings());
    for module in &desired {
        let keys = if module.replication_region.is_some() { "a key and its replica" } else { "a key" };
        let count = module.resources.len();
        ui::result(&format!(
            "module `{}` is valid: {count} resources, {keys} in account {}",
            module.module, module.account
        ));
    }
    Ok(End::Fine)
}

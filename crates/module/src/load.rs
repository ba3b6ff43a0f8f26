use std::sync::Arc;

use keywright_model::{Diagnostic, Diagnostics};

use crate::compose::names::Names;
use crate::inputs::{self, Module};
use crate::read::{self, Reading, Sources};

/// Reads and checks the modules that are meant.
///
/// Warnings and notes do not fail it: they are among the findings of [`Module::desired`], those that concern the whole
/// folder among the first module's.
///
/// # Errors
/// Everything that is wrong, all at once, each with its place: files that cannot be read, expressions that cannot be
/// evaluated, inputs that break a rule. The person who wrote the inputs can fix them.
pub fn load(sources: &Sources) -> Result<Vec<Module>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let Reading { modules: read, outputs } = read::read(sources, &mut diagnostics);
    let mut modules: Vec<Module> = Vec::new();
    for arguments in read {
        match inputs::check(arguments) {
            Ok(module) => modules.push(module),
            Err(wrong) => diagnostics.extend(wrong),
        }
    }
    diagnostics.extend(collisions(&modules));
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    if let Some(outputs) = outputs.map(Arc::new) {
        modules.iter_mut().for_each(|module| module.output_blocks = Arc::clone(&outputs));
    }
    if let Some(first) = modules.first_mut() {
        first.warnings.splice(0..0, diagnostics);
    }
    Ok(modules)
}

/// Modules of one account must not make resources of the same name.
fn collisions(modules: &[Module]) -> Vec<Diagnostic> {
    let named = |module: &Module| (module.inputs.account.clone(), Names::new(&module.inputs).key());
    let mut found = Vec::new();
    for (at, module) in modules.iter().enumerate() {
        let before = modules.get(..at).unwrap_or_default();
        if let Some(first) = before.iter().find(|other| named(other) == named(module)) {
            let summary = format!(
                "the modules `{}` and `{}` would give the same names to their resources",
                first.name, module.name
            );
            found.push(
                Diagnostic::error("name-collision", summary)
                    .at(module.place.clone(), "the second")
                    .at(first.place.clone(), "the first")
                    .help("give them different values of `name_prefix` or `environment`"),
            );
        }
    }
    found
}

use keywright_engine::{EngineError, EngineOptions, Mode, Plan};
use keywright_model::Diagnostics;
use serde_json::json;

use super::{End, saved};
use crate::args::{PlanArguments, Planning};
use crate::render::{diagnostics, summary};
use crate::session::Session;
use crate::ui;

/// Shows what would change, and saves it where asked to.
pub(super) async fn run(arguments: &PlanArguments) -> Result<End, Diagnostics> {
    let options = options(arguments.planning);
    let session = Session::open(&arguments.configuration, &arguments.connection, options)?;
    let mode = if arguments.destroy { Mode::Destroy } else { Mode::Normal };
    let plan = session.engine.plan(&session.desired, mode).await.map_err(told)?;
    show(&plan, arguments.configuration.json, arguments.planning.show_policies);
    if let Some(file) = &arguments.out {
        saved::write(file, &arguments.configuration, &session.engine.save(&plan))?;
        ui::say(&format!("\nSaved to {0}. `keywright apply {0}` carries it out.", file.display()));
    }
    session.close();
    Ok(if arguments.detailed_exitcode && !plan.is_no_op() { End::Changes } else { End::Fine })
}

/// How the engine is to plan.
pub(super) fn options(planning: Planning) -> EngineOptions {
    EngineOptions { rescue: planning.rescue, ..EngineOptions::default() }
}

/// Shows a plan, as data or as text.
pub(super) fn show(plan: &Plan, json: bool, show_policies: bool) {
    if json {
        let mut data = plan.to_terraform_json();
        if let Some(fields) = data.as_object_mut() {
            fields.insert("diagnostics".to_owned(), diagnostics::data(&plan.findings));
            fields.insert("summary".to_owned(), json!(plan.counts()));
        }
        ui::data(&data);
        return;
    }
    ui::diagnose(&plan.findings);
    ui::result(&summary::text(plan, policies(show_policies)));
}

pub(super) fn policies(show: bool) -> summary::Policies {
    if show { summary::Policies::Printed } else { summary::Policies::Counted }
}

/// An error of the engine, for the person.
#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
pub(super) fn told(error: EngineError) -> Diagnostics {
    error.diagnostics()
}

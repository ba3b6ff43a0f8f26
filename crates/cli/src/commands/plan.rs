use std::collections::BTreeMap;

use keywright_engine::{EngineError, Mode, Options, Plan};
use keywright_model::Diagnostics;
use serde_json::{Value, json};

use super::{End, saved};
use crate::args::{Connection, PlanArguments, Planning};
use crate::render::{diagnostics, summary};
use crate::session::Session;
use crate::ui;

/// Shows what would change, and saves it where asked to.
pub(super) async fn run(arguments: &PlanArguments) -> Result<End, Diagnostics> {
    let options = options(arguments.planning, &arguments.connection);
    let session = Session::open(&arguments.configuration, &arguments.connection, options).await?;
    let mode = if arguments.destroy { Mode::Destroy } else { Mode::Normal };
    let planned = session.engine.plan(&session.desired, mode).await.map_err(told)?;
    let plan = planned.plan();
    show(plan, &session.calls(), arguments.configuration.json, arguments.planning.show_policies);
    if let Some(file) = &arguments.out {
        saved::write(file, &arguments.configuration, &planned.to_saved())?;
        ui::say(&format!("\nSaved to {0}. `keywright apply {0}` carries it out.", file.display()));
    }
    let end = if arguments.detailed_exitcode && !plan.is_no_op() { End::Changes } else { End::Fine };
    session.close();
    Ok(end)
}

/// How the engine is to plan.
pub(super) fn options(planning: Planning, connection: &Connection) -> Options {
    Options { rescue: planning.rescue, with_mfa: connection.mfa_serial.is_some(), who: who(), ..Options::default() }
}

/// Who runs this, as others are told who find the state locked.
fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".to_owned());
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this host" } else { host.trim() };
    format!("{user}@{host}")
}

/// Shows a plan, as data or as text.
pub(super) fn show(plan: &Plan, calls: &BTreeMap<String, u64>, json: bool, show_policies: bool) {
    if json {
        ui::data(&data(plan, calls));
        return;
    }
    show_text(plan, show_policies);
}

/// A plan as data.
pub(super) fn data(plan: &Plan, calls: &BTreeMap<String, u64>) -> Value {
    let mut data = plan.to_terraform_json();
    if let Some(fields) = data.as_object_mut() {
        fields.insert("diagnostics".to_owned(), diagnostics::data(&plan.findings));
        fields.insert("summary".to_owned(), json!(plan.counts()));
        fields.insert("aws_calls".to_owned(), json!(calls));
    }
    data
}

/// Shows a plan to a person.
pub(super) fn show_text(plan: &Plan, show_policies: bool) {
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

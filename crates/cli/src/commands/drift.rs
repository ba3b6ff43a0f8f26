use keywright_engine::{DriftReport, Engine, StateStore};
use keywright_model::{Diagnostic, Diagnostics};
use serde_json::{Value, json};

use super::End;
use super::plan::{options, told};
use crate::args::{DriftArguments, Planning};
use crate::render::{diagnostics, drift};
use crate::session::{self, Session};
use crate::ui;

/// Tells what was changed outside since the state was written.
pub(super) async fn run(arguments: &DriftArguments) -> Result<End, Diagnostics> {
    let configuration = &arguments.configuration;
    let desired = session::desired(configuration)?;
    let state = session::existing_state_path(&configuration.folder, configuration.local);
    let store = StateStore::new(state);
    // Nothing is made, and no AWS asked, for a folder that was never applied.
    let held = store.load().map_err(|error| error.diagnostic())?;
    Engine::check_applied(&held, &desired).map_err(told)?;
    let options = options(Planning::default(), &arguments.connection);
    let session = Session::open(configuration, &arguments.connection, options).await?;
    let report = session.engine.drift(&session.desired).await.map_err(told);
    let calls = session.calls();
    session.close();
    let report = report?;
    if configuration.json {
        let mut data = report.to_json();
        if let Some(fields) = data.as_object_mut() {
            fields.insert("is_drift".to_owned(), is_drift(&report));
            fields.insert("diagnostics".to_owned(), diagnostics::data(&unknown(&report)));
            fields.insert("aws_calls".to_owned(), json!(calls));
        }
        ui::data(&data);
    } else {
        ui::result(&drift::text(&report));
    }
    Ok(end(&report))
}

/// What could not be read could have been changed: that is no answer.
fn end(report: &DriftReport) -> End {
    match (report.is_drift(), report.unread_grants.is_empty()) {
        (true, _) => End::Changes,
        (false, true) => End::Fine,
        (false, false) => End::Failed,
    }
}

/// Whether something was changed outside; null where that is not known.
fn is_drift(report: &DriftReport) -> Value {
    match end(report) {
        End::Failed => Value::Null,
        _ => json!(report.is_drift()),
    }
}

fn unknown(report: &DriftReport) -> Diagnostics {
    let mut problems = Diagnostics::new();
    problems.extend(report.unread_grants.iter().map(|(address, reason)| {
        Diagnostic::error("grants-unread", format!("the grants on `{address}` cannot be listed"))
            .because(reason.clone())
            .help("run as somebody whom the key policy lets list grants (kms:ListGrants)")
    }));
    problems
}

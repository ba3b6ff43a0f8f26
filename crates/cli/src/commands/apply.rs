use std::collections::BTreeMap;

use indexmap::IndexMap;
use keywright_engine::{
    Action, Applied, Cancel, Doing, Event, Happening, Mode, Plan, Planned, Report, ResourceChange, StoredOutput,
};
use keywright_model::{Diagnostic, Diagnostics, ResourceKind};
use keywright_module::ModuleOutput;
use serde_json::json;

use super::plan::{options, show_text, told};
use super::{End, output, saved};
use crate::args::{ApplyArguments, Configuration, Connection, DestroyArguments, Planning};
use crate::render::diagnostics;
use crate::session::Session;
use crate::ui;

/// Plans, asks, and carries the plan out; or carries out a saved plan.
pub(super) async fn run(arguments: &ApplyArguments) -> Result<End, Diagnostics> {
    if saved::is_saved_plan(&arguments.configuration.folder) {
        return run_saved(arguments).await;
    }
    let run = Run {
        configuration: &arguments.configuration,
        connection: &arguments.connection,
        planning: arguments.planning,
        mode: Mode::Normal,
        auto_approve: arguments.auto_approve,
    };
    run.carry_out().await
}

/// Plans the destruction of everything, asks, and carries it out.
pub(super) async fn destroy(arguments: &DestroyArguments) -> Result<End, Diagnostics> {
    let run = Run {
        configuration: &arguments.configuration,
        connection: &arguments.connection,
        planning: Planning::default(),
        mode: Mode::Destroy,
        auto_approve: arguments.auto_approve,
    };
    run.carry_out().await
}

struct Run<'a> {
    configuration: &'a Configuration,
    connection: &'a Connection,
    planning: Planning,
    mode: Mode,
    auto_approve: bool,
}

impl Run<'_> {
    async fn carry_out(self) -> Result<End, Diagnostics> {
        let session =
            Session::open(self.configuration, self.connection, options(self.planning, self.connection)).await?;
        let planned = session.engine.plan(&session.desired, self.mode).await.map_err(told)?;
        let json = self.configuration.json;
        if !json {
            show_text(planned.plan(), self.planning.show_policies);
        }
        if !planned.plan().is_no_op() && !self.auto_approve {
            // Nobody approves of what could not be shown.
            ui::check()?;
            approve(self.mode)?;
        }
        end(session, planned, json).await
    }
}

/// A saved plan was seen by who saved it: it is carried out without asking.
async fn run_saved(arguments: &ApplyArguments) -> Result<End, Diagnostics> {
    let (configuration, saved) = saved::read(&arguments.configuration)?;
    let session =
        Session::open(&configuration, &arguments.connection, options(arguments.planning, &arguments.connection))
            .await?;
    let planned = session.engine.resume(saved).await.map_err(told)?;
    end(session, planned, configuration.json).await
}

async fn end(session: Session, planned: Planned, json: bool) -> Result<End, Diagnostics> {
    let plan = planned.plan().clone();
    let report = apply(&session, planned, json).await?;
    let has_blocks = session.desired.iter().any(|module| module.output_blocks.are_all());
    let end = finish(&plan, &report, &session.calls(), json, has_blocks);
    session.close();
    Ok(end)
}

async fn apply(session: &Session, planned: Planned, json: bool) -> Result<Report, Diagnostics> {
    let cancel = Cancel::new();
    let watcher = tokio::spawn(watch_for_interrupt(cancel.clone()));
    let report = session.engine.apply(planned, &cancel, &|event| tell(event, json)).await;
    watcher.abort();
    report.map_err(told)
}

/// Asks the run to end, and at the second time ends it: a run that was cut is taken up by the next one.
async fn watch_for_interrupt(cancel: Cancel) {
    if tokio::signal::ctrl_c().await.is_ok() {
        ui::say("\nInterrupted: the calls in flight are finished and the state is saved. This takes a moment.");
        cancel.cancel();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        ui::say("\nInterrupted again: what is in flight is left. The next run finds out what came of it.");
        std::process::exit(1);
    }
}

fn approve(mode: Mode) -> Result<(), Diagnostics> {
    let question = match mode {
        Mode::Normal => "\nDo you want to perform these actions?\n  Only 'yes' will be accepted to approve.\n",
        Mode::Destroy => {
            "\nDo you really want to destroy all of it? The keys are scheduled for deletion.\n  Only 'yes' will be accepted.\n"
        }
    };
    match ui::confirm(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Diagnostic::error("not-approved", "the plan was not approved; nothing was changed").into()),
        None => Err(Diagnostic::error("no-terminal", "nobody can be asked to approve: standard input is no terminal")
            .help("give `--auto-approve`, or save the plan with `plan --out` and apply that")
            .into()),
    }
}

fn tell(event: &Event, json: bool) {
    if event.doing == Doing::Settle {
        return;
    }
    if json {
        ui::say(&event_data(event).to_string());
        return;
    }
    let Event { address, doing, happening } = event;
    match happening {
        Happening::Started => ui::say(&format!("{address}: {}...", began(*doing))),
        Happening::Finished { id, elapsed } => {
            let id = id.as_ref().map(|id| format!(" [id={id}]")).unwrap_or_default();
            ui::say(&format!("{address}: {} complete after {}ms{id}", capitalized(*doing), elapsed.as_millis()));
        }
        Happening::Failed { error, .. } => ui::say(&format!("{address}: {} failed: {error}", capitalized(*doing))),
    }
}

fn event_data(event: &Event) -> serde_json::Value {
    let (happening, detail) = match &event.happening {
        Happening::Started => ("started", json!({})),
        Happening::Finished { id, elapsed } => ("finished", json!({"id": id, "elapsed_ms": elapsed.as_millis()})),
        Happening::Failed { error, elapsed } => ("failed", json!({"error": error, "elapsed_ms": elapsed.as_millis()})),
    };
    json!({"address": event.address, "doing": event.doing.to_string(), "happening": happening, "detail": detail})
}

fn began(doing: Doing) -> &'static str {
    match doing {
        Doing::Create => "Creating",
        Doing::Update => "Modifying",
        Doing::Rescue => "Rescuing",
        Doing::Adopt => "Adopting",
        Doing::Delete => "Destroying",
        Doing::PutPolicy => "Putting the key policy",
        Doing::PutInterimPolicy => "Putting an interim key policy",
        Doing::Settle => "Taking off the creation's tag",
    }
}

fn capitalized(doing: Doing) -> String {
    let text = doing.to_string();
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// Tells what came of it.
fn finish(plan: &Plan, report: &Report, calls: &BTreeMap<String, u64>, json: bool, has_blocks: bool) -> End {
    let problems = report.diagnostics();
    if json {
        ui::data(&json!({
            "complete": report.is_complete(),
            "outputs": outputs_data(report),
            "modules": modules_data(report),
            "diagnostics": diagnostics::data(&problems),
            "aws_calls": calls,
        }));
    } else {
        ui::diagnose(&problems);
        let outcome = if report.is_complete() { "complete" } else { "incomplete" };
        ui::result(&format!("\nApply {outcome}! Resources: {}.", counts(plan, report)));
        ui::result(&outputs(report, has_blocks));
    }
    if report.is_complete() { End::Fine } else { End::Failed }
}

/// As the plan counts them: service-linked roles are no resources.
fn counts(plan: &Plan, report: &Report) -> String {
    let count = |doing: &[Doing]| report.applied.iter().filter(|applied| doing.contains(&applied.doing)).count();
    let put = |action: &dyn Fn(&Action) -> bool| {
        let is_it =
            |applied: &&Applied| plan.changes.iter().any(|it| is_made_by_policy(it, applied) && action(&it.action));
        report.applied.iter().filter(is_it).count()
    };
    let roles =
        plan.prerequisites.iter().filter(|it| report.applied.iter().any(|done| done.address == it.role.as_str()));
    let added = count(&[Doing::Create]) - roles.count()
        + put(&|action| matches!(action, Action::Create | Action::Replace { .. }));
    let changed = count(&[Doing::Update, Doing::Rescue, Doing::Adopt])
        + put(&|action| matches!(action, Action::Update | Action::Rescue));
    format!("{added} added, {changed} changed, {} destroyed", count(&[Doing::Delete]))
}

/// A resource whose only step is that its key policy is put.
fn is_made_by_policy(change: &ResourceChange, applied: &Applied) -> bool {
    let only_a_policy = change.kind() == ResourceKind::KmsKeyPolicy || change.changed == ["policy"];
    applied.doing == Doing::PutPolicy && only_a_policy && change.address.to_string() == applied.address
}

/// The outputs of the state; those of the modules where it has none of its own, or keeps a module's as one object.
fn outputs(report: &Report, has_blocks: bool) -> String {
    if has_blocks && !report.outputs.is_empty() {
        return titled("Outputs:", &report.outputs);
    }
    let several = report.modules.len() > 1;
    let of_module = |(module, outputs)| {
        let title = if several || has_blocks { format!("Outputs of {module}:") } else { "Outputs:".to_owned() };
        titled(&title, &output::named(&[(module, outputs)].into_iter().collect()))
    };
    report.modules.clone().into_iter().map(of_module).collect()
}

fn titled(title: &str, outputs: &IndexMap<String, StoredOutput>) -> String {
    format!("\n{title}\n\n{}\n", output::lines(outputs).join("\n"))
}

/// The same as data. Sensitive values stand in the state alone.
fn outputs_data(report: &Report) -> serde_json::Value {
    let described = |(name, stored): (&String, &StoredOutput)| {
        let mut described = output::described(stored);
        if let Some(fields) = described.as_object_mut().filter(|_| stored.sensitive) {
            fields.remove("value");
        }
        (name.clone(), described)
    };
    serde_json::Value::Object(report.outputs.iter().map(described).collect())
}

fn modules_data(report: &Report) -> serde_json::Value {
    let values = |outputs: &[ModuleOutput]| -> serde_json::Value {
        let shown = outputs.iter().filter(|output| !output.sensitive);
        serde_json::Value::Object(shown.map(|it| (it.name.clone(), it.resolved.value.clone())).collect())
    };
    let modules = report.modules.iter().map(|(module, outputs)| (module.to_string(), values(outputs)));
    serde_json::Value::Object(modules.collect())
}

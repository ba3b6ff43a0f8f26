use keywright_model::Diagnostics;
use serde_json::{Value, json};

use super::End;
use crate::args::DoctorArguments;
use crate::doctor::{self, Case, Examination, Patient, Verdict};
use crate::render::doctor as render;
use crate::ui;

/// Looks for what commonly goes wrong.
pub(super) async fn run(arguments: &DoctorArguments) -> Result<End, Diagnostics> {
    let patients = Box::pin(doctor::patients(arguments)).await?;
    let examined = patients.iter().map(|it: &Patient| (it.module.to_string(), doctor::examine(&it.facts)));
    let examined: Vec<(String, Vec<(Case, Examination)>)> = examined.collect();
    if arguments.configuration.json {
        let modules: Vec<Value> = examined.iter().map(|(module, cases)| render::data(module, cases)).collect();
        ui::data(&json!({ "modules": modules }));
    } else {
        let texts: Vec<String> = examined.iter().map(|(module, cases)| render::text(module, cases)).collect();
        ui::result(&texts.join("\n\n"));
    }
    let is_found = examined.iter().flat_map(|(_, cases)| cases).any(|(_, it)| it.verdict() == Verdict::Found);
    Ok(if is_found { End::Found } else { End::Fine })
}

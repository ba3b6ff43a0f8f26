use keywright_model::Diagnostics;
use keywright_policy::prove::{KnownPrincipal, Reach, who_can};
use serde_json::{Value, json};

use super::End;
use crate::args::{Configuration, SubjectArguments, WhoCanArguments};
use crate::render::reach::{self, Line};
use crate::subject::{self, Identity, Subject, Whose};
use crate::ui;

/// Says who can do something with each key, or what everybody can.
pub(super) async fn run(arguments: &WhoCanArguments) -> Result<End, Diagnostics> {
    let subjects = subject::load(&arguments.subject, &Whose::Everybody).await?;
    let json = arguments.subject.configuration.0.json;
    match arguments.action {
        Some(action) => list(&subjects, action, json),
        None => table(&subjects, json),
    }
    Ok(End::Fine)
}

/// What everybody can do with the keys of a folder, as data.
///
/// # Errors
/// All that is wrong with the inputs.
pub(super) async fn of_folder(configuration: &Configuration) -> Result<Value, Diagnostics> {
    let subjects = subject::load(&SubjectArguments::of_folder(configuration), &Whose::Everybody).await?;
    Ok(subjects.iter().map(|subject| reach::table_data(subject, &lines(subject))).collect())
}

fn list(subjects: &[Subject], action: &str, json: bool) {
    let all = subjects.iter().map(|subject| (subject, reaches(subject, &[action])));
    if json {
        let keys: Vec<Value> = all.map(|(subject, found)| reach::list_data(subject, action, &found)).collect();
        ui::data(&json!({ "keys": keys }));
    } else {
        let texts: Vec<String> = all.map(|(subject, found)| reach::list_text(subject, action, &found)).collect();
        ui::result(&texts.join("\n\n"));
    }
}

fn table(subjects: &[Subject], json: bool) {
    let all = subjects.iter().map(|subject| (subject, lines(subject)));
    if json {
        let keys: Vec<Value> = all.map(|(subject, lines)| reach::table_data(subject, &lines)).collect();
        ui::data(&json!({ "keys": keys }));
    } else {
        let texts: Vec<String> = all.map(|(subject, lines)| reach::table_text(subject, &lines)).collect();
        ui::result(&format!("{}\n\n{}", texts.join("\n\n"), reach::LEGEND));
    }
}

fn reaches(subject: &Subject, actions: &[&str]) -> Vec<Reach> {
    let known: Vec<KnownPrincipal<'_>> = subject.identities.iter().map(Identity::known).collect();
    who_can(&subject.access(), &known, actions)
}

/// A line for everybody who can do anything, a cell for each group of actions.
fn lines(subject: &Subject) -> Vec<Line> {
    let groups: Vec<Vec<Reach>> = reach::GROUPS.iter().map(|group| reaches(subject, group.actions)).collect();
    let mut who: Vec<_> = groups.iter().flatten().map(|it| it.who.clone()).collect();
    who.sort();
    who.dedup();
    let cell = |group: &Vec<Reach>, who: &_| group.iter().find(|it| it.who == *who).map(reach::mark);
    let line = |who| Line { marks: groups.iter().map(|group| cell(group, &who)).collect(), who };
    who.into_iter().map(line).collect()
}

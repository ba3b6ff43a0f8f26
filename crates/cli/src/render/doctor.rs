//! What `doctor` found.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::doctor::{Case, Examination, Verdict};

/// All cases of a module: what is wrong in full, the rest in a line each.
pub(crate) fn text(module: &str, cases: &[(Case, Examination)]) -> String {
    let mut text = format!("module.{module}\n");
    for (case, examination) in cases {
        let verdict = examination.verdict();
        let title = if verdict == Verdict::Found { case.symptom } else { case.topic };
        let _ = writeln!(text, "{:>4}  {:<9}  {title}", case.number, verdict.as_str());
        for trouble in &examination.troubles {
            let _ = writeln!(text, "        seen:  {}", trouble.evidence);
            let _ = writeln!(text, "        cause: {}", trouble.cause);
            let _ = writeln!(text, "        cure:  {}", trouble.cure);
        }
        for open in &examination.open {
            let _ = writeln!(text, "        open:  {}", open.what);
            let _ = writeln!(text, "        needs: {}", open.needs);
        }
        for seen in &examination.seen {
            let _ = writeln!(text, "        {seen}");
        }
    }
    let count = |wanted| cases.iter().filter(|(_, it)| it.verdict() == wanted).count();
    let (found, fine, undecided) = (count(Verdict::Found), count(Verdict::Fine), count(Verdict::Undecided));
    let _ = write!(text, "\n{found} found, {fine} fine, {undecided} undecided");
    text
}

/// The same as data.
pub(crate) fn data(module: &str, cases: &[(Case, Examination)]) -> Value {
    json!({ "module": module, "cases": cases.iter().map(|(case, it)| one(*case, it)).collect::<Vec<_>>() })
}

fn one(case: Case, examination: &Examination) -> Value {
    let troubles = examination.troubles.iter();
    let open = examination.open.iter();
    json!({
        "case": case.number,
        "topic": case.topic,
        "symptom": case.symptom,
        "answer": examination.verdict().as_str(),
        "found": troubles.map(|it| json!({ "evidence": it.evidence, "cause": it.cause, "cure": it.cure })).collect::<Vec<_>>(),
        "undecided": open.map(|it| json!({ "what": it.what, "needs": it.needs })).collect::<Vec<_>>(),
        "seen": examination.seen,
    })
}

//! One page that holds all of itself: no script, no font, no image, no style from elsewhere.

use std::fmt::Write as _;

use anstream::adapter::strip_str;
use serde_json::Value;

use super::escape::escaped;
use super::{Act, Graph, Report, removal};
use crate::rehearse::promise::{Probe, Promise, Verdict};

/// The report as a page.
pub(crate) fn html(report: &Report) -> String {
    let verdict = if report.holds() { "Every promise held" } else { "Promises are broken" };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>keywright rehearse</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{verdict}</h1>\n"
    );
    for act in &report.acts {
        write_act(&mut page, act);
    }
    write_access(&mut page, &report.access);
    page.push_str("</body>\n</html>\n");
    page
}

fn write_act(page: &mut String, act: &Act) {
    let _ = writeln!(page, "<h2>module {}</h2>", escaped(&act.module));
    page.push_str(
        "<table class=\"promises\">\n<tr><th>verdict</th><th>promise</th><th>tried, expected, seen</th></tr>\n",
    );
    for promise in &act.promises {
        write_promise(page, promise);
    }
    page.push_str("</table>\n");
    if let Some(removal) = &act.root_removal {
        let text = strip_str(&removal::text(removal)).to_string();
        let _ = writeln!(page, "<h3>{}</h3>\n<pre class=\"removal\">{}</pre>", escaped(removal::TITLE), escaped(&text));
    }
    for note in &act.notes {
        let _ = writeln!(page, "<p>{}</p>", escaped(note));
    }
    for graph in &act.graphs {
        write_graph(page, graph);
    }
}

fn write_promise(page: &mut String, promise: &Promise) {
    let verdict = promise.verdict().as_str();
    let open = if promise.verdict() == Verdict::Broken { " open" } else { "" };
    let _ = write!(
        page,
        "<tr id=\"{}\"><td class=\"{verdict}\">{verdict}</td><td>{}</td><td><details{open}><summary>{} probes</summary><ul>",
        promise.id,
        escaped(&promise.text),
        promise.probes.len()
    );
    for probe in &promise.probes {
        write_probe(page, probe);
    }
    page.push_str("</ul></details></td></tr>\n");
}

fn write_probe(page: &mut String, probe: &Probe) {
    let class = if probe.holds() { "held" } else { "broken" };
    let (tried, expected, seen) = (escaped(&probe.tried), escaped(&probe.expected), escaped(&probe.seen));
    let _ = write!(page, "<li class=\"{class}\">{tried}: expected {expected}, seen {seen}</li>");
}

/// Sums of periods as bars, the threshold as a line, the states that were told as marks.
fn write_graph(page: &mut String, graph: &Graph) {
    let scale = Scale::of(graph);
    let _ = writeln!(page, "<h3>alarm {}</h3>", escaped(&graph.alarm));
    let _ = write!(
        page,
        "<svg class=\"alarm\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"calls by period\">"
    );
    for (at, sum) in &graph.points {
        let (x, width) = (scale.x(*at), scale.x(at + graph.period) - scale.x(*at));
        let y = scale.y(*sum);
        let class = if *sum > f64::from(graph.threshold) { "over" } else { "under" };
        let height = scale.y(0.0) - y;
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{sum} calls</title></rect>"
        );
    }
    let y = scale.y(f64::from(graph.threshold));
    let _ = write!(page, "<line class=\"threshold\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
    let _ = write!(page, "<text x=\"4\" y=\"{:.1}\">threshold {}</text>", y - 4.0, graph.threshold);
    for (at, state) in &graph.states {
        let x = scale.x(*at);
        let state = escaped(state);
        let _ = write!(
            page,
            "<line class=\"state\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"{HEIGHT}\"/><text x=\"{:.1}\" y=\"14\">{state}</text>",
            x + 3.0
        );
    }
    page.push_str("</svg>\n");
}

/// Where times and sums stand in the picture.
struct Scale {
    seconds: f64,
    most: f64,
}

impl Scale {
    fn of(graph: &Graph) -> Self {
        let sums = graph.points.iter().map(|(_, sum)| *sum);
        let most = sums.fold(f64::from(graph.threshold), f64::max);
        Self { seconds: number(graph.seconds.max(1)), most: most.max(1.0) }
    }

    fn x(&self, second: i64) -> f64 {
        number(second) / self.seconds * WIDTH
    }

    fn y(&self, sum: f64) -> f64 {
        HEIGHT - sum / self.most * (HEIGHT - HEAD)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rehearsal is short")]
fn number(seconds: i64) -> f64 {
    seconds as f64
}

/// Who can do what, a line for each principal.
fn write_access(page: &mut String, access: &Value) {
    for key in access.as_array().into_iter().flatten() {
        let label = key.get("key").and_then(Value::as_str).unwrap_or_default();
        let part = key.get("part").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(page, "<h2>who can do what with {} ({})</h2>", escaped(label), escaped(part));
        write_matrix(page, key.get("principals").and_then(Value::as_array).map_or(&[], Vec::as_slice));
    }
    page.push_str("<p>yes: by the key policy alone. iam: where the account's IAM policies allow it too. cond: under the conditions of the statement. via: through AWS services. no: not at all.</p>\n");
}

fn write_matrix(page: &mut String, principals: &[Value]) {
    let Some(first) = principals.first() else { return };
    page.push_str("<table class=\"access\">\n<tr><th>principal</th>");
    for group in cells(first).map(|(group, _)| group) {
        let _ = write!(page, "<th>{}</th>", escaped(group));
    }
    page.push_str("</tr>\n");
    for principal in principals {
        let name = principal.get("principal").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(page, "<tr><td>{}</td>", escaped(name));
        for (_, mark) in cells(principal) {
            let mark = escaped(mark);
            let _ = write!(page, "<td class=\"can-{mark}\">{mark}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

fn cells(principal: &Value) -> impl Iterator<Item = (&str, &str)> {
    let can = principal.get("can").and_then(Value::as_object);
    can.into_iter().flatten().map(|(group, mark)| (group.as_str(), mark.as_str().unwrap_or_default()))
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
/// What is kept free above the highest bar.
const HEAD: f64 = 24.0;

const STYLE: &str = "\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1d2733}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #d7dde4}\
td.held,li.held{color:#14663a}td.broken,li.broken{color:#a51d1d;font-weight:600}li.held{font-weight:400}\
ul{margin:.3rem 0;padding-left:1.1rem}.access td+td,.access th+th{text-align:center}\
.can-yes{background:#cfe8d8}.can-iam{background:#e3ecf7}.can-cond{background:#fbf0cf}.can-via{background:#eee6f6}.can-no{color:#9aa4af}\
svg.alarm{width:100%;background:#f6f8fa;border:1px solid #d7dde4}svg text{font:11px system-ui,sans-serif;fill:#1d2733}\
rect.under{fill:#8fb4dd}rect.over{fill:#d6603f}line.threshold{stroke:#a51d1d;stroke-dasharray:5 4}line.state{stroke:#555}";

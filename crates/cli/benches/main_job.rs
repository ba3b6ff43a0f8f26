//! What the main job costs: `examples/complete` applied from nothing and planned again, with the embedded AWS, each as a
//! whole process. `cargo bench -p keywright` prints the medians.
//!
//! These are measurements, not tests: machines are noisy, and nothing fails here for being slow.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that people run by hand: it prints, and fails loudly"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == MEASURE) {
        Some(at) => measure(&arguments[at + 1..]),
        None => report(),
    }
}

/// Runs one command as the only child of this process, and prints its wall time and its peak memory.
fn measure(command: &[String]) {
    let start = Instant::now();
    let output = Command::new(&command[0]).args(&command[1..]).stderr(Stdio::null()).output().expect("it runs");
    let wall = start.elapsed();
    assert!(output.status.success(), "{command:?} failed");
    let peak_kib = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a usage").max_rss();
    println!("{} {peak_kib}", wall.as_micros());
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// One run of the program.
struct Sample {
    wall: Duration,
    peak_kib: u64,
    calls: BTreeMap<String, u64>,
}

fn report() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut applies = Vec::new();
    let mut plans = Vec::new();
    for _ in 0..=RUNS {
        let example = copy_of_the_example(folder.path());
        applies.push(run(&["apply", text(&example), "--local", "--auto-approve", "--json"]));
        plans.push(run(&["plan", text(&example), "--local", "--json"]));
        std::fs::remove_dir_all(&example).expect("a removed folder");
    }
    println!("examples/complete with the embedded AWS, whole processes, median of {RUNS} runs after one warm-up:");
    println!("{:<22}{:>12}{:>14}{:>12}", "", "wall", "peak memory", "AWS calls");
    tell("apply, from nothing", &applies[1..]);
    tell("plan, no changes", &plans[1..]);
    let calls = &plans.last().expect("a run").calls;
    println!("\ncalls of a plan without changes: {}", listed(calls));
    println!("calls of a fresh apply: {}", listed(&applies.last().expect("a run").calls));
}

fn run(arguments: &[&str]) -> Sample {
    let wrapper = std::env::current_exe().expect("this program");
    let output = Command::new(wrapper).arg(MEASURE).arg(env!("CARGO_BIN_EXE_keywright")).args(arguments).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    let (figures, data) = said.split_once('\n').expect("figures, then data");
    let (micros, peak_kib) = figures.split_once(' ').expect("two figures");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    Sample {
        wall: Duration::from_micros(micros.parse().expect("a number")),
        peak_kib: peak_kib.parse().expect("a number"),
        calls: serde_json::from_value(data["aws_calls"].clone()).expect("calls"),
    }
}

fn tell(name: &str, samples: &[Sample]) {
    let mut walls: Vec<Duration> = samples.iter().map(|sample| sample.wall).collect();
    walls.sort();
    let mut peaks: Vec<u64> = samples.iter().map(|sample| sample.peak_kib).collect();
    peaks.sort_unstable();
    let calls: u64 = samples[0].calls.values().sum();
    let (wall, peak) = (walls[walls.len() / 2].as_secs_f64() * 1000.0, peaks[peaks.len() / 2] / 1024);
    println!("{name:<22}{:>12}{:>14}{calls:>12}", format!("{wall:.0} ms"), format!("{peak} MiB"));
}

fn listed(calls: &BTreeMap<String, u64>) -> String {
    calls.iter().map(|(operation, count)| format!("{operation} {count}")).collect::<Vec<_>>().join(", ")
}

fn copy_of_the_example(folder: &Path) -> PathBuf {
    let copy = folder.join("complete");
    std::fs::create_dir(&copy).expect("a folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/complete");
    for entry in std::fs::read_dir(example).expect("the example") {
        let file = entry.expect("an entry").path();
        if file.is_file() {
            std::fs::copy(&file, copy.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    copy
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of UTF-8")
}

const MEASURE: &str = "--measure";
const RUNS: usize = 11;

//! The project's own tasks: `cargo xtask check` runs every check, here and in CI.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let steps: Vec<&Step> = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["check"] => STEPS.iter().collect(),
        ["check", names @ ..] => match named(names) {
            Ok(steps) => steps,
            Err(unknown) => return usage(&format!("unknown check `{unknown}`")),
        },
        _ => return usage("what shall I do?"),
    };
    match steps.into_iter().try_for_each(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// One check: its name, what it is for, and what it runs.
struct Step {
    name: &'static str,
    run: fn() -> Result<(), String>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || cargo(&["fmt", "--all", "--check"]) },
    Step {
        name: "lints",
        run: || cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]),
    },
    Step { name: "tests", run: || cargo(&["test", "--workspace", "--no-fail-fast"]) },
    Step { name: "proofs", run: proofs },
    Step { name: "clients", run: clients },
    Step { name: "docs", run: docs },
    Step { name: "licences", run: licences },
];

/// The prover against brute force, on more policies than the tests try: a process for every so many, since the library
/// of languages never frees what it made. Optimised, with the debug assertions of the tests.
fn proofs() -> Result<(), String> {
    (0..PROOF_SLICES).try_for_each(|slice| {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["test", "--quiet", "--package", "keywright-policy", "--test", "prove_random"])
            .args(["--config", "profile.dev.package.keywright-policy.opt-level=2"])
            .args(["--", "--nocapture"])
            .env("KEYWRIGHT_PROOF_SEED", (slice * PROOF_SLICE).to_string())
            .env("KEYWRIGHT_PROOF_CASES", PROOF_SLICE.to_string());
        status(&mut command)
    })
}

/// Real AWS clients against `keywright local`: a virtual environment with pinned versions, made here.
fn clients() -> Result<(), String> {
    let environment = target().join("clients");
    let python = environment.join("bin/python");
    if !python.exists() {
        command("python3", &["-m", "venv", &text(&environment)?])?;
    }
    command(
        &text(&python)?,
        &["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "tests/clients/requirements.txt"],
    )?;
    // As the tests build it: another choice of packages would build the SDK once more, with other features.
    cargo(&["build", "--workspace", "--bins", "--tests"])?;
    let built = |name: &str| text(&target().join("debug").join(name));
    let (program, provider) = (built("keywright")?, built("terraform-provider-aws")?);
    let programs = ["--keywright", &program, "--provider", &provider];
    let mut pytest = Command::new(&python);
    status(pytest.args(["-m", "pytest", "-q", "-rs", "tests/clients"]).args(programs))
}

fn docs() -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "--deny warnings");
    status(&mut command)
}

/// Licences, bans and sources of all dependencies. Installs the tool below `target/` if it is missing:
/// the first time takes some minutes.
fn licences() -> Result<(), String> {
    let root = target().join("tools");
    let program = root.join("bin/cargo-deny");
    if !program.exists() {
        eprintln!("xtask: installing cargo-deny {CARGO_DENY} below {}", root.display());
        cargo(&["install", "--quiet", "--locked", "--root", &text(&root)?, "--version", CARGO_DENY, "cargo-deny"])?;
    }
    // Also what only other systems build.
    cargo(&["fetch", "--quiet", "--locked"])?;
    command(&text(&program)?, &["--offline", "check", "licenses", "bans", "sources"])
}

fn named(names: &[&str]) -> Result<Vec<&'static Step>, String> {
    names.iter().map(|name| STEPS.iter().find(|step| step.name == *name).ok_or_else(|| (*name).to_owned())).collect()
}

fn run(step: &Step) -> Result<(), String> {
    eprintln!("xtask: {}", step.name);
    let start = Instant::now();
    (step.run)().map_err(|failure| format!("`{}` failed: {failure}", step.name))?;
    eprintln!("xtask: {} is fine ({:.0} s)", step.name, start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<(), String> {
    command(env!("CARGO"), arguments)
}

fn command(program: &str, arguments: &[&str]) -> Result<(), String> {
    status(Command::new(program).args(arguments))
}

fn status(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status =
        command.current_dir(workspace()).status().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program}` ended with {status}")) }
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

fn text(path: &Path) -> Result<String, String> {
    path.to_str().map(str::to_owned).ok_or_else(|| format!("the path {} is not UTF-8", path.display()))
}

fn usage(problem: &str) -> ExitCode {
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    eprintln!("xtask: {problem}\nusage: cargo xtask check [NAME …]   (names: {})", names.join(", "));
    ExitCode::from(2)
}

const PROOF_SLICES: u32 = 10;
const PROOF_SLICE: u32 = 10_000;
const CARGO_DENY: &str = "0.20.2";

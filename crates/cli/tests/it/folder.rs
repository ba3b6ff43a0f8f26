//! A folder with a configuration, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use keywright_local::{Aws, Options};
use keywright_model::{AccountId, Partition};
use serde_json::Value;

use crate::sdk::Sdk;

pub(crate) const ACCOUNT: &str = "111122223333";

/// A folder of its own, removed at the end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with one file, `main.tf`.
    pub(crate) fn new(main: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("main.tf", main);
        folder
    }

    /// A folder with a module of the usual account, and these further inputs.
    pub(crate) fn with_inputs(inputs: &str) -> Self {
        Self::new(&module(inputs))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).expect("a written file");
    }

    /// Where `--local` keeps its state.
    pub(crate) fn state_path(&self) -> PathBuf {
        self.path().join(".keywright/terraform.tfstate")
    }

    /// Runs a command on the folder with `--local`.
    pub(crate) fn local(&self, command: &str, more: &[&str]) -> Run {
        let mut arguments = vec![command, self.path().to_str().expect("a path"), "--local"];
        arguments.extend(more);
        run(&arguments)
    }

    pub(crate) fn apply(&self) -> Run {
        self.local("apply", &["--auto-approve"]).succeeds()
    }

    pub(crate) fn destroy(&self) -> Run {
        self.local("destroy", &["--auto-approve"]).succeeds()
    }

    /// What the module hands out.
    pub(crate) fn outputs(&self) -> Value {
        let said = self.local("output", &["--module", "kms", "--json"]).succeeds().stdout;
        serde_json::from_str(&said).expect("outputs as JSON")
    }

    /// The folder's AWS, opened between two runs and served on a port.
    pub(crate) fn cloud<T>(&self, look: impl AsyncFnOnce(Sdk) -> T) -> T {
        let data = self.path().join(".keywright/aws");
        let aws = Aws::open(Options { data_dir: Some(data), ..Options::default() }).expect("the folder's AWS");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let seen = runtime.block_on(async {
            let account = AccountId::parse(ACCOUNT).expect("an account");
            let operator = aws.ensure_operator(&account, Partition::Aws).expect("an operator");
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
            let server = tokio::spawn(keywright_local::serve(aws.clone(), listener, std::future::pending()));
            let sdk = Sdk::new(endpoint, operator.access_key_id, operator.secret_access_key.expose().clone());
            let seen = look(sdk).await;
            server.abort();
            seen
        });
        aws.close();
        seen
    }
}

/// A module of the usual account, with these further inputs.
pub(crate) fn module(inputs: &str) -> String {
    format!(
        "module \"kms\" {{\n  source = \"./modules/kms\"\n  aws_account_id = \"{ACCOUNT}\"\n  aws_region = \"eu-west-1\"\n  \
         name_prefix = \"acme\"\n  environment = \"test\"\n{inputs}\n}}\n"
    )
}

/// What a run of the program said, and how it ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The run failed with exit code 1, told each of these, and did not panic.
    #[track_caller]
    pub(crate) fn fails_with(self, told: &[&str]) -> Self {
        assert_eq!(self.code, 1, "{}\n{}", self.stdout, self.stderr);
        let said = format!("{}{}", self.stdout, self.stderr);
        assert!(!said.contains("panicked"), "{said}");
        for each in told {
            assert!(said.contains(each), "`{each}` is not said in:\n{said}");
        }
        self
    }
}

/// Runs the program. Nothing of the environment's AWS configuration reaches it.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_in(arguments, &[])
}

/// Runs the program with a few environment variables.
pub(crate) fn run_in(arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    finished(command(arguments).envs(environment.iter().copied()))
}

/// Runs the program with its results sent there.
pub(crate) fn run_into(arguments: &[&str], stdout: impl Into<Stdio>) -> Run {
    finished(command(arguments).stdout(stdout))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command
}

fn finished(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Run { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
}

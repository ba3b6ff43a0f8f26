//! What a person can type.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use keywright_model::{AccountId, Arn, Region};
use keywright_module::{Assignment, nearest};
use keywright_policy::KMS_ACTIONS;
use keywright_policy::prove::Claim;

use crate::caller::Caller;

use crate::permissions::Phase;

/// Provision one AWS KMS key done right, and rehearse its life offline.
#[derive(Debug, Parser)]
#[command(name = "keywright", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the inputs; touches nothing
    Validate(ValidateArguments),
    /// Show what would change
    Plan(PlanArguments),
    /// Make it so
    Apply(ApplyArguments),
    /// Destroy what was made: keys are scheduled for deletion
    Destroy(DestroyArguments),
    /// Play the key's whole life offline, and try what it promises
    Rehearse(RehearseArguments),
    /// Tell what was changed outside since the last apply, by what it means; writes nothing
    ///
    /// Exit code 0: nothing was changed outside; 2: something was; 1: it could not be found out. Grants that AWS services
    /// made for resources of their own, and inputs that were changed and not applied, are told and are no drift.
    Drift(DriftArguments),
    /// Adopt a key that is there, and what belongs to it, into the folder's state; changes nothing in AWS
    Import(ImportArguments),
    /// Write the folder down for another tool: Terraform, CloudFormation, or data; touches nothing else
    Export(ExportArguments),
    /// Say whether a principal may do something with a key, and why
    Can(CanArguments),
    /// Say who can do something with a key, and by which way; without an action, a table
    WhoCan(WhoCanArguments),
    /// Prove claims about keys over all requests, or refute them by one, and review their policies
    Prove(ProveArguments),
    /// Look for what commonly goes wrong, each with its cause and cure; changes nothing
    ///
    /// Exits with 0 when nothing is found, with 2 when something is, and with 1 on errors.
    Doctor(DoctorArguments),
    /// Print the outputs that the state holds, or with `--module` those of a module
    Output(OutputArguments),
    /// Show the state, or a saved plan
    Show(ShowArguments),
    /// Look into the state
    State(StateArguments),
    /// Print the IAM policy that running keywright on this folder needs
    Permissions(PermissionsArguments),
    /// Print the JSON Schema of an inputs file
    Schema,
    /// Run the embedded AWS on a port
    Local(LocalArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Where the configuration is, and what fills it in.
#[derive(Debug, Clone, Args)]
pub(crate) struct Configuration {
    /// The folder of Terraform configuration, or one JSON or YAML file of inputs
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Use the embedded AWS, kept in DIR/.keywright
    #[arg(long)]
    pub(crate) local: bool,
    #[command(flatten)]
    pub(crate) assignments: Assignments,
    /// Say what a reference to something else is worth
    #[arg(long = "ref", value_name = "ADDRESS=VALUE", value_parser = name_and_value)]
    pub(crate) references: Vec<(String, String)>,
    /// Take references from a Terraform state file
    #[arg(long, value_name = "STATE")]
    pub(crate) refs_from: Option<PathBuf>,
    /// Only this module of the folder
    #[arg(long, value_name = "NAME")]
    pub(crate) module: Option<String>,
    /// Print data for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// The same, with the folder behind `--dir`: the words of these commands are their own.
#[derive(Debug, Clone)]
pub(crate) struct InFolder(pub(crate) Configuration);

impl Args for InFolder {
    fn augment_args(command: clap::Command) -> clap::Command {
        Configuration::augment_args(command).mut_arg("folder", |folder| folder.long("dir"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for InFolder {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Configuration::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

/// Values of variables, in the order in which they were typed: later ones win.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assignments(pub(crate) Vec<Assignment>);

impl Args for Assignments {
    fn augment_args(command: clap::Command) -> clap::Command {
        command
            .arg(
                Arg::new(VAR)
                    .long(VAR)
                    .value_name("NAME=VALUE")
                    .help("Set a variable")
                    .action(ArgAction::Append)
                    .value_parser(name_and_value),
            )
            .arg(
                Arg::new(VAR_FILE)
                    .long(VAR_FILE)
                    .value_name("FILE")
                    .help("Read variables from a file")
                    .action(ArgAction::Append)
                    .value_parser(clap::value_parser!(PathBuf)),
            )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Assignments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let variables = indexed::<(String, String)>(matches, VAR)
            .map(|(at, (name, value))| (at, Assignment::Variable { name, value }));
        let files = indexed::<PathBuf>(matches, VAR_FILE).map(|(at, file)| (at, Assignment::File(file)));
        let mut all: Vec<(usize, Assignment)> = variables.chain(files).collect();
        all.sort_by_key(|(at, _)| *at);
        Ok(Self(all.into_iter().map(|(_, assignment)| assignment).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Each value of an argument, and where on the command line it stands.
fn indexed<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &'static str,
) -> impl Iterator<Item = (usize, T)> {
    let places = matches.indices_of(name).into_iter().flatten();
    places.zip(matches.get_many::<T>(name).into_iter().flatten().cloned()).collect::<Vec<_>>().into_iter()
}

/// How AWS is reached.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Connection {
    /// The profile of the AWS configuration
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The MFA device with which the admin role is assumed
    #[arg(long, value_name = "ARN", requires = "mfa_code")]
    pub(crate) mfa_serial: Option<String>,
    /// The code that the MFA device shows
    #[arg(long, value_name = "CODE", requires = "mfa_serial")]
    pub(crate) mfa_code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Plan the destruction of everything
    #[arg(long)]
    pub(crate) destroy: bool,
    /// Save the plan, for `keywright apply FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Exit with 0 when nothing changes, 2 when something does, 1 on errors
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
}

/// What a plan may do, and how much of it is shown.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Planning {
    /// Cancel the deletion of a key that was scheduled outside
    #[arg(long)]
    pub(crate) rescue: bool,
    /// Print policy documents in full
    #[arg(long)]
    pub(crate) show_policies: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// `DIR` may also be a plan saved with `plan --out`
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) planning: Planning,
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DestroyArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Do not ask
    #[arg(long)]
    pub(crate) auto_approve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("imported").args(["key", "from_state"]).required(true))]
pub(crate) struct ImportArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The key: its ARN, ID or alias. What belongs to it is found by the names that the inputs give
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// The ARN that its replica must have; without it, a replica is looked for where the inputs want one
    #[arg(long, value_name = "ARN", requires = "key", value_parser = arn)]
    pub(crate) replica: Option<Arn>,
    /// A Terraform state that holds the module's key: of the published module, or of keywright's
    #[arg(long, value_name = "FILE")]
    pub(crate) from_state: Option<PathBuf>,
    /// Print policy documents in full
    #[arg(long)]
    pub(crate) show_policies: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// What to write
    #[arg(value_enum)]
    pub(crate) format: ExportFormat,
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// The folder to write, which must be new or empty; without it, files go to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where Terraform finds the module `modules/kms`; without it, `--out` takes the module along
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// CloudFormation only: templates for taking over what the state holds, each with its list of resources to import
    #[arg(long)]
    pub(crate) import: bool,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A folder of Terraform configuration, which takes over what the state holds
    Terraform,
    /// A template for each module and Region; grants are left to you
    #[value(name = "cloudformation")]
    CloudFormation,
    /// The desired resources as data
    Json,
}

/// Which key a question is about, and where its policy comes from: the modules of the folder, unless another source is
/// named.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("source").args(["live", "policy", "plan", "template"]))]
pub(crate) struct SubjectArguments {
    #[command(flatten)]
    pub(crate) configuration: InFolder,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Ask AWS what the folder's keys have now
    #[arg(long, help_heading = SOURCES)]
    pub(crate) live: bool,
    /// A key policy in a file; `-` reads standard input
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) policy: Option<PathBuf>,
    /// A plan as JSON: `terraform show -json`, `keywright plan --json`
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) plan: Option<PathBuf>,
    /// A CloudFormation template, YAML or JSON
    #[arg(long, value_name = "FILE", help_heading = SOURCES)]
    pub(crate) template: Option<PathBuf>,
    /// The value of a parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value, requires = "template", help_heading = SOURCES)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The account of the key, where the source does not tell
    #[arg(long, value_name = "ID", value_parser = account, help_heading = SOURCES)]
    pub(crate) account: Option<AccountId>,
    /// The Region of the key, where the source does not tell
    #[arg(long, value_name = "REGION", value_parser = region, help_heading = SOURCES)]
    pub(crate) region: Option<Region>,
    /// Only this key: address, ARN, ID, alias, Region, `primary` or `replica`; with `--policy`, the ARN of its key
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

impl SubjectArguments {
    /// Everything that a folder makes.
    pub(crate) fn of_folder(configuration: &Configuration) -> Self {
        Self {
            configuration: InFolder(configuration.clone()),
            connection: Connection::default(),
            live: false,
            policy: None,
            plan: None,
            template: None,
            parameters: Vec::new(),
            account: None,
            region: None,
            key: None,
        }
    }

    /// The same, about this key only.
    pub(crate) fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned).or_else(|| self.key.clone()), ..self.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct CanArguments {
    /// Who: the ARN of a user, role or session, an account ID, `root`, `user/NAME` or `role/NAME` of the key's account, or a
    /// service such as `s3.amazonaws.com`
    #[arg(value_parser = Caller::parse)]
    pub(crate) principal: Caller,
    /// What: `kms:Decrypt`, or `Decrypt`
    #[arg(value_parser = action)]
    pub(crate) action: &'static str,
    /// Only this key, as `--key` names it; all keys of the source otherwise, each with an answer of its own
    #[arg(value_name = "KEY", conflicts_with = "key")]
    pub(crate) which: Option<String>,
    #[command(flatten)]
    pub(crate) subject: SubjectArguments,
    /// What is known of the request: a condition key and its value; again for a further value
    #[arg(long, value_name = "KEY=VALUE", value_parser = name_and_value)]
    pub(crate) context: Vec<(String, String)>,
    /// An IAM policy of the principal; with one, these are all that it has
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub(crate) identity_policy: Vec<PathBuf>,
    /// The permissions boundary of the principal
    #[arg(long, value_name = "FILE", conflicts_with = "live")]
    pub(crate) boundary: Option<PathBuf>,
    /// Exit with 0 when every answer is yes, 3 when one is no, 1 on errors
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The folder, as `--dir` names it
    #[arg(value_name = "DIR", conflicts_with_all = ["folder", "policy", "plan", "template"])]
    pub(crate) place: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) subject: SubjectArguments,
    /// What is claimed; again for a further claim. Without one: what the inputs promise, and a review of the policies
    #[arg(long = "claim", value_name = "NAME[=ARGUMENT]", long_help = claims_help())]
    pub(crate) claims: Vec<String>,
    /// Review the policies beside the claims
    #[arg(long)]
    pub(crate) lint: bool,
    /// Fail on warnings too
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// A finding of the review that may stand, and why
    #[arg(long, value_name = "CODE=REASON", value_parser = name_and_value)]
    pub(crate) accept: Vec<(String, String)>,
    /// Print SARIF 2.1.0: what is refuted or unknown, and the findings of the review, with their places
    #[arg(long, conflicts_with = "json")]
    pub(crate) sarif: bool,
}

impl ProveArguments {
    /// What it is about.
    pub(crate) fn about(&self) -> SubjectArguments {
        let mut about = self.subject.clone();
        if let Some(place) = &self.place {
            about.configuration.0.folder.clone_from(place);
        }
        about
    }
}

fn claims_help() -> String {
    let forms = Claim::forms().map(|(_, written, says)| format!("\n- {written}: {says}"));
    format!(
        "What is claimed; again for a further claim. Without one: what the inputs promise, and a review of the \
         policies.\n{}",
        forms.collect::<String>()
    )
}

#[derive(Debug, Args)]
pub(crate) struct WhoCanArguments {
    /// What: `kms:Decrypt`, or `Decrypt`; without it, a table of who can do what
    #[arg(value_parser = action)]
    pub(crate) action: Option<&'static str>,
    #[command(flatten)]
    pub(crate) subject: SubjectArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Show every probe, not only those of broken promises
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Write one page of HTML, which opens without a network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// A bucket of `aws_region` that is replicated: say whether its copies are encrypted with the replica key
    #[arg(long = "bucket", value_name = "NAME")]
    pub(crate) buckets: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// The folder, then perhaps the name of one output: `keywright output [DIR] [NAME]`
    #[arg(value_name = "DIR|NAME", num_args = 0..=2)]
    pub(crate) words: Vec<String>,
    #[command(flatten)]
    pub(crate) configuration: InFolder,
    /// Print one text without quotes
    #[arg(long, conflicts_with = "json")]
    pub(crate) raw: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PermissionsArguments {
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// For which command. Changes of inputs, and `--rescue`, need more
    #[arg(long = "for", value_name = "COMMAND", value_enum, default_value = "all")]
    pub(crate) phase: Phase,
    /// A bucket that `doctor` is to look at, as with its own `--bucket`
    #[arg(long = "bucket", value_name = "NAME")]
    pub(crate) buckets: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The folder, or a plan saved with `plan --out`
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(crate) path: PathBuf,
    /// The state of the embedded AWS
    #[arg(long)]
    pub(crate) local: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print policy documents in full
    #[arg(long)]
    pub(crate) show_policies: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StateArguments {
    #[command(subcommand)]
    pub(crate) command: StateCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// List the addresses in the state
    List {
        /// The folder of the configuration
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// The state of the embedded AWS
        #[arg(long)]
        local: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct LocalArguments {
    /// The port, on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Where its data is kept; without it nothing outlives the process
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The account of the operator whose key is printed
    #[arg(long, value_name = "ID", default_value = "111122223333")]
    pub(crate) account: String,
    /// A clock that stands at this time, such as 2026-01-01T00:00:00Z, until `/_keywright/clock` moves it
    #[arg(long, value_name = "TIME")]
    pub(crate) clock: Option<jiff::Timestamp>,
    /// Print where it listens, and the operator's key, as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// An action of KMS by its name, with or without `kms:`; case does not count.
fn action(text: &str) -> Result<&'static str, String> {
    let named = if text.contains(':') { text.to_owned() } else { format!("kms:{text}") };
    if let Some(known) = KMS_ACTIONS.iter().find(|it| it.eq_ignore_ascii_case(&named)) {
        return Ok(known);
    }
    let meant = nearest(&named, KMS_ACTIONS.iter().copied());
    Err(match meant {
        Some(meant) => format!("KMS has no such action; did you mean `{meant}`?"),
        None => "KMS has no such action".to_owned(),
    })
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|error| error.to_string())
}

fn arn(text: &str) -> Result<Arn, String> {
    Arn::parse(text).map_err(|error| error.to_string())
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).map_err(|error| error.to_string())
}

const SOURCES: &str = "Sources";
const VAR: &str = "var";
const VAR_FILE: &str = "var-file";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_variable_without_a_name_is_refused() {
        assert!(name_and_value("=x").is_err());
        assert!(name_and_value("x").is_err());
        assert_eq!(name_and_value("x=a=b"), Ok(("x".into(), "a=b".into())));
    }

    #[test]
    fn variables_and_files_keep_the_order_in_which_they_were_typed() {
        let line = ["keywright", "validate", "--var", "a=1", "--var-file", "f", "--var", "b=2"];
        let arguments = Arguments::parse_from(line);
        let Command::Validate(validate) = arguments.command else { panic!("validate") };
        let variable = |name: &str, value: &str| Assignment::Variable { name: name.into(), value: value.into() };
        let expect = [variable("a", "1"), Assignment::File("f".into()), variable("b", "2")];
        assert_eq!(validate.configuration.assignments.0, expect);
    }
}

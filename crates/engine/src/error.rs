use keywright_model::{AccountId, Arn, Diagnostic, Diagnostics};

use crate::provider::{Failure, ProviderError};
use crate::state::StateError;

/// Why a run cannot go on. Nothing was changed by it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The state cannot be had or kept.
    #[error(transparent)]
    State(#[from] StateError),
    /// A call failed before anything was changed.
    #[error("{doing} failed: {error}")]
    Provider {
        /// What was being done.
        doing: String,
        /// What went wrong.
        error: Box<ProviderError>,
    },
    /// The credentials are of another account.
    #[error("the credentials are of account {found} (`{caller}`), and module `{module}` is for account {wanted}")]
    Account {
        /// The module.
        module: String,
        /// Its account.
        wanted: AccountId,
        /// The caller's account.
        found: AccountId,
        /// The caller.
        caller: Arn,
    },
    /// Nobody that the run can be may reach a key.
    #[error("nobody that this run can act as may reach the key of `{key}`")]
    NoActor {
        /// The key.
        key: String,
        /// Whom it tried, and why not.
        tried: Vec<(String, String)>,
        /// Whether one of them was changed, or removed, outside, which is why.
        is_changed_outside: bool,
    },
    /// A key's policy names a role that is gone; another one has its name.
    #[error("`{key}` cannot be reached: `{role}` was deleted and made again")]
    RoleMadeAgain {
        /// What was to be read.
        key: String,
        /// The role.
        role: Arn,
    },
    /// The plan cannot be carried out.
    #[error("the plan cannot be carried out")]
    Refused(Diagnostics),
    /// What a saved plan was made from is no longer so.
    #[error("the world has moved since the plan was saved: {}", .moved.join(", "))]
    Moved {
        /// What differs.
        moved: Vec<String>,
    },
    /// A saved plan cannot be read.
    #[error("the saved plan cannot be read: {reason}")]
    SavedPlan {
        /// What is wrong with it.
        reason: String,
    },
}

impl EngineError {
    /// What to tell a person, each with what to do.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::State(error) => error.diagnostic().into(),
            Self::Refused(diagnostics) => diagnostics.clone(),
            Self::Provider { doing, error } => call_failed(doing, error).into(),
            other => other.own_diagnostic().into(),
        }
    }

    fn own_diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            Self::Account { .. } => ("wrong-account", "choose a profile of that account, or correct `aws_account_id`"),
            Self::NoActor { .. } => (
                "no-actor",
                "run as somebody whom the key policy names, or as somebody who may assume one of those roles (with `--mfa-serial` and `--mfa-code` where they ask for MFA); of the admin role, `admin_role_trusted_principals` decides that",
            ),
            Self::RoleMadeAgain { .. } => (
                "role-made-again",
                "run as somebody else whom the key policy names; if there is nobody, only AWS Support can give access back",
            ),
            Self::Moved { .. } => ("plan-stale", "nothing was changed; make a new plan"),
            _ => ("saved-plan", "nothing was changed; make a new plan with `plan --out`"),
        };
        let diagnostic = Diagnostic::error(code, self.to_string()).help(help);
        match self {
            Self::NoActor { tried, .. } => diagnostic.because(told(tried)),
            Self::RoleMadeAgain { .. } => {
                diagnostic.because("to the key's policy, a new role is another principal, whatever its name")
            }
            _ => diagnostic,
        }
    }
}

impl From<EngineError> for Diagnostics {
    fn from(error: EngineError) -> Self {
        error.diagnostics()
    }
}

/// What to tell a person about a call that failed.
pub(crate) fn call_failed(doing: &str, error: &ProviderError) -> Diagnostic {
    let (code, help) = match &error.failure {
        Failure::AccessDenied { .. } => {
            ("access-denied", "give the principal that the message names this action, or run as somebody who has it")
        }
        Failure::LockOut { .. } => {
            ("lock-out-refused", "the policy was not put; let it name who runs this, or run as somebody whom it names")
        }
        Failure::InvalidPrincipal { .. } => (
            "invalid-principal",
            "a principal that the inputs name does not exist: correct the input, or make the principal first",
        ),
        Failure::NotFound { .. } => {
            ("not-found", "it was removed meanwhile, or never made; run again to see what is there")
        }
        Failure::AlreadyExists { .. } => {
            ("already-exists", "it was made by somebody else: remove or rename it, or choose another `name_prefix`")
        }
        Failure::Credentials { .. } => {
            ("no-credentials", "set `AWS_PROFILE`, sign in (`aws sso login`), or set `AWS_ACCESS_KEY_ID` and its kin")
        }
        Failure::Unreachable { .. } => ("unreachable", "check the Region's name, the network and `AWS_ENDPOINT_URL`"),
        Failure::Other { .. } => ("aws-error", "run again to go on from here"),
    };
    let region = error.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
    let request = error.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
    Diagnostic::error(code, format!("{doing} failed: {}", error.failure))
        .because(format!("`{}`{region}{request}", error.operation))
        .help(help)
}

fn told(tried: &[(String, String)]) -> String {
    if tried.is_empty() {
        return "the key's policy neither leaves access to the account's IAM policies nor names a role that could be assumed".to_owned();
    }
    let lines: Vec<_> = tried.iter().map(|(who, why)| format!("{who}: {why}")).collect();
    lines.join("; ")
}

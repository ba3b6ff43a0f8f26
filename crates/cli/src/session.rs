//! What a command works with: the modules of a folder, a state, and an AWS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use keywright_aws::{AwsProvider, Mfa, Options, StaticCredentials, Transport};
use keywright_engine::{Engine, Provider, StateStore};
use keywright_local::{Aws, OperatorCredentials};
use keywright_model::{Diagnostic, Diagnostics, Region, Secret};
use keywright_module::{Desired, Module, Sources};

use crate::args::{Configuration, Connection};
use crate::rehearsal::{self, Rehearsal};
use crate::{failure, ui};

/// An engine that is ready to plan, and what it is to plan.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) desired: Vec<Desired>,
    provider: Arc<AwsProvider>,
    /// The embedded AWS, to be closed at the end.
    local: Option<Aws>,
}

impl Session {
    /// Reads the configuration, and connects to AWS.
    ///
    /// # Errors
    /// All that is wrong with the inputs, or what keeps AWS from being reached.
    pub(crate) async fn open(
        configuration: &Configuration,
        connection: &Connection,
        options: keywright_engine::Options,
    ) -> Result<Self, Diagnostics> {
        let desired = desired(configuration)?;
        let home = home(&desired)?;
        let store = StateStore::new(state_path(&configuration.folder, configuration.local)?);
        let options = keywright_engine::Options { leaves_others: configuration.module.is_some(), ..options };
        let (aws, local) = if configuration.local {
            let rehearsal = rehearsal::open(&private_folder(&configuration.folder)?.join("aws"), &desired)?;
            announce(&rehearsal);
            let aws = embedded(home, &rehearsal.operator, &rehearsal.aws);
            (Options { mfa: mfa(connection), ..aws }, Some(rehearsal.aws))
        } else {
            (real(home, connection), None)
        };
        Self::connect(aws, local, desired, store, options).await
    }

    /// The same for who only looks: makes nothing, neither a folder nor what the inputs name.
    ///
    /// # Errors
    /// As [`Session::open`]; when there is no embedded AWS yet.
    pub(crate) async fn look(
        configuration: &Configuration,
        connection: &Connection,
        desired: Vec<Desired>,
    ) -> Result<Self, Diagnostics> {
        let home = home(&desired)?;
        let store = StateStore::new(existing_state_path(&configuration.folder, configuration.local));
        let (aws, local) = if configuration.local {
            let rehearsal = rehearsal::reopen(&directory(&configuration.folder).join(PRIVATE).join("aws"), &desired)?;
            let aws = embedded(home, &rehearsal.operator, &rehearsal.aws);
            (Options { mfa: mfa(connection), ..aws }, Some(rehearsal.aws))
        } else {
            (real(home, connection), None)
        };
        Self::connect(aws, local, desired, store, keywright_engine::Options::default()).await
    }

    async fn connect(
        aws: Options,
        local: Option<Aws>,
        desired: Vec<Desired>,
        store: StateStore,
        options: keywright_engine::Options,
    ) -> Result<Self, Diagnostics> {
        let provider = AwsProvider::connect(aws).await.map_err(|error| {
            Diagnostics::from(Diagnostic::error("connection", "AWS cannot be reached").because(failure::chain(&error)))
        })?;
        let provider = Arc::new(provider);
        let engine = Engine::new(Arc::<AwsProvider>::clone(&provider), store, options);
        Ok(Self { engine, desired, provider, local })
    }

    /// What speaks to AWS.
    pub(crate) fn provider(&self) -> &AwsProvider {
        &self.provider
    }

    /// How many calls were sent to AWS, by operation.
    pub(crate) fn calls(&self) -> BTreeMap<String, u64> {
        self.provider.calls()
    }

    /// Lets go of the embedded AWS.
    pub(crate) fn close(self) {
        if let Some(aws) = self.local {
            aws.close();
        }
    }
}

/// The desired resources of the folder's modules.
///
/// # Errors
/// All that is wrong with the inputs.
pub(crate) fn desired(configuration: &Configuration) -> Result<Vec<Desired>, Diagnostics> {
    Ok(modules(configuration)?.iter().map(Module::desired).collect())
}

/// The folder's modules.
///
/// # Errors
/// All that is wrong with the inputs.
pub(crate) fn modules(configuration: &Configuration) -> Result<Vec<Module>, Diagnostics> {
    keywright_module::load(&sources(configuration))
}

fn sources(configuration: &Configuration) -> Sources {
    let is_document = configuration.folder.is_file();
    Sources {
        folder: configuration.folder.clone(),
        assignments: configuration.assignments.0.clone(),
        environment: std::env::vars().filter(|(name, _)| name.starts_with("TF_VAR_")).collect(),
        refs: configuration.references.clone(),
        refs_from: configuration.refs_from.clone(),
        module: configuration.module.clone(),
        inputs_file: is_document.then(|| configuration.folder.clone()),
    }
}

/// Where the state of a folder is.
pub(crate) fn state_path(folder: &Path, local: bool) -> Result<PathBuf, Diagnostics> {
    let place = if local { private_folder(folder)? } else { directory(folder) };
    Ok(place.join(STATE))
}

/// The same, for who only looks: makes no folder.
pub(crate) fn existing_state_path(folder: &Path, local: bool) -> PathBuf {
    let place = directory(folder);
    if local { place.join(PRIVATE).join(STATE) } else { place.join(STATE) }
}

/// The folder itself, or the one that an inputs file stands in.
fn directory(folder: &Path) -> PathBuf {
    if folder.is_file() { folder.parent().map(Path::to_path_buf).unwrap_or_default() } else { folder.to_owned() }
}

/// `.keywright`, which is for its owner alone.
fn private_folder(folder: &Path) -> Result<PathBuf, Diagnostics> {
    use std::os::unix::fs::DirBuilderExt;
    let path = directory(folder).join(PRIVATE);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| {
        let summary = format!("`{}` cannot be made", path.display());
        Diagnostic::error("private-folder", summary).because(error.to_string()).help("make the folder writable")
    })?;
    Ok(path)
}

fn home(desired: &[Desired]) -> Result<Region, Diagnostics> {
    let first = desired.first().ok_or_else(|| Diagnostic::error("no-module", "there is no module to work for"))?;
    Ok(first.region.clone())
}

fn real(home: Region, connection: &Connection) -> Options {
    Options { profile: connection.profile.clone(), mfa: mfa(connection), ..Options::new(home) }
}

fn mfa(connection: &Connection) -> Option<Mfa> {
    let mfa = connection.mfa_serial.clone().zip(connection.mfa_code.clone());
    mfa.map(|(serial, code)| Mfa { serial, code: Secret::new(code) })
}

/// How the operator reaches an embedded AWS in this process.
pub(crate) fn embedded(home: Region, operator: &OperatorCredentials, aws: &Aws) -> Options {
    let credentials = StaticCredentials {
        access_key_id: operator.access_key_id.clone(),
        secret_access_key: operator.secret_access_key.clone(),
        session_token: None,
    };
    Options::in_process(home, credentials, transport(aws))
}

/// Hands requests to the embedded AWS as they would go over the wire.
fn transport(aws: &Aws) -> Transport {
    let aws = aws.clone();
    Arc::new(move |request: http::Request<Bytes>| {
        let aws = aws.clone();
        async move { Ok(aws.handle(request).await) }.boxed()
    })
}

fn announce(rehearsal: &Rehearsal) {
    if rehearsal.made.is_empty() {
        return;
    }
    ui::say("Made in the embedded AWS, because the inputs name it:");
    for arn in &rehearsal.made {
        ui::say(&format!("  {arn}"));
    }
    ui::say("");
}

const PRIVATE: &str = ".keywright";
const STATE: &str = "terraform.tfstate";

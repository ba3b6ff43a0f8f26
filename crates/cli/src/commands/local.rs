use keywright_local::{Aws, Clock, OperatorCredentials, Options};
use keywright_model::{AccountId, Diagnostic, Diagnostics, Partition};
use serde_json::json;
use tokio::net::TcpListener;

use super::End;
use crate::args::LocalArguments;
use crate::{failure, ui};

/// Runs the embedded AWS until it is asked to end.
pub(super) async fn run(arguments: &LocalArguments) -> Result<End, Diagnostics> {
    let account = AccountId::parse(&arguments.account)
        .map_err(|error| Diagnostic::error("account", error.to_string()).help("give `--account` twelve digits"))?;
    let clock = arguments.clock.map_or_else(Clock::system, Clock::manual);
    let aws = Aws::open(Options { data_dir: arguments.data_dir.clone(), clock, ..Options::default() })
        .map_err(|error| problem("the embedded AWS cannot be opened", &error))?;
    let operator = aws
        .ensure_operator(&account, Partition::Aws)
        .map_err(|error| problem("the operator cannot be made", &error))?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| {
        problem(&format!("port {} cannot be used", arguments.port), &error).help("choose another with `--port`")
    })?;
    let address = listener.local_addr().map_err(|error| problem("the port cannot be told", &error))?;
    announce(&format!("http://{address}"), &account, &operator, arguments.json);
    ui::check()?;
    keywright_local::serve(aws.clone(), listener, asked_to_end())
        .await
        .map_err(|error| problem("the port cannot be served any longer", &error))?;
    aws.close();
    Ok(End::Fine)
}

/// Prints where it listens and as whom to come. The operator's secret opens this emulator only.
fn announce(endpoint: &str, account: &AccountId, operator: &OperatorCredentials, as_json: bool) {
    let (id, secret) = (&operator.access_key_id, operator.secret_access_key.expose());
    if as_json {
        ui::data_line(&json!({
            "endpoint": endpoint,
            "account": account,
            "operator": { "arn": operator.arn, "access_key_id": id, "secret_access_key": secret },
        }));
        return;
    }
    ui::result(&format!(
        "The embedded AWS listens on {endpoint}. Come as the operator, an IAM user with an administrator's policy:\n\n\
         export AWS_ENDPOINT_URL={endpoint}\n\
         export AWS_ACCESS_KEY_ID={id}\n\
         export AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION=eu-west-1\n\n\
         or as the root user of any account: its twelve digits as the access key ID, `test` as the secret.\n\
         Ctrl-C ends it."
    ));
}

async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminated) => {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupted.await;
        }
    }
}

fn problem(summary: &str, error: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error("local", summary).because(failure::chain(error))
}

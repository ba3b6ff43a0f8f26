use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use keywright_model::{AccountId, Arn, Partition};
use serde::{Deserialize, Serialize};

use crate::context::{CallContext, Caller, SessionFacts};
use crate::error::AwsError;
use crate::iam;
use crate::ids::Ids;
use crate::policy::{HeldPolicy, StoredPolicy};
use crate::secret::{ShownSecret, StoredSecret};
use crate::sigv4::{Credentials, SessionToken};
use crate::store::tables;
use crate::wire::Time;
use crate::world::World;

tables! {
    /// What exists in STS.
    pub(crate) struct State in "sts" {
        /// By the access key's id.
        sessions: Session,
    }
}

/// Temporary credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) holder: Holder,
    pub(crate) account: AccountId,
    pub(crate) partition: String,
    pub(crate) secret: StoredSecret,
    pub(crate) token: StoredSecret,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    /// Policies that were passed when it was made.
    pub(crate) policies: Vec<(String, StoredPolicy)>,
    pub(crate) mfa: bool,
}

/// Whose the credentials are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Holder {
    /// A session of a role.
    Role { arn: Arn, id: String, session: Arn, session_name: String },
    /// The user itself, by `GetSessionToken`.
    User { arn: Arn, id: String },
    /// The root user, by `GetSessionToken`.
    Root,
}

/// Credentials as answers give them out, once.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CredentialsShape {
    access_key_id: String,
    secret_access_key: ShownSecret,
    session_token: ShownSecret,
    expiration: Time,
}

/// A session that begins now, with new secrets and without policies.
pub(super) fn new_session(holder: Holder, seconds: u32, call: &CallContext) -> Result<Session, AwsError> {
    let lasts = SignedDuration::from_secs(i64::from(seconds));
    Ok(Session {
        holder,
        account: call.account.clone(),
        partition: call.partition.to_string(),
        secret: StoredSecret::new(call.ids.alphanumeric(40)),
        token: StoredSecret::new(BASE64.encode(call.ids.bytes::<192>())),
        issued: call.now,
        expires: call.now.checked_add(lasts).map_err(|_| AwsError::internal())?,
        policies: Vec::new(),
        mfa: false,
    })
}

impl State {
    /// Keeps a session and gives out its credentials.
    pub(super) fn start(&mut self, session: Session, ids: &Ids) -> CredentialsShape {
        let access_key_id = ids.unique_id("ASIA");
        let shape = CredentialsShape {
            access_key_id: access_key_id.clone(),
            secret_access_key: ShownSecret::from(&session.secret),
            session_token: ShownSecret::from(&session.token),
            expiration: Time::in_whole_seconds(session.expires),
        };
        self.sessions.insert(access_key_id, session);
        shape
    }
}

/// The session that holds an access key. It dies with its role or user; an expired one is found for a day, so that it
/// is told from one that never was.
pub(crate) fn find_credentials(world: &World, access_key_id: &str, partition: Partition) -> Option<Credentials> {
    let session = world.sts.sessions.get(access_key_id).filter(|session| session.partition == partition.as_str())?;
    let mut caller = holder_as_caller(world, session, access_key_id)?;
    caller.session = Some(SessionFacts { issued: session.issued, mfa: session.mfa });
    caller.session_policies = session
        .policies
        .iter()
        .map(|(name, policy)| HeldPolicy { name: name.clone(), document: policy.document(&world.iam) })
        .collect();
    // Credentials of GetSessionToken open IAM only with MFA.
    let opens_iam = session.mfa || matches!(session.holder, Holder::Role { .. });
    let token = SessionToken { token: session.token.clone(), expires: session.expires, opens_iam };
    Some(Credentials { secret: session.secret.clone(), session: Some(token), caller })
}

/// Forgets sessions that expired long ago.
pub(crate) fn settle(world: &mut World, now: Timestamp) {
    let long_ago = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let forgotten: Vec<String> = world
        .sts
        .sessions
        .iter()
        .filter(|(_, session)| session.expires < long_ago)
        .map(|(access_key_id, _)| access_key_id.clone())
        .collect();
    for access_key_id in forgotten {
        world.sts.sessions.remove(&access_key_id);
    }
}

fn holder_as_caller(world: &World, session: &Session, access_key_id: &str) -> Option<Caller> {
    match &session.holder {
        Holder::Role { arn, id, session: session_arn, session_name } => {
            let role = world.iam.role_by_arn(arn).filter(|role| role.id == *id)?;
            iam::role_as_caller(&world.iam, role, session_arn.clone(), session_name, access_key_id)
        }
        Holder::User { arn, id } => {
            let user = world.iam.user_by_arn(arn).filter(|user| user.id == *id)?;
            Some(iam::user_as_caller(&world.iam, user, &session.account, access_key_id))
        }
        Holder::Root => {
            Some(Caller { access_key_id: access_key_id.to_owned(), ..Caller::root(session.account.clone()) })
        }
    }
}

const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

//! What exists, told to who holds this AWS in its process, whoever may ask for it over HTTP: for tests that must see
//! more than any one caller. Nothing is recorded and nothing is changed.

use keywright_model::Arn;

use crate::aws::Aws;

/// A key as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its ARN. A replica is a key of its own.
    pub arn: Arn,
    /// `KeyState` of the API.
    pub state: &'static str,
    /// Its policy as `GetKeyPolicy` shows it: who was deleted stands there by its unique ID.
    pub policy: String,
}

/// A role as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleView {
    /// Its ARN.
    pub arn: Arn,
    /// Its unique ID (`AROA…`).
    pub id: String,
    /// Its trust policy as `GetRole` shows it.
    pub trust: String,
}

impl Aws {
    /// Each key of each account and Region.
    pub fn keys(&self) -> Vec<KeyView> {
        self.with_world(|world| {
            let views = world.kms.all_keys().map(|key| KeyView {
                arn: key.arn.clone(),
                state: key.status.as_str(),
                policy: key.policy.text(&world.iam).into_owned(),
            });
            views.collect()
        })
    }

    /// Each role of each account.
    pub fn roles(&self) -> Vec<RoleView> {
        self.with_world(|world| {
            let views = world.iam.all_roles().map(|role| RoleView {
                arn: role.arn.clone(),
                id: role.id.clone(),
                trust: role.trust.text(&world.iam).into_owned(),
            });
            views.collect()
        })
    }
}

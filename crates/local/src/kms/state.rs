use keywright_model::{AccountId, AliasName, Arn, KeyId, Region};

use super::alias::Alias;
use super::error::KmsError;
use super::grant::{Grant, GrantToken};
use super::key::Key;
use super::material::Backing;
use crate::context::CallContext;
use crate::store::tables;

tables! {
    /// What exists in KMS.
    pub(crate) struct State in "kms" {
        /// By `{account}/{region}/{key ID}`.
        keys: Key,
        /// By `{account}/{key ID}`: what related keys share.
        backings: Backing,
        /// By `{account}/{region}/{alias name}`.
        aliases: Alias,
        /// By `{account}/{region}/{key ID}/{grant ID}`.
        grants: Grant,
        /// What comes about by itself, by `{time}/{what}/{path}`; see `agenda.rs`.
        agenda: (),
    }
}

/// Which forms of `KeyId` an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    /// A key ID or a key ARN.
    Key,
    /// These, and alias names and alias ARNs.
    KeyOrAlias,
}

/// The key that a request means, and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) key: &'a Key,
    pub(crate) backing: &'a Backing,
    /// The alias that the request called it by.
    pub(crate) alias: Option<&'a Alias>,
}

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) key: KeyId,
}

impl Place {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.key)
    }

    pub(crate) fn backing_path(&self) -> String {
        format!("{}/{}", self.account, self.key)
    }

    /// The ARN of the key of that place.
    pub(crate) fn arn(&self) -> Result<Arn, KmsError> {
        let resource = format!("key/{}", self.key);
        Arn::new(self.region.partition(), "kms", Some(&self.region), Some(&self.account), &resource)
            .map_err(|error| KmsError::unparsable(&error))
    }

    /// The place of the related key in another Region.
    pub(crate) fn in_region(&self, region: &Region) -> Self {
        Self { region: region.clone(), ..self.clone() }
    }
}

impl Key {
    pub(crate) fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone(), key: self.id.clone() }
    }
}

impl State {
    /// The key that a `KeyId` of a request means.
    ///
    /// A key of the caller's own account that does not exist is not found; whether one of another account exists is
    /// not told: that is refused like a key that the caller may not use.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>.
    ///
    /// # Errors
    /// `NotFoundException`, `InvalidArnException`, `ValidationException`, and [`KmsError::Hidden`].
    pub(crate) fn target(
        &self,
        id: &str,
        forms: Forms,
        call: &CallContext,
        action: &str,
    ) -> Result<Target<'_>, KmsError> {
        if !(1..=2048).contains(&id.len()) {
            return Err(KmsError::constraint("keyId", id, "Member must have length between 1 and 2048"));
        }
        match Named::read(id, forms, call)? {
            Named::Key(place) => self.at(&place).ok_or_else(|| missing_key(&place, call, action)),
            Named::Alias { account, name } => self.by_alias(&account, &name, call, action),
        }
    }

    /// The key of that place.
    pub(crate) fn at(&self, place: &Place) -> Option<Target<'_>> {
        let key = self.keys.get(&place.path())?;
        let backing = self.backings.get(&place.backing_path())?;
        Some(Target { key, backing, alias: None })
    }

    /// The key of that place, to be changed.
    ///
    /// # Errors
    /// `KMSInternalException`: whoever asks has found it before.
    pub(crate) fn key_mut(&mut self, place: &Place) -> Result<&mut Key, KmsError> {
        self.keys.get_mut(&place.path()).ok_or_else(|| KmsError::internal("a key is gone within a call"))
    }

    /// As [`State::key_mut`], for what related keys share.
    pub(crate) fn backing_mut(&mut self, place: &Place) -> Result<&mut Backing, KmsError> {
        self.backings
            .get_mut(&place.backing_path())
            .ok_or_else(|| KmsError::internal("key material is gone within a call"))
    }

    /// All keys, of all accounts and Regions.
    pub(crate) fn all_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }

    /// The aliases of a key.
    pub(crate) fn aliases_of<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Alias> {
        self.aliases_in(&key.account, &key.region).filter(|alias| alias.key == key.id)
    }

    /// The aliases of an account in a Region, by name.
    pub(crate) fn aliases_in(&self, account: &AccountId, region: &Region) -> impl Iterator<Item = &Alias> + use<'_> {
        self.aliases.with_prefix(&format!("{account}/{region}/")).map(|(_, alias)| alias)
    }

    /// The grants on a key, by ID.
    pub(crate) fn grants_on(&self, key: &Key) -> impl Iterator<Item = &Grant> + use<'_> {
        self.grants.with_prefix(&format!("{}/", key.place().path())).map(|(_, grant)| grant)
    }

    /// The grant that a token was made for.
    ///
    /// # Errors
    /// `InvalidGrantTokenException` when there is none, or the token was not made here.
    pub(crate) fn grant_of_token(&self, token: &str) -> Result<&Grant, KmsError> {
        let token = GrantToken::parse(token)?;
        let path = format!("{}/{}/{}/{}", token.account, token.region, token.key, token.grant);
        self.grants.get(&path).filter(|grant| grant.made(&token)).ok_or(KmsError::InvalidGrantToken)
    }

    fn by_alias(
        &self,
        account: &AccountId,
        name: &AliasName,
        call: &CallContext,
        action: &str,
    ) -> Result<Target<'_>, KmsError> {
        let found = self.aliases.get(&format!("{account}/{}/{name}", call.region)).and_then(|alias| {
            let place = Place { account: account.clone(), region: call.region.clone(), key: alias.key.clone() };
            Some(Target { alias: Some(alias), ..self.at(&place)? })
        });
        found.ok_or_else(|| match super::alias::alias_arn(account, &call.region, name) {
            Ok(arn) if *account == call.account => KmsError::NotFound { message: format!("Alias {arn} is not found.") },
            Ok(arn) => hidden(&arn, call, action),
            Err(error) => error,
        })
    }
}

impl Grant {
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}/{}", self.account, self.region, self.key, self.id)
    }

    pub(crate) fn place(&self) -> Place {
        Place { account: self.account.clone(), region: self.region.clone(), key: self.key.clone() }
    }
}

/// A `KeyId`, read.
enum Named {
    Key(Place),
    Alias { account: AccountId, name: AliasName },
}

impl Named {
    fn read(id: &str, forms: Forms, call: &CallContext) -> Result<Self, KmsError> {
        if id.starts_with("arn:") {
            return Self::read_arn(id, forms, call);
        }
        if let (Forms::KeyOrAlias, true) = (forms, id.starts_with("alias/")) {
            return Self::alias(id, &call.account);
        }
        match KeyId::parse(id) {
            Ok(key) => Ok(Self::Key(Place { account: call.account.clone(), region: call.region.clone(), key })),
            Err(_) => Err(KmsError::NotFound { message: format!("Invalid keyId {id}") }),
        }
    }

    fn read_arn(text: &str, forms: Forms, call: &CallContext) -> Result<Self, KmsError> {
        let invalid = || KmsError::InvalidArn { message: format!("Invalid arn {text}") };
        let arn = Arn::parse(text).map_err(|_| invalid())?;
        let account = AccountId::parse(arn.account()).map_err(|_| invalid())?;
        if arn.service() != "kms" || arn.partition() != call.partition.as_str() {
            return Err(invalid());
        }
        if arn.region() != call.region.as_str() {
            return Err(KmsError::NotFound { message: format!("Invalid arn {}", arn.region()) });
        }
        match (arn.resource_of_kind("key"), forms) {
            (Some(key), _) => {
                let key =
                    KeyId::parse(key).map_err(|_| KmsError::NotFound { message: format!("Invalid keyId {key}") })?;
                Ok(Self::Key(Place { account, region: call.region.clone(), key }))
            }
            (None, Forms::KeyOrAlias) if arn.resource().starts_with("alias/") => Self::alias(arn.resource(), &account),
            (None, _) => Err(invalid()),
        }
    }

    fn alias(name: &str, account: &AccountId) -> Result<Self, KmsError> {
        match AliasName::parse(name) {
            Ok(name) => Ok(Self::Alias { account: account.clone(), name }),
            Err(_) => Err(KmsError::NotFound { message: format!("Alias {name} is not found.") }),
        }
    }
}

fn missing_key(place: &Place, call: &CallContext, action: &str) -> KmsError {
    match place.arn() {
        Ok(arn) if place.account == call.account => {
            KmsError::NotFound { message: format!("Key '{arn}' does not exist") }
        }
        Ok(arn) => hidden(&arn, call, action),
        Err(error) => error,
    }
}

/// The refusal of what another account has not, or does not let the caller use: it does not tell which.
pub(crate) fn hidden(arn: &Arn, call: &CallContext, action: &str) -> KmsError {
    KmsError::Hidden { arn: Box::new(arn.clone()), message: concealing_message(arn, call, action) }
}

/// What is said of a resource of another account, whether or not it exists.
pub(crate) fn concealing_message(arn: &Arn, call: &CallContext, action: &str) -> String {
    let caller = call.caller.arn(call.partition).map(String::from).unwrap_or_default();
    format!(
        "User: {caller} is not authorized to perform: {action} on resource: {arn} because the resource does not exist \
         in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
    )
}

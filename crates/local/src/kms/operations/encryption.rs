use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::blob::Blob;
use super::super::checks::{check_grant_tokens, on_found, on_key, with_context};
use super::super::ciphertext::{Ciphertext, Freshness, seal};
use super::super::context::EncryptionContext;
use super::super::error::KmsError;
use super::super::key::Need;
use super::super::state::{Forms, Place, State, Target};
use super::place;
use crate::check::Check;
use crate::context::CallContext;
use crate::error::AwsError;
use crate::operation::Operation;
use crate::pipeline::Authorized;
use crate::secret::GivenSecret;
use crate::service::Service;
use crate::world::World;

pub(super) struct Encrypt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptInput {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: EncryptionContext,
    #[serde(default)]
    grant_tokens: Vec<GivenSecret>,
    encryption_algorithm: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EncryptOutput {
    ciphertext_blob: Blob,
    key_id: String,
    encryption_algorithm: &'static str,
}

impl Operation for Encrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Encrypt";
    const READ_ONLY: bool = true;
    type Input = EncryptInput;
    type Output = EncryptOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_length("plaintext", &input.plaintext, MAX_PLAINTEXT)?;
        check_algorithm(input.encryption_algorithm.as_deref())?;
        check_grant_tokens(&input.grant_tokens, &world.kms)?;
        let check = on_key(Self::NAME, &input.key_id, Forms::KeyOrAlias, call, world)?;
        Ok(vec![with_context(check.with("kms:EncryptionAlgorithm", ALGORITHM), &input.encryption_context)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let place = place(Self::NAME, &input.key_id, Forms::KeyOrAlias, Need::Usable, call, world)?;
        end_dry_run(input.dry_run)?;
        let sealed = encrypt(&place, input.plaintext.as_slice(), &input.encryption_context, call, &world.kms)?;
        Ok(EncryptOutput { ciphertext_blob: sealed.blob, key_id: sealed.arn, encryption_algorithm: ALGORITHM })
    }
}

pub(super) struct Decrypt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptInput {
    ciphertext_blob: Option<Blob>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    #[serde(default)]
    grant_tokens: Vec<GivenSecret>,
    key_id: Option<String>,
    encryption_algorithm: Option<String>,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    dry_run_modifiers: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DecryptOutput {
    key_id: String,
    plaintext: Blob,
    encryption_algorithm: &'static str,
    key_material_id: String,
}

impl Operation for Decrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "Decrypt";
    const READ_ONLY: bool = true;
    type Input = DecryptInput;
    type Output = DecryptOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        refuse_recipient(input.recipient.as_ref())?;
        check_algorithm(input.encryption_algorithm.as_deref())?;
        check_grant_tokens(&input.grant_tokens, &world.kms)?;
        let check = input.source()?.check("kms:Decrypt", call, world)?.with("kms:EncryptionAlgorithm", ALGORITHM);
        Ok(vec![with_context(check, &input.encryption_context)])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let source = input.source()?;
        let target = source.target("kms:Decrypt", call, &world.kms)?;
        let opened = decrypt(&source, &target, &input.encryption_context)?;
        end_dry_run(input.dry_run)?;
        let Opened { plaintext, material } = opened.ok_or(KmsError::InvalidCiphertext)?;
        Ok(DecryptOutput {
            key_id: target.key.arn.to_string(),
            plaintext,
            encryption_algorithm: ALGORITHM,
            key_material_id: material,
        })
    }
}

impl DecryptInput {
    fn source(&self) -> Result<Source<'_>, KmsError> {
        let ignored = ignores_ciphertext(self.dry_run, &self.dry_run_modifiers)?;
        Source::new(self.key_id.as_deref(), self.ciphertext_blob.as_ref(), ignored)
    }
}

pub(super) struct ReEncrypt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptInput {
    ciphertext_blob: Option<Blob>,
    #[serde(default)]
    source_encryption_context: EncryptionContext,
    source_key_id: Option<String>,
    destination_key_id: String,
    #[serde(default)]
    destination_encryption_context: EncryptionContext,
    source_encryption_algorithm: Option<String>,
    destination_encryption_algorithm: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<GivenSecret>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    dry_run_modifiers: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncryptOutput {
    ciphertext_blob: Blob,
    source_key_id: String,
    key_id: String,
    source_encryption_algorithm: &'static str,
    destination_encryption_algorithm: &'static str,
    source_key_material_id: String,
    destination_key_material_id: String,
}

impl Operation for ReEncrypt {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "ReEncrypt";
    const READ_ONLY: bool = true;
    type Input = ReEncryptInput;
    type Output = ReEncryptOutput;

    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_ReEncrypt.html> (two permissions).
    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        check_algorithm(input.source_encryption_algorithm.as_deref())?;
        check_algorithm(input.destination_encryption_algorithm.as_deref())?;
        check_grant_tokens(&input.grant_tokens, &world.kms)?;
        let from = input.source()?.check(RE_ENCRYPT_FROM, call, world)?;
        let to = on_key("ReEncryptTo", &input.destination_key_id, Forms::KeyOrAlias, call, world)?;
        let same = from.request.resource == to.request.resource;
        let described = |check: Check, context| {
            let check = check.with("kms:ReEncryptOnSameKey", same.to_string());
            with_context(check.with("kms:EncryptionAlgorithm", ALGORITHM), context)
        };
        Ok(vec![
            described(from, &input.source_encryption_context),
            described(to, &input.destination_encryption_context),
        ])
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let source = input.source()?;
        let from = source.target(RE_ENCRYPT_FROM, call, &world.kms)?;
        let opened = decrypt(&source, &from, &input.source_encryption_context)?;
        let to = place("ReEncryptTo", &input.destination_key_id, Forms::KeyOrAlias, Need::Usable, call, world)?;
        end_dry_run(input.dry_run)?;
        let Opened { plaintext, material } = opened.ok_or(KmsError::InvalidCiphertext)?;
        let context = &input.destination_encryption_context;
        let sealed = encrypt(&to, plaintext.as_slice(), context, call, &world.kms)?;
        Ok(ReEncryptOutput {
            ciphertext_blob: sealed.blob,
            source_key_id: from.key.arn.to_string(),
            key_id: sealed.arn,
            source_encryption_algorithm: ALGORITHM,
            destination_encryption_algorithm: ALGORITHM,
            source_key_material_id: material,
            destination_key_material_id: sealed.material,
        })
    }
}

impl ReEncryptInput {
    fn source(&self) -> Result<Source<'_>, KmsError> {
        let ignored = ignores_ciphertext(self.dry_run, &self.dry_run_modifiers)?;
        Source::new(self.source_key_id.as_deref(), self.ciphertext_blob.as_ref(), ignored)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyInput {
    key_id: String,
    #[serde(default)]
    encryption_context: EncryptionContext,
    number_of_bytes: Option<i64>,
    key_spec: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<GivenSecret>,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
}

impl GenerateDataKeyInput {
    fn length(&self) -> Result<usize, KmsError> {
        match (self.number_of_bytes, self.key_spec.as_deref()) {
            (Some(count), None) => checked_count(count),
            (None, Some("AES_256")) => Ok(32),
            (None, Some("AES_128")) => Ok(16),
            (None, Some(other)) => Err(KmsError::constraint("keySpec", other, "Member must satisfy enum value set")),
            _ => Err(KmsError::validation("Please specify either number of bytes or key spec.")),
        }
    }

    fn authorize(&self, operation: &str, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        refuse_recipient(self.recipient.as_ref())?;
        self.length()?;
        check_grant_tokens(&self.grant_tokens, &world.kms)?;
        let check = on_key(operation, &self.key_id, Forms::KeyOrAlias, call, world)?;
        Ok(vec![with_context(check, &self.encryption_context)])
    }

    /// A fresh data key, in the open and encrypted.
    fn make(&self, operation: &str, call: &CallContext, world: &World) -> Result<(Blob, Sealed), KmsError> {
        let length = self.length()?;
        let place = place(operation, &self.key_id, Forms::KeyOrAlias, Need::Usable, call, world)?;
        end_dry_run(self.dry_run)?;
        let plaintext = random_blob(length, call);
        let sealed = encrypt(&place, plaintext.as_slice(), &self.encryption_context, call, &world.kms)?;
        Ok((plaintext, sealed))
    }
}

pub(super) struct GenerateDataKey;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyOutput {
    ciphertext_blob: Blob,
    plaintext: Blob,
    key_id: String,
    key_material_id: String,
}

impl Operation for GenerateDataKey {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKey";
    const READ_ONLY: bool = true;
    type Input = GenerateDataKeyInput;
    type Output = GenerateDataKeyOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.authorize(Self::NAME, call, world)
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let (plaintext, Sealed { blob, arn, material }) = input.make(Self::NAME, call, world)?;
        Ok(GenerateDataKeyOutput { ciphertext_blob: blob, plaintext, key_id: arn, key_material_id: material })
    }
}

pub(super) struct GenerateDataKeyWithoutPlaintext;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKeyWithoutPlaintextOutput {
    ciphertext_blob: Blob,
    key_id: String,
    key_material_id: String,
}

impl Operation for GenerateDataKeyWithoutPlaintext {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateDataKeyWithoutPlaintext";
    const READ_ONLY: bool = true;
    type Input = GenerateDataKeyInput;
    type Output = GenerateDataKeyWithoutPlaintextOutput;

    fn authorize(input: &Self::Input, call: &CallContext, world: &World) -> Result<Vec<Check>, AwsError> {
        input.authorize(Self::NAME, call, world)
    }

    fn call(
        input: Self::Input,
        call: &CallContext,
        world: &mut World,
        _: &Authorized,
    ) -> Result<Self::Output, AwsError> {
        let (_, Sealed { blob, arn, material }) = input.make(Self::NAME, call, world)?;
        Ok(GenerateDataKeyWithoutPlaintextOutput { ciphertext_blob: blob, key_id: arn, key_material_id: material })
    }
}

pub(super) struct GenerateRandom;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomInput {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<String>,
    recipient: Option<Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandomOutput {
    plaintext: Blob,
}

impl Operation for GenerateRandom {
    const SERVICE: Service = Service::Kms;
    const NAME: &'static str = "GenerateRandom";
    const READ_ONLY: bool = true;
    type Input = GenerateRandomInput;
    type Output = GenerateRandomOutput;

    fn authorize(input: &Self::Input, call: &CallContext, _: &World) -> Result<Vec<Check>, AwsError> {
        refuse_recipient(input.recipient.as_ref())?;
        if input.custom_key_store_id.is_some() {
            return Err(KmsError::unsupported("Custom key stores are not supported here.").into());
        }
        input.length()?;
        Ok(vec![super::super::checks::on_nothing(Self::NAME, call)])
    }

    fn call(input: Self::Input, call: &CallContext, _: &mut World, _: &Authorized) -> Result<Self::Output, AwsError> {
        Ok(GenerateRandomOutput { plaintext: random_blob(input.length()?, call) })
    }
}

impl GenerateRandomInput {
    fn length(&self) -> Result<usize, KmsError> {
        checked_count(self.number_of_bytes.ok_or_else(|| KmsError::validation("NumberOfBytes is required."))?)
    }
}

/// What is to be decrypted, and with which key.
#[derive(Debug)]
enum Source<'a> {
    /// A ciphertext, which names its key.
    Ciphertext(Box<Ciphertext>),
    /// A ciphertext that must be of this key.
    CiphertextOf { key_id: &'a str, blob: &'a Blob },
    /// A dry run that asks for permission only.
    KeyAlone { key_id: &'a str },
}

impl<'a> Source<'a> {
    fn new(key_id: Option<&'a str>, blob: Option<&'a Blob>, is_ignored: bool) -> Result<Self, KmsError> {
        match (key_id, blob) {
            (Some(key_id), _) if is_ignored => Ok(Self::KeyAlone { key_id }),
            (None, _) if is_ignored => Err(KmsError::validation("IGNORE_CIPHERTEXT needs a key ID.")),
            (_, None) => Err(KmsError::validation(
                "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must \
                 not be null",
            )),
            (key_id, Some(blob)) => {
                check_length("ciphertextBlob", blob, MAX_CIPHERTEXT)?;
                match key_id {
                    Some(key_id) => Ok(Self::CiphertextOf { key_id, blob }),
                    None => Ok(Self::Ciphertext(Box::new(Ciphertext::parse(blob.as_slice())?))),
                }
            }
        }
    }

    fn target<'s>(&self, action: &str, call: &CallContext, state: &'s State) -> Result<Target<'s>, KmsError> {
        match self {
            Self::CiphertextOf { key_id, .. } | Self::KeyAlone { key_id } => {
                state.target(key_id, Forms::KeyOrAlias, call, action)
            }
            Self::Ciphertext(ciphertext) => {
                let place = Place {
                    account: ciphertext.account.clone(),
                    region: call.region.clone(),
                    key: ciphertext.key.clone(),
                };
                match state.at(&place) {
                    Some(target) => Ok(target),
                    None => Err(KmsError::Hidden { arn: Box::new(place.arn()?), message: UNKNOWN_KEY.to_owned() }),
                }
            }
        }
    }

    /// The check of the key; where only the ciphertext names it, a refusal does not tell whether it exists.
    fn check(&self, action: &str, call: &CallContext, world: &World) -> Result<Check, AwsError> {
        let check = on_found(action, self.target(action, call, &world.kms), call, world)?;
        match self {
            Self::Ciphertext(ciphertext) if ciphertext.account != call.account => Ok(check.refused_with(UNKNOWN_KEY)),
            _ => Ok(check),
        }
    }

    fn ciphertext(&self) -> Result<Option<Ciphertext>, KmsError> {
        match self {
            Self::Ciphertext(ciphertext) => Ok(Some(Ciphertext::clone(ciphertext))),
            Self::CiphertextOf { blob, .. } => Ciphertext::parse(blob.as_slice()).map(Some),
            Self::KeyAlone { .. } => Ok(None),
        }
    }
}

struct Opened {
    plaintext: Blob,
    material: String,
}

struct Sealed {
    blob: Blob,
    arn: String,
    material: String,
}

/// Decrypts; nothing comes of a dry run that has no ciphertext.
fn decrypt(source: &Source<'_>, target: &Target<'_>, context: &EncryptionContext) -> Result<Option<Opened>, KmsError> {
    target.key.require(Need::Usable)?;
    let Some(ciphertext) = source.ciphertext()? else {
        return Ok(None);
    };
    if ciphertext.key != target.key.id || ciphertext.account != target.key.account {
        return Err(KmsError::IncorrectKey);
    }
    let material = target.backing.material(&ciphertext.material).ok_or(KmsError::InvalidCiphertext)?;
    let plaintext = Blob::new(ciphertext.open(material, context)?);
    Ok(Some(Opened { plaintext, material: material.id.as_str().to_owned() }))
}

fn encrypt(
    place: &Place,
    plaintext: &[u8],
    context: &EncryptionContext,
    call: &CallContext,
    state: &State,
) -> Result<Sealed, KmsError> {
    let target = state.at(place).ok_or_else(|| KmsError::internal("a key is gone within a call"))?;
    let material = target.backing.current()?;
    let fresh = Freshness::draw(|bytes| call.ids.fill(bytes));
    let blob = Blob::new(seal(&place.account, &place.key, material, context, plaintext, fresh)?);
    Ok(Sealed { blob, arn: target.key.arn.to_string(), material: material.id.as_str().to_owned() })
}

fn random_blob(length: usize, call: &CallContext) -> Blob {
    let mut bytes = vec![0; length];
    call.ids.fill(&mut bytes);
    Blob::new(bytes)
}

fn checked_count(count: i64) -> Result<usize, KmsError> {
    match usize::try_from(count) {
        Ok(count) if (1..=MAX_RANDOM).contains(&count) => Ok(count),
        _ => Err(KmsError::constraint(
            "numberOfBytes",
            &count.to_string(),
            &format!("Member must have value between 1 and {MAX_RANDOM}"),
        )),
    }
}

fn check_length(member: &str, blob: &Blob, most: usize) -> Result<(), KmsError> {
    match (1..=most).contains(&blob.len()) {
        true => Ok(()),
        false => Err(KmsError::validation(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length \
             between 1 and {most}"
        ))),
    }
}

fn check_algorithm(algorithm: Option<&str>) -> Result<(), KmsError> {
    match algorithm {
        None | Some(ALGORITHM) => Ok(()),
        Some(known @ ("RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "SM2PKE")) => Err(KmsError::InvalidKeyUsage {
            message: format!("Algorithm {known} is incompatible with key spec SYMMETRIC_DEFAULT."),
        }),
        Some(other) => Err(KmsError::constraint("encryptionAlgorithm", other, "Member must satisfy enum value set")),
    }
}

fn refuse_recipient(recipient: Option<&Value>) -> Result<(), KmsError> {
    match recipient {
        Some(_) => Err(KmsError::unsupported("Recipient, for Nitro enclaves and NitroTPM, is not supported here.")),
        None => Ok(()),
    }
}

fn ignores_ciphertext(dry_run: bool, modifiers: &[String]) -> Result<bool, KmsError> {
    match modifiers.iter().find(|modifier| *modifier != "IGNORE_CIPHERTEXT") {
        Some(other) => Err(KmsError::constraint("dryRunModifiers", other, "Member must satisfy enum value set")),
        None if !modifiers.is_empty() && !dry_run => {
            Err(KmsError::validation("DryRunModifiers can be given only when DryRun is true."))
        }
        None => Ok(!modifiers.is_empty()),
    }
}

/// A dry run that comes this far would have succeeded, and always ends in an error.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/testing-permissions.html>.
pub(super) fn end_dry_run(dry_run: bool) -> Result<(), KmsError> {
    if dry_run { Err(KmsError::DryRun) } else { Ok(()) }
}

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";
const RE_ENCRYPT_FROM: &str = "kms:ReEncryptFrom";
const MAX_PLAINTEXT: usize = 4096;
const MAX_CIPHERTEXT: usize = 6144;
const MAX_RANDOM: usize = 1024;
const UNKNOWN_KEY: &str = "The ciphertext refers to a customer master key that does not exist, does not exist in this \
                           region, or you are not allowed to access.";

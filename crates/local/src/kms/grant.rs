use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use keywright_model::{AccountId, Arn, KeyId, Region};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::context::EncryptionContext;
use super::error::KmsError;
use super::material::hex;

/// A grant on a key.
///
/// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/grants.html>.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Grant {
    /// 64 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) key: KeyId,
    pub(crate) created: Timestamp,
    /// The account of the principal that made the grant.
    pub(crate) issuer: AccountId,
    pub(crate) terms: Terms,
    token_secret: TokenSecret,
}

/// What a grant says. Two grants of one name and the same terms are one grant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Terms {
    pub(crate) name: Option<String>,
    pub(crate) grantee: Party,
    pub(crate) retiring: Option<Party>,
    pub(crate) operations: BTreeSet<GrantOperation>,
    pub(crate) constraints: Constraints,
}

/// Whom a grant names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Party {
    /// An account, user, role, federated user or session.
    Principal {
        arn: Arn,
        /// Of the user or role that had this ARN when the grant was made.
        unique_id: Option<String>,
    },
    /// An AWS service.
    Service { name: String },
}

/// When a grant applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Constraints {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encryption_context_subset: Option<EncryptionContext>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encryption_context_equals: Option<EncryptionContext>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_arn: Option<String>,
}

/// The operations that a grant can allow, as the API names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) enum GrantOperation {
    Decrypt,
    Encrypt,
    GenerateDataKey,
    GenerateDataKeyWithoutPlaintext,
    ReEncryptFrom,
    ReEncryptTo,
    Sign,
    Verify,
    GetPublicKey,
    CreateGrant,
    RetireGrant,
    DescribeKey,
    GenerateDataKeyPair,
    GenerateDataKeyPairWithoutPlaintext,
    GenerateMac,
    VerifyMac,
    DeriveSharedSecret,
    Encapsulate,
    Decapsulate,
}

impl Grant {
    /// A new grant; `random` fills what it is given.
    pub(crate) fn new(
        place: (AccountId, Region, KeyId),
        terms: Terms,
        issuer: AccountId,
        now: Timestamp,
        mut random: impl FnMut(&mut [u8]),
    ) -> Self {
        let (account, region, key) = place;
        let (mut id, mut secret) = ([0; 32], TokenSecret([0; 32]));
        random(&mut id);
        random(&mut secret.0);
        Self { id: hex(&id), account, region, key, created: now, issuer, terms, token_secret: secret }
    }

    /// A token for the grant: not to be guessed, and different each time.
    pub(crate) fn token(&self, mut random: impl FnMut(&mut [u8])) -> String {
        let mut nonce = [0; 16];
        random(&mut nonce);
        let claim = format!("1|{}|{}|{}|{}|{}", self.account, self.region, self.key, self.id, hex(&nonce));
        URL_SAFE_NO_PAD.encode(format!("{claim}|{}", hex(&self.proof(&claim))))
    }

    /// Whether the token was made for this grant.
    pub(crate) fn made(&self, token: &GrantToken) -> bool {
        hmac::verify(&self.token_key(), token.claim.as_bytes(), &token.proof).is_ok()
    }

    fn proof(&self, claim: &str) -> Vec<u8> {
        hmac::sign(&self.token_key(), claim.as_bytes()).as_ref().to_vec()
    }

    fn token_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.token_secret.0)
    }
}

impl Terms {
    /// Checks what the API asks of a grant on a symmetric encryption key.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html>.
    ///
    /// # Errors
    /// `ValidationException`.
    pub(crate) fn check(&self) -> Result<(), KmsError> {
        if self.operations.is_empty() {
            return Err(KmsError::validation("Operations must name at least one operation."));
        }
        if let Some(unfit) = self.operations.iter().find(|operation| !operation.suits_symmetric_keys()) {
            return Err(KmsError::validation(format!(
                "The operation {unfit:?} is not supported by a KMS key with KeySpec SYMMETRIC_DEFAULT."
            )));
        }
        self.check_name()?;
        self.constraints.check()?;
        if matches!(self.grantee, Party::Service { .. }) {
            self.check_service_grantee()?;
        }
        Ok(())
    }

    fn check_name(&self) -> Result<(), KmsError> {
        let Some(name) = &self.name else {
            return Ok(());
        };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte);
        match (1..=256).contains(&name.len()) && name.bytes().all(is_allowed) {
            true => Ok(()),
            false => Err(KmsError::constraint(
                "name",
                name,
                "Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]{1,256}$",
            )),
        }
    }

    fn check_service_grantee(&self) -> Result<(), KmsError> {
        if self.constraints.source_arn.is_none() {
            return Err(KmsError::validation("A GranteeServicePrincipal needs a SourceArn grant constraint."));
        }
        match self.retiring {
            Some(_) => Ok(()),
            None => Err(KmsError::validation(
                "A GranteeServicePrincipal needs a RetiringPrincipal or a RetiringServicePrincipal.",
            )),
        }
    }

    /// Whether a principal that may create grants through `parent` alone may create this one: no operation more, and
    /// constraints as strict or stricter.
    ///
    /// Source: <https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html>.
    pub(crate) fn is_within(&self, parent: &Self) -> bool {
        parent.operations.contains(&GrantOperation::CreateGrant)
            && self.operations.is_subset(&parent.operations)
            && self.constraints.is_as_strict_as(&parent.constraints)
    }
}

impl Constraints {
    /// Without a context that asks for nothing, where the other one does: Terraform's provider always sends both.
    pub(crate) fn without_an_empty_context(mut self) -> Self {
        let is_full = |context: &Option<EncryptionContext>| context.as_ref().is_some_and(|pairs| !pairs.is_empty());
        match (is_full(&self.encryption_context_equals), is_full(&self.encryption_context_subset)) {
            (true, false) => self.encryption_context_subset = None,
            (false, true) => self.encryption_context_equals = None,
            _ => {}
        }
        self
    }

    fn check(&self) -> Result<(), KmsError> {
        if self.encryption_context_equals.is_some() && self.encryption_context_subset.is_some() {
            return Err(KmsError::validation(
                "A grant takes EncryptionContextEquals or EncryptionContextSubset, not both.",
            ));
        }
        for context in [&self.encryption_context_equals, &self.encryption_context_subset].into_iter().flatten() {
            check_context(context)?;
        }
        match &self.source_arn {
            Some(arn) if !is_source_arn(arn) => Err(KmsError::constraint(
                "constraints.sourceArn",
                arn,
                "Member must satisfy regular expression pattern: ^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$",
            )),
            _ => Ok(()),
        }
    }

    fn is_as_strict_as(&self, other: &Self) -> bool {
        let context = match (&other.encryption_context_equals, &other.encryption_context_subset) {
            (Some(wanted), _) => self.encryption_context_equals.as_ref() == Some(wanted),
            (None, Some(wanted)) => self
                .encryption_context_equals
                .as_ref()
                .or(self.encryption_context_subset.as_ref())
                .is_some_and(|own| own.contains_all(wanted)),
            (None, None) => true,
        };
        context && (other.source_arn.is_none() || self.source_arn == other.source_arn)
    }
}

impl GrantOperation {
    /// The name in the API, which is also the action's.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    fn suits_symmetric_keys(self) -> bool {
        matches!(
            self,
            Self::Decrypt
                | Self::Encrypt
                | Self::GenerateDataKey
                | Self::GenerateDataKeyWithoutPlaintext
                | Self::GenerateDataKeyPair
                | Self::GenerateDataKeyPairWithoutPlaintext
                | Self::ReEncryptFrom
                | Self::ReEncryptTo
                | Self::CreateGrant
                | Self::RetireGrant
                | Self::DescribeKey
        )
    }
}

/// A grant token, taken apart. It proves nothing before the grant that it names has been asked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct GrantToken {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) key: KeyId,
    pub(crate) grant: String,
    claim: String,
    proof: Vec<u8>,
}

impl GrantToken {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `InvalidGrantTokenException` for what is no token of this KMS.
    pub(crate) fn parse(token: &str) -> Result<Self, KmsError> {
        Self::read(token).ok_or(KmsError::InvalidGrantToken)
    }

    fn read(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (claim, proof) = text.rsplit_once('|')?;
        let mut parts = claim.split('|');
        let [version, account, region, key, grant] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        if version != "1" {
            return None;
        }
        Some(Self {
            account: AccountId::parse(account).ok()?,
            region: Region::parse(region).ok()?,
            key: KeyId::parse(key).ok()?,
            grant: grant.to_owned(),
            claim: claim.to_owned(),
            proof: unhex(proof)?,
        })
    }
}

/// Whoever has the claim and the proof has the token.
impl std::fmt::Debug for GrantToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrantToken").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// The secret behind a grant's tokens.
#[derive(Clone, Zeroize, ZeroizeOnDrop, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
struct TokenSecret([u8; 32]);

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// Source: <https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html>.
fn check_context(context: &EncryptionContext) -> Result<(), KmsError> {
    if context.is_empty() {
        return Err(KmsError::validation("An encryption context constraint must have at least one pair."));
    }
    if context.len() > 8 {
        return Err(KmsError::validation("An encryption context constraint can have up to 8 pairs."));
    }
    match context.iter().any(|(key, value)| value.chars().count() > 384 || key.is_empty()) {
        true => {
            Err(KmsError::validation("The values of an encryption context constraint can have up to 384 characters."))
        }
        false => Ok(()),
    }
}

fn is_source_arn(text: &str) -> bool {
    let Ok(arn) = Arn::parse(text) else {
        return false;
    };
    (20..=512).contains(&text.len()) && arn.partition().starts_with("aws") && AccountId::parse(arn.account()).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(operations: &[GrantOperation], constraints: Constraints) -> Terms {
        let arn = Arn::parse("arn:aws:iam::111122223333:role/app").expect("an ARN");
        Terms {
            name: None,
            grantee: Party::Principal { arn, unique_id: None },
            retiring: None,
            operations: operations.iter().copied().collect(),
            constraints,
        }
    }

    fn subset(pairs: &[(&str, &str)]) -> Constraints {
        Constraints { encryption_context_subset: Some(pairs.iter().copied().collect()), ..Constraints::default() }
    }

    fn equals(pairs: &[(&str, &str)]) -> Constraints {
        Constraints { encryption_context_equals: Some(pairs.iter().copied().collect()), ..Constraints::default() }
    }

    fn grant(seed: u8) -> Grant {
        let place = (
            AccountId::parse("111122223333").expect("an account"),
            Region::parse("eu-west-1").expect("a Region"),
            KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").expect("a key ID"),
        );
        let issuer = place.0.clone();
        let terms = terms(&[GrantOperation::Decrypt], Constraints::default());
        Grant::new(place, terms, issuer, Timestamp::UNIX_EPOCH, |bytes| bytes.fill(seed))
    }

    #[test]
    fn a_grant_made_through_a_grant_is_no_wider() {
        use GrantOperation::{CreateGrant, Decrypt, Encrypt};
        let parent = terms(&[CreateGrant, Decrypt], subset(&[("team", "a")]));
        for (operations, constraints, expected) in [
            (&[Decrypt][..], subset(&[("team", "a")]), true),
            (&[Decrypt, CreateGrant], subset(&[("team", "a"), ("more", "b")]), true),
            (&[Decrypt], equals(&[("team", "a")]), true),
            (&[Decrypt], Constraints::default(), false),
            (&[Decrypt], subset(&[("team", "b")]), false),
            (&[Decrypt, Encrypt], subset(&[("team", "a")]), false),
        ] {
            assert_eq!(
                terms(operations, constraints.clone()).is_within(&parent),
                expected,
                "{operations:?} {constraints:?}"
            );
        }
        let no_create = terms(&[Decrypt], Constraints::default());
        assert!(!terms(&[Decrypt], Constraints::default()).is_within(&no_create));
        let exact = terms(&[CreateGrant, Decrypt], equals(&[("team", "a")]));
        assert!(!terms(&[Decrypt], subset(&[("team", "a")])).is_within(&exact));
    }

    #[test]
    fn refuses_terms_that_the_api_does_not_take() {
        use GrantOperation::{Decrypt, Sign};
        let nine: Vec<(String, String)> = (0..9).map(|at| (format!("k{at}"), "v".to_owned())).collect();
        let nine =
            Constraints { encryption_context_subset: Some(nine.into_iter().collect()), ..Constraints::default() };
        let both = Constraints {
            encryption_context_equals: subset(&[("a", "b")]).encryption_context_subset,
            ..subset(&[("a", "b")])
        };
        let long = "v".repeat(385);
        let bucket = Constraints { source_arn: Some("arn:aws:s3:::some-bucket-name".into()), ..Constraints::default() };
        for wrong in [
            terms(&[], Constraints::default()),
            terms(&[Sign], Constraints::default()),
            terms(&[Decrypt], nine),
            terms(&[Decrypt], both),
            terms(&[Decrypt], subset(&[("k", &long)])),
            terms(&[Decrypt], subset(&[])),
            terms(&[Decrypt], bucket),
            Terms { name: Some("no spaces".into()), ..terms(&[Decrypt], Constraints::default()) },
            Terms {
                grantee: Party::Service { name: "s3.amazonaws.com".into() },
                ..terms(&[Decrypt], Constraints::default())
            },
        ] {
            assert_eq!(wrong.check().map_err(|error| error.code()), Err("ValidationException"), "{wrong:?}");
        }
        assert_eq!(terms(&[Decrypt], subset(&[("k", &"v".repeat(384))])).check(), Ok(()));
    }

    #[test]
    fn an_empty_context_beside_another_asks_for_nothing_and_alone_is_refused() {
        let none = EncryptionContext::default();
        let beside = Constraints { encryption_context_equals: Some(none.clone()), ..subset(&[("a", "b")]) };
        assert_eq!(beside.without_an_empty_context(), subset(&[("a", "b")]));
        let beside = Constraints { encryption_context_subset: Some(none), ..equals(&[("a", "b")]) };
        assert_eq!(beside.without_an_empty_context(), equals(&[("a", "b")]));
        let alone = equals(&[]).without_an_empty_context();
        assert!(terms(&[GrantOperation::Decrypt], alone).check().is_err());
        let both = Constraints {
            encryption_context_equals: equals(&[("a", "b")]).encryption_context_equals,
            ..subset(&[("a", "b")])
        };
        assert!(terms(&[GrantOperation::Decrypt], both.without_an_empty_context()).check().is_err());
    }

    #[test]
    fn a_token_names_its_grant_and_cannot_be_forged() {
        let grant = grant(1);
        let token = GrantToken::parse(&grant.token(|bytes| bytes.fill(9))).expect("a token");
        assert_eq!((&token.grant, &token.key), (&grant.id, &grant.key));
        assert!(grant.made(&token));
        assert!(!self::grant(2).made(&token));
        let forged = GrantToken { proof: vec![0; 32], ..token };
        assert!(!grant.made(&forged));
        for wrong in ["", "x", "AQpAM2RhZTk1", &URL_SAFE_NO_PAD.encode("1|a|b|c|d|e|f")] {
            assert_eq!(GrantToken::parse(wrong), Err(KmsError::InvalidGrantToken), "{wrong}");
        }
    }

    #[test]
    fn the_secret_behind_tokens_is_not_in_debug() {
        assert!(format!("{:?}", grant(7)).contains("TokenSecret(..)"));
        let token = GrantToken::parse(&grant(7).token(|bytes| bytes.fill(9))).expect("a token");
        let shown = format!("{token:?}");
        assert!(!shown.contains(&token.claim) && !shown.contains(&format!("{:?}", token.proof)), "{shown}");
    }
}

//! Claims by their names, as people write them down.

use std::fmt;

use keywright_model::{AccountId, Arn};

use crate::document::Document;
use crate::glob;
use crate::principal::account_of;
use crate::request::Principal;

/// A claim about a key, by its name.
///
/// Displayed, it is written as [`Claim::parse`] reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// `somebody-keeps-control[=ARN,…]`: one of these users and roles, or the root user, can put the next key policy.
    /// None given means those that the policy names.
    SomebodyKeepsControl {
        /// The users and roles.
        durable: Vec<String>,
    },
    /// `root-is-gone`: nobody but those that the policy or a grant names by ARN has any action by a request of their
    /// own.
    RootIsGone,
    /// `no-public-access`: nobody whom the policy names in no way can use the key.
    NoPublicAccess,
    /// `nobody-outside=ACCOUNT,…[:ACTION,…][:direct]`: nobody of another account can.
    NobodyOutside {
        /// The accounts.
        accounts: Vec<AccountId>,
        /// What nobody can do.
        bounds: Bounds,
    },
    /// `nobody-but=PRINCIPAL,…[:ACTION,…][:direct]`: nobody but these can.
    NobodyBut {
        /// ARNs, accounts and service principals.
        names: Vec<String>,
        /// What nobody else can do.
        bounds: Bounds,
    },
    /// `cannot=PRINCIPAL,…[:ACTION,…][:direct]`: none of these can.
    Cannot {
        /// ARNs, accounts and service principals.
        names: Vec<String>,
        /// What they cannot do.
        bounds: Bounds,
    },
    /// `gives-nothing-new=FILE`: it lets nothing through that the policy in the file did not.
    GivesNothingNew {
        /// The name of the file.
        file: String,
        /// What is in it.
        old: Document,
    },
    /// `no-redundant-statements[=SID,…]`: each statement, but for these, decides some request.
    NoRedundantStatements {
        /// The statements that are let pass.
        but: Vec<String>,
    },
    /// `no-loose-deputies[=SID,…]`: each statement, but for these, ties the services that it admits to the account.
    NoLooseDeputies {
        /// The statements that are let pass.
        but: Vec<String>,
    },
}

/// Which requests a claim is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The actions, which may have wildcards.
    pub actions: Vec<String>,
    /// Whether requests that a service makes, or passes on, are left out.
    pub is_direct: bool,
}

/// What was promised of a key, from which its claims follow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promises {
    /// Root access was removed.
    pub root_is_gone: bool,
    /// The role that manages the key and does not use it, by its ARN.
    pub admin_role: Option<String>,
    /// The statements, by their `Sid`, whose service AWS lets nobody tie to an account.
    pub untied: Vec<String>,
}

impl Promises {
    /// The claims that make up the promises; of a key of which nothing was promised, those that hold of any good key.
    pub fn claims(&self) -> Vec<Claim> {
        let mut claims = vec![Claim::SomebodyKeepsControl { durable: Vec::new() }, Claim::NoPublicAccess];
        if self.root_is_gone {
            claims.push(Claim::RootIsGone);
            // While root is there, the role's IAM policies may say otherwise.
            let cannot = |role: &String| Claim::Cannot { names: vec![role.clone()], bounds: Bounds::direct(&USES) };
            claims.extend(self.admin_role.as_ref().map(cannot));
        }
        claims.push(Claim::NoLooseDeputies { but: self.untied.clone() });
        claims
    }
}

/// Why words are no claim.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoClaim {
    /// No claim is called so.
    #[error("there is no claim `{name}`")]
    UnknownName {
        /// The name as it is written.
        name: String,
    },
    /// The claim needs something behind `=`.
    #[error("`{name}` says nothing without an argument")]
    MissingArgument {
        /// The claim.
        name: &'static str,
    },
    /// The claim takes nothing behind `=`.
    #[error("`{name}` takes no argument")]
    NeedlessArgument {
        /// The claim.
        name: &'static str,
    },
    /// Not twelve digits.
    #[error("`{text}` is not an account")]
    NoAccount {
        /// The text.
        text: String,
    },
    /// Neither an ARN, an account nor a service principal.
    #[error("`{text}` is not a principal")]
    NoPrincipal {
        /// The text.
        text: String,
    },
    /// Not an action of KMS.
    #[error("`{text}` is not an action of KMS, nor a pattern of some")]
    NoAction {
        /// The text.
        text: String,
    },
    /// The old policy cannot be had.
    #[error("the policy in `{file}` cannot be read: {reason}")]
    NoPolicy {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl Claim {
    /// Reads a claim as it is written on a command line; `read` gets the policy in a file.
    ///
    /// # Errors
    /// What is wrong with the words; who wrote them can mend it.
    pub fn parse(words: &str, read: &mut dyn FnMut(&str) -> Result<Document, String>) -> Result<Self, NoClaim> {
        let (name, argument) = match words.split_once('=') {
            Some((name, argument)) => (name, Some(argument.trim())),
            None => (words, None),
        };
        let form = FORMS.iter().find(|it| it.name == name);
        let form = form.ok_or_else(|| NoClaim::UnknownName { name: name.to_owned() })?;
        let argument = argument.filter(|it| !it.is_empty());
        match (form.argument, argument) {
            (Need::None, Some(_)) => return Err(NoClaim::NeedlessArgument { name: form.name }),
            (Need::One, None) => return Err(NoClaim::MissingArgument { name: form.name }),
            _ => {}
        }
        of(form.name, argument.unwrap_or_default(), read)
    }

    /// The name, without its argument.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SomebodyKeepsControl { .. } => SOMEBODY_KEEPS_CONTROL,
            Self::RootIsGone => ROOT_IS_GONE,
            Self::NoPublicAccess => NO_PUBLIC_ACCESS,
            Self::NobodyOutside { .. } => NOBODY_OUTSIDE,
            Self::NobodyBut { .. } => NOBODY_BUT,
            Self::Cannot { .. } => CANNOT,
            Self::GivesNothingNew { .. } => GIVES_NOTHING_NEW,
            Self::NoRedundantStatements { .. } => NO_REDUNDANT_STATEMENTS,
            Self::NoLooseDeputies { .. } => NO_LOOSE_DEPUTIES,
        }
    }

    /// Each claim's name, how it is written, and what it says.
    pub fn forms() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        FORMS.iter().map(|it| (it.name, it.written, it.says))
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = match self {
            Self::RootIsGone | Self::NoPublicAccess => String::new(),
            Self::SomebodyKeepsControl { durable: names }
            | Self::NoRedundantStatements { but: names }
            | Self::NoLooseDeputies { but: names } => names.join(","),
            Self::NobodyOutside { accounts, bounds } => {
                let accounts: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
                format!("{}{bounds}", accounts.join(","))
            }
            Self::NobodyBut { names, bounds } | Self::Cannot { names, bounds } => {
                format!("{}{bounds}", names.join(","))
            }
            Self::GivesNothingNew { file, .. } => file.clone(),
        };
        let sign = if list.is_empty() { "" } else { "=" };
        write!(f, "{}{sign}{list}", self.name())
    }
}

impl Bounds {
    /// Requests of the callers' own for these actions.
    pub fn direct(actions: &[&str]) -> Self {
        Self { actions: actions.iter().map(ToString::to_string).collect(), is_direct: true }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.actions.join(","))?;
        f.write_str(if self.is_direct { ":direct" } else { "" })
    }
}

fn of(
    name: &'static str,
    argument: &str,
    read: &mut dyn FnMut(&str) -> Result<Document, String>,
) -> Result<Claim, NoClaim> {
    let sids = || argument.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    Ok(match name {
        SOMEBODY_KEEPS_CONTROL => Claim::SomebodyKeepsControl { durable: principals(argument)? },
        ROOT_IS_GONE => Claim::RootIsGone,
        NO_PUBLIC_ACCESS => Claim::NoPublicAccess,
        NOBODY_OUTSIDE => {
            let (accounts, bounds) = bounded(argument)?;
            let account = |text: &str| AccountId::parse(text).map_err(|_| NoClaim::NoAccount { text: text.to_owned() });
            Claim::NobodyOutside { accounts: accounts.split(',').map(account).collect::<Result<_, _>>()?, bounds }
        }
        NOBODY_BUT => {
            let (names, bounds) = bounded(argument)?;
            Claim::NobodyBut { names: principals(names)?, bounds }
        }
        CANNOT => {
            let (names, bounds) = bounded(argument)?;
            Claim::Cannot { names: principals(names)?, bounds }
        }
        GIVES_NOTHING_NEW => {
            let old = read(argument).map_err(|reason| NoClaim::NoPolicy { file: argument.to_owned(), reason })?;
            Claim::GivesNothingNew { file: argument.to_owned(), old }
        }
        NO_REDUNDANT_STATEMENTS => Claim::NoRedundantStatements { but: sids() },
        NO_LOOSE_DEPUTIES => Claim::NoLooseDeputies { but: sids() },
        other => return Err(NoClaim::UnknownName { name: other.to_owned() }),
    })
}

/// Splits `WHO:ACTIONS:direct`. An ARN has colons of its own, and none of a user, role or session holds `:kms:`.
fn bounded(argument: &str) -> Result<(&str, Bounds), NoClaim> {
    let (rest, is_direct) = match argument.strip_suffix(DIRECT) {
        Some(rest) => (rest, true),
        None => (argument, false),
    };
    let (who, actions) = match rest.find(":kms:") {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => (rest, "kms:*"),
    };
    let actions = actions.split(',').map(action).collect::<Result<_, _>>()?;
    Ok((who, Bounds { actions, is_direct }))
}

fn action(text: &str) -> Result<String, NoClaim> {
    let is_one = crate::actions::KMS_ACTIONS.iter().any(|it| crate::glob::matches_ignoring_case(text, it));
    if is_one { Ok(text.to_owned()) } else { Err(NoClaim::NoAction { text: text.to_owned() }) }
}

/// Splits a list of principals. A name may hold a comma, so what follows one only counts if it begins a name.
fn principals(list: &str) -> Result<Vec<String>, NoClaim> {
    let mut names: Vec<String> = Vec::new();
    for piece in list.split(',').filter(|_| !list.is_empty()) {
        match names.last_mut() {
            _ if is_principal(piece) => names.push(piece.to_owned()),
            Some(name) if name.starts_with("arn:") && !piece.is_empty() => {
                name.push(',');
                name.push_str(piece);
            }
            _ => return Err(NoClaim::NoPrincipal { text: piece.to_owned() }),
        }
    }
    match names.iter().find(|it| !is_principal(it)) {
        Some(wrong) => Err(NoClaim::NoPrincipal { text: wrong.clone() }),
        None => Ok(names),
    }
}

/// Whether it names somebody: a claim about nobody would always hold. What follows a colon in a name is a mistaken action.
fn is_principal(text: &str) -> bool {
    let is_of_service = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-' || it == b'.';
    let is_service = SERVICE_ENDINGS.iter().any(|it| text.ends_with(it)) && text.bytes().all(is_of_service);
    let is_somebody = Arn::parse(text).is_ok_and(|arn| {
        let name = arn.resource().trim_start_matches("assumed-role/aws:");
        let is_one_name = !name.contains(':') && !glob::has_wildcard(name) && !name.ends_with('/');
        is_one_name && Principal::of_arn(&arn, &[]).is_some()
    });
    account_of(text).is_some() || is_service || is_somebody
}

struct Form {
    name: &'static str,
    argument: Need,
    written: &'static str,
    says: &'static str,
}

#[derive(Clone, Copy)]
enum Need {
    None,
    May,
    One,
}

const SOMEBODY_KEEPS_CONTROL: &str = "somebody-keeps-control";
const ROOT_IS_GONE: &str = "root-is-gone";
const NO_PUBLIC_ACCESS: &str = "no-public-access";
const NOBODY_OUTSIDE: &str = "nobody-outside";
const NOBODY_BUT: &str = "nobody-but";
const CANNOT: &str = "cannot";
const GIVES_NOTHING_NEW: &str = "gives-nothing-new";
const NO_REDUNDANT_STATEMENTS: &str = "no-redundant-statements";
const NO_LOOSE_DEPUTIES: &str = "no-loose-deputies";
const USES: [&str; 4] = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"];
const DIRECT: &str = ":direct";
const SERVICE_ENDINGS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

const FORMS: [Form; 9] = [
    Form {
        name: SOMEBODY_KEEPS_CONTROL,
        argument: Need::May,
        written: "somebody-keeps-control[=ARN,…]",
        says: "one of these users and roles (those that the policy names, if none is given), or the root user, can put the next key policy",
    },
    Form {
        name: ROOT_IS_GONE,
        argument: Need::None,
        written: "root-is-gone",
        says: "nobody has any action by a request of their own, but those that the policy or a grant names by ARN",
    },
    Form {
        name: NO_PUBLIC_ACCESS,
        argument: Need::None,
        written: "no-public-access",
        says: "nobody can use the key whom the policy does not name, by account, organization, network or otherwise",
    },
    Form {
        name: NOBODY_OUTSIDE,
        argument: Need::One,
        written: "nobody-outside=ACCOUNT,…[:ACTION,…][:direct]",
        says: "nobody of another account can do this",
    },
    Form {
        name: NOBODY_BUT,
        argument: Need::One,
        written: "nobody-but=PRINCIPAL,…[:ACTION,…][:direct]",
        says: "nobody but these can do this; `:direct` leaves out what services do, or pass on for somebody",
    },
    Form {
        name: CANNOT,
        argument: Need::One,
        written: "cannot=PRINCIPAL,…[:ACTION,…][:direct]",
        says: "none of these can do this",
    },
    Form {
        name: GIVES_NOTHING_NEW,
        argument: Need::One,
        written: "gives-nothing-new=FILE",
        says: "the policy lets nothing through that the key policy in the file did not",
    },
    Form {
        name: NO_REDUNDANT_STATEMENTS,
        argument: Need::May,
        written: "no-redundant-statements[=SID,…]",
        says: "each statement, but for these, decides some request",
    },
    Form {
        name: NO_LOOSE_DEPUTIES,
        argument: Need::May,
        written: "no-loose-deputies[=SID,…]",
        says: "each statement, but for these, ties the services that it admits to the key's account",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Claim, NoClaim> {
        Claim::parse(words, &mut |file| Err(format!("no {file}")))
    }

    #[test]
    fn a_claim_is_written_as_it_is_read() {
        for words in [
            "somebody-keeps-control",
            "somebody-keeps-control=arn:aws:iam::111122223333:role/admin,arn:aws:iam::111122223333:user/me",
            "root-is-gone",
            "no-public-access",
            "nobody-outside=111122223333,444455556666:kms:*",
            "nobody-but=arn:aws:iam::111122223333:role/a,logs.eu-west-1.amazonaws.com,444455556666:kms:Decrypt,kms:Encrypt:direct",
            "cannot=arn:aws:iam::111122223333:role/a,b:kms:Decrypt:direct",
            "no-redundant-statements=A,B",
            "no-loose-deputies",
        ] {
            assert_eq!(parse(words).expect(words).to_string(), words);
        }
    }

    #[test]
    fn no_actions_means_every_action() {
        let claim = parse("cannot=arn:aws:iam::111122223333:role/a").expect("a claim");
        assert_eq!(claim.to_string(), "cannot=arn:aws:iam::111122223333:role/a:kms:*");
    }

    #[test]
    fn a_name_may_hold_a_comma() {
        let Ok(Claim::Cannot { names, .. }) = parse("cannot=arn:aws:iam::111122223333:user/a,b,444455556666") else {
            panic!("a claim")
        };
        assert_eq!(names, ["arn:aws:iam::111122223333:user/a,b", "444455556666"]);
    }

    #[test]
    fn what_is_no_claim_is_told() {
        for (words, expected) in [
            ("nobody", "there is no claim `nobody`"),
            ("cannot", "`cannot` says nothing without an argument"),
            ("cannot=", "`cannot` says nothing without an argument"),
            ("root-is-gone=x", "`root-is-gone` takes no argument"),
            ("nobody-outside=1", "`1` is not an account"),
            ("nobody-but=admin:kms:Decrypt", "`admin` is not a principal"),
            ("cannot=111122223333:kms:Decyrpt", "`kms:Decyrpt` is not an action of KMS, nor a pattern of some"),
            ("cannot=111122223333:kms:Decrypt,Encrypt", "`Encrypt` is not an action of KMS, nor a pattern of some"),
            (
                "cannot=arn:aws:iam::111122223333:role/a:Decrypt",
                "`arn:aws:iam::111122223333:role/a:Decrypt` is not a principal",
            ),
            (
                "cannot=arn:aws:iam::111122223333:role/a,b:KMS:Decrypt",
                "`arn:aws:iam::111122223333:role/a,b:KMS:Decrypt` is not a principal",
            ),
            ("cannot=arn:aws:iam::111122223333:role/a*", "`arn:aws:iam::111122223333:role/a*` is not a principal"),
            ("cannot=arn:aws:iam::111122223333:group/a", "`arn:aws:iam::111122223333:group/a` is not a principal"),
            ("cannot=S3.amazonaws.com", "`S3.amazonaws.com` is not a principal"),
            ("gives-nothing-new=f", "the policy in `f` cannot be read: no f"),
        ] {
            assert_eq!(parse(words).expect_err(words).to_string(), expected, "{words}");
        }
    }
}

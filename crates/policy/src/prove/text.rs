//! The kinds of text that patterns tell apart.
//!
//! Patterns cut the texts that a key may hold into classes: two texts of a class fit the same patterns. One text of
//! each class is enough to try a policy on. That no class is missed is proved by the emptiness of a regular language;
//! where plain looking settles it, no language is built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_smt_strings::regular_expressions::{BoundedSearch, ReManager, RegLan};
use aws_smt_strings::smt_strings::SmtString;

use super::answer::Unknown;
use super::region::Work;
use crate::glob;

/// A set of texts that a policy speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pattern {
    /// Text with wildcards.
    Like(String),
    /// Text without regard to the case of ASCII letters.
    IgnoringCase(String),
    /// Six parts with wildcards, none of which reaches into the next.
    Arn(String),
    /// ARNs of this account number, or of numbers that fit.
    AccountLike(String),
    /// ARNs of users whose name, after the path, fits.
    NameLike(String),
}

/// What all texts of a set have in common before any pattern looks at them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Base {
    /// Any text that is not empty.
    Text,
    /// ARNs.
    Arn,
    /// A service principal.
    Service,
    /// The ARNs of some callers.
    Callers(Callers),
}

/// ARNs of one kind of caller in one account, or in all that are not named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Callers {
    /// `arn:aws:iam::`.
    pub(super) head: String,
    /// The account; none for all but the named ones.
    pub(super) account: Option<String>,
    /// The accounts that are looked at on their own.
    pub(super) named: Vec<String>,
    /// `user/`, `role/`, …
    pub(super) kind: &'static str,
    /// The name after the path, if it is fixed.
    pub(super) name: Option<String>,
}

/// One text of each class, the literals among them.
pub(super) fn representatives(
    base: &Base,
    literals: &BTreeSet<String>,
    patterns: &[Pattern],
    work: &mut Work,
) -> Result<Vec<String>, Unknown> {
    let mut classes = Classes { base, literals, patterns, found: Vec::new() };
    let first = classes.candidates().find(|it| classes.is_fresh(it));
    // Where no text is like that by looks, a pattern-free class may still exist: the languages tell.
    let first = match first {
        Some(sample) => Some(sample),
        None => classes.by_language(&[], &[], work)?,
    };
    if let Some(sample) = first {
        classes.found.push(Class { inside: Vec::new(), outside: Vec::new(), sample });
    }
    for at in 0..patterns.len() {
        classes.split(at, work)?;
    }
    let samples = classes.found.iter().map(|class| class.sample.clone());
    Ok(samples.chain(literals.iter().filter(|it| base.holds(it)).cloned()).collect())
}

struct Classes<'a> {
    base: &'a Base,
    literals: &'a BTreeSet<String>,
    patterns: &'a [Pattern],
    found: Vec<Class>,
}

struct Class {
    inside: Vec<usize>,
    outside: Vec<usize>,
    sample: String,
}

impl Classes<'_> {
    /// Splits each class into what fits the pattern and what does not.
    fn split(&mut self, at: usize, work: &mut Work) -> Result<(), Unknown> {
        let mut halves = Vec::new();
        for class in std::mem::take(&mut self.found) {
            work.spend(1)?;
            let fits = self.patterns.get(at).is_some_and(|it| it.matches(&class.sample));
            let (mut inside, mut outside) = (class.inside.clone(), class.outside.clone());
            if fits {
                outside.push(at)
            } else {
                inside.push(at)
            }
            let other = self.sample(&inside, &outside, work)?;
            halves.extend(other.map(|sample| Class { inside, outside, sample }));
            let (mut inside, mut outside) = (class.inside, class.outside);
            if fits {
                inside.push(at)
            } else {
                outside.push(at)
            }
            halves.push(Class { inside, outside, sample: class.sample });
        }
        if halves.len() > MOST_CLASSES {
            return Err(Unknown::TooMuchWork);
        }
        self.found = halves;
        Ok(())
    }

    /// A text that fits these patterns and not those; none if there is none.
    fn sample(&self, inside: &[usize], outside: &[usize], work: &mut Work) -> Result<Option<String>, Unknown> {
        let fits = |text: &str, at: &usize| self.patterns.get(*at).is_some_and(|it| it.matches(text));
        let is_one = |text: &String| {
            self.is_fresh(text) && inside.iter().all(|at| fits(text, at)) && !outside.iter().any(|at| fits(text, at))
        };
        let guesses = inside.iter().filter_map(|at| self.patterns.get(*at)).flat_map(|it| it.samples(self.base));
        if let Some(found) = guesses.chain(self.candidates()).find(is_one) {
            return Ok(Some(found));
        }
        if self.are_apart(inside) || self.one_covers(inside, outside) {
            return Ok(None);
        }
        self.by_language(inside, outside, work)
    }

    fn candidates(&self) -> impl Iterator<Item = String> {
        let (base, count) = (self.base, self.literals.len() + 2);
        (0..count).map(|at| base.sample(at))
    }

    fn is_fresh(&self, text: &str) -> bool {
        self.base.holds(text) && !self.literals.contains(text)
    }

    /// Whether two of the patterns, or a pattern and the base, begin or end differently.
    fn are_apart(&self, inside: &[usize]) -> bool {
        let mut ends: Vec<_> = inside.iter().filter_map(|at| self.patterns.get(*at)?.ends()).collect();
        ends.extend(self.base.ends());
        let differ = |(left, right): (&str, &str)| left.bytes().zip(right.bytes()).any(|(left, right)| left != right);
        let differ_backwards = |(left, right): (&str, &str)| {
            left.bytes().rev().zip(right.bytes().rev()).any(|(left, right)| left != right)
        };
        ends.iter().enumerate().any(|(at, left)| {
            ends.iter().skip(at + 1).any(|right| differ((&left.0, &right.0)) || differ_backwards((&left.1, &right.1)))
        })
    }

    /// Whether one that must not fit covers one that must.
    fn one_covers(&self, inside: &[usize], outside: &[usize]) -> bool {
        outside.iter().filter_map(|at| self.patterns.get(*at)).any(|wide| match wide {
            Pattern::Like(text) if text == "*" => true,
            Pattern::Arn(text) if text == "*" => matches!(self.base, Base::Arn | Base::Callers(_)),
            _ => inside.iter().filter_map(|at| self.patterns.get(*at)).any(|narrow| wide == narrow),
        })
    }

    fn by_language(&self, inside: &[usize], outside: &[usize], work: &mut Work) -> Result<Option<String>, Unknown> {
        work.spend(LANGUAGE_COST)?;
        let patterns = |of: &[usize]| -> BTreeSet<Pattern> {
            of.iter().filter_map(|at| self.patterns.get(*at)).cloned().collect()
        };
        let question = Question {
            base: self.base.clone(),
            inside: patterns(inside),
            outside: patterns(outside),
            literals: self.literals.iter().filter(|it| self.base.holds(it)).cloned().collect(),
        };
        question.answer()
    }
}

/// Which text is of the base, fits all of these patterns, none of those, and is no literal?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    base: Base,
    inside: BTreeSet<Pattern>,
    outside: BTreeSet<Pattern>,
    literals: BTreeSet<String>,
}

type Answer = Result<Option<String>, Unknown>;

/// What was asked before. The library never frees an expression: a question that is asked again must not cost anew.
static ANSWERS: Mutex<BTreeMap<Question, Answer>> = Mutex::new(BTreeMap::new());

impl Question {
    /// The answer, from the languages only if it is not known yet.
    fn answer(self) -> Answer {
        if let Some(known) = answers().get(&self) {
            return known.clone();
        }
        let answer = self.search();
        let mut answers = answers();
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(self, answer.clone());
        answer
    }

    fn search(&self) -> Answer {
        let mut languages = Languages(ReManager::new());
        let whole = self.language(&mut languages);
        match languages.0.is_empty_re_bounded(whole, MOST_DERIVATIVES) {
            Some(true) => return Ok(None),
            None => return Err(Unknown::TooMuchWork),
            Some(false) => {}
        }
        // Somebody must be able to read, and the evaluator to write down, what is found.
        let printable = languages.printable();
        let readable = languages.0.inter(whole, printable);
        match languages.0.get_string_bounded(readable, MOST_DERIVATIVES) {
            BoundedSearch::Some(text) => Ok(Some(text.to_unicode_string())),
            BoundedSearch::Empty | BoundedSearch::Failed => Err(Unknown::TooMuchWork),
        }
    }

    fn language(&self, languages: &mut Languages) -> RegLan {
        let mut whole = languages.base(&self.base);
        for pattern in &self.inside {
            let language = languages.pattern(pattern);
            whole = languages.0.inter(whole, language);
        }
        for pattern in &self.outside {
            let language = languages.pattern(pattern);
            whole = languages.0.diff(whole, language);
        }
        for literal in &self.literals {
            let language = languages.text(literal);
            whole = languages.0.diff(whole, language);
        }
        whole
    }
}

fn answers() -> MutexGuard<'static, BTreeMap<Question, Answer>> {
    ANSWERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Base {
    /// Whether the text is one of these.
    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            Self::Text => !text.is_empty(),
            Self::Arn => is_arn(text),
            Self::Service => {
                text.strip_suffix(SERVICE_END).is_some_and(|name| !name.is_empty() && name.chars().all(is_of_service))
            }
            Self::Callers(callers) => callers.hold(text),
        }
    }

    fn sample(&self, at: usize) -> String {
        match self {
            Self::Text => format!("other-{at}"),
            Self::Arn => format!("arn:aws:other:other:000000000000:other-{at}"),
            Self::Service => format!("other-{at}{SERVICE_END}"),
            Self::Callers(callers) => {
                let account = callers.account.clone().unwrap_or_else(|| fresh_account(&callers.named));
                match &callers.name {
                    Some(name) if at == 0 => format!("{}{account}:{}{name}", callers.head, callers.kind),
                    Some(name) => format!("{}{account}:{}path-{at}/{name}", callers.head, callers.kind),
                    None if at == 0 => format!("{}{account}:{}someone", callers.head, callers.kind),
                    None => format!("{}{account}:{}someone-{at}", callers.head, callers.kind),
                }
            }
        }
    }

    /// What all begin and end with.
    fn ends(&self) -> Option<(String, String)> {
        match self {
            Self::Text => None,
            Self::Arn => Some(("arn:".to_owned(), String::new())),
            Self::Service => Some((String::new(), SERVICE_END.to_owned())),
            Self::Callers(callers) => {
                let head = match &callers.account {
                    Some(account) => format!("{}{account}:{}", callers.head, callers.kind),
                    None => callers.head.clone(),
                };
                Some((head, callers.name.clone().unwrap_or_default()))
            }
        }
    }
}

impl Callers {
    fn hold(&self, text: &str) -> bool {
        let Some((account, rest)) = text.strip_prefix(&self.head).and_then(|it| it.split_once(':')) else {
            return false;
        };
        let is_account = match &self.account {
            Some(own) => own == account,
            None => is_account(account) && !self.named.iter().any(|it| it == account),
        };
        let Some(path) = rest.strip_prefix(self.kind) else { return false };
        let (before, name) = path.rsplit_once('/').map_or(("", path), |(before, name)| (before, name));
        let name_fits = match &self.name {
            Some(own) => own == name,
            None => !name.is_empty() && name.chars().all(is_of_name),
        };
        is_account && name_fits && before.chars().all(|it| ('!'..='~').contains(&it))
    }
}

impl Pattern {
    /// Whether the text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Like(pattern) => glob::matches(pattern, text),
            Self::IgnoringCase(wanted) => {
                wanted.eq_ignore_ascii_case(text) || wanted.to_lowercase() == text.to_lowercase()
            }
            Self::Arn(pattern) if pattern == "*" => text.splitn(6, ':').count() == 6,
            Self::Arn(pattern) => {
                let (wanted, found): (Vec<_>, Vec<_>) =
                    (pattern.splitn(6, ':').collect(), text.splitn(6, ':').collect());
                wanted.len() == 6
                    && found.len() == 6
                    && wanted.iter().zip(&found).all(|(wanted, found)| glob::matches(wanted, found))
            }
            Self::AccountLike(pattern) => text.split(':').nth(4).is_some_and(|account| glob::matches(pattern, account)),
            Self::NameLike(pattern) => text.rsplit('/').next().is_some_and(|name| glob::matches(pattern, name)),
        }
    }

    /// Texts that may fit, made by filling the wildcards.
    fn samples(&self, base: &Base) -> Vec<String> {
        let filled = |pattern: &str, many: &str| {
            pattern
                .chars()
                .map(|it| match it {
                    '*' => many.to_owned(),
                    '?' => "q".to_owned(),
                    other => other.to_string(),
                })
                .collect::<String>()
        };
        match self {
            Self::Like(pattern) | Self::Arn(pattern) => {
                ["other", "q7", "", "000000000000"].iter().map(|many| filled(pattern, many)).collect()
            }
            Self::IgnoringCase(text) => vec![text.clone(), text.to_ascii_lowercase(), text.to_ascii_uppercase()],
            Self::NameLike(pattern) => match base {
                Base::Callers(callers) => {
                    let account = callers.account.clone().unwrap_or_else(|| fresh_account(&callers.named));
                    ["other", "q7", ""]
                        .iter()
                        .map(|many| format!("{}{account}:{}{}", callers.head, callers.kind, filled(pattern, many)))
                        .collect()
                }
                _ => Vec::new(),
            },
            Self::AccountLike(_) => Vec::new(),
        }
    }

    /// What all texts that fit begin and end with.
    fn ends(&self) -> Option<(String, String)> {
        match self {
            Self::Like(pattern) | Self::Arn(pattern) if pattern != "*" => {
                let head = pattern.split(['*', '?']).next().unwrap_or_default();
                let tail = pattern.rsplit(['*', '?']).next().unwrap_or_default();
                Some((head.to_owned(), tail.to_owned()))
            }
            _ => None,
        }
    }
}

/// A number that no account of the list has.
pub(super) fn fresh_account(named: &[String]) -> String {
    let number = (0..).map(|at: u64| format!("{:012}", 999_999_999_999 - at)).find(|it| !named.contains(it));
    number.unwrap_or_default()
}

/// Whether the text is an account's number.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let [arn, partition, service, _, _, resource] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    arn == "arn" && !partition.is_empty() && !service.is_empty() && !resource.is_empty()
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

fn is_of_service(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '.')
}

/// Patterns as regular languages.
struct Languages(ReManager);

impl Languages {
    fn text(&mut self, text: &str) -> RegLan {
        self.0.str(&SmtString::from(text))
    }

    fn any(&mut self) -> RegLan {
        let every = self.0.all_chars();
        self.0.star(every)
    }

    fn printable(&mut self) -> RegLan {
        let characters = self.0.range(0x20, 0x7e);
        self.0.star(characters)
    }

    fn one_of(&mut self, test: impl Fn(char) -> bool) -> RegLan {
        let characters: Vec<RegLan> =
            (0x20..0x7f_u8).filter(|byte| test(char::from(*byte))).map(|byte| self.0.char(u32::from(byte))).collect();
        self.0.union_list(characters)
    }

    fn not_colons(&mut self) -> RegLan {
        let (colon, every) = (self.0.char(u32::from(b':')), self.0.all_chars());
        let other = self.0.diff(every, colon);
        self.0.star(other)
    }

    /// Text with wildcards, of which `*` stands for texts of that language, and `?` for its characters.
    fn like(&mut self, pattern: &str, many: RegLan, one: RegLan) -> RegLan {
        let parts: Vec<RegLan> = pattern
            .chars()
            .map(|character| match character {
                '*' => many,
                '?' => one,
                other => self.0.char(u32::from(other)),
            })
            .collect();
        self.0.concat_list(parts)
    }

    fn glob(&mut self, pattern: &str) -> RegLan {
        let (many, one) = (self.any(), self.0.all_chars());
        self.like(pattern, many, one)
    }

    fn ignoring_case(&mut self, text: &str) -> RegLan {
        let parts: Vec<RegLan> = text
            .chars()
            .map(|character| {
                let (lower, upper) = (character.to_ascii_lowercase(), character.to_ascii_uppercase());
                let (lower, upper) = (self.0.char(u32::from(lower)), self.0.char(u32::from(upper)));
                self.0.union(lower, upper)
            })
            .collect();
        self.0.concat_list(parts)
    }

    fn arn(&mut self, pattern: &str) -> RegLan {
        let pattern = if pattern == "*" { "*:*:*:*:*:*" } else { pattern };
        let parts: Vec<&str> = pattern.splitn(6, ':').collect();
        if parts.len() != 6 {
            return self.0.empty();
        }
        let (colon, every) = (self.0.char(u32::from(b':')), self.0.all_chars());
        let (many, one) = (self.not_colons(), self.0.diff(every, colon));
        let mut languages = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                languages.push(colon);
            }
            languages.push(if at < 5 { self.like(part, many, one) } else { self.glob(part) });
        }
        self.0.concat_list(languages)
    }

    fn pattern(&mut self, pattern: &Pattern) -> RegLan {
        match pattern {
            Pattern::Like(text) => self.glob(text),
            Pattern::IgnoringCase(text) => self.ignoring_case(text),
            Pattern::Arn(text) => self.arn(text),
            Pattern::AccountLike(text) => {
                let (before, colon) = (self.arn_head(), self.0.char(u32::from(b':')));
                let (account, every) = (self.glob(text), self.any());
                let number = self.digits();
                let account = self.0.inter(account, number);
                self.0.concat_list([before, account, colon, every])
            }
            Pattern::NameLike(text) => {
                let (name, slash, every) = (self.glob(text), self.text("/"), self.any());
                let character = self.one_of(is_of_name);
                let letters = self.0.plus(character);
                let name = self.0.inter(name, letters);
                self.0.concat_list([every, slash, name])
            }
        }
    }

    /// The first four parts of an ARN with the colon after them.
    fn arn_head(&mut self) -> RegLan {
        let (part, colon) = (self.not_colons(), self.0.char(u32::from(b':')));
        self.0.concat_list([part, colon, part, colon, part, colon, part, colon])
    }

    fn digits(&mut self) -> RegLan {
        let digit = self.0.range(u32::from(b'0'), u32::from(b'9'));
        self.0.exp(digit, 12)
    }

    fn base(&mut self, base: &Base) -> RegLan {
        match base {
            Base::Text => {
                let every = self.0.all_chars();
                self.0.plus(every)
            }
            Base::Arn => {
                // Partition, service and resource are never empty.
                let (colon, every) = (self.0.char(u32::from(b':')), self.0.all_chars());
                let (part, character) = (self.not_colons(), self.0.diff(every, colon));
                let (some, rest, head) = (self.0.plus(character), self.0.plus(every), self.text("arn:"));
                self.0.concat_list([head, some, colon, some, colon, part, colon, part, colon, rest])
            }
            Base::Service => {
                let (character, end) = (self.one_of(is_of_service), self.text(SERVICE_END));
                let name = self.0.plus(character);
                self.0.concat(name, end)
            }
            Base::Callers(callers) => self.callers(callers),
        }
    }

    fn callers(&mut self, callers: &Callers) -> RegLan {
        let account = match &callers.account {
            Some(account) => self.text(account),
            None => {
                let every = self.digits();
                let named: Vec<RegLan> = callers.named.iter().map(|it| self.text(it)).collect();
                self.0.diff_list(every, named)
            }
        };
        let (path_character, name_character, slash) =
            (self.0.range(0x21, 0x7e), self.one_of(is_of_name), self.text("/"));
        let path = self.0.star(path_character);
        let path = self.0.concat(path, slash);
        let path = self.0.opt(path);
        let name = match &callers.name {
            Some(name) => self.text(name),
            None => self.0.plus(name_character),
        };
        let (head, kind) = (self.text(&callers.head), self.text(&format!(":{}", callers.kind)));
        self.0.concat_list([head, account, kind, path, name])
    }
}

const SERVICE_END: &str = ".amazonaws.com";
const MOST_CLASSES: usize = 512;
const MOST_DERIVATIVES: usize = 20_000;
const LANGUAGE_COST: usize = 500;
const MOST_ANSWERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which patterns each text fits.
    fn kinds<'a>(texts: impl IntoIterator<Item = &'a String>, patterns: &[Pattern]) -> BTreeSet<Vec<bool>> {
        texts.into_iter().map(|text| patterns.iter().map(|it| it.matches(text)).collect()).collect()
    }

    /// Every text of up to so many of the letters.
    fn texts(letters: &str, length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length {
            last = last.iter().flat_map(|text| letters.chars().map(move |it| format!("{text}{it}"))).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn no_class_is_made_up_and_none_is_missed() {
        let patterns = ["arn:aws:s3:::*", "arn:aws:s3:::b*", "arn:*:s3:::*c", "arn:aws:*:*:111122223333:*"];
        let patterns = patterns.map(|it| Pattern::Arn(it.to_owned()));
        let mut work = Work::new(100_000);
        let found = representatives(&Base::Arn, &BTreeSet::new(), &patterns, &mut work).expect("classes");
        assert!(found.iter().all(|it| is_arn(it)), "{found:?}");
        // Of the first three: none, a, ab, ac, abc, c; and the last, which none of them can share.
        assert_eq!(kinds(&found, &patterns).len(), 7, "{found:?}");
        assert_eq!(found.len(), 7, "{found:?}");
    }

    #[test]
    fn accounts_and_names_of_callers_are_told_apart() {
        let base = Base::Callers(Callers {
            head: "arn:aws:iam::".to_owned(),
            account: None,
            named: vec!["111122223333".to_owned()],
            kind: "user/",
            name: None,
        });
        let patterns = [
            Pattern::AccountLike("1*".to_owned()),
            Pattern::NameLike("b*".to_owned()),
            Pattern::Like("*/team/*".to_owned()),
            Pattern::AccountLike("111122223333".to_owned()),
        ];
        let found = representatives(&base, &BTreeSet::new(), &patterns, &mut Work::new(100_000)).expect("classes");
        assert!(found.iter().all(|it| base.holds(it)), "{found:?}");
        assert_eq!(kinds(&found, &patterns).len(), 8, "{found:?}");
    }

    #[test]
    fn work_is_bounded() {
        let patterns: Vec<Pattern> = (0..20).map(|at| Pattern::Like(format!("*{at}*"))).collect();
        let found = representatives(&Base::Text, &BTreeSet::new(), &patterns, &mut Work::new(2_000_000));
        assert_eq!(found, Err(Unknown::TooMuchWork));
    }

    #[test]
    fn a_question_asked_again_costs_no_language() {
        let question = Question {
            base: Base::Text,
            inside: BTreeSet::from([Pattern::Like("asked-again-*".to_owned())]),
            outside: BTreeSet::from([Pattern::Like("*-?".to_owned())]),
            literals: BTreeSet::new(),
        };
        assert!(!answers().contains_key(&question));
        let first = question.clone().answer();
        assert!(matches!(&first, Ok(Some(text)) if text.starts_with("asked-again-")), "{first:?}");
        assert_eq!(answers().get(&question), Some(&first));
        assert_eq!(question.answer(), first);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn every_kind_of_text_is_represented(
            globs in proptest::collection::vec("[ab*?]{1,4}", 0..4),
            words in proptest::collection::btree_set("[ab]{1,2}", 0..3),
            folded in prop::option::of("[aB]{1,2}"),
        ) {
            let mut patterns: Vec<Pattern> = globs.into_iter().map(Pattern::Like).collect();
            patterns.extend(folded.map(Pattern::IgnoringCase));
            let found = representatives(&Base::Text, &words, &patterns, &mut Work::new(10_000_000)).expect("classes");
            for word in &words {
                prop_assert!(found.contains(word));
            }
            let (others, all) = (found.iter().filter(|it| !words.contains(*it)), texts("abAB", 5));
            let everything = all.iter().filter(|it| !it.is_empty() && !words.contains(*it));
            let (represented, occurring) = (kinds(others, &patterns), kinds(everything, &patterns));
            prop_assert!(occurring.is_subset(&represented), "{:?}", occurring.difference(&represented));
        }
    }
}

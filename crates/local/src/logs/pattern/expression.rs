use serde_json::Value;

use super::{Extracted, PatternError, glob};

/// A condition on an event, put together with `&&`, `||` and parentheses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// All of them.
    All(Vec<Expression>),
    /// One of them.
    Any(Vec<Expression>),
    /// What is at one place in the event.
    Test(Selector, Test),
}

/// A place in an event, or several with a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector {
    /// As it stands in the pattern: `$.userIdentity.arn`.
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    AnyElement,
    AnyMember,
}

/// What must be true of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// `=`: the same text, where `*` stands for any characters; or the same number.
    Equals(Operand),
    /// `!=`: there is a value, and it is another one.
    Differs(Operand),
    /// `<`, `<=`, `>`, `>=`.
    Compares(Order, f64),
    /// `IS TRUE`, `IS FALSE`.
    IsBoolean(bool),
    /// `IS NULL`.
    IsNull,
    /// `NOT EXISTS`.
    NotExists,
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    text: String,
    /// Set when it stands without quotation marks and reads as a number.
    number: Option<f64>,
}

/// The comparisons that need numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How a text in an event is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The event says what is a number and what is text.
    Json,
    /// All is text, and is a number where it reads as one.
    Text,
}

impl Expression {
    /// Whether the condition holds for an event.
    pub(super) fn holds(&self, event: &Value, reading: Reading) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(event, reading)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(event, reading)),
            Self::Test(selector, test) => test.holds(&selector.values(event), reading),
        }
    }

    /// The values at all the places that the condition names.
    pub(super) fn extract(&self, event: &Value) -> Extracted {
        let mut found = Extracted::new();
        self.extract_into(event, &mut found);
        found
    }

    fn extract_into(&self, event: &Value, found: &mut Extracted) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.extract_into(event, found)),
            Self::Test(selector, _) => {
                if let Some(text) = selector.values(event).first().and_then(|value| scalar_text(value)) {
                    found.insert(selector.text.clone(), text);
                }
            }
        }
    }
}

impl Selector {
    fn values<'a>(&self, event: &'a Value) -> Vec<&'a Value> {
        let mut values = vec![event];
        for step in &self.steps {
            values = values.into_iter().flat_map(|value| step.values(value)).collect();
        }
        values
    }
}

impl Step {
    fn values<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Member(name), Value::Object(members)) => members.get(name).into_iter().collect(),
            (Self::Element(at), Value::Array(elements)) => elements.get(*at).into_iter().collect(),
            (Self::AnyElement, Value::Array(elements)) => elements.iter().collect(),
            (Self::AnyMember, Value::Object(members)) => members.values().collect(),
            _ => Vec::new(),
        }
    }
}

impl Test {
    fn holds(&self, values: &[&Value], reading: Reading) -> bool {
        match self {
            Self::NotExists => values.is_empty(),
            Self::IsNull => values.iter().any(|value| value.is_null()),
            Self::IsBoolean(wanted) => values.iter().any(|value| value.as_bool() == Some(*wanted)),
            Self::Equals(operand) => values.iter().any(|value| operand.equals(value, reading) == Some(true)),
            Self::Differs(operand) => values.iter().any(|value| operand.equals(value, reading) == Some(false)),
            Self::Compares(order, bound) => {
                values.iter().filter_map(|value| number(value, reading)).any(|number| order.holds(number, *bound))
            }
        }
    }
}

impl Operand {
    /// None where the value is an array, an object or null, which no comparison matches.
    fn equals(&self, value: &Value, reading: Reading) -> Option<bool> {
        let text = scalar_text(value)?;
        if let (Some(wanted), Some(number)) = (self.number, number(value, reading)) {
            return Some(wanted == number);
        }
        Some(glob::matches(&self.text, &text))
    }
}

impl Order {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

fn number(value: &Value, reading: Reading) -> Option<f64> {
    match (value, reading) {
        (Value::Number(number), _) => number.as_f64(),
        (Value::String(text), Reading::Text) => text.parse().ok(),
        _ => None,
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The text of the first scalar at a selector such as `$.latency`.
pub(super) fn value_at(selector: &str, event: &Value) -> Option<String> {
    let mut parser = Parser { rest: selector, depth: 0, selectors: Selectors::Paths };
    let selector = parser.selector().ok()?;
    parser.end().ok()?;
    selector.values(event).first().and_then(|value| scalar_text(value))
}

/// Reads `{ … }`.
pub(super) fn parse_json(text: &str) -> Result<Expression, PatternError> {
    let mut parser = Parser { rest: text, depth: 0, selectors: Selectors::Paths };
    parser.expect("{", "`{`")?;
    let expression = parser.any()?;
    parser.expect("}", "`&&`, `||` or `}`")?;
    parser.end()?;
    Ok(expression)
}

/// Reads the condition of one field: `status = 4* || status = 5*`.
pub(super) fn parse_field_condition(text: &str) -> Result<Expression, PatternError> {
    let mut parser = Parser { rest: text, depth: 0, selectors: Selectors::Names };
    let expression = parser.any()?;
    parser.end()?;
    Ok(expression)
}

/// Reads a quoted text whose opening mark is already gone; `\"` stands for a mark.
pub(super) fn parse_quoted(text: &str) -> Result<(String, &str), PatternError> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => return Err(PatternError::UnclosedQuote),
            },
            other => value.push(other),
        }
    }
    Err(PatternError::UnclosedQuote)
}

/// What stands on the left of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Selectors {
    /// `$.a.b[0]`.
    Paths,
    /// `status_code`.
    Names,
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    selectors: Selectors,
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Expression, PatternError> {
        let mut parts = vec![self.all()?];
        while self.take("||") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    /// `&&` binds closer than `||`.
    fn all(&mut self) -> Result<Expression, PatternError> {
        let mut parts = vec![self.primary()?];
        while self.take("&&") {
            parts.push(self.primary()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn primary(&mut self) -> Result<Expression, PatternError> {
        if !self.take("(") {
            let selector = self.selector()?;
            let test = self.test()?;
            return Ok(Expression::Test(selector, test));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::TooDeep);
        }
        let expression = self.any()?;
        self.expect(")", "`&&`, `||` or `)`")?;
        self.depth -= 1;
        Ok(expression)
    }

    fn selector(&mut self) -> Result<Selector, PatternError> {
        self.skip_space();
        let start = self.rest;
        let steps = match self.selectors {
            Selectors::Names => vec![Step::Member(self.name()?.to_owned())],
            Selectors::Paths => self.path()?,
        };
        let length = start.len() - self.rest.len();
        let text = start.get(..length).unwrap_or_default().to_owned();
        let wildcards = steps.iter().filter(|step| matches!(step, Step::AnyElement | Step::AnyMember)).count();
        if wildcards > 1 {
            return Err(PatternError::TwoWildcards { selector: text });
        }
        Ok(Selector { text, steps })
    }

    fn path(&mut self) -> Result<Vec<Step>, PatternError> {
        self.expect("$", "a selector such as `$.eventName`")?;
        let mut steps = Vec::new();
        loop {
            // No space may stand inside a selector, so these do not skip any.
            if self.take_here(".") {
                if self.rest.starts_with('[') {
                    continue;
                }
                steps.push(if self.take_here("*") { Step::AnyMember } else { Step::Member(self.name()?.to_owned()) });
            } else if self.take_here("[") {
                steps.push(self.bracket()?);
            } else if steps.is_empty() {
                return Err(self.expected("`.` or `[` after `$`"));
            } else {
                return Ok(steps);
            }
        }
    }

    /// What stands in `[…]`: a position from zero, `*`, or a quoted name.
    fn bracket(&mut self) -> Result<Step, PatternError> {
        let end = self.rest.find(']').ok_or_else(|| self.expected("`]`"))?;
        let (inner, _) = self.rest.split_at(end);
        let quoted = |mark: char| inner.strip_prefix(mark).and_then(|inner| inner.strip_suffix(mark));
        let step = match inner {
            "*" => Step::AnyElement,
            _ => match (inner.parse(), quoted('\'').or_else(|| quoted('"'))) {
                (Ok(at), _) => Step::Element(at),
                (_, Some(name)) => Step::Member(name.to_owned()),
                _ => return Err(self.expected("a position, `*` or a quoted name in `[…]`")),
            },
        };
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        Ok(step)
    }

    fn name(&mut self) -> Result<&'a str, PatternError> {
        let is_name = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
        let end = self.rest.find(|character| !is_name(character)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.expected("a name"));
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(name)
    }

    fn test(&mut self) -> Result<Test, PatternError> {
        for (words, test) in [
            (["IS", "NULL"], Test::IsNull),
            (["IS", "TRUE"], Test::IsBoolean(true)),
            (["IS", "FALSE"], Test::IsBoolean(false)),
            (["NOT", "EXISTS"], Test::NotExists),
        ] {
            if self.take_words(words) {
                return Ok(test);
            }
        }
        if self.take("!=") {
            return self.operand().map(Test::Differs);
        }
        for order in [Order::LessOrEqual, Order::GreaterOrEqual, Order::Less, Order::Greater] {
            if self.take(order.symbol()) {
                return self.bound(order);
            }
        }
        if self.take("=") {
            return self.operand().map(Test::Equals);
        }
        Err(self.expected("`=`, `!=`, `<`, `<=`, `>`, `>=`, `IS NULL`, `IS TRUE`, `IS FALSE` or `NOT EXISTS`"))
    }

    fn bound(&mut self, order: Order) -> Result<Test, PatternError> {
        let operand = self.operand()?;
        match operand.number {
            Some(number) => Ok(Test::Compares(order, number)),
            None => Err(PatternError::NotANumber { operator: order.symbol(), value: operand.text }),
        }
    }

    fn operand(&mut self) -> Result<Operand, PatternError> {
        self.skip_space();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = parse_quoted(quoted)?;
            self.rest = rest;
            return Ok(Operand { text, number: None });
        }
        if self.rest.starts_with('%') {
            return Err(PatternError::RegularExpression);
        }
        let end = self.rest.find(ends_operand).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.expected("a value"));
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Operand { text: text.to_owned(), number: text.parse().ok().filter(|number: &f64| number.is_finite()) })
    }

    fn take_words(&mut self, words: [&str; 2]) -> bool {
        let before = self.rest;
        let taken = words.iter().all(|word| self.take(word) && !self.rest.starts_with(char::is_alphanumeric));
        if !taken {
            self.rest = before;
        }
        taken
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        self.take_here(token)
    }

    fn take_here(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), PatternError> {
        if self.take(token) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn end(&mut self) -> Result<(), PatternError> {
        self.skip_space();
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(PatternError::Trailing { found: shortened(self.rest) })
    }

    fn expected(&self, expected: &'static str) -> PatternError {
        let found = if self.rest.is_empty() { "the end".to_owned() } else { shortened(self.rest) };
        PatternError::Expected { expected, found }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn ends_operand(character: char) -> bool {
    character.is_whitespace() || "(){}[]&|=<>\",".contains(character)
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// Patterns have at most 1,024 characters; the bound keeps the reader's own stack small.
const MAX_DEPTH: usize = 100;
/// How much of a pattern an error shows.
const SHOWN: usize = 24;

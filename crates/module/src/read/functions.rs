//! The functions that expressions may call.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/functions>, a page a function.

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Span};

use super::cty::Cty;
use super::evaluate::{bool_of, number_of, sorted, text_of};
use super::given::{Field, Given, Kind, number_to_string};
use super::types::{Type, distinct};

/// Every function that is known, also those that need more than their arguments' values.
pub(crate) const NAMES: &[&str] = &[
    "abs",
    "alltrue",
    "anytrue",
    "can",
    "ceil",
    "chomp",
    "coalesce",
    "coalescelist",
    "compact",
    "concat",
    "contains",
    "distinct",
    "element",
    "endswith",
    "flatten",
    "floor",
    "format",
    "formatlist",
    "index",
    "join",
    "jsondecode",
    "jsonencode",
    "keys",
    "length",
    "lookup",
    "lower",
    "max",
    "merge",
    "min",
    "nonsensitive",
    "one",
    "range",
    "regex",
    "regexall",
    "replace",
    "reverse",
    "sensitive",
    "setintersection",
    "setsubtract",
    "setunion",
    "slice",
    "sort",
    "split",
    "startswith",
    "strcontains",
    "strrev",
    "substr",
    "sum",
    "title",
    "tobool",
    "tolist",
    "tomap",
    "tonumber",
    "toset",
    "tostring",
    "trim",
    "trimprefix",
    "trimspace",
    "trimsuffix",
    "try",
    "upper",
    "values",
    "zipmap",
];

type Outcome = Result<Given, Diagnostic>;

/// The value of a call; none if there is no function of that name.
pub(crate) fn call(name: &str, arguments: Vec<Given>, span: &Span) -> Option<Outcome> {
    let function = function(name)?;
    let secret = name == "sensitive" || (name != "nonsensitive" && arguments.iter().any(Given::holds_secrets));
    let called = function(&Call { name, arguments: &arguments, span });
    Some(called.map(|value| {
        let mut value = typed(name, &arguments, value);
        if secret {
            value.hide(span);
        }
        value
    }))
}

/// The result of a call with the type that Terraform gives it.
fn typed(name: &str, arguments: &[Given], value: Given) -> Given {
    let first = || arguments.first().map_or(Cty::Dynamic, Cty::of);
    let kinds = || arguments.iter().map(Cty::of).collect::<Vec<_>>();
    let kind = match name {
        "split" | "compact" | "sort" | "formatlist" => Cty::list(Cty::String),
        "range" => Cty::list(Cty::Number),
        "keys" if matches!(first(), Cty::Map(_)) => Cty::list(Cty::String),
        "values" => match first() {
            Cty::Map(inner) => Cty::List(inner),
            _ => return value,
        },
        "concat" => match kinds() {
            kinds if kinds.iter().all(|kind| matches!(kind, Cty::List(_))) => {
                Cty::unified(&kinds).unwrap_or(Cty::Untold)
            }
            _ => return value,
        },
        "distinct" => Cty::list(Cty::part(&first())),
        "merge" => {
            let told = kinds().into_iter().filter(|kind| *kind != Cty::Dynamic).collect::<Vec<_>>();
            match told.split_first() {
                Some((first @ Cty::Map(_), rest)) if rest.iter().all(|kind| kind == first) => first.clone(),
                _ => return value,
            }
        }
        "reverse" | "slice" => match first() {
            Cty::List(inner) | Cty::Set(inner) => Cty::List(inner),
            _ => return value,
        },
        "setintersection" | "setsubtract" | "setunion" => {
            let parts: Vec<Cty> = kinds().iter().map(Cty::part).collect();
            Cty::set(Cty::unified(&parts).unwrap_or(Cty::Untold))
        }
        "zipmap" => match kinds().get(1) {
            Some(Cty::List(inner)) => Cty::Map(inner.clone()),
            _ => return value,
        },
        "coalesce" => Cty::unified(&kinds()).unwrap_or(Cty::Untold),
        "lookup" => match (first(), kinds().get(2)) {
            (Cty::Map(inner), _) => *inner,
            _ => return value,
        },
        // Without a match, its own type says what a match would be.
        "regexall" => match value.items().first() {
            Some(found) => Cty::list(Cty::of(found)),
            None => return value,
        },
        _ => return value,
    };
    kind.give(value)
}

/// The error of a call.
pub(crate) fn failed(name: &str, message: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("invalid-call", format!("the call of `{name}` fails: {message}")).at(span.clone(), "called here")
}

/// A call: its name, its arguments and where it stands.
struct Call<'a> {
    name: &'a str,
    arguments: &'a [Given],
    span: &'a Span,
}

type Function = fn(&Call<'_>) -> Outcome;

fn function(name: &str) -> Option<Function> {
    texts(name).or_else(|| numbers(name)).or_else(|| collections(name)).or_else(|| conversions(name))
}

fn texts(name: &str) -> Option<Function> {
    let function: Function = match name {
        "chomp" => |call| call.map_text(|text| text.trim_end_matches(['\r', '\n']).to_owned()),
        "endswith" => |call| call.compare_texts(|text, part| text.ends_with(part)),
        "format" => |call| call.text(0).and_then(|format| call.formatted(&format, call.rest(1)?)),
        "formatlist" => format_list,
        "join" => join,
        "lower" => |call| call.map_text(|text| text.to_lowercase()),
        "regex" => regex,
        "regexall" => regex_all,
        "replace" => replace,
        "split" => split,
        "startswith" => |call| call.compare_texts(|text, part| text.starts_with(part)),
        "strcontains" => |call| call.compare_texts(|text, part| text.contains(part)),
        "strrev" => |call| call.map_text(|text| text.chars().rev().collect()),
        "substr" => substr,
        "title" => |call| call.map_text(title),
        "trim" => |call| call.map_texts(|text, set| text.trim_matches(|c| set.contains(c)).to_owned()),
        "trimprefix" => |call| call.map_texts(|text, part| text.strip_prefix(part).unwrap_or(text).to_owned()),
        "trimspace" => |call| call.map_text(|text| text.trim().to_owned()),
        "trimsuffix" => |call| call.map_texts(|text, part| text.strip_suffix(part).unwrap_or(text).to_owned()),
        "upper" => |call| call.map_text(|text| text.to_uppercase()),
        _ => return None,
    };
    Some(function)
}

fn numbers(name: &str) -> Option<Function> {
    let function: Function = match name {
        "abs" => |call| call.map_number(f64::abs),
        "ceil" => |call| call.map_number(f64::ceil),
        "floor" => |call| call.map_number(f64::floor),
        "max" => |call| call.fold_numbers(call.arguments, f64::max),
        "min" => |call| call.fold_numbers(call.arguments, f64::min),
        "range" => range,
        "sum" => |call| call.fold_numbers(call.list(0)?, |left, right| left + right),
        _ => return None,
    };
    Some(function)
}

fn collections(name: &str) -> Option<Function> {
    let function: Function = match name {
        "alltrue" => |call| call.bools(0).map(|bools| call.value(Kind::Bool(bools.into_iter().all(|holds| holds)))),
        "anytrue" => |call| call.bools(0).map(|bools| call.value(Kind::Bool(bools.into_iter().any(|holds| holds)))),
        "coalesce" => coalesce,
        "coalescelist" => coalesce_list,
        "compact" => compact,
        "concat" => concat,
        "contains" => contains,
        "distinct" => distinct_items,
        "element" => element,
        "flatten" => |call| call.list(0).map(|items| call.value(Kind::List(flattened(items)))),
        "index" => index,
        "keys" => keys,
        "length" => length,
        "lookup" => lookup,
        "merge" => merge,
        "one" => one,
        "reverse" => |call| call.list(0).map(|items| call.value(Kind::List(items.iter().rev().cloned().collect()))),
        "setintersection" => {
            |call| call.sets(|left, inside| left.iter().filter(|item| inside(item)).cloned().collect())
        }
        "setsubtract" => |call| call.sets(|left, inside| left.iter().filter(|item| !inside(item)).cloned().collect()),
        "setunion" => |call| concat(call).map(as_set),
        "slice" => slice,
        "sort" => sort,
        "values" => values,
        "zipmap" => zipmap,
        _ => return None,
    };
    Some(function)
}

fn conversions(name: &str) -> Option<Function> {
    let function: Function = match name {
        "jsondecode" => json_decode,
        "jsonencode" => |call| call.argument(0).map(|value| call.text_value(json_text(value))),
        "nonsensitive" => |call| call.argument(0).map(shown),
        "sensitive" => |call| call.argument(0).cloned(),
        "tobool" => |call| call.convert(&Type::Bool),
        "tolist" => |call| call.convert(&Type::List(Box::new(Type::Any))),
        "tomap" => |call| call.convert(&Type::Map(Box::new(Type::Any))),
        "tonumber" => |call| call.convert(&Type::Number),
        "toset" => |call| call.convert(&Type::Set(Box::new(Type::Any))),
        "tostring" => |call| call.convert(&Type::String),
        _ => return None,
    };
    Some(function)
}

impl Call<'_> {
    fn value(&self, kind: Kind) -> Given {
        Given::new(kind, self.span.clone())
    }

    fn text_value(&self, text: String) -> Given {
        self.value(Kind::String(text))
    }

    fn failed(&self, message: &str) -> Diagnostic {
        failed(self.name, message, self.span)
    }

    fn argument(&self, at: usize) -> Result<&Given, Diagnostic> {
        self.arguments.get(at).ok_or_else(|| self.failed(&format!("it needs at least {} arguments", at + 1)))
    }

    fn rest(&self, from: usize) -> Result<&[Given], Diagnostic> {
        self.arguments.get(from..).ok_or_else(|| self.failed(&format!("it needs at least {from} arguments")))
    }

    fn text(&self, at: usize) -> Result<String, Diagnostic> {
        text_of(self.argument(at)?)
    }

    fn number(&self, at: usize) -> Result<f64, Diagnostic> {
        number_of(self.argument(at)?)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
    fn whole(&self, at: usize) -> Result<i64, Diagnostic> {
        let number = self.number(at)?;
        if number.fract() == 0.0 && number.abs() < 1e9 {
            return Ok(number as i64);
        }
        Err(self.failed("a whole number is needed"))
    }

    fn list(&self, at: usize) -> Result<&[Given], Diagnostic> {
        match &self.argument(at)?.kind {
            Kind::List(items) => Ok(items),
            _ => Err(self.failed(&format!("argument {} must be a list or a set", at + 1))),
        }
    }

    /// A set has no order, so that some functions do not take one.
    fn no_set(&self, at: usize) -> Result<(), Diagnostic> {
        match self.argument(at)?.declared {
            Some(Cty::Set(_)) => {
                Err(self.failed(&format!("argument {} is a set; `tolist(…)` makes a list of it", at + 1)))
            }
            _ => Ok(()),
        }
    }

    fn map(&self, at: usize) -> Result<&IndexMap<String, Field>, Diagnostic> {
        match &self.argument(at)?.kind {
            Kind::Map(fields) => Ok(fields),
            _ => Err(self.failed(&format!("argument {} must be a map or an object", at + 1))),
        }
    }

    fn bools(&self, at: usize) -> Result<Vec<bool>, Diagnostic> {
        self.list(at)?.iter().map(bool_of).collect()
    }

    fn map_text(&self, change: impl Fn(&str) -> String) -> Outcome {
        Ok(self.text_value(change(&self.text(0)?)))
    }

    fn map_texts(&self, change: impl Fn(&str, &str) -> String) -> Outcome {
        Ok(self.text_value(change(&self.text(0)?, &self.text(1)?)))
    }

    fn compare_texts(&self, compare: impl Fn(&str, &str) -> bool) -> Outcome {
        Ok(self.value(Kind::Bool(compare(&self.text(0)?, &self.text(1)?))))
    }

    fn map_number(&self, change: impl Fn(f64) -> f64) -> Outcome {
        Ok(self.value(Kind::Number(change(self.number(0)?))))
    }

    fn fold_numbers(&self, items: &[Given], fold: fn(f64, f64) -> f64) -> Outcome {
        let numbers: Vec<f64> = items.iter().map(number_of).collect::<Result<_, _>>()?;
        let folded = numbers.into_iter().reduce(fold).ok_or_else(|| self.failed("it needs at least one number"))?;
        Ok(self.value(Kind::Number(folded)))
    }

    fn sets(&self, combine: impl Fn(&[Given], &dyn Fn(&Given) -> bool) -> Vec<Given>) -> Outcome {
        let mut left = self.list(0)?.to_vec();
        for at in 1..self.arguments.len() {
            let right = self.list(at)?;
            left = combine(&left, &|item| right.iter().any(|other| other.same(item)));
        }
        Ok(as_set(self.value(Kind::List(left))))
    }

    fn convert(&self, wanted: &Type) -> Outcome {
        let value = self.argument(0)?.clone();
        wanted.convert(value, false).map_err(|_| self.failed(&format!("this cannot become {}", wanted.described())))
    }

    /// `format`: the verbs that texts and names need.
    fn formatted(&self, format: &str, arguments: &[Given]) -> Outcome {
        let mut text = String::new();
        let mut arguments = arguments.iter();
        let mut rest = format;
        while let Some((before, verb)) = rest.split_once('%') {
            text.push_str(before);
            let end = verb.find(|c: char| c.is_ascii_alphabetic() || c == '%');
            let (flags, letter, after) = end
                .and_then(|end| Some((verb.get(..end)?, verb.get(end..=end)?, verb.get(end + 1..)?)))
                .ok_or_else(|| self.failed("a `%` has no verb after it"))?;
            if letter == "%" {
                text.push('%');
            } else {
                let argument = arguments.next().ok_or_else(|| self.failed("there are fewer values than verbs"))?;
                text.push_str(&self.verb(flags, letter, argument)?);
            }
            rest = after;
        }
        text.push_str(rest);
        match arguments.next() {
            Some(_) => Err(self.failed("there are more values than verbs")),
            None => Ok(self.text_value(text)),
        }
    }

    fn verb(&self, flags: &str, letter: &str, argument: &Given) -> Result<String, Diagnostic> {
        let plain = match letter {
            "s" => text_of(argument)?,
            "v" if argument.as_str().is_some() && !flags.contains('#') => text_of(argument)?,
            "v" => json_text(argument),
            "q" => serde_json::Value::from(text_of(argument)?).to_string(),
            "d" => number_to_string(number_of(argument)?.trunc()),
            "f" => format!("{:.1$}", number_of(argument)?, precision(flags).unwrap_or(6)),
            "t" => bool_of(argument)?.to_string(),
            _ => return Err(self.failed(&format!("the verb `%{letter}` is not known"))),
        };
        Ok(padded(&plain, flags.trim_start_matches('#')))
    }
}

fn precision(flags: &str) -> Option<usize> {
    flags.split_once('.')?.1.parse().ok().filter(|digits| *digits <= 30)
}

/// Pads to the width in `flags`, with zeros where it begins with one.
fn padded(text: &str, flags: &str) -> String {
    let (width, left) = match flags.strip_prefix('-') {
        Some(width) => (width, true),
        None => (flags, false),
    };
    let zeros = width.starts_with('0');
    let width: usize = width.split('.').next().and_then(|width| width.parse().ok()).unwrap_or(0).min(256);
    match (left, zeros) {
        (true, _) => format!("{text:<width$}"),
        (false, true) => format!("{text:0>width$}"),
        (false, false) => format!("{text:>width$}"),
    }
}

fn title(text: &str) -> String {
    let mut upper = true;
    text.chars()
        .flat_map(|character| {
            let shown = if upper { character.to_uppercase().collect() } else { vec![character] };
            let is_word = character.is_alphanumeric() || character == '_';
            upper = !is_word && (character.is_ascii() || character.is_whitespace());
            shown
        })
        .collect()
}

fn format_list(call: &Call<'_>) -> Outcome {
    let format = call.text(0)?;
    let arguments = call.rest(1)?;
    let lists = arguments.iter().filter(|argument| matches!(argument.kind, Kind::List(_)));
    let length = lists.map(|list| list.items().len()).max().unwrap_or(1);
    let one = |at: usize| {
        let row: Option<Vec<Given>> = arguments
            .iter()
            .map(|argument| match &argument.kind {
                Kind::List(items) => items.get(at).cloned(),
                _ => Some(argument.clone()),
            })
            .collect();
        call.formatted(&format, &row.ok_or_else(|| call.failed("its lists differ in length"))?)
    };
    Ok(call.value(Kind::List((0..length).map(one).collect::<Result<_, _>>()?)))
}

fn join(call: &Call<'_>) -> Outcome {
    let separator = call.text(0)?;
    let mut parts = Vec::new();
    for at in 1..call.arguments.len().max(2) {
        parts.extend(call.list(at)?.iter().map(text_of).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(call.text_value(parts.join(&separator)))
}

fn split(call: &Call<'_>) -> Outcome {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    let parts: Vec<String> = match (text.as_str(), separator.as_str()) {
        ("", _) => Vec::new(),
        (text, "") => text.chars().map(String::from).collect(),
        (text, separator) => text.split(separator).map(str::to_owned).collect(),
    };
    Ok(call.value(Kind::List(parts.into_iter().map(|part| call.text_value(part)).collect())))
}

fn replace(call: &Call<'_>) -> Outcome {
    let (text, part, replacement) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let pattern = part.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    Ok(call.text_value(match pattern {
        Some(pattern) => compiled(call, pattern)?.replace_all(&text, replacement.as_str()).into_owned(),
        None => text.replace(&part, &replacement),
    }))
}

fn compiled(call: &Call<'_>, pattern: &str) -> Result<regex::Regex, Diagnostic> {
    regex::Regex::new(pattern).map_err(|_| call.failed("the regular expression cannot be read"))
}

fn regex(call: &Call<'_>) -> Outcome {
    let expression = compiled(call, &call.text(0)?)?;
    let text = call.text(1)?;
    let found = expression.captures(&text).ok_or_else(|| call.failed("the text does not match"))?;
    Ok(captured(call, &expression, &found))
}

fn regex_all(call: &Call<'_>) -> Outcome {
    let expression = compiled(call, &call.text(0)?)?;
    let text = call.text(1)?;
    let found = expression.captures_iter(&text).map(|found| captured(call, &expression, &found));
    let found = call.value(Kind::List(found.collect()));
    Ok(if found.items().is_empty() { Cty::list(captured_type(&expression)).give(found) } else { found })
}

/// The type of what [`captured`] gives.
fn captured_type(expression: &regex::Regex) -> Cty {
    let names: Vec<&str> = expression.capture_names().flatten().collect();
    match expression.captures_len() {
        _ if !names.is_empty() => Cty::Object(names.into_iter().map(|name| (name.to_owned(), Cty::String)).collect()),
        1 => Cty::String,
        groups => Cty::Tuple(vec![Cty::String; groups - 1]),
    }
}

/// The whole match; a list or an object where the expression has groups.
fn captured(call: &Call<'_>, expression: &regex::Regex, found: &regex::Captures<'_>) -> Given {
    let group = |found: Option<regex::Match<'_>>| {
        let null = || Cty::String.give(call.value(Kind::Null));
        found.map_or_else(null, |found| call.text_value(found.as_str().to_owned()))
    };
    let names: Vec<&str> = expression.capture_names().flatten().collect();
    if !names.is_empty() {
        let fields = names
            .into_iter()
            .map(|name| (name.to_owned(), Field { key: call.span.clone(), value: group(found.name(name)) }));
        return call.value(Kind::Map(fields.collect()));
    }
    if found.len() > 1 {
        return call.value(Kind::List(found.iter().skip(1).map(group).collect()));
    }
    group(found.get(0))
}

fn substr(call: &Call<'_>) -> Outcome {
    let characters: Vec<char> = call.text(0)?.chars().collect();
    let count = i64::try_from(characters.len()).unwrap_or(i64::MAX);
    let offset = call.whole(1)?;
    let offset = if offset < 0 { (count + offset).max(0) } else { offset };
    let length = call.whole(2)?;
    let length = if length < 0 { count } else { length };
    let taken = |number: i64| usize::try_from(number).unwrap_or(0);
    Ok(call.text_value(characters.into_iter().skip(taken(offset)).take(taken(length)).collect()))
}

fn range(call: &Call<'_>) -> Outcome {
    let (start, end, step) = match call.arguments.len() {
        1 => (0, call.whole(0)?, 1),
        2 => (call.whole(0)?, call.whole(1)?, 1),
        _ => (call.whole(0)?, call.whole(1)?, call.whole(2)?),
    };
    if step == 0 || (end - start) / step > MAX_RANGE {
        return Err(call.failed("it would make no end of numbers; at most 1024 are made"));
    }
    let mut numbers = Vec::new();
    let mut next = start;
    while (step > 0 && next < end) || (step < 0 && next > end) {
        #[expect(clippy::cast_precision_loss, reason = "the numbers are below 10^9")]
        numbers.push(call.value(Kind::Number(next as f64)));
        next += step;
    }
    Ok(call.value(Kind::List(numbers)))
}

const MAX_RANGE: i64 = 1024;

fn coalesce(call: &Call<'_>) -> Outcome {
    let kinds: Vec<Cty> = call.arguments.iter().map(Cty::of).collect();
    let are_told = kinds.iter().all(|kind| matches!(kind, Cty::String | Cty::Number | Cty::Bool));
    if are_told && Cty::unified(&kinds).is_none() {
        return Err(call.failed("its arguments are of types that have nothing in common"));
    }
    let found = call.arguments.iter().find(|value| !value.is_null() && value.as_str() != Some(""));
    found.cloned().ok_or_else(|| call.failed("each of its arguments is null or empty"))
}

fn coalesce_list(call: &Call<'_>) -> Outcome {
    (0..call.arguments.len()).try_for_each(|at| call.no_set(at))?;
    let found = call.arguments.iter().find(|value| !value.items().is_empty());
    found.cloned().ok_or_else(|| call.failed("each of its arguments is empty"))
}

fn compact(call: &Call<'_>) -> Outcome {
    let kept = call.list(0)?.iter().filter(|item| !item.is_null() && item.as_str() != Some(""));
    Ok(call.value(Kind::List(kept.cloned().collect())))
}

fn concat(call: &Call<'_>) -> Outcome {
    let mut all = Vec::new();
    for at in 0..call.arguments.len() {
        all.extend_from_slice(call.list(at)?);
    }
    Ok(call.value(Kind::List(all)))
}

fn contains(call: &Call<'_>) -> Outcome {
    let wanted = call.argument(1)?;
    Ok(call.value(Kind::Bool(call.list(0)?.iter().any(|item| item.same(wanted)))))
}

fn distinct_items(call: &Call<'_>) -> Outcome {
    let mut kept: Vec<Given> = Vec::new();
    for item in call.list(0)? {
        if !kept.iter().any(|other| other.same(item)) {
            kept.push(item.clone());
        }
    }
    Ok(call.value(Kind::List(kept)))
}

fn as_set(mut value: Given) -> Given {
    if let Kind::List(items) = &mut value.kind {
        distinct(items);
    }
    value
}

fn element(call: &Call<'_>) -> Outcome {
    call.no_set(0)?;
    let items = call.list(0)?;
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if length == 0 {
        return Err(call.failed("the list is empty"));
    }
    let at = call.whole(1)?.rem_euclid(length);
    usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().ok_or_else(|| call.failed("there is no such item"))
}

fn flattened(items: &[Given]) -> Vec<Given> {
    items
        .iter()
        .flat_map(|item| match &item.kind {
            Kind::List(inner) => flattened(inner),
            _ => vec![item.clone()],
        })
        .collect()
}

fn index(call: &Call<'_>) -> Outcome {
    let wanted = call.argument(1)?;
    let at = call.list(0)?.iter().position(|item| item.same(wanted));
    let at = at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| call.failed("the value is not in the list"))?;
    Ok(call.value(Kind::Number(at.into())))
}

fn keys(call: &Call<'_>) -> Outcome {
    let keys = sorted(call.map(0)?).into_iter().map(|(name, field)| Given::string(name, field.key.clone()));
    Ok(call.value(Kind::List(keys.collect())))
}

fn values(call: &Call<'_>) -> Outcome {
    let values = sorted(call.map(0)?).into_iter().map(|(_, field)| field.value.clone());
    Ok(call.value(Kind::List(values.collect())))
}

fn length(call: &Call<'_>) -> Outcome {
    let length = match &call.argument(0)?.kind {
        Kind::String(text) => text.chars().count(),
        Kind::List(items) => items.len(),
        Kind::Map(fields) => fields.len(),
        _ => return Err(call.failed("only texts, lists and maps have a length")),
    };
    Ok(call.value(Kind::Number(u32::try_from(length).unwrap_or(u32::MAX).into())))
}

fn lookup(call: &Call<'_>) -> Outcome {
    let name = call.text(1)?;
    match (call.map(0)?.get(&name), call.arguments.get(2)) {
        (Some(field), _) => Ok(field.value.clone()),
        (None, Some(default)) => match Cty::of(call.argument(0)?) {
            Cty::Map(inner) if *inner != Cty::Untold && Cty::of(&inner.give(default.clone())) == Cty::Untold => {
                Err(call.failed("the default is not of the type that the map holds"))
            }
            _ => Ok(default.clone()),
        },
        (None, None) => Err(call.failed("the map has no such key, and no default is given")),
    }
}

fn merge(call: &Call<'_>) -> Outcome {
    let mut merged = IndexMap::new();
    for (at, argument) in call.arguments.iter().enumerate() {
        if !argument.is_null() {
            merged.extend(call.map(at)?.clone());
        }
    }
    Ok(call.value(Kind::Map(merged)))
}

fn one(call: &Call<'_>) -> Outcome {
    match call.list(0)? {
        [] => Ok(Cty::part(&Cty::of(call.argument(0)?)).give(call.value(Kind::Null))),
        [only] => Ok(only.clone()),
        _ => Err(call.failed("the list has more than one item")),
    }
}

fn slice(call: &Call<'_>) -> Outcome {
    let range = usize::try_from(call.whole(1)?).ok().zip(usize::try_from(call.whole(2)?).ok());
    let items = range.and_then(|(start, end)| call.list(0).ok()?.get(start..end));
    let items = items.ok_or_else(|| call.failed("the list does not reach that far"))?;
    Ok(call.value(Kind::List(items.to_vec())))
}

fn sort(call: &Call<'_>) -> Outcome {
    let mut texts: Vec<String> = call.list(0)?.iter().map(text_of).collect::<Result<_, _>>()?;
    texts.sort();
    Ok(call.value(Kind::List(texts.into_iter().map(|text| call.text_value(text)).collect())))
}

fn zipmap(call: &Call<'_>) -> Outcome {
    let (names, values) = (call.list(0)?, call.list(1)?);
    if names.len() != values.len() {
        return Err(call.failed("its lists differ in length"));
    }
    let mut fields = IndexMap::new();
    for (name, value) in names.iter().zip(values) {
        fields.insert(text_of(name)?, Field { key: name.span.clone(), value: value.clone() });
    }
    Ok(call.value(Kind::Map(fields)))
}

/// A value as JSON, with its keys sorted, and escaped as Terraform does it.
///
/// Source: <https://developer.hashicorp.com/terraform/language/functions/jsonencode>.
fn json_text(value: &Given) -> String {
    let mut value = value.to_json();
    value.sort_all_objects();
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => text.push(character),
        }
    }
    text
}

fn json_decode(call: &Call<'_>) -> Outcome {
    let decoded = serde_json::from_str(&call.text(0)?).map_err(|_| call.failed("the text is not JSON"))?;
    Ok(Given::from_json(&decoded, call.span))
}

fn shown(value: &Given) -> Given {
    let mut value = value.clone();
    show(&mut value);
    value
}

fn show(value: &mut Given) {
    value.sensitive = false;
    match &mut value.kind {
        Kind::List(items) => items.iter_mut().for_each(show),
        Kind::Map(fields) => fields.values_mut().for_each(|field| show(&mut field.value)),
        _ => {}
    }
}

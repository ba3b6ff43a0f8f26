use std::fmt;

use serde_json::{Map, Value, json};

use crate::document::{Condition, Document, Match, PrincipalPattern, Principals, Statement, Version};

impl Document {
    /// The document as compact JSON, its elements in AWS's usual order, lists of one as a bare string.
    ///
    /// Reading it gives the same document again; the same document always gives the same text.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// The document as a JSON value, with the shape of [`Document::to_json`].
    pub fn to_value(&self) -> Value {
        let mut object = Map::new();
        object.insert("Version".to_owned(), self.version.to_string().into());
        if let Some(id) = &self.id {
            object.insert("Id".to_owned(), id.as_str().into());
        }
        object.insert("Statement".to_owned(), self.statements.iter().map(statement).collect());
        Value::Object(object)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2008 => "2008-10-17",
            Self::V2012 => "2012-10-17",
        })
    }
}

fn statement(statement: &Statement) -> Value {
    let mut object = Map::new();
    if let Some(sid) = &statement.sid {
        object.insert("Sid".to_owned(), sid.as_str().into());
    }
    object.insert("Effect".to_owned(), statement.effect.to_string().into());
    insert(&mut object, "Principal", statement.principal.as_ref(), principals);
    insert(&mut object, "Action", statement.action.as_ref(), |it| one_or_many(it));
    insert(&mut object, "Resource", statement.resource.as_ref(), |it| one_or_many(it));
    if !statement.conditions.is_empty() {
        object.insert("Condition".to_owned(), conditions(&statement.conditions));
    }
    Value::Object(object)
}

fn insert<T>(object: &mut Map<String, Value>, name: &str, element: Option<&Match<T>>, print: impl Fn(&T) -> Value) {
    let (name, value) = match element {
        Some(Match::Is(inner)) => (name.to_owned(), print(inner)),
        Some(Match::IsNot(inner)) => (format!("Not{name}"), print(inner)),
        None => return,
    };
    object.insert(name, value);
}

fn principals(principals: &Principals) -> Value {
    let mut types: Vec<(&str, Vec<&str>)> = Vec::new();
    for principal in principals {
        let (kind, name) = match principal {
            PrincipalPattern::Everyone => ("AWS", "*"),
            PrincipalPattern::Aws(name) => ("AWS", name.as_str()),
            PrincipalPattern::Service(name) => ("Service", name.as_str()),
            PrincipalPattern::Federated(name) => ("Federated", name.as_str()),
            PrincipalPattern::CanonicalUser(name) => ("CanonicalUser", name.as_str()),
        };
        match types.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, names)) => names.push(name),
            None => types.push((kind, vec![name])),
        }
    }
    if types.is_empty() {
        types.push(("AWS", Vec::new()));
    }
    types.into_iter().map(|(kind, names)| (kind.to_owned(), one_or_many(&names))).collect::<Map<_, _>>().into()
}

fn conditions(conditions: &[Condition]) -> Value {
    let mut operators = Map::new();
    for condition in conditions {
        let keys = operators.entry(condition.operator.as_str()).or_insert_with(|| json!({}));
        if let Value::Object(keys) = keys {
            keys.insert(unused_spelling(&condition.key, keys), one_or_many(&condition.values));
        }
    }
    Value::Object(operators)
}

/// The key as it is, or with a letter in the other case where the operator has it already: both conditions must
/// hold, so neither may replace the other, and keys mean the same in any case.
fn unused_spelling(key: &str, taken: &Map<String, Value>) -> String {
    let mut spelling = key.to_owned();
    for (at, letter) in key.char_indices().rev() {
        if !taken.contains_key(&spelling) {
            break;
        }
        let other = if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        spelling = key.to_owned();
        spelling.replace_range(at..at + letter.len_utf8(), other.encode_utf8(&mut [0; 4]));
    }
    spelling
}

fn one_or_many<S: AsRef<str>>(texts: &[S]) -> Value {
    match texts {
        [text] => text.as_ref().into(),
        many => many.iter().map(AsRef::as_ref).collect(),
    }
}

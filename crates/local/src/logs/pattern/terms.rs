use super::PatternError;

/// Words and phrases to look for in a message, as they are. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Terms {
    /// Each of these must occur.
    required: Vec<String>,
    /// None of these (`-term`) may occur.
    excluded: Vec<String>,
    /// One of these (`?term`) must occur. They have no say next to terms of the other kinds.
    optional: Vec<String>,
}

impl Terms {
    pub(super) fn matches(&self, message: &str) -> bool {
        let occurs = |term: &String| message.contains(term.as_str());
        if self.required.is_empty() && self.excluded.is_empty() && !self.optional.is_empty() {
            return self.optional.iter().any(occurs);
        }
        self.required.iter().all(occurs) && !self.excluded.iter().any(occurs)
    }
}

pub(super) fn parse(text: &str) -> Result<Terms, PatternError> {
    let mut terms = Terms::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (list, behind) = match rest.split_at_checked(1) {
            Some(("?", behind)) => (&mut terms.optional, behind),
            Some(("-", behind)) => (&mut terms.excluded, behind),
            _ => (&mut terms.required, rest),
        };
        let (term, behind) = parse_term(behind)?;
        // `""` matches everything, so that it asks for nothing.
        if !term.is_empty() {
            list.push(term);
        }
        rest = behind.trim_start();
    }
    Ok(terms)
}

fn parse_term(text: &str) -> Result<(String, &str), PatternError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return super::expression::parse_quoted(quoted);
    }
    if text.starts_with('%') {
        return Err(PatternError::RegularExpression);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (term, behind) = text.split_at(end);
    if term.is_empty() || !term.chars().all(|character| character.is_alphanumeric() || character == '_') {
        return Err(PatternError::TermCharacter { term: term.to_owned() });
    }
    Ok((term.to_owned(), behind))
}

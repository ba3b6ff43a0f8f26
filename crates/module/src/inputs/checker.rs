//! What every rule on inputs needs: the values, converted, and a place to put diagnostics.

use indexmap::IndexMap;
use keywright_model::{Diagnostic, Diagnostics, ParseError, Span};

use super::given;
use super::table::{INPUTS, InputInfo, input};
use crate::nearest::nearest;
use crate::read::{Argument, Arguments, Given, Kind, mismatch_diagnostic, mismatch_label};
use crate::secrets::Secrets;

/// The values of one module's inputs, and what was found about them.
pub(crate) struct Checker {
    module: Span,
    values: IndexMap<&'static str, Argument>,
    /// Inputs that are given, but whose value is wrong already: rules on them are silent.
    failed: Vec<String>,
    pub(crate) diagnostics: Diagnostics,
}

impl Checker {
    /// Converts every argument to its type; unknown, missing and unfit ones are reported.
    pub(crate) fn new(arguments: Arguments) -> Self {
        let (values, diagnostics) = (IndexMap::new(), Diagnostics::new());
        let mut checker = Self { module: arguments.span, values, failed: arguments.failed, diagnostics };
        for (name, argument) in arguments.values {
            match input(&name) {
                Some(info) => checker.convert(info, argument),
                None => checker.diagnostics.push(unknown_input(&name, &argument.key)),
            }
        }
        checker.report_missing();
        checker
    }

    fn convert(&mut self, info: &'static InputInfo, argument: Argument) {
        let Argument { key, code, value } = argument;
        if value.is_null() {
            return;
        }
        match info.kind().convert(value, true) {
            Ok(value) => drop(self.values.insert(info.name, Argument { key, code, value })),
            Err(mismatches) => {
                for mismatch in &mismatches {
                    let diagnostic = mismatch_diagnostic(&format!("`{}`", info.name), mismatch)
                        .at(mismatch.found.span.clone(), mismatch_label(mismatch));
                    let mut diagnostic = with_use(diagnostic, info.name, &mismatch.found.span, &code);
                    diagnostic.help.get_or_insert_with(|| format!("{}: {}", info.kind(), info.description).into());
                    self.diagnostics.push(diagnostic);
                }
                self.failed.push(info.name.to_owned());
            }
        }
    }

    fn report_missing(&mut self) {
        for info in INPUTS.iter().filter(|info| info.default.is_none()) {
            if !self.values.contains_key(info.name) && !self.has_failed(info.name) {
                self.diagnostics.push(
                    Diagnostic::error("missing-input", format!("the input `{}` is missing", info.name))
                        .at(self.module.clone(), "this module")
                        .help(format!("add `{} = …`: {}", info.name, info.description)),
                );
            }
        }
    }

    /// Every text that a sensitive variable has put into the inputs.
    pub(crate) fn secrets(&self) -> Secrets {
        let mut found = Vec::new();
        self.values.values().for_each(|argument| given::secrets(&argument.value, &mut found));
        Secrets(found)
    }

    pub(crate) fn has_failed(&self, name: &str) -> bool {
        self.failed.iter().any(|failed| failed == name)
    }

    /// The value that was given; none if it was not, or is null or unfit.
    pub(crate) fn given(&self, name: &str) -> Option<&Given> {
        self.values.get(name).map(|argument| &argument.value)
    }

    /// As [`Checker::given`], a copy that outlives further diagnostics; an empty text counts as not given.
    pub(crate) fn text(&self, name: &str) -> Option<Given> {
        self.given(name).filter(|value| value.as_str() != Some("")).cloned()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.given(name).map(|value| &value.kind) {
            Some(Kind::Bool(value)) => *value,
            _ => input(name).is_some_and(|info| info.default == Some("true")),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        match self.given(name).map(|value| &value.kind) {
            Some(Kind::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The items of a list; empty if it was not given.
    pub(crate) fn items(&self, name: &str) -> Vec<Given> {
        self.given(name).map(|value| value.items().to_vec()).unwrap_or_default()
    }

    /// Where an input is written: its name, or the module's head if it is not given.
    pub(crate) fn key_span(&self, name: &str) -> Span {
        self.values.get(name).map_or_else(|| self.module.clone(), |argument| argument.key.clone())
    }

    /// Adds a diagnostic that points at a value, and at the argument that it came through.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic, name: &str, value: &Given) {
        let diagnostic = diagnostic.at(value.span.clone(), "");
        let diagnostic = match self.values.get(name) {
            Some(argument) => with_use(diagnostic, name, &value.span, &argument.code),
            None => diagnostic,
        };
        self.diagnostics.push(diagnostic);
    }

    /// An error about a value, `summary` being what is wrong with it: "`name`: `value` is …".
    pub(crate) fn refuse(&mut self, code: &'static str, name: &str, value: &Given, reason: &str, help: &str) {
        let diagnostic =
            Diagnostic::error(code, format!("`{name}`: {} is not allowed: {}", shown(value), safe(value, reason)));
        self.report(diagnostic.help(help), name, value);
    }

    /// Reads a text, or says why it cannot be read.
    pub(crate) fn parse<T>(
        &mut self,
        code: &'static str,
        name: &str,
        value: &Given,
        help: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match parse(value.as_str().unwrap_or_default()) {
            Ok(parsed) => Some(parsed),
            Err(reason) => {
                self.refuse(code, name, value, &reason, help);
                None
            }
        }
    }
}

/// The reason of a parse error, which never holds the whole text.
pub(crate) fn reason(error: ParseError) -> String {
    error.reason
}

/// The value in backticks, unless it must not be shown.
pub(crate) fn shown(value: &Given) -> String {
    if value.holds_secrets() { "this sensitive value".to_owned() } else { format!("`{}`", plain(value)) }
}

fn plain(value: &Given) -> String {
    value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned)
}

fn safe<'a>(value: &Given, reason: &'a str) -> &'a str {
    if value.holds_secrets() { "it breaks a rule of this input" } else { reason }
}

/// Also points at the argument, where the value itself was written elsewhere.
fn with_use(diagnostic: Diagnostic, name: &str, value: &Span, code: &Span) -> Diagnostic {
    let inside = value.file == code.file && code.range.start <= value.range.start && value.range.end <= code.range.end;
    if inside { diagnostic } else { diagnostic.at(code.clone(), format!("given to `{name}` here")) }
}

fn unknown_input(name: &str, key: &Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-input", format!("there is no input `{name}`")).at(key.clone(), "");
    if let Some((_, meant)) = RENAMED.iter().find(|(old, _)| *old == name) {
        return diagnostic.help(format!("it is called {meant}"));
    }
    match nearest(name, INPUTS.iter().map(|input| input.name)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("`keywright schema` lists every input"),
    }
}

/// Names that documents of the module use, and it does not have.
const RENAMED: &[(&str, &str)] = &[
    ("enable_firehose", "`enable_alb_firehose` or `enable_cloudfront_firehose`"),
    ("enable_waf_logging", "`enable_alb_waf_logging` or `enable_cloudfront_waf`"),
    ("enable_admin_kms_role", "`enable_kms_admin_role`"),
    ("additional_principals", "`key_users`, or `cross_account_principals` for other accounts"),
];

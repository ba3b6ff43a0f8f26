//! The values of expressions.
//!
//! Evaluation keeps for each value the place where it was written and whether it is sensitive; that is why it is done
//! here, on the parsed text with its spans.
//!
//! Source: <https://developer.hashicorp.com/terraform/language/expressions>.

use std::cell::Cell;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Conditional, Expression, ForExpr, FuncCall, Object, ObjectKey, Traversal,
    TraversalOperator, UnaryOp, UnaryOperator,
};
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Strip, Template};
use indexmap::IndexMap;
use keywright_model::{Diagnostic, SourceFile, Span};

use super::cty::Cty;
use super::functions;
use super::given::{Field, Given, Kind};
use super::types::Type;
use crate::nearest::nearest;

/// What names mean outside of the expression itself.
pub(crate) trait World {
    /// The value that a traversal begins with, and how many of the `steps` after `root` that took.
    ///
    /// # Errors
    /// When nothing of that name is known, or its own expression cannot be evaluated.
    fn resolve(&self, root: &str, steps: &[Step], span: &Span) -> Result<(Given, usize), Diagnostic>;

    /// Whether types are told as Terraform tells them. It takes that both sides of a conditional are evaluated.
    fn tells_types(&self) -> bool {
        false
    }

    /// How many evaluations are under way inside each other: of nested expressions, and of names through names.
    fn depth(&self) -> &Cell<usize>;
}

/// A step of a traversal whose target is known from the text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// `.name` or `["name"]`.
    Name(String),
    /// `[0]` or `.0`.
    Number(usize),
    /// Anything that has to be evaluated first.
    Other,
}

/// Where an expression stands: its file, and the names that are bound around it.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    world: &'a dyn World,
    file: &'a Arc<SourceFile>,
    /// Stands for every place in the expression, where its text is not the file's own (strings in JSON).
    fixed: Option<&'a Span>,
    bound: Option<&'a Binding<'a>>,
}

struct Binding<'a> {
    name: &'a str,
    value: Given,
    outer: Option<&'a Binding<'a>>,
}

/// More than people write, and little enough for any stack.
const MAX_DEPTH: usize = 200;

type Outcome = Result<Given, Diagnostic>;

impl<'a> Scope<'a> {
    pub(crate) fn new(world: &'a dyn World, file: &'a Arc<SourceFile>) -> Self {
        Self { world, file, fixed: None, bound: None }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(&self, expression: &Expression) -> Outcome {
        let depth = self.world.depth();
        if depth.get() >= MAX_DEPTH {
            return Err(Diagnostic::error("invalid-expression", "expressions are nested too deeply")
                .at(self.span(expression.span()), "")
                .help("give parts of it a name in `locals`, and make names refer to each other in fewer steps"));
        }
        depth.set(depth.get() + 1);
        let value = self.evaluate_inside(expression);
        depth.set(depth.get() - 1);
        self.or_unknown(value, || self.span(expression.span()))
    }

    /// What needs a value that is not known yet is not known yet.
    fn or_unknown(&self, value: Outcome, span: impl FnOnce() -> Span) -> Outcome {
        match value {
            Err(diagnostic) if diagnostic.code == NOT_KNOWN_YET => Ok(Given::new(Kind::Unknown, span())),
            value => value,
        }
    }

    fn evaluate_inside(&self, expression: &Expression) -> Outcome {
        let span = self.span(expression.span());
        let kind = match expression {
            Expression::Null(_) => Kind::Null,
            Expression::Bool(value) => Kind::Bool(*value.value()),
            Expression::Number(value) => {
                return Ok(Given::written_number(value.value().as_f64().unwrap_or_default(), span));
            }
            Expression::String(value) => Kind::String(value.value().clone()),
            Expression::Array(items) => {
                Kind::List(items.iter().map(|item| self.evaluate(item)).collect::<Result<_, _>>()?)
            }
            Expression::Object(object) => return self.object(object, span),
            Expression::StringTemplate(template) => return self.template(template, span),
            Expression::HeredocTemplate(heredoc) => return self.template(&heredoc.template, span),
            Expression::Parenthesis(inner) => return self.evaluate(inner.inner()),
            Expression::Variable(name) => return self.variable(name.value(), &span),
            Expression::Conditional(conditional) => return self.conditional(conditional),
            Expression::FuncCall(call) => return self.call(call, &span),
            Expression::Traversal(traversal) => return self.traversal(traversal, &span),
            Expression::UnaryOp(operation) => return self.unary(operation, span),
            Expression::BinaryOp(operation) => return self.binary(operation, span),
            Expression::ForExpr(expression) => return self.for_expression(expression, span),
        };
        Ok(Given::new(kind, span))
    }

    /// The value of a JSON value in a `.tf.json` file, whose texts are templates.
    ///
    /// Source: <https://developer.hashicorp.com/terraform/language/syntax/json#expression-mapping>.
    pub(crate) fn evaluate_json(&self, value: &Given) -> Outcome {
        let kind = match &value.kind {
            Kind::String(text) => return self.or_unknown(self.json_text(text, &value.span), || value.span.clone()),
            Kind::List(items) => {
                Kind::List(items.iter().map(|item| self.evaluate_json(item)).collect::<Result<_, _>>()?)
            }
            Kind::Map(fields) => {
                let (mut evaluated, mut secret) = (IndexMap::new(), false);
                for (name, field) in fields {
                    let name = self.json_text(name, &field.key)?;
                    let value = self.evaluate_json(&field.value)?;
                    secret |= name.sensitive;
                    evaluated.insert(text_of(&name)?, Field { key: field.key.clone(), value });
                }
                return Ok(marked(Kind::Map(evaluated), &value.span, secret));
            }
            _ => return Ok(value.clone()),
        };
        Ok(Given::new(kind, value.span.clone()))
    }

    fn json_text(&self, text: &str, span: &Span) -> Outcome {
        if !text.contains("${") && !text.contains("%{") {
            return Ok(Given::string(text, span.clone()));
        }
        let template: Template = text.parse().map_err(|error: hcl_edit::parser::Error| {
            Diagnostic::error("invalid-expression", format!("this template cannot be read: {}", error.message()))
                .at(span.clone(), "")
        })?;
        Scope { fixed: Some(span), ..*self }.template(&template, span.clone())
    }

    fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        match self.fixed {
            Some(span) => span.clone(),
            None => Span::new(self.file, range.unwrap_or_default()),
        }
    }

    fn variable(&self, name: &str, span: &Span) -> Outcome {
        match self.bound_value(name) {
            Some(value) => Ok(value.clone()),
            None => self.world.resolve(name, &[], span).map(|(value, _)| value),
        }
    }

    fn bound_value(&self, name: &str) -> Option<&Given> {
        let mut binding = self.bound;
        while let Some(bound) = binding {
            if bound.name == name {
                return Some(&bound.value);
            }
            binding = bound.outer;
        }
        None
    }

    fn object(&self, object: &Object, span: Span) -> Outcome {
        let (mut fields, mut secret) = (IndexMap::new(), false);
        for (key, value) in object {
            let name = self.object_key(key)?;
            let value = self.evaluate(value.expr())?;
            secret |= name.sensitive;
            fields.insert(text_of(&name)?, Field { key: self.span(key.span()), value });
        }
        Ok(marked(Kind::Map(fields), &span, secret))
    }

    fn object_key(&self, key: &ObjectKey) -> Outcome {
        match key {
            ObjectKey::Ident(name) => Ok(Given::string(name.value().as_str(), self.span(key.span()))),
            ObjectKey::Expression(Expression::Variable(name)) => {
                Ok(Given::string(name.value().as_str(), self.span(key.span())))
            }
            ObjectKey::Expression(expression) => self.evaluate(expression),
        }
    }

    fn conditional(&self, conditional: &Conditional) -> Outcome {
        let condition = self.evaluate(&conditional.cond_expr)?;
        let holds = bool_of(&condition)?;
        let (chosen, other) = match holds {
            true => (&conditional.true_expr, &conditional.false_expr),
            false => (&conditional.false_expr, &conditional.true_expr),
        };
        let mut chosen = self.evaluate(chosen)?;
        if self.world.tells_types() {
            chosen = beside(chosen, self.evaluate(other).ok());
        }
        if condition.sensitive {
            chosen.hide(&condition.span);
        }
        Ok(chosen)
    }

    fn call(&self, call: &FuncCall, span: &Span) -> Outcome {
        let name = call.name.name.value().as_str();
        match name {
            _ if call.name.is_namespaced() => Err(unknown_function(&whole_name(&call.name), span)),
            "try" => self.try_each(call, span),
            "can" => {
                let values: Vec<Outcome> = call.args.iter().map(|argument| self.evaluate(argument)).collect();
                known(values.iter().flatten(), span)?;
                Ok(Given::new(Kind::Bool(values.iter().all(Result::is_ok)), span.clone()))
            }
            _ => {
                let arguments = self.arguments(call)?;
                known(&arguments, span)?;
                functions::call(name, arguments, span).ok_or_else(|| unknown_function(name, span))?
            }
        }
    }

    fn try_each(&self, call: &FuncCall, span: &Span) -> Outcome {
        let mut last = functions::failed("try", "it needs at least one argument", span);
        for argument in &call.args {
            match self.evaluate(argument) {
                Ok(value) => {
                    known([&value], span)?;
                    return Ok(value);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn arguments(&self, call: &FuncCall) -> Result<Vec<Given>, Diagnostic> {
        let mut arguments = call.args.iter().map(|argument| self.evaluate(argument)).collect::<Result<Vec<_>, _>>()?;
        if call.args.expand_final()
            && let Some(last) = arguments.pop()
        {
            let Kind::List(items) = last.kind else {
                return Err(unexpected(&last, "a list before `...`"));
            };
            arguments.extend(items);
        }
        Ok(arguments)
    }

    fn traversal(&self, traversal: &Traversal, span: &Span) -> Outcome {
        let steps: Vec<Step> = traversal.operators.iter().map(|operator| self.step(operator.value())).collect();
        let (value, taken) = match &traversal.expr {
            Expression::Variable(name) => match self.bound_value(name.value()) {
                Some(value) => (value.clone(), 0),
                None => self.world.resolve(name.value(), &steps, span)?,
            },
            expression => (self.evaluate(expression)?, 0),
        };
        let operators: Vec<&TraversalOperator> =
            traversal.operators.iter().skip(taken).map(hcl_edit::Decorated::value).collect();
        self.follow(value, &operators, span)
    }

    fn step(&self, operator: &TraversalOperator) -> Step {
        match operator {
            TraversalOperator::GetAttr(name) => Step::Name(name.value().as_str().to_owned()),
            TraversalOperator::Index(Expression::String(name)) => Step::Name(name.value().clone()),
            TraversalOperator::Index(Expression::Number(number)) => number
                .value()
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .map_or(Step::Other, Step::Number),
            TraversalOperator::LegacyIndex(number) => {
                usize::try_from(*number.value()).map_or(Step::Other, Step::Number)
            }
            _ => Step::Other,
        }
    }

    fn follow(&self, value: Given, operators: &[&TraversalOperator], span: &Span) -> Outcome {
        let Some((first, rest)) = operators.split_first() else {
            return Ok(value);
        };
        if value.kind_is_unknown() {
            return Err(not_known_yet(span));
        }
        let next = match first {
            TraversalOperator::GetAttr(name) => attribute_of(&value, name.value(), span)?,
            TraversalOperator::Index(expression) => index_of(&value, &self.evaluate(expression)?, span)?,
            TraversalOperator::LegacyIndex(number) => item_of(&value, usize::try_from(*number.value()).ok(), span)?,
            TraversalOperator::FullSplat(_) => return self.splat(value, rest, span),
            TraversalOperator::AttrSplat(_) => return self.attribute_splat(value, rest, span),
        };
        self.follow(next, rest, span)
    }

    fn splat(&self, value: Given, rest: &[&TraversalOperator], span: &Span) -> Outcome {
        let inner = match &value.declared {
            Some(Cty::List(inner) | Cty::Set(inner)) => Some((**inner).clone()),
            _ => None,
        };
        let items = match value.kind {
            Kind::Null => Vec::new(),
            Kind::List(items) => items,
            _ => vec![value],
        };
        let followed: Vec<Given> =
            items.into_iter().map(|item| self.follow(item, rest, span)).collect::<Result<_, _>>()?;
        // What is taken out of each item of a list has one type, which an empty list does not tell.
        let inner = inner.map(|inner| match followed.first() {
            Some(item) => Cty::of(item),
            None if rest.is_empty() => inner,
            None => Cty::Untold,
        });
        let list = Given::new(Kind::List(followed), span.clone());
        Ok(match inner {
            Some(inner) => Cty::list(inner).give(list),
            None => list,
        })
    }

    /// `list.*.name[0]`: the index belongs to the result, not to the items.
    fn attribute_splat(&self, value: Given, rest: &[&TraversalOperator], span: &Span) -> Outcome {
        let names = rest.iter().take_while(|operator| matches!(operator, TraversalOperator::GetAttr(_))).count();
        let (inside, after) = rest.split_at(names);
        let list = self.splat(value, inside, span)?;
        self.follow(list, after, span)
    }

    fn unary(&self, operation: &UnaryOp, span: Span) -> Outcome {
        let value = self.evaluate(&operation.expr)?;
        let kind = match operation.operator.value() {
            UnaryOperator::Not => Kind::Bool(!bool_of(&value)?),
            UnaryOperator::Neg => Kind::Number(-number_of(&value)?),
        };
        Ok(result(kind, span, &[&value]))
    }

    fn binary(&self, operation: &BinaryOp, span: Span) -> Outcome {
        let left = self.evaluate(&operation.lhs_expr)?;
        let operator = *operation.operator.value();
        if let Some(decided) = short_circuit(operator, &left)? {
            // Terraform looks at both sides, and marks the result if either is sensitive.
            let right = self.evaluate(&operation.rhs_expr).ok();
            let operands: Vec<&Given> = [&left].into_iter().chain(&right).collect();
            return Ok(result(Kind::Bool(decided), span, &operands));
        }
        let right = self.evaluate(&operation.rhs_expr)?;
        known([&left, &right], &span)?;
        let kind = operate(operator, &left, &right, &span)?;
        Ok(result(kind, span, &[&left, &right]))
    }

    fn for_expression(&self, expression: &ForExpr, span: Span) -> Outcome {
        let collection = self.evaluate(&expression.intro.collection_expr)?;
        let key_name = expression.intro.key_var.as_ref().map(|name| name.value().as_str());
        let value_name = expression.intro.value_var.value().as_str();
        let mut made = Made::new(expression.key_expr.is_some());
        let mut secret = is_secret_to_walk(&collection);
        for (key, value) in entries(&collection)? {
            secret |= self.with(key_name, key, value_name, value, |inner| inner.for_entry(expression, &mut made))?;
        }
        Ok(marked(made.into_kind(), &span, secret))
    }

    /// Adds an entry, and tells whether it makes all that is made sensitive: by its key, or by whether it is there.
    fn for_entry(&self, expression: &ForExpr, made: &mut Made) -> Result<bool, Diagnostic> {
        let mut secret = false;
        if let Some(condition) = &expression.cond {
            let condition = self.evaluate(&condition.expr)?;
            secret |= condition.sensitive;
            if !bool_of(&condition)? {
                return Ok(secret);
            }
        }
        let value = self.evaluate(&expression.value_expr)?;
        match &expression.key_expr {
            None => made.push(value),
            Some(key) => {
                let key = self.evaluate(key)?;
                secret |= key.sensitive;
                made.insert(text_of(&key)?, &key.span, value, expression.grouping)?;
            }
        }
        Ok(secret)
    }

    fn with<T>(
        &self,
        key_name: Option<&str>,
        key: Given,
        value_name: &str,
        value: Given,
        then: impl FnOnce(&Scope<'_>) -> T,
    ) -> T {
        let value = Binding { name: value_name, value, outer: self.bound };
        let Some(name) = key_name else {
            return then(&Scope { bound: Some(&value), ..*self });
        };
        let key = Binding { name, value: key, outer: Some(&value) };
        then(&Scope { bound: Some(&key), ..*self })
    }

    fn template(&self, template: &Template, span: Span) -> Outcome {
        if let Some(Element::Interpolation(only)) = template.as_single_element() {
            return self.evaluate(&only.expr);
        }
        let mut text = Text::default();
        self.write(template, &mut text)?;
        Ok(marked(Kind::String(text.done), &span, text.sensitive))
    }

    fn write(&self, template: &Template, text: &mut Text) -> Result<(), Diagnostic> {
        for element in template {
            match element {
                Element::Literal(literal) => text.push_literal(literal.value()),
                Element::Interpolation(interpolation) => {
                    text.strip_before(interpolation.strip);
                    let value = self.evaluate(&interpolation.expr)?;
                    text.push(&text_of(&value)?, value.sensitive);
                    text.strip_after(interpolation.strip);
                }
                Element::Directive(directive) => match directive.as_ref() {
                    Directive::If(directive) => self.write_if(directive, text)?,
                    Directive::For(directive) => self.write_for(directive, text)?,
                },
            }
        }
        Ok(())
    }

    fn write_if(&self, directive: &IfDirective, text: &mut Text) -> Result<(), Diagnostic> {
        text.strip_before(directive.if_expr.strip);
        let condition = self.evaluate(&directive.if_expr.cond_expr)?;
        text.sensitive |= condition.sensitive;
        let holds = bool_of(&condition)?;
        let otherwise = directive.else_expr.as_ref();
        if holds {
            text.strip_after(directive.if_expr.strip);
            self.write(&directive.if_expr.template, text)?;
            text.strip_before(otherwise.map_or(directive.endif_expr.strip, |otherwise| otherwise.strip));
        } else if let Some(otherwise) = otherwise {
            text.strip_after(otherwise.strip);
            self.write(&otherwise.template, text)?;
            text.strip_before(directive.endif_expr.strip);
        }
        text.strip_after(directive.endif_expr.strip);
        Ok(())
    }

    fn write_for(&self, directive: &ForDirective, text: &mut Text) -> Result<(), Diagnostic> {
        let head = &directive.for_expr;
        text.strip_before(head.strip);
        let collection = self.evaluate(&head.collection_expr)?;
        text.sensitive |= is_secret_to_walk(&collection);
        let key_name = head.key_var.as_ref().map(|name| name.value().as_str());
        for (key, value) in entries(&collection)? {
            text.strip_after(head.strip);
            self.with(key_name, key, head.value_var.value(), value, |inner| inner.write(&head.template, text))?;
            text.strip_before(directive.endfor_expr.strip);
        }
        text.strip_after(directive.endfor_expr.strip);
        Ok(())
    }
}

/// The text that a template becomes; `~` takes away the blanks beside it.
#[derive(Default)]
struct Text {
    done: String,
    sensitive: bool,
    strip_next: bool,
}

impl Text {
    fn push_literal(&mut self, literal: &str) {
        let literal = if std::mem::take(&mut self.strip_next) { literal.trim_start() } else { literal };
        self.done.push_str(literal);
    }

    fn push(&mut self, value: &str, sensitive: bool) {
        self.strip_next = false;
        self.sensitive |= sensitive;
        self.done.push_str(value);
    }

    fn strip_before(&mut self, strip: Strip) {
        if matches!(strip, Strip::Start | Strip::Both) {
            self.done.truncate(self.done.trim_end().len());
        }
    }

    fn strip_after(&mut self, strip: Strip) {
        self.strip_next = matches!(strip, Strip::End | Strip::Both);
    }
}

/// What a `for` expression has made so far.
enum Made {
    List(Vec<Given>),
    Map(IndexMap<String, Field>),
}

impl Made {
    fn new(is_map: bool) -> Self {
        if is_map { Self::Map(IndexMap::new()) } else { Self::List(Vec::new()) }
    }

    fn push(&mut self, value: Given) {
        if let Self::List(items) = self {
            items.push(value);
        }
    }

    fn insert(&mut self, name: String, key: &Span, value: Given, grouping: bool) -> Result<(), Diagnostic> {
        let Self::Map(fields) = self else { return Ok(()) };
        match (fields.get_mut(&name), grouping) {
            (None, false) => drop(fields.insert(name, Field { key: key.clone(), value })),
            (None, true) => {
                let group = Given::new(Kind::List(vec![value]), key.clone());
                fields.insert(name, Field { key: key.clone(), value: group });
            }
            (Some(Field { value: Given { kind: Kind::List(group), .. }, .. }), true) => group.push(value),
            (Some(_), _) => {
                return Err(Diagnostic::error("invalid-expression", "this `for` makes the same key twice")
                    .at(key.clone(), "the key")
                    .help("make the keys differ, or add `...` after the value to group by key"));
            }
        }
        Ok(())
    }

    fn into_kind(self) -> Kind {
        match self {
            Self::List(items) => Kind::List(items),
            Self::Map(fields) => Kind::Map(fields),
        }
    }
}

/// A function's name with its namespaces: `provider::aws::arn_parse`.
fn whole_name(name: &hcl_edit::expr::FuncName) -> String {
    let spaces = name.namespace.iter().map(|part| format!("{}::", part.value().as_str()));
    spaces.chain([name.name.value().as_str().to_owned()]).collect()
}

/// What was computed from `operands`: sensitive if one of them is.
fn result(kind: Kind, span: Span, operands: &[&Given]) -> Given {
    marked(kind, &span, operands.iter().any(|operand| operand.holds_secrets()))
}

/// A value, all of it sensitive where `secret`.
fn marked(kind: Kind, span: &Span, secret: bool) -> Given {
    let mut value = Given::new(kind, span.clone());
    if secret {
        value.hide(span);
    }
    value
}

/// Whether it is secret which, or how many, items there are to walk. What is in a set cannot be told from the set.
fn is_secret_to_walk(collection: &Given) -> bool {
    collection.sensitive || (matches!(collection.declared, Some(Cty::Set(_))) && collection.holds_secrets())
}

fn short_circuit(operator: BinaryOperator, left: &Given) -> Result<Option<bool>, Diagnostic> {
    match operator {
        BinaryOperator::And => Ok((!bool_of(left)?).then_some(false)),
        BinaryOperator::Or => Ok(bool_of(left)?.then_some(true)),
        _ => Ok(None),
    }
}

fn operate(operator: BinaryOperator, left: &Given, right: &Given, span: &Span) -> Result<Kind, Diagnostic> {
    let numbers = || Ok::<_, Diagnostic>((number_of(left)?, number_of(right)?));
    Ok(match operator {
        BinaryOperator::Eq => Kind::Bool(equal(left, right)),
        BinaryOperator::NotEq => Kind::Bool(!equal(left, right)),
        BinaryOperator::And | BinaryOperator::Or => Kind::Bool(bool_of(right)?),
        BinaryOperator::Less => numbers().map(|(left, right)| Kind::Bool(left < right))?,
        BinaryOperator::LessEq => numbers().map(|(left, right)| Kind::Bool(left <= right))?,
        BinaryOperator::Greater => numbers().map(|(left, right)| Kind::Bool(left > right))?,
        BinaryOperator::GreaterEq => numbers().map(|(left, right)| Kind::Bool(left >= right))?,
        BinaryOperator::Plus => finite(numbers().map(|(left, right)| left + right)?, span)?,
        BinaryOperator::Minus => finite(numbers().map(|(left, right)| left - right)?, span)?,
        BinaryOperator::Mul => finite(numbers().map(|(left, right)| left * right)?, span)?,
        BinaryOperator::Div => finite(numbers().map(|(left, right)| left / right)?, span)?,
        BinaryOperator::Mod => finite(numbers().map(|(left, right)| left % right)?, span)?,
    })
}

/// A list is never equal to a tuple, whatever they hold.
fn equal(left: &Given, right: &Given) -> bool {
    left.same(right) && Cty::of(left).may_be(&Cty::of(right))
}

fn finite(number: f64, span: &Span) -> Result<Kind, Diagnostic> {
    if number.is_finite() {
        return Ok(Kind::Number(number));
    }
    Err(Diagnostic::error("invalid-expression", "this divides by zero, or is too large").at(span.clone(), ""))
}

fn entries(collection: &Given) -> Result<Vec<(Given, Given)>, Diagnostic> {
    match &collection.kind {
        Kind::Unknown => Err(not_known_yet(&collection.span)),
        // The items of a set have no number: each stands for itself.
        Kind::List(items) if matches!(collection.declared, Some(Cty::Set(_))) => {
            Ok(items.iter().map(|item| (item.clone(), item.clone())).collect())
        }
        Kind::List(items) => Ok(items
            .iter()
            .zip(0_u32..)
            .map(|(item, at)| (Given::new(Kind::Number(at.into()), item.span.clone()), item.clone()))
            .collect()),
        Kind::Map(fields) => Ok(sorted(fields)
            .into_iter()
            .map(|(name, field)| (Given::string(name, field.key.clone()), field.value.clone()))
            .collect()),
        _ => Err(unexpected(collection, "a list, a set, a map or an object")),
    }
}

/// Maps are walked in the order of their keys.
pub(crate) fn sorted(fields: &IndexMap<String, Field>) -> Vec<(&String, &Field)> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    sorted
}

fn attribute_of(value: &Given, name: &str, span: &Span) -> Outcome {
    if let Kind::Map(fields) = &value.kind {
        let found = fields.get(name).map(|field| field.value.clone());
        return found.ok_or_else(|| no_attribute(fields, name, span, value.holds_secrets()));
    }
    Err(Diagnostic::error("invalid-expression", format!("{} has no attribute `{name}`", value.shape()))
        .at(span.clone(), ""))
}

fn no_attribute(fields: &IndexMap<String, Field>, name: &str, span: &Span, secret: bool) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("invalid-expression", format!("there is no attribute `{name}`")).at(span.clone(), "");
    match nearest(name, fields.keys().map(String::as_str)) {
        Some(near) if !secret => diagnostic.help(format!("did you mean `{near}`?")),
        _ => diagnostic,
    }
}

fn index_of(value: &Given, index: &Given, span: &Span) -> Outcome {
    known([index], span)?;
    let mut found = match &value.kind {
        Kind::Map(fields) if index.sensitive => {
            let found = fields.get(&text_of(index)?).map(|field| field.value.clone());
            found.ok_or_else(|| {
                Diagnostic::error("invalid-expression", "there is no such attribute").at(span.clone(), "")
            })?
        }
        Kind::Map(_) => attribute_of(value, &text_of(index)?, span)?,
        Kind::List(_) => item_of(value, whole_number(number_of(index)?), span)?,
        _ => return Err(unexpected(value, "a list or a map before `[`")),
    };
    if index.sensitive {
        found.hide(span);
    }
    Ok(found)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only whole numbers from 0 come here")]
fn whole_number(number: f64) -> Option<usize> {
    (number.fract() == 0.0 && (0.0..1e9).contains(&number)).then_some(number as usize)
}

fn item_of(value: &Given, at: Option<usize>, span: &Span) -> Outcome {
    let found = at.and_then(|at| value.items().get(at)).cloned();
    found.ok_or_else(|| {
        let length = value.items().len();
        Diagnostic::error("invalid-expression", "there is no item at this index")
            .at(span.clone(), format!("the list has {length} item{}", if length == 1 { "" } else { "s" }))
    })
}

/// The text of a string, a number or a bool, as `"${…}"` makes it.
pub(crate) fn text_of(value: &Given) -> Result<String, Diagnostic> {
    known([value], &value.span)?;
    let converted = Type::String.convert(value.clone(), false).map_err(|_| unexpected(value, "a string"))?;
    converted.as_str().map(str::to_owned).ok_or_else(|| unexpected(value, "a string"))
}

/// The truth of a bool, or of `"true"` and `"false"`.
pub(crate) fn bool_of(value: &Given) -> Result<bool, Diagnostic> {
    known([value], &value.span)?;
    match Type::Bool.convert(value.clone(), false) {
        Ok(Given { kind: Kind::Bool(holds), .. }) => Ok(holds),
        _ => Err(unexpected(value, "a bool")),
    }
}

/// The number of a number, or of a text that is one.
pub(crate) fn number_of(value: &Given) -> Result<f64, Diagnostic> {
    known([value], &value.span)?;
    match Type::Number.convert(value.clone(), false) {
        Ok(Given { kind: Kind::Number(number), .. }) => Ok(number),
        _ => Err(unexpected(value, "a number")),
    }
}

/// The value of a conditional, of the type that both its sides can have. It waits for a side that decides the type.
fn beside(chosen: Given, other: Option<Given>) -> Given {
    let Some(other) = other else { return chosen };
    if other.holds_untyped() {
        return Given { kind: Kind::Unknown, declared: None, ..chosen };
    }
    let whole = match (Cty::of(&chosen), Cty::of(&other)) {
        (kind, Cty::Dynamic) => kind,
        (Cty::Dynamic, other) => other,
        (kind, other) => Cty::unified(&[kind, other]).unwrap_or(Cty::Untold),
    };
    whole.give(chosen)
}

/// Tells whether all of the values are known.
fn known<'a>(values: impl IntoIterator<Item = &'a Given>, span: &Span) -> Result<(), Diagnostic> {
    if values.into_iter().any(Given::holds_unknown) { Err(not_known_yet(span)) } else { Ok(()) }
}

fn not_known_yet(span: &Span) -> Diagnostic {
    Diagnostic::error(NOT_KNOWN_YET, "this is known only after apply").at(span.clone(), "")
}

/// Marks an evaluation that has to wait.
const NOT_KNOWN_YET: &str = "not-known-yet";

fn unexpected(found: &Given, wanted: &str) -> Diagnostic {
    Diagnostic::error("wrong-type", format!("{wanted} is needed here, this is {}", found.shape()))
        .at(found.span.clone(), "")
}

fn unknown_function(name: &str, span: &Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("unknown-function", format!("the function `{name}` is not known"))
        .at(span.clone(), "called here");
    match nearest(name, functions::NAMES.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("compute the value elsewhere and give it as a variable"),
    }
}

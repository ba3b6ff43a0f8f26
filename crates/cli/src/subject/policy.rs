use std::sync::Arc;

use keywright_model::{SourceFile, Span};
use keywright_policy::Document;

/// A key policy, and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct PolicyText {
    /// What it says.
    pub(crate) document: Document,
    /// Where each statement stands, in the order of the document; none where there is no such place: it was rendered.
    pub(crate) statements: Vec<Option<Span>>,
    /// What it was made from, where that is known: the module's block, the resource in a plan or template.
    pub(crate) place: Option<Span>,
}

impl PolicyText {
    /// A policy that was made, not written; `place` is what it was made from.
    pub(crate) fn rendered(document: Document, place: Option<Span>) -> Self {
        let statements = vec![None; document.statements.len()];
        Self { document, statements, place }
    }

    /// A policy that was read from this text.
    pub(crate) fn written(document: Document, file: &Arc<SourceFile>) -> Self {
        let span = |range: &std::ops::Range<usize>| Span::new(file, range.clone());
        let statements = document.statements.iter().map(|it| it.span.as_ref().map(span)).collect();
        Self { document, statements, place: Some(Span::new(file, 0..0)) }
    }

    /// The place of a statement, by its number from 0; else of what the policy was made from.
    pub(crate) fn place_of(&self, statement: usize) -> Option<Span> {
        self.statements.get(statement).cloned().flatten().or_else(|| self.place.clone())
    }
}

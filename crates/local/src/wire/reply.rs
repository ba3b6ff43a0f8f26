use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// What an operation answers when it went well. It has no `Debug`: an output can hold secrets.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Headers of its own, by their names in lower case.
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: ReplyBody,
}

/// What a reply carries.
pub(crate) enum ReplyBody {
    /// Members, which each protocol writes in its own way.
    Members(Value),
    /// The XML document of REST, with the name of its root.
    Document { root: &'static str, members: Value },
    /// Bytes as they are.
    Bytes(Bytes),
}

/// An output that can be answered.
pub(crate) trait IntoReply {
    /// # Errors
    /// When it cannot be written.
    fn into_reply(self) -> Result<Reply, serde_json::Error>;
}

impl<T: Serialize> IntoReply for T {
    fn into_reply(self) -> Result<Reply, serde_json::Error> {
        Ok(Reply { status: 200, headers: Vec::new(), body: ReplyBody::Members(serde_json::to_value(self)?) })
    }
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, serde_json::Error> {
        Ok(self)
    }
}

impl Reply {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Bytes(Bytes::new()) }
    }

    /// An answer that is an XML document.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn document(root: &'static str, members: &impl Serialize) -> Result<Self, serde_json::Error> {
        let members = serde_json::to_value(members)?;
        Ok(Self { status: 200, headers: Vec::new(), body: ReplyBody::Document { root, members } })
    }

    /// An answer of bytes.
    pub(crate) fn bytes(status: u16, bytes: Bytes) -> Self {
        Self { status, headers: Vec::new(), body: ReplyBody::Bytes(bytes) }
    }

    /// With this header.
    pub(crate) fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this header, if there is a value.
    pub(crate) fn maybe_header(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Its members; none where it is bytes.
    pub(crate) fn members(&self) -> Option<&Value> {
        match &self.body {
            ReplyBody::Members(members) | ReplyBody::Document { members, .. } => Some(members),
            ReplyBody::Bytes(_) => None,
        }
    }

    /// What protocols without headers of their own write: the members.
    pub(crate) fn into_members(self) -> Value {
        match self.body {
            ReplyBody::Members(members) | ReplyBody::Document { members, .. } => members,
            ReplyBody::Bytes(_) => Value::Null,
        }
    }
}

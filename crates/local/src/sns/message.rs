use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{invalid_message, invalid_parameter};
use crate::error::AwsError;

/// What somebody publishes, in order.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: Option<String>,
    /// What every protocol gets that has no text of its own.
    text: String,
    /// By protocol.
    texts: BTreeMap<String, String>,
    pub(super) attributes: MessageAttributes,
    /// What counts against the limit of a message, and of a batch.
    pub(super) size: usize,
}

/// By name.
pub(super) type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// What a message says of itself beside its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct MessageAttribute {
    data_type: String,
    string_value: Option<String>,
    /// In Base64.
    binary_value: Option<String>,
}

/// The members of a message in `Publish` and in an entry of `PublishBatch`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageInput {
    pub(super) message: String,
    pub(super) subject: Option<String>,
    pub(super) message_structure: Option<String>,
    #[serde(default)]
    pub(super) message_attributes: MessageAttributes,
}

impl Message {
    /// A text for every protocol.
    ///
    /// # Errors
    /// `InvalidParameter`.
    pub(super) fn plain(subject: Option<String>, text: &str) -> Result<Self, AwsError> {
        let input = MessageInput {
            message: text.to_owned(),
            subject,
            message_structure: None,
            message_attributes: BTreeMap::new(),
        };
        Self::read(input)
    }

    /// Checks what a caller wants to publish.
    ///
    /// # Errors
    /// `InvalidParameter`.
    pub(super) fn read(input: MessageInput) -> Result<Self, AwsError> {
        let attributes_size: usize =
            input.message_attributes.iter().map(|(name, value)| name.len() + value.size()).sum();
        let size = input.message.len() + attributes_size;
        if input.message.is_empty() {
            return Err(invalid_message("Empty message"));
        }
        if size > MOST_BYTES {
            return Err(invalid_message("Message too long"));
        }
        input.subject.as_deref().map(check_subject).transpose()?;
        input.message_attributes.iter().try_for_each(|(name, value)| value.check(name))?;
        let (text, texts) = match input.message_structure.as_deref() {
            None | Some("") => (input.message, BTreeMap::new()),
            Some("json") => texts_of(&input.message)?,
            Some(_) => return Err(invalid_parameter("MessageStructure", "The value must be json")),
        };
        Ok(Self { subject: input.subject, text, texts, attributes: input.message_attributes, size })
    }

    /// What goes over a protocol.
    pub(super) fn text_for(&self, protocol: &str) -> &str {
        self.texts.get(protocol).unwrap_or(&self.text)
    }
}

impl MessageAttribute {
    /// The attribute as it stands in a notification.
    pub(super) fn shown(&self) -> Value {
        let value = self.string_value.as_ref().or(self.binary_value.as_ref());
        serde_json::json!({ "Type": self.data_type, "Value": value })
    }

    fn size(&self) -> usize {
        let value = self.string_value.as_ref().or(self.binary_value.as_ref());
        self.data_type.len() + value.map_or(0, String::len)
    }

    /// Source: <https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html>.
    fn check(&self, name: &str) -> Result<(), AwsError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let is_name = (1..=256).contains(&name.len()) && name.bytes().all(is_allowed);
        if !is_name || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return Err(invalid_parameter("MessageAttributes", "There is an attribute whose name is not allowed"));
        }
        let kind = self.data_type.split('.').next().unwrap_or_default();
        let fits = match (kind, &self.string_value, &self.binary_value) {
            ("String", Some(text), None) => !text.is_empty(),
            ("Number", Some(text), None) => text.parse::<f64>().is_ok_and(f64::is_finite),
            ("Binary", None, Some(bytes)) => !bytes.is_empty(),
            _ => false,
        };
        match fits {
            true => Ok(()),
            false => Err(invalid_parameter(
                "MessageAttributes",
                "An attribute has a data type (String, String.Array, Number or Binary) and a value of that type",
            )),
        }
    }
}

/// A subject that is in order: without control characters, and no longer than one may be.
pub(super) fn cut_subject(subject: &str) -> String {
    subject.chars().filter(|character| !character.is_control()).take(MOST_SUBJECT_CHARACTERS).collect()
}

fn check_subject(subject: &str) -> Result<(), AwsError> {
    let characters = subject.chars().count();
    match (1..=MOST_SUBJECT_CHARACTERS).contains(&characters) && !subject.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(invalid_message("Subject")),
    }
}

/// The text for every protocol, and those of single ones.
fn texts_of(message: &str) -> Result<(String, BTreeMap<String, String>), AwsError> {
    let parsed: Map<String, Value> = serde_json::from_str(message)
        .map_err(|_| invalid_message("Message Structure - JSON message body failed to parse"))?;
    // AWS passes over what is no text.
    let mut texts: BTreeMap<String, String> =
        parsed.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
    let text = texts
        .remove("default")
        .ok_or_else(|| invalid_message("Message Structure - No default entry in JSON message body"))?;
    Ok((text, texts))
}

/// Of a message with its attributes, and of all messages of a batch.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/sns.html>.
pub(super) const MOST_BYTES: usize = 256 * 1024;
const MOST_SUBJECT_CHARACTERS: usize = 100;

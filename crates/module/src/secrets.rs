use keywright_model::Secret;
use serde_json::Value;

/// The texts that sensitive variables have put into the inputs of a module.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Secrets(pub(crate) Vec<Secret<String>>);

impl Secrets {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them stands in a text, as it is or as JSON has it.
    pub fn are_in(&self, text: &str) -> bool {
        let holds = |secret: &str| {
            let quoted = Value::from(secret).to_string();
            text.contains(secret) || text.contains(quoted.trim_matches('"'))
        };
        self.0.iter().any(|secret| holds(secret.expose()))
    }

    /// Whether one of them stands in a text of a value, or in a name in it.
    pub fn are_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.are_in(text),
            Value::Array(items) => items.iter().any(|item| self.are_in_value(item)),
            Value::Object(fields) => fields.iter().any(|(name, field)| self.are_in(name) || self.are_in_value(field)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let secrets = Secrets(vec![Secret::new("a\"b".to_owned())]);
        let quoted = json!({"Resource": "x a\"b"}).to_string();
        for holds in [json!("a\"b"), json!(["x", "a\"b-"]), json!({"t": {"a\"b": 1}}), json!({"policy": quoted})] {
            assert!(secrets.are_in_value(&holds), "{holds}");
        }
        for free in [json!("a b"), json!({"t": ["ab", 1, null, true]})] {
            assert!(!secrets.are_in_value(&free), "{free}");
        }
        assert!(!Secrets::default().are_in("a\"b"));
    }
}

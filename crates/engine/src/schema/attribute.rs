use serde_json::Value;

/// One attribute of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// Who sets it.
    pub presence: Presence,
    /// Whether a change needs a new resource.
    pub force_new: bool,
    /// What an absent argument means.
    pub default: DefaultValue,
    /// When two values of it are the same.
    pub compare: Compare,
    /// Whether it must not be shown.
    pub sensitive: bool,
    /// Whether AWS does not tell it: it only steers what the provider does.
    pub unread: bool,
    /// Whether it follows from other resources, so that a change of it is no drift.
    pub volatile: bool,
    /// Whether a resource that is there keeps it, whatever is configured: it is not worth a new one.
    pub kept: bool,
}

/// Who sets an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must be configured.
    Required,
    /// It may be configured.
    Optional,
    /// It may be configured, and AWS sets it if it is not.
    OptionalComputed,
    /// AWS sets it.
    Computed,
}

/// What an absent argument means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing.
    None,
    /// This truth value.
    Bool(bool),
    /// This number.
    Integer(i64),
    /// This text.
    Text(&'static str),
}

/// When two values are the same.
#[derive(Debug, Clone, Copy)]
pub enum Compare {
    /// When they are written alike; empty and absent are one.
    Exact,
    /// When the policies mean the same.
    Policy,
    /// In any order.
    Set,
    /// When they name the same key, by ARN or by ID.
    KeyReference,
    /// Without regard to white space around it.
    Trimmed,
    /// Block by block, each attribute as it is declared.
    Blocks(&'static [Attribute]),
}

impl Attribute {
    /// Whether it may be configured.
    pub fn is_argument(&self) -> bool {
        self.presence != Presence::Computed
    }

    /// The value of an absent argument, none where AWS chooses it.
    pub fn absent(&self) -> Option<Value> {
        match (self.default, self.presence) {
            (DefaultValue::Bool(value), _) => Some(value.into()),
            (DefaultValue::Integer(value), _) => Some(value.into()),
            (DefaultValue::Text(value), _) => Some(value.into()),
            (DefaultValue::None, Presence::Computed | Presence::OptionalComputed) => None,
            (DefaultValue::None, _) => Some(Value::Null),
        }
    }

    pub(super) fn is_secret(&self) -> bool {
        self.sensitive
    }

    pub(super) const fn required(name: &'static str) -> Self {
        Self::new(name, Presence::Required)
    }

    pub(super) const fn optional(name: &'static str) -> Self {
        Self::new(name, Presence::Optional)
    }

    pub(super) const fn optional_computed(name: &'static str) -> Self {
        Self::new(name, Presence::OptionalComputed)
    }

    pub(super) const fn computed(name: &'static str) -> Self {
        Self::new(name, Presence::Computed)
    }

    pub(super) const fn force_new(mut self) -> Self {
        self.force_new = true;
        self
    }

    pub(super) const fn default(mut self, default: DefaultValue) -> Self {
        self.default = default;
        self
    }

    pub(super) const fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    pub(super) const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    pub(super) const fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    pub(super) const fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    pub(super) const fn kept(mut self) -> Self {
        self.kept = true;
        self
    }

    const fn new(name: &'static str, presence: Presence) -> Self {
        Self {
            name,
            presence,
            force_new: false,
            default: DefaultValue::None,
            compare: Compare::Exact,
            sensitive: false,
            unread: false,
            volatile: false,
            kept: false,
        }
    }
}

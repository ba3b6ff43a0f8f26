use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a table can hold.
pub(crate) trait Record: Clone + Serialize + DeserializeOwned + Send + 'static {}
impl<V: Clone + Serialize + DeserializeOwned + Send + 'static> Record for V {}

/// An ordered map from text to records that knows what changed in it since the last commit or rollback.
#[derive(Debug)]
pub(crate) struct Table<V> {
    name: &'static str,
    rows: BTreeMap<String, V>,
    /// What stood at each changed key before it was first changed.
    before: BTreeMap<String, Option<V>>,
}

impl<V: Record> Table<V> {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rows: BTreeMap::new(), before: BTreeMap::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// The record, to be changed. Counts as changed whether or not it is.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        if self.rows.contains_key(key) {
            self.note(key);
        }
        self.rows.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: impl Into<String>, value: V) {
        let key = key.into();
        self.note(&key);
        self.rows.insert(key, value);
    }

    /// Inserts a record behind all others, in a table whose keys are numbers.
    pub(crate) fn append(&mut self, value: V) {
        let last = self.rows.keys().next_back().and_then(|key| key.parse::<u64>().ok());
        let next = last.map_or(0, |last| last.saturating_add(1));
        self.insert(format!("{next:020}"), value);
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        self.note(key);
        self.rows.remove(key)
    }

    /// Removes the records whose keys begin with the prefix.
    pub(crate) fn remove_with_prefix(&mut self, prefix: &str) {
        let keys: Vec<String> = self.with_prefix(prefix).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.remove(&key);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The records whose keys are `from` or later and before `until`, in the order of their keys.
    pub(crate) fn between(&self, from: &str, until: &str) -> btree_map::Range<'_, String, V> {
        // A range that ends before it begins is empty, not a panic.
        let until = until.max(from);
        self.rows.range::<str, _>((Bound::Included(from), Bound::Excluded(until)))
    }

    /// All records in the order of their keys.
    pub(crate) fn iter(&self) -> btree_map::Iter<'_, String, V> {
        self.rows.iter()
    }

    pub(crate) fn values(&self) -> btree_map::Values<'_, String, V> {
        self.rows.values()
    }

    /// The records whose keys begin with the prefix, in the order of their keys.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a String, &'a V)> + use<'a, V> {
        let prefix = prefix.to_owned();
        self.rows
            .range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(&prefix))
    }

    fn note(&mut self, key: &str) {
        if !self.before.contains_key(key) {
            self.before.insert(key.to_owned(), self.rows.get(key).cloned());
        }
    }
}

/// A change to be made durable. It has no `Debug`: a record can hold secrets.
pub(crate) struct Change {
    pub(crate) table: &'static str,
    pub(crate) key: String,
    /// The record as JSON; none where it was removed.
    pub(crate) record: Option<Vec<u8>>,
}

/// A table without its type of record, as the store sees it.
pub(crate) trait AnyTable {
    fn name(&self) -> &'static str;

    /// Takes a record from the disk.
    fn load(&mut self, key: &str, record: &[u8]) -> Result<(), serde_json::Error>;

    /// Adds what changed since the last time.
    ///
    /// # Errors
    /// When a record cannot be written as JSON; then nothing counts as committed.
    fn changes(&self, into: &mut Vec<Change>) -> Result<(), serde_json::Error>;

    /// Whether anything changed since the last time.
    fn is_changed(&self) -> bool;

    /// Keeps all changes.
    fn accept(&mut self);

    /// Takes all changes back.
    fn roll_back(&mut self);
}

impl<V: Record> AnyTable for Table<V> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&mut self, key: &str, record: &[u8]) -> Result<(), serde_json::Error> {
        self.rows.insert(key.to_owned(), serde_json::from_slice(record)?);
        Ok(())
    }

    fn changes(&self, into: &mut Vec<Change>) -> Result<(), serde_json::Error> {
        for (key, before) in &self.before {
            let record = self.rows.get(key).map(serde_json::to_vec).transpose()?;
            if record.is_some() || before.is_some() {
                into.push(Change { table: self.name, key: key.clone(), record });
            }
        }
        Ok(())
    }

    fn is_changed(&self) -> bool {
        !self.before.is_empty()
    }

    fn accept(&mut self) {
        self.before.clear();
    }

    fn roll_back(&mut self) {
        for (key, before) in std::mem::take(&mut self.before) {
            match before {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }
}

/// Everything that a service keeps.
pub(crate) trait Tables {
    /// Each table once.
    fn tables(&mut self) -> Vec<&mut dyn AnyTable>;
}

/// Declares the state of a service: a struct of tables.
///
/// `tables! { /// doc  pub(crate) struct State in "kms" { /// doc  keys: Key, } }`
macro_rules! tables {
    ($(#[$doc:meta])* $visible:vis struct $name:ident in $service:literal {
        $($(#[$field_doc:meta])* $field:ident: $record:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        $visible struct $name {
            $($(#[$field_doc])* pub(crate) $field: $crate::store::Table<$record>,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::store::Table::new(concat!($service, "/", stringify!($field))),)* }
            }
        }

        impl $crate::store::Tables for $name {
            fn tables(&mut self) -> Vec<&mut dyn $crate::store::AnyTable> {
                vec![$(&mut self.$field,)*]
            }
        }
    };
}
pub(crate) use tables;

#[cfg(test)]
mod tests {
    use super::*;

    fn changed_keys(table: &Table<u32>) -> Vec<(String, bool)> {
        let mut changes = Vec::new();
        table.changes(&mut changes).expect("numbers can be written");
        changes.into_iter().map(|change| (change.key, change.record.is_some())).collect()
    }

    #[test]
    fn notes_what_changed_and_takes_it_back() {
        let mut table = Table::new("test/numbers");
        table.insert("a", 1);
        table.insert("b", 2);
        table.accept();
        table.remove("a");
        table.insert("c", 3);
        *table.get_mut("b").expect("there") += 1;
        assert_eq!(changed_keys(&table), [("a".into(), false), ("b".into(), true), ("c".into(), true)]);
        table.roll_back();
        assert_eq!(table.iter().map(|(key, value)| (key.as_str(), *value)).collect::<Vec<_>>(), [("a", 1), ("b", 2)]);
        assert!(changed_keys(&table).is_empty());
    }

    #[test]
    fn what_came_and_went_between_two_commits_is_no_change() {
        let mut table = Table::new("test/numbers");
        table.insert("a", 1);
        table.remove("a");
        assert!(changed_keys(&table).is_empty());
    }

    #[test]
    fn finds_keys_by_prefix() {
        let mut table = Table::new("test/numbers");
        for (number, key) in ["a", "b/1", "b/2", "c"].into_iter().enumerate() {
            table.insert(key, number);
        }
        assert_eq!(table.with_prefix("b/").map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["b/1", "b/2"]);
    }
}

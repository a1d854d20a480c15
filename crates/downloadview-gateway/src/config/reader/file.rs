//! Reads TOML tables key by key, so that every mistake is reported at its place and all in one run.
//!
//! A reader asks a [`Table`] for each key it knows; [`Table::finish`] then reports the keys nobody
//! asked for. The known keys are thus written down once, where they are read.
//! Nothing here stops at a mistake. A reader gets `None`, the report is made already, and it goes on with the next key;
//! the caller throws the half-read result away if there is any problem in the end.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::error::{Problem, position};
use super::mask;
use super::scalar::{Fault, listing, nearest};

/// The text being read, where relative paths start, and the mistakes found so far.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// The whole file. Spans are offsets into it, in bytes.
    pub(crate) text: &'a str,
    /// The folder of the file, in which relative paths start.
    pub(crate) folder: &'a Path,
    problems: RefCell<Vec<Problem>>,
    secrets: RefCell<Vec<Range<usize>>>,
}

/// One table of the file and the keys that its reader has asked for.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// The file that the table stands in.
    pub(crate) source: &'a Source<'a>,
    pub(crate) span: Range<usize>,
    name: String,
    entries: Vec<Entry<'a>>,
    known: Vec<&'static str>,
}

/// One value of the file, with the key that names it.
#[derive(Debug, Clone)]
pub(crate) struct Value<'a> {
    pub(crate) span: Range<usize>,
    source: &'a Source<'a>,
    name: String,
    value: &'a DeValue<'a>,
}

/// A value as it was understood, with its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) span: Range<usize>,
    pub(crate) value: T,
}

/// One key of a table with its value, before anybody has asked for it.
#[derive(Debug)]
struct Entry<'a> {
    key: &'a str,
    key_span: Range<usize>,
    span: Range<usize>,
    value: &'a DeValue<'a>,
}

/// What messages call the types of TOML.
const A_STRING: &str = "a string";
const AN_INTEGER: &str = "an integer";
const TRUE_OR_FALSE: &str = "true or false";

impl<'a> Source<'a> {
    pub(crate) fn new(text: &'a str, folder: &'a Path) -> Self {
        Self {
            text,
            folder,
            problems: RefCell::default(),
            secrets: RefCell::default(),
        }
    }

    /// Adds a mistake. Reading goes on, so that one start shows all of them.
    pub(crate) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// The mistakes found so far.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    /// The text as reports may quote it, once everything was read.
    pub(crate) fn masked(&self) -> String {
        let mut secrets = self.secrets.borrow().clone();
        secrets.extend(mask::credentials(self.text));
        mask::spans(self.text, &secrets)
    }

    /// The line of a place in the file, counted from 1.
    pub(crate) fn line(&self, span: &Range<usize>) -> usize {
        position(self.text, span.start).0
    }
}

impl<'a> Table<'a> {
    /// `name` is how messages call the table: "[storages.media]", "the file".
    pub(crate) fn new(
        source: &'a Source<'a>,
        name: impl Into<String>,
        span: Range<usize>,
        table: &'a DeTable<'a>,
    ) -> Self {
        let entries = table.iter().map(|(key, value)| Entry {
            key: key.get_ref(),
            key_span: key.span(),
            span: value.span(),
            value: value.get_ref(),
        });
        Self {
            source,
            span,
            name: name.into(),
            entries: entries.collect(),
            known: Vec::new(),
        }
    }

    /// The value of a key, which from now on counts as known.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.value(entry))
    }

    /// The value of a key that was read before.
    pub(crate) fn again(&self, key: &str) -> Option<Value<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.value(entry))
    }

    /// Whether the key is there, understood or not: what is absent and what is wrong need different reports.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Every key with its value: for tables whose keys are names that the user chose.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries
            .iter()
            .map(|entry| (entry.key, self.value(entry)))
    }

    /// Keeps out of every report what could be a secret: all values but those of these keys, for a key may be misspelt.
    pub(crate) fn hide_all_but(&self, harmless: &[&str]) {
        let secrets = self.values().filter(|(key, _)| !harmless.contains(key));
        secrets.for_each(|(_, value)| value.hide());
    }

    /// A string that `parse` understands.
    pub(crate) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        self.get(key)?.parsed(parse)
    }

    /// As [`parsed`](Self::parsed), with the place of the value.
    pub(crate) fn parsed_at<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<At<T>> {
        let value = self.get(key)?;
        let span = value.span.clone();
        let value = value.parsed(parse)?;
        Some(At { span, value })
    }

    /// `true` or `false`; `None` if the key is absent, or its value was reported.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.get(key)?.boolean()
    }

    /// Reports `key` as missing, or as misspelt; a value that is there has its own report, if it needs one.
    pub(crate) fn require<T>(&mut self, key: &str, example: &str, value: Option<T>) -> Option<T> {
        if value.is_some() || self.has(key) {
            return value;
        }
        let misspelt = self.entries.iter().position(|entry| {
            !self.known.contains(&entry.key) && nearest(entry.key, &[key]).is_some()
        });
        match misspelt {
            // Taken out, so that `finish` does not report it again.
            Some(index) => self.report_unknown(&self.entries[index], &[key]),
            None => {
                let message = format!("missing key `{key}` in {}", self.name);
                self.report(message, format!("add it: {key} = {example}"));
            }
        }
        misspelt.map(|index| self.entries.remove(index));
        None
    }

    /// Reports a mistake of the table as a whole.
    pub(crate) fn report(&self, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::new(self.span.clone(), message).with_help(help);
        self.source.report(problem);
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self) {
        for entry in &self.entries {
            if !self.known.contains(&entry.key) {
                self.report_unknown(entry, &self.known);
            }
        }
    }

    /// A key that is not one of `known`, at the place of the key and not of its value.
    fn report_unknown(&self, entry: &Entry<'a>, known: &[&str]) {
        let help = match nearest(entry.key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("{} knows {}", self.name, listing(known, "and")),
        };
        let message = format!("unknown key `{}` in {}", entry.key, self.name);
        let problem = Problem::new(entry.key_span.clone(), message);
        self.source.report(problem.with_help(help));
    }

    /// The value of an entry, named by its key in messages.
    fn value(&self, entry: &Entry<'a>) -> Value<'a> {
        Value {
            span: entry.span.clone(),
            source: self.source,
            name: entry.key.to_owned(),
            value: entry.value,
        }
    }
}

impl<'a> Value<'a> {
    /// What `parse` makes of the string. Another type, and a fault of `parse`, are reported: then `None`.
    pub(crate) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        self.understood(parse(self.string()?))
    }

    /// The string; `None` if the value has another type, which is reported.
    pub(crate) fn string(&self) -> Option<&'a str> {
        self.typed(self.value.as_str(), A_STRING)
    }

    /// Whether the value is this string; anything else is left for others to read.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.value.as_str() == Some(word)
    }

    /// `true` or `false`; `None` if the value has another type, which is reported.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.typed(self.value.as_bool(), TRUE_OR_FALSE)
    }

    /// The integer; `None` if the value has another type, which is reported.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.typed(self.as_integer(), AN_INTEGER)
    }

    /// An integer, or a string that `parse` understands.
    pub(crate) fn number_or(&self, parse: impl FnOnce(&str) -> Result<u64, Fault>) -> Option<u64> {
        match self.as_integer() {
            Some(number) => self.understood(u64::try_from(number).map_err(|_| {
                Fault::new(
                    format!("`{number}` is negative"),
                    "write a number from 0 upwards",
                )
            })),
            None => self.understood(parse(
                self.typed(self.value.as_str(), "a number or a string")?,
            )),
        }
    }

    /// The value as a table that messages call `name`.
    pub(crate) fn table(&self, name: impl Into<String>) -> Option<Table<'a>> {
        let table = self.typed(self.value.as_table(), "a table")?;
        Some(Table::new(self.source, name, self.span.clone(), table))
    }

    /// The tables of a `[[list]]`, each called `name`.
    pub(crate) fn tables(&self, name: &str) -> Vec<Table<'a>> {
        if self.value.is_table() {
            let fault = Fault::new(
                "expected a list of tables, found one table",
                format!("write {name}"),
            );
            self.refuse(fault);
            return Vec::new();
        }
        let items = self.items().unwrap_or_default();
        items.iter().filter_map(|item| item.table(name)).collect()
    }

    /// The items of a list, each with its own place and the name of the list's key. Another type is reported.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        let items = self.typed(self.value.as_array(), "a list")?;
        Some(
            items
                .iter()
                .map(|item| Self {
                    span: item.span(),
                    source: self.source,
                    name: self.name.clone(),
                    value: item.get_ref(),
                })
                .collect(),
        )
    }

    /// Unwraps what a parser made of the value; a fault is reported at the value.
    pub(crate) fn understood<T>(&self, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.refuse(fault)).ok()
    }

    /// Reports a fault at the place of this value, under the name of its key.
    pub(crate) fn refuse(&self, fault: Fault) {
        let message = format!("`{}`: {}", self.name, fault.message);
        let problem = Problem::new(self.span.clone(), message).with_help(fault.help);
        self.source.report(problem);
    }

    /// Whether the value is a table. Like the three below it reports nothing: for keys that take several types.
    pub(crate) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(crate) fn is_string(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn is_boolean(&self) -> bool {
        self.value.is_bool()
    }

    /// Whether the value is `false`; of some keys that is the same as their absence.
    pub(crate) fn is_false(&self) -> bool {
        self.value.as_bool() == Some(false)
    }

    /// Whether nothing was reported so far.
    pub(crate) fn is_first_problem(&self) -> bool {
        self.source.problems.borrow().is_empty()
    }

    /// Keeps the value out of every report.
    pub(crate) fn hide(&self) {
        self.source.secrets.borrow_mut().push(self.span.clone());
    }

    /// The integer in any notation of TOML (`0x1f`, `0o17`, `1_000`); `None` also if it does not fit.
    fn as_integer(&self) -> Option<i64> {
        let digits = self.value.as_integer()?;
        i64::from_str_radix(digits.as_str(), digits.radix()).ok()
    }

    /// The value in the wanted type; else the report of what was expected and what was found.
    fn typed<T>(&self, value: Option<T>, expected: &str) -> Option<T> {
        if value.is_none() {
            let help = match self.value {
                DeValue::Integer(_) | DeValue::Float(_) if expected == A_STRING => {
                    "write it in quotes, a duration with its unit: \"60s\"".to_owned()
                }
                DeValue::String(text) if is_meant(text, expected) => {
                    format!("write it without the quotes: {text}")
                }
                _ => format!("give `{}` {expected}", self.name),
            };
            let found = kind_of(self.value);
            self.refuse(Fault::new(
                format!("expected {expected}, found {found}"),
                help,
            ));
        }
        value
    }
}

/// Whether a string holds what was expected, and only its quotes are too much.
fn is_meant(text: &str, expected: &str) -> bool {
    match expected {
        AN_INTEGER => text.parse::<i64>().is_ok(),
        TRUE_OR_FALSE => matches!(text, "true" | "false"),
        _ => false,
    }
}

/// What messages call the type of a value that should have had another one.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => A_STRING,
        DeValue::Integer(_) => AN_INTEGER,
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => TRUE_OR_FALSE,
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

//! `kind = "object"`: a view whose files are named by rows of a database.

use std::fmt;
use std::ops::Range;

use super::known::Known;
use super::route::Route;
use crate::config::reader::Problem;
use crate::config::reader::scalar::Fault;
use crate::config::reader::{At, Table};
use crate::config::storage::SharedStorage;

/// Which row a request means, and what its columns say of the file. Whether table and columns exist is not known yet.
///
/// ```toml
/// [[views]]
/// route = "/documents/{slug}"
/// kind = "object"
/// database = "main"
/// table = "document"
/// lookup = "slug"
/// storage = "media"
/// file_field = "file"
/// basename_field = "title"
/// size_field = "size"
/// ```
///
/// A column that is not named costs nothing and states nothing: the storage then says type, size and date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectConfig {
    /// `database`: the NAME of `[databases.NAME]`. Required.
    pub database: String,
    /// `table`: the table, or a view of SQL; `"schema.table"` for one of another schema. Required.
    pub table: TableName,
    /// `lookup`: the column that holds the value of the route's only parameter, which has the same name. Required.
    pub lookup: Identifier,
    /// `storage`: the storage that keeps the files. Required.
    pub storage: SharedStorage,
    /// `file_field`: the column with the file's name in the storage. Required.
    pub file: Identifier,
    /// `basename_field`: the column with the name that clients save the file under. Default: none.
    pub basename: Option<Identifier>,
    /// `content_type_field`: the column with the `Content-Type`. Default: none.
    pub content_type: Option<Identifier>,
    /// `content_encoding_field`: the column with the `Content-Encoding`. Default: none.
    pub content_encoding: Option<Identifier>,
    /// `size_field`: the column with the file's size in bytes. It is never the length of an answer, which is that of the
    /// file itself; a row that states another one is logged as a warning. Default: none.
    pub size: Option<Identifier>,
    /// `modified_field`: the column with the time of the file's last change. Default: none.
    pub modified: Option<Identifier>,
    /// `etag_field`: the column with the file's entity tag. Default: none.
    pub etag: Option<Identifier>,
}

/// The name of a column, and where the file says it: 1 to 128 characters, without quotes, backslashes, dots and
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// The name, as the database knows it.
    pub name: String,
    /// Its place in the file, for [`Config::refuse`](crate::config::Config::refuse).
    pub span: Range<usize>,
}

/// The name of a table, and where the file says it. Both parts are as those of an [`Identifier`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The part before the dot. Default: none, so that the database decides where it looks.
    pub schema: Option<String>,
    /// The table's own name.
    pub name: String,
    /// Its place in the file, for [`Config::refuse`](crate::config::Config::refuse).
    pub span: Range<usize>,
}

const LONGEST_NAME: usize = 128;

impl ObjectConfig {
    /// The route is absent when it could not be read itself.
    pub(super) fn read(
        table: &mut Table<'_>,
        route: Option<&At<Route>>,
        known: Known<'_>,
    ) -> Option<Self> {
        let database = table.parsed("database", |text| known.databases.name(text));
        let name = table.parsed_at("table", table_name);
        let lookup = column(table, "lookup");
        let storage = table.parsed("storage", |text| known.storages.find(text));
        let file = column(table, "file_field");
        let basename = column(table, "basename_field");
        let content_type = column(table, "content_type_field");
        let content_encoding = column(table, "content_encoding_field");
        let size = column(table, "size_field");
        let modified = column(table, "modified_field");
        let etag = column(table, "etag_field");
        // After all keys are known: `size_field` is not a misspelt `file_field`.
        let database = table.require("database", "\"main\"", database);
        let name = table.require("table", "\"document\"", name);
        let lookup = table.require("lookup", "\"slug\"", lookup);
        let storage = table.require("storage", "\"media\"", storage);
        let file = table.require("file_field", "\"file\"", file);
        if let (Some(route), Some(lookup)) = (route, &lookup) {
            check_parameter(table, route, lookup);
        }
        let At { span, value } = name?;
        Some(Self {
            database: database?,
            table: TableName {
                schema: value.0,
                name: value.1,
                span,
            },
            lookup: lookup?,
            storage: storage??,
            file: file?,
            basename,
            content_type,
            content_encoding,
            size,
            modified,
            etag,
        })
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn column(table: &mut Table<'_>, key: &'static str) -> Option<Identifier> {
    let At { span, value: name } = table.parsed_at(key, column_name)?;
    Some(Identifier { name, span })
}

fn column_name(text: &str) -> Result<String, Fault> {
    if text.contains('.') {
        return Err(Fault::new(
            format!("{text:?} holds a dot, which no column's name may"),
            "write the column alone, without its table: \"slug\"",
        ));
    }
    identifier(text, "column")
}

/// Schema and table.
fn table_name(text: &str) -> Result<(Option<String>, String), Fault> {
    match text.split_once('.') {
        None => Ok((None, identifier(text, "table")?)),
        Some((schema, name)) if !name.contains('.') => {
            let schema = identifier(schema, "schema")?;
            Ok((Some(schema), identifier(name, "table")?))
        }
        Some(_) => Err(Fault::new(
            format!("{text:?} holds more than one dot"),
            "write \"table\" or \"schema.table\"; `url` names the database",
        )),
    }
}

/// Names are quoted wherever they are used; what could end the quotes is refused all the same.
fn identifier(text: &str, what: &str) -> Result<String, Fault> {
    let forbidden = |character: char| character.is_control() || "\"'`\\".contains(character);
    let length = text.chars().count();
    if text.is_empty() || text.contains(forbidden) {
        return Err(Fault::new(
            format!("{text:?} is not a name of a {what}"),
            "write the name as it is, without quotes, backslashes and control characters",
        ));
    }
    if length > LONGEST_NAME {
        return Err(Fault::new(
            format!("a name of {length} characters is longer than that of any {what}"),
            format!("write at most {LONGEST_NAME} characters"),
        ));
    }
    Ok(text.to_owned())
}

/// The route must have one parameter, and the lookup's name.
fn check_parameter(table: &Table<'_>, route: &At<Route>, lookup: &Identifier) {
    if let [parameter] = route.value.parameters()
        && *parameter == lookup.name
    {
        return;
    }
    let has = match route.value.parameters() {
        [] => "no parameter".to_owned(),
        [other] => format!("the parameter `{other}`"),
        several => format!("{} parameters", several.len()),
    };
    let message = format!(
        "`{}` has {has}; `lookup` needs `{lookup}` alone",
        route.value
    );
    let problem = Problem::new(route.span.clone(), message)
        .related(lookup.span.clone(), "the column of the parameter's name")
        .with_help(help(&route.value, &lookup.name));
    table.source.report(problem);
}

/// A route near the one given, if any route can have the column as its parameter.
fn help(route: &Route, lookup: &str) -> String {
    let suggested = match route.parameters() {
        [other] => {
            let (end, renamed) = (format!("{other}}}"), format!("{lookup}}}"));
            route.pattern().replace(&end, &renamed)
        }
        _ => {
            let start = route.fixed_start().trim_end_matches('/');
            format!("{start}/{{{lookup}}}")
        }
    };
    match Route::read(&suggested) {
        Ok(suggested) if suggested.parameters() == [lookup] => {
            format!("write route = \"{suggested}\"")
        }
        _ => "look rows up by a column whose name a route can hold: `slug`".to_owned(),
    }
}
